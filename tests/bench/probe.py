"""Runs the gateway or the wallet with time stamps at the steps of a callback: `python -m tests.bench.probe <service> <file>`.

The services know nothing of it: functions are wrapped before their main runs, and the stamps are written when it ends.
Stamps are nanoseconds of the monotonic clock, which all processes of a machine share. A step that cannot be found stops
the start with its name: change this table when the services change.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aiokafka.conn import AIOKafkaConnection

stamps: Final[dict[str, list[int]]] = {}

PRODUCE: Final = "produce"
FETCHED: Final = "fetch_arrived"

# (module, owner in it or "" for the module itself, function, stamp at its entry, stamp at its return)
STEPS: Final[dict[str, list[tuple[str, str, str, str, str]]]] = {
    "gateway": [
        ("services.gateway.callbacks.connection", "Connection", "data_received", "http_in", ""),
        ("shared.providers.mascot.dialect", "MascotDialect", "verify", "verify", "verified"),
        ("shared.providers.mascot.callbacks", "Callbacks", "parse", "", "parsed"),
        ("shared.kafka.producer", "Producer", "send", "", "handed_over"),
        ("shared.requester.client", "Requester", "_deliver", "deliver", ""),
        ("shared.providers.mascot.dialect", "MascotDialect", "render", "render", "rendered"),
        ("services.gateway.callbacks.connection", "Connection", "_write", "write", ""),
    ],
    "wallet": [
        ("services.wallet.intake", "", "_decode", "take", "taken"),
        ("services.wallet.batch", "BatchApplier", "apply", "apply", ""),
        ("services.wallet.ledger.store", "", "load", "load", "loaded"),
        ("services.wallet.ledger.store", "", "save", "save", "saved"),
        ("services.wallet.batch", "BatchApplier", "_transaction", "", "committed"),
        ("services.wallet.outbox", "Outbox", "reply", "", "replied"),
    ],
}
MAINS: Final = {"gateway": "services.gateway.__main__", "wallet": "services.wallet.main"}


class ProbeError(Exception):
    """A step of a callback is not where the table says."""


def stamp(name: str) -> None:
    """Notes the time of one passage."""
    stamps[name].append(time.perf_counter_ns())


def wrap(module: str, owner: str, function: str, before: str, after: str) -> None:
    """Replaces a function by one that stamps its entry and its return; an empty name stamps nothing."""
    holder: Any = importlib.import_module(module)
    for part in filter(None, [owner]):
        holder = getattr(holder, part, None)
    original = getattr(holder, function, None)
    if original is None:
        raise ProbeError(f"{module} has no {owner or 'function'} {function!r} any more; bring tests/bench/probe.py up to date")
    for name in filter(None, (before, after)):
        stamps.setdefault(name, [])
    setattr(holder, function, (_slow if inspect.iscoroutinefunction(original) else _quick)(original, before, after))


def _quick(original: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def stamped(*arguments: Any, **named: Any) -> Any:
        if before:
            stamp(before)
        result = original(*arguments, **named)
        if after:
            stamp(after)
        return result

    return stamped


def _slow(original: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
    @functools.wraps(original)
    async def stamped(*arguments: Any, **named: Any) -> Any:
        if before:
            stamp(before)
        result = await original(*arguments, **named)
        if after:
            stamp(after)
        return result

    return stamped


def wrap_kafka() -> None:
    """Stamps what goes to and comes from the broker: produce requests to be written, answers to fetches arrived."""
    stamps[PRODUCE], stamps[FETCHED] = [], []
    send, handle_frame = AIOKafkaConnection.send, AIOKafkaConnection._handle_frame

    def stamped_send(self: Any, request: Any, *arguments: Any, **named: Any) -> Any:
        # Before, not after: the other side may have the answer before this process goes on.
        if type(request).__name__.startswith("ProduceRequest"):
            stamp(PRODUCE)
        return send(self, request, *arguments, **named)

    def stamped_frame(self: Any, frame: Any) -> Any:
        if type(self._requests[0][1]).__name__.startswith("FetchRequest"):
            stamp(FETCHED)
        return handle_frame(self, frame)

    AIOKafkaConnection.send, AIOKafkaConnection._handle_frame = stamped_send, stamped_frame


def main(service: str, file: Path) -> int:
    """Runs the service with stamps; returns its exit code."""
    for step in STEPS[service]:
        wrap(*step)
    wrap_kafka()
    run: Callable[[], int | None] = importlib.import_module(MAINS[service]).main
    try:
        return run() or 0
    finally:
        file.write_text(json.dumps(stamps), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
