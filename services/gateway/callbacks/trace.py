"""What is remembered of one callback while it is handled: for metrics, the log line of a refusal, the archive, and its span."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING, Final

from shared.contracts.commands import Command
from shared.providers.diagnosis import Stage
from shared.providers.dialect import Answer, Callback

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Span

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")

ANSWERED: Final = "answered"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"


class Trace:
    """Filled in as the callback goes on; times are in nanoseconds of the monotonic clock."""

    __slots__ = (
        "account", "address", "answer", "callback", "claim", "command", "diagnosis", "dialect", "done_ns", "external_id",
        "http_method", "kept_share", "method", "parsed_ns", "player", "received_at_ms", "replied_ns", "request_id", "result", "stage",
        "started_ns", "verdict", "verified_ns",
    )  # fmt: skip

    def __init__(self, request_id: str, account: str, dialect: str, address: str) -> None:
        self.request_id = request_id
        self.account = account
        self.dialect = dialect
        self.address = address
        self.received_at_ms = int(time.time() * 1_000)
        self.started_ns = self.verified_ns = self.parsed_ns = self.replied_ns = self.done_ns = time.perf_counter_ns()
        self.method = self.player = self.external_id = self.result = self.diagnosis = self.claim = ""
        self.stage: Stage = ""
        self.http_method = "POST"
        self.kept_share = 1.0
        self.verdict = ANSWERED
        self.callback: Callback | None = None
        self.command: Command | None = None
        self.answer: Answer | None = None


def describe_callback(span: Span, trace: Trace, method: str, status: int) -> None:
    """What a sampled callback's span says. Of the player the key alone; no amounts, no ids of the provider's, no diagnosis."""
    span.rename(f"callback {method}" if method else "callback")
    span.set(
        {
            "http.request.method": "POST",
            "http.route": "/callbacks/{provider account}",
            "http.response.status_code": status,
            "stakewire.provider_account": trace.account,
            "stakewire.dialect": trace.dialect,
            "stakewire.method": method,
            "stakewire.result": str(trace.result),
            "stakewire.verdict": trace.verdict,
            "stakewire.correlation_id": trace.request_id,
            "stakewire.player": trace.player,
        }
    )
    if trace.verdict == UNKNOWN:
        span.fail(UNKNOWN)


def request_id_of(header: bytes | None) -> str:
    """The caller's X-Request-Id where it is sane, else one of our own: it correlates logs, command and archive."""
    if header is not None and _REQUEST_ID.fullmatch(header) is not None:
        return header.decode("ascii")
    return f"{random.getrandbits(64):016x}"
