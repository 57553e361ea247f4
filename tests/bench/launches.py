"""A point of launches, and how much of their time the provider had: from the metrics of the operator API's own client.

The simulator answers at once; it can be asked to take as long as a provider elsewhere does.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.field import HOST, STUDIO, Contestant, Field
from tests.bench.order import Order
from tests.bench.point import Point, measure

METRIC: Final = "stakewire_provider_call_seconds"
NOT_OF_A_LAUNCH: Final = frozenset({"Game.List"})
"""Calls that the operator API makes by itself now and then."""

FAULTS: Final = "/mascot/faults"
LIMIT_S: Final = 10.0
BEFORE_AND_AFTER: Final = 2


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one method to the provider in the measured time, and how long they took together."""

    count: int
    seconds: float

    @property
    def mean_us(self) -> float:
        """Microseconds of one call."""
        return self.seconds / self.count * 1e6 if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Launches:
    """One point of launches; `calls` to the provider by method. `delay_ms` is what each call was made to take at least."""

    delay_ms: int
    point: Point
    calls: dict[str, Calls]

    @property
    def provider_us(self) -> float:
        """Microseconds of a launch that passed in calls to the provider."""
        launches = self.point.measured
        return sum(each.seconds for each in self.calls.values()) / launches * 1e6 if launches else 0.0

    @property
    def own_us(self) -> float:
        """Microseconds of a launch that passed elsewhere: with us, and on the way between caller and us."""
        return max(0.0, self.point.mean_us - self.provider_us)

    @property
    def provider_share(self) -> float:
        """The part of a launch's time that the provider had, 0 to 1."""
        return self.provider_us / self.point.mean_us if self.point.mean_us else 0.0


def measure_launches(field: Field, contestant: Contestant, order: Order, delay_ms: int) -> Launches:
    """Runs a load generator with launches and reads the client's metrics at the edges of its measured time."""
    read: list[dict[str, Calls]] = []
    with _slow_provider(field, delay_ms):
        point = measure(field, contestant, order, lambda: read.append(provider_calls(contestant.port)))
    if len(read) != BEFORE_AND_AFTER:
        return Launches(delay_ms, point, {})
    before, after = read
    nothing = Calls(0, 0.0)
    calls = {
        method: Calls(now.count - before.get(method, nothing).count, now.seconds - before.get(method, nothing).seconds)
        for method, now in after.items()
    }
    return Launches(delay_ms, point, calls)


@contextmanager
def _slow_provider(field: Field, delay_ms: int) -> Iterator[None]:
    """The simulator waits before it does each call's work."""
    if not delay_ms:
        yield
        return
    fault = {"method": "*", "fault": "slow", "delay_s": delay_ms / 1_000, "times": None}
    _call(field.simulator_port, "PUT", FAULTS, json.dumps(fault))
    try:
        yield
    finally:
        _call(field.simulator_port, "DELETE", FAULTS)


def provider_calls(port: int) -> dict[str, Calls]:
    """The calls to the launches' provider so far, by method."""
    families = text_string_to_metric_families(_call(port, "GET", "/metrics"))
    samples = [sample for family in families if family.name == METRIC for sample in family.samples]
    own = [each for each in samples if each.labels["account"] == STUDIO and each.labels["method"] not in NOT_OF_A_LAUNCH]
    found = {name: {each.labels["method"]: each.value for each in own if each.name == METRIC + name} for name in ("_count", "_sum")}
    return {method: Calls(int(count), found["_sum"][method]) for method, count in found["_count"].items()}


def _call(port: int, method: str, path: str, body: str | None = None) -> str:
    connection = http.client.HTTPConnection(HOST, port, timeout=LIMIT_S)
    try:
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if not answer.status < HTTPStatus.BAD_REQUEST:
        raise RuntimeError(f"{method} {path} on port {port} was answered {answer.status}: {text[:200]}")
    return text
