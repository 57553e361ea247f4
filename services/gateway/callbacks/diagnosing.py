"""Why callbacks failed, found out beside the road: asked by the archive's background task, in a thread, never by an answer.

What costs is rationed, for each provider account and cause and over all: whoever sends rubbish must not decide how much we
think about it. Beyond the ration a failure gets the finding that its headers and its cause show at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from services.gateway.callbacks import metrics
from services.gateway.callbacks.trace import ANSWERED, Trace
from shared.contracts.replies import Result
from shared.providers.diagnosis import Doctor, Finding, Seen
from shared.providers.diagnosis.doctor import NEVER_SEEN

log = structlog.get_logger(__name__)

PER_CAUSE_S: Final = 20.0
"""Thorough diagnoses a second for one provider account and cause, by default."""
OVERALL_FACTOR: Final = 2.5
"""So many times as many for all accounts and causes together."""
CURIOSITIES_S: Final = 1.0
"""Successes worth a remark, a second and provider account: they are told of, not counted."""


class Ration:
    """A token bucket for each name: `per_s` a second, a second's worth at once. Names come from small fixed sets."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._left: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, account: str = "", cause: str = "") -> bool:
        """Whether there is one left."""
        now = self._clock()
        left, since = self._left.get((account, cause), (self._per_s, now))
        left = min(self._per_s, left + (now - since) * self._per_s)
        self._left[account, cause] = (left - 1 if left >= 1 else left, now)
        return left >= 1


class Diagnoses:
    """The doctors of all provider accounts. `find` is for one thread at a time."""

    def __init__(
        self, doctors: Mapping[str, Doctor], per_cause_s: float = PER_CAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._doctors = doctors
        self._per_cause = Ration(per_cause_s, clock)
        self._overall = Ration(OVERALL_FACTOR * per_cause_s, clock)
        self._curiosities = Ration(CURIOSITIES_S, clock)

    def wants(self, trace: Trace) -> bool:
        """Whether a callback is to be looked at: every one but the ordinary success."""
        if trace.account not in self._doctors:
            return False
        if trace.verdict != ANSWERED or trace.result != Result.OK:
            return True
        return is_noteworthy(trace) or (_names_unknown_game(trace) and self._curiosities.take(trace.account))

    def find(self, traces: list[Trace]) -> list[Finding | None]:
        """The findings of callbacks, in their order; a fault of a doctor's own costs the finding, nothing else."""
        return [self._find(trace) for trace in traces]

    def _find(self, trace: Trace) -> Finding | None:
        thorough = self._per_cause.take(trace.account, str(trace.result)) and self._overall.take()
        if not thorough:
            metrics.diagnoses_brief.labels(trace.account).inc()
        try:
            finding = self._doctors[trace.account].diagnose(seen_of(trace), thorough=thorough)
        except Exception:
            metrics.diagnoses_failed.inc()
            log.exception("a callback could not be diagnosed", correlation_id=trace.request_id, account=trace.account)
            return None
        if finding is not None:
            metrics.findings.labels(trace.account, finding.severity).inc()
        return finding


def is_noteworthy(trace: Trace) -> bool:
    """Whether a success is archived whatever the sampling says: a rollback of what never came."""
    return trace.command is not None and trace.command.kind == "rollback" and trace.diagnosis == NEVER_SEEN


def seen_of(trace: Trace) -> Seen:
    """A finished callback as a doctor sees it."""
    assert trace.callback is not None, "a callback is diagnosed once it is finished"
    return Seen(
        callback=trace.callback,
        at_s=trace.received_at_ms / 1_000,
        result=str(trace.result),
        detail=trace.diagnosis,
        claim=trace.claim,
        stage=trace.stage,
        command=trace.command,
        http_method=trace.http_method,
        address=trace.address,
        verify_us=(trace.verified_ns - trace.started_ns) // 1_000,
        parse_us=max(0, trace.parsed_ns - trace.verified_ns) // 1_000,
        wallet_us=max(0, trace.replied_ns - trace.parsed_ns) // 1_000,
        total_us=(trace.done_ns - trace.started_ns) // 1_000,
    )


def _names_unknown_game(trace: Trace) -> bool:
    command = trace.command
    return getattr(command, "game_state", "") == "unknown" and bool(getattr(command, "game_id", ""))
