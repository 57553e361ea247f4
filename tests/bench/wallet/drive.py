"""A point's driver as a process of its own: `python -m tests.bench.wallet.drive`, its order on standard input.

For Stakewire it is the outside world; for the baselines it is the contestant itself: one process, fed from memory.
"""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import asdict

import uvloop

from shared.identity import partition_of
from shared.kafka.topics import REPLIES
from tests.bench.wallet.line import Line, records_of
from tests.bench.wallet.lone import run_lone
from tests.bench.wallet.order import Order, Tally, order_of
from tests.bench.wallet.single import run_single
from tests.bench.wallet.stream import make


def run_kafka(order: Order) -> Tally:
    """All commands at once."""
    attempt = "r" if order.again else ""
    caller = f"bench-{order.tag}{attempt}"
    partition = partition_of(caller, REPLIES.partitions)
    commands = make(order.players, order.pattern, order.commands, order.tag, attempt=attempt, caller=caller, partition=partition)
    records = records_of(commands)
    line = Line(order.bootstrap_servers, order.topic_prefix, caller, partition)
    gc.collect()
    gc.disable()
    try:
        return line.run(records, again=order.again, say=lambda event: tell({"event": event}))
    finally:
        line.close()


def tell(message: dict[str, object]) -> None:
    """One line for the bench."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Reads the order, carries it out, tells the result."""
    order = order_of(json.loads(sys.stdin.readline()))
    if order.kind == "kafka":
        tally = run_kafka(order)
    elif order.kind == "lone":
        tally = uvloop.run(run_lone(order, lambda event: tell({"event": event})))
    else:
        tally = uvloop.run(run_single(order, lambda event: tell({"event": event})))
    tell({"event": "result", **asdict(tally)})


if __name__ == "__main__":
    main()
