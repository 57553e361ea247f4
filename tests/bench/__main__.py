"""`python -m tests.bench`: runs the bench on servers of its own, prints the tables, writes `.run/bench.json`.

Exit code 1 where calls failed or books do not agree; never because of a speed.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
from rich.console import Console

from deploy.local.parts import CHECKOUT
from tests.bench.field import field_of
from tests.bench.options import Options, parse
from tests.bench.report import as_document, print_report
from tests.bench.result import RESULT, keep_callbacks
from tests.bench.run import run
from tests.servers import DATABASE_SETTING, KAFKA_SETTING, LocalServers, Servers


@contextmanager
def bench_servers() -> Iterator[Servers]:
    """Servers of the bench's own, or both of those that the tests' settings name."""
    database_url, kafka = os.environ.get(DATABASE_SETTING), os.environ.get(KAFKA_SETTING)
    if database_url and kafka:
        yield Servers(database_url, kafka, None, None)
        return
    with LocalServers() as local:
        url = local.postgres.create_database("stakewire")
        yield Servers(url, local.kafka.bootstrap_servers, local.postgres, local.kafka)


def main(options: Options) -> int:
    """Runs everything; returns the exit code."""
    console = Console(highlight=False)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    signal.signal(signal.SIGTERM, leave)
    console.print("starting PostgreSQL, Kafka and the contestants ...")
    with bench_servers() as servers, field_of(servers, options) as field:
        outcome = run(field, options, console.print)
    keep_callbacks(as_document(outcome))
    print_report(console, outcome)
    console.print(f"all numbers: {RESULT.relative_to(CHECKOUT)}")
    return 1 if outcome.faults else 0


def leave(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends the run as Ctrl-C does: through all clean-ups."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main(parse()))
    except KeyboardInterrupt:
        sys.stderr.write("the bench was interrupted; everything it started is stopped\n")
        sys.exit(130)
