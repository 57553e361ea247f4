"""One point: one contestant at one number of connections for a fixed time, with the CPU that each part used in it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psutil

from deploy.local.parts import CHECKOUT
from tests.bench.field import BARE, CASINO_ID, DEPOSITS, HOST, KEY_ID, LAUNCHES, PATH, STUDIO, Contestant, Field
from tests.bench.order import Order

START_LIMIT_S: Final = 120.0
"""For what surrounds the run: starting the generator, making and signing requests, connecting, the last answers."""

CONSTANT_REQUESTS: Final = 2_000
GENERATOR: Final = "generator"
ALL, OTHERS = "all", "others"
"""All the machine's CPUs, and what programs that are not ours used of them: the noise of a point."""

Samples = Mapping[str, float]
"""CPU seconds so far by part."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured. Latencies in microseconds; `cpu_us` is CPU time a call by part, of the measured time.

    `amount` is what was deposited in the whole run, in minor units.
    """

    contestant: str
    connections: int
    answered: int
    refused: int
    unanswered: int
    amount: int
    measured: int
    seconds: float
    p50_us: float
    p99_us: float
    mean_us: float
    exhausted: bool
    cpu_us: dict[str, float] = field(default_factory=dict)
    cores: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    stamps: list[tuple[int, int]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.measured / self.seconds if self.seconds else 0.0


def order_for(field_: Field, contestant: Contestant, tag: str, **lengths: Any) -> Order:
    """The order that a load generator gets for one point."""
    common = {"host": HOST, "port": contestant.port, "tag": tag, **lengths}
    if contestant.name in (DEPOSITS, LAUNCHES):
        return Order(
            kind="deposits" if contestant.name == DEPOSITS else "launches",
            token=field_.token,
            provider_account=STUDIO,
            players=[(player.operators_id, player.key) for player in field_.players],
            **common,
        )
    constant = contestant.name == BARE
    return Order(
        path="/" if constant else PATH,
        casino_id=CASINO_ID,
        key_id=KEY_ID,
        key_hex=field_.key.hex(),
        players=[(player.name, player.session) for player in field_.players],
        constant=constant,
        **common,
    )


def measure(field_: Field, contestant: Contestant, order: Order, at_edge: Callable[[], None] | None = None) -> Point:
    """Runs a load generator as a child and takes the CPU of all parts at the edges of its measured time.

    `at_edge` is called there too, for what else is to be read before and after.
    """
    limit_s = order.warm_up_s + order.seconds + START_LIMIT_S
    result, samples = watch_child("tests.bench.load", asdict(order), field_.roots(), limit_s, at_edge)
    return point_of(contestant.name, order.connections, result, samples)


def watch_child(
    module: str,
    order: Mapping[str, Any],
    roots: Mapping[str, psutil.Process],
    limit_s: float,
    at_edge: Callable[[], None] | None = None,
) -> tuple[dict[str, Any], dict[str, Samples]]:
    """Starts a module that reads its order from standard input and tells `start`, `end` and `result` as lines of JSON.

    Returns the result, and the CPU seconds of all parts at `start` and `end`. It is killed after `limit_s`.
    """
    samples: dict[str, Samples] = {}
    result: dict[str, Any] = {}
    with _child(module, order, limit_s) as child:
        assert child.stdout is not None, "the child was started with pipes"
        for line in child.stdout:
            message = json.loads(line)
            if message["event"] == "result":
                result = message
            else:
                samples[message["event"]] = {name: cpu_s(root) for name, root in roots.items()} | {ALL: busy_s()}
                if at_edge is not None:
                    at_edge()
    if not result:
        raise RuntimeError(f"{module} ended with code {child.returncode} and told no result; its words are above")
    return result, samples


@contextlib.contextmanager
def _child(module: str, order: Mapping[str, Any], limit_s: float) -> Any:
    child = subprocess.Popen([sys.executable, "-m", module], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    limit = threading.Timer(limit_s, child.kill)
    limit.start()
    try:
        assert child.stdin is not None, "the child was started with pipes"
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.close()
        yield child
    finally:
        limit.cancel()
        if child.poll() is None and sys.exc_info()[0] is not None:
            child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def cpu_s(root: psutil.Process) -> float:
    """CPU seconds of a process and its children so far, of those that have ended too (a database's backends come and go)."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
    return total


def busy_s() -> float:
    """CPU seconds of the whole machine so far, time stolen by its host included."""
    times = psutil.cpu_times()
    return float(
        sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    )


def point_of(contestant: str, connections: int, result: dict[str, Any], samples: Mapping[str, Samples]) -> Point:
    """A point from what a child told and what all parts had used of the CPU at the edges."""
    seconds, measured = result["seconds"], result["measured"]
    start, end = samples.get("start", {}), samples.get("end", {})
    used = {name: end[name] - start[name] for name in start if name in end} | {GENERATOR: result["cpu_s"]}
    everything = used.pop(ALL, 0.0)
    used[OTHERS] = max(0.0, everything - sum(used.values()))
    return Point(
        contestant=contestant,
        connections=connections,
        answered=result["answered"],
        refused=result["refused"],
        unanswered=result["unanswered"],
        amount=result["amount"],
        measured=measured,
        seconds=seconds,
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        mean_us=result["mean_us"],
        exhausted=result["exhausted"],
        cpu_us={name: each / measured * 1e6 for name, each in used.items() if name != OTHERS} if measured else {},
        cores={name: each / seconds for name, each in used.items()} if seconds else {},
        faults=result["faults"],
        stamps=[tuple(each) for each in result["stamps"]],
    )
