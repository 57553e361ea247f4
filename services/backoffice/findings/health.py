"""How well an integration is: green, amber or red, and why. `decide` is pure; `HealthBook` reads the facts it decides from.

The only user of sql/health.sql. It looks at what the provider sends us; how our calls to the provider go, the operator API tells.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import asyncpg
import msgspec

from services.backoffice.findings.store import Finding, Findings
from services.backoffice.live.figures import quantile
from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "health.sql")
Level = Literal["green", "amber", "red", "none"]
"""`none`: never called, so nothing can be said."""

ORDER: Final[tuple[Level, ...]] = ("red", "amber", "green", "none")
ACCOUNTS_MAX: Final = 200
MINUTES: Final = 15
CALLS_THAT_TELL: Final = 20
FAILURES_THAT_TELL: Final = 5
REJECTED_AMBER, REJECTED_RED = 2, 20
UNKNOWN_AMBER_PER_MILLE, UNKNOWN_RED_PER_MILLE = 5, 50
STRANGERS_RED = 10
SLOW_AMBER = 50
"""Percent; of the deadline for the last one."""

FINDING_RED: Final = 20
"""So many of one open error within this hour and the last."""

BUSY_MINUTES: Final = 25
"""Of the 50 minutes before the last ten: with traffic in so many of them, ten silent minutes are unusual."""

SILENT_MINUTES: Final = 10
TWO_DAYS_MINUTES: Final = 2 * 1_440
USUAL_DAYS: Final = 5
"""Traffic on so many of the last seven days at this time of day: none now is a sign that it stopped."""

KEPT_S: Final = 5.0


class OpenFinding(msgspec.Struct, frozen=True):
    """An open finding of the last day; `lately` counts this hour and the last."""

    code: str
    title: str
    severity: str
    lately: int


class HealthFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What health is decided from. Counts are of the last 15 minutes.

    `silent_s`: since the last callback, None if there never was one. `rejected`: refused for authentication, syntax or size;
    `strangers` are those refused for signature, certificate or address. `outbound` and `outbound_cause`: how our calls to the
    provider go, empty where that is not known.
    """

    account: str
    deadline_ms: int
    silent_s: float | None = None
    calls: int = 0
    rejected: int = 0
    strangers: int = 0
    unknown: int = 0
    p99_ms: float | None = None
    active_minutes: int = 0
    usual_days: int = 0
    findings: tuple[OpenFinding, ...] = ()
    outbound: str = ""
    outbound_cause: str = ""


class Reason(msgspec.Struct, frozen=True):
    """Why an account is not green. `finding` is a code to look at, empty where there is none."""

    level: Level
    words: str
    advice: str
    finding: str = ""


class Health(msgspec.Struct, frozen=True):
    """The verdict: the worst of the reasons; green without any."""

    account: str
    level: Level
    reasons: tuple[Reason, ...]
    facts: HealthFacts
    last_at: datetime | None = None


def decide(facts: HealthFacts) -> tuple[Level, tuple[Reason, ...]]:
    """The level of an account and what speaks against it, worst first."""
    found = [
        reason for look in (_strangers, _unknown, _rejected, _latency, _silence, _outbound) if (reason := look(facts)) is not None
    ]
    found += [_finding(each) for each in facts.findings if each.severity in {"error", "warning"}]
    reasons = tuple(sorted(found, key=lambda reason: ORDER.index(reason.level)))
    if facts.silent_s is None:
        return "none", reasons
    return (reasons[0].level if reasons else "green"), reasons


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} calls in {MINUTES} minutes"


def _strangers(facts: HealthFacts) -> Reason | None:
    if not facts.strangers:
        return None
    red = facts.strangers >= FAILURES_THAT_TELL and facts.strangers * 100 >= STRANGERS_RED * facts.calls
    return Reason(
        "red" if red else "amber",
        f"Signature, certificate or address not accepted: {_share(facts.strangers, facts.calls)}.",
        "Look at the finding: it tells which key, clock or body does not fit. If nobody knows the caller, somebody else is calling.",
    )


def _unknown(facts: HealthFacts) -> Reason | None:
    if not facts.unknown:
        return None
    per_mille = facts.unknown * 1_000
    if facts.unknown >= FAILURES_THAT_TELL and per_mille >= UNKNOWN_RED_PER_MILLE * facts.calls:
        level: Level = "red"
    elif per_mille >= UNKNOWN_AMBER_PER_MILLE * facts.calls:
        level = "amber"
    else:
        return None
    return Reason(
        level,
        f"No certain answer in time: {_share(facts.unknown, facts.calls)}.",
        "The wallet, its database or Kafka is slow or away; the provider repeats these calls or takes them back.",
    )


def _rejected(facts: HealthFacts) -> Reason | None:
    others = facts.rejected - facts.strangers
    if others <= 0:
        return None
    if others >= FAILURES_THAT_TELL and others * 100 >= REJECTED_RED * facts.calls:
        level: Level = "red"
    elif others * 100 >= REJECTED_AMBER * facts.calls:
        level = "amber"
    else:
        return None
    return Reason(
        level,
        f"Requests that cannot be read: {_share(others, facts.calls)}.",
        "The findings tell which field or format is wrong, and what the protocol says.",
    )


def _latency(facts: HealthFacts) -> Reason | None:
    if facts.p99_ms is None or facts.calls < CALLS_THAT_TELL or facts.p99_ms * 100 < SLOW_AMBER * facts.deadline_ms:
        return None
    red = facts.p99_ms >= facts.deadline_ms
    return Reason(
        "red" if red else "amber",
        f"One call in a hundred takes {facts.p99_ms:,.0f} ms or longer; the deadline is {facts.deadline_ms:,} ms.",
        "Past the deadline the provider gets no certain answer. Look at the load of the wallet and its database.",
    )


def _silence(facts: HealthFacts) -> Reason | None:
    if facts.silent_s is None or facts.silent_s < SILENT_MINUTES * 60:
        return None
    minutes = int(facts.silent_s // 60)
    since = f"{minutes:,} minutes" if minutes < TWO_DAYS_MINUTES else f"{minutes // 1_440:,} days"
    advice = "Ask the provider whether it calls another address, and look at the network, the switches and the certificate."
    if facts.usual_days >= USUAL_DAYS:
        words = f"No call for {since}; at this time of day there were calls on {facts.usual_days} of the last 7 days."
        return Reason("red" if minutes >= 3 * SILENT_MINUTES else "amber", words, advice)
    if facts.active_minutes >= BUSY_MINUTES:
        return Reason("amber", f"No call for {since}; before there were some in most minutes.", advice)
    return None


def _outbound(facts: HealthFacts) -> Reason | None:
    if facts.outbound != "failing":
        return None
    return Reason(
        "amber",
        f"Our calls to the provider fail: {facts.outbound_cause or 'no cause is known'}.",
        "Launches and the list of games depend on them; `stakewire account check <name>` tells at which step it fails.",
    )


def _finding(finding: OpenFinding) -> Reason:
    red = finding.severity == "error" and finding.lately >= FINDING_RED
    times = "once" if finding.lately == 1 else f"{finding.lately:,} times"
    often = f" It happened {times} in this hour and the last." if finding.lately else ""
    return Reason(
        "red" if red else "amber", f"Open finding: {finding.title or finding.code}.{often}", "Open it for advice.", finding.code
    )


class HealthBook:
    """Reads the facts and decides. What was read is good for some seconds, however many pages ask. `clock`: Unix seconds."""

    def __init__(self, pool: asyncpg.Pool, findings: Findings, *, deadline_ms: int, clock: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._findings = findings
        self._deadline_ms = deadline_ms
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: dict[tuple[str, ...], tuple[float, list[Health]]] = {}

    async def of(self, account: str, outbound: Mapping[str, tuple[str, str]] | None = None) -> Health:
        """The health of one account."""
        return (await self.all([account], outbound))[0]

    async def all(self, accounts: Sequence[str], outbound: Mapping[str, tuple[str, str]] | None = None) -> list[Health]:
        """The health of accounts, in their order; at most 200.

        `outbound` is how our calls to each go: the status and the cause, as the operator API's GET /v1/provider-accounts has it.
        """
        names = list(dict.fromkeys(accounts))[:ACCOUNTS_MAX]
        key = (*names, *(f"{name}={value}" for name, value in sorted((outbound or {}).items())))
        async with self._turn:
            known = self._known.get(key)
            if known is None or not 0 <= self._clock() - known[0] < KEPT_S:
                known = (self._clock(), await self._read(names, outbound or {}))
                self._known = {each: value for each, value in self._known.items() if self._clock() - value[0] < KEPT_S}
                self._known[key] = known
        return known[1]

    async def _read(self, names: list[str], outbound: Mapping[str, tuple[str, str]]) -> list[Health]:
        pulse = {row["provider_account"]: row for row in await self._pool.fetch(QUERIES["pulse"], names)}
        presence = {row["provider_account"]: row for row in await self._pool.fetch(QUERIES["presence"], names)}
        lately = {
            (row["provider_account"], row["finding"]): row["count"]
            for row in await self._pool.fetch(QUERIES["recent_counts"], names)
        }
        opened: defaultdict[str, list[Finding]] = defaultdict(list)
        for finding in await self._findings.groups(state="open"):
            if finding.last_day:
                opened[finding.provider_account].append(finding)
        now = datetime.fromtimestamp(self._clock(), UTC)
        healths = []
        for name in names:
            here = presence[name]
            last_at = max((at for at in (here["last_at"], here["last_second"]) if at is not None), default=None)
            open_findings = tuple(
                OpenFinding(each.code, each.facts.title, each.facts.severity, lately.get((name, each.code), 0))
                for each in opened[name]
            )
            facts = _facts(
                name, pulse.get(name), here, self._deadline_ms, open_findings, outbound.get(name, ("", "")),
                None if last_at is None else max(0.0, (now - last_at).total_seconds()),
            )  # fmt: skip
            level, reasons = decide(facts)
            healths.append(Health(name, level, reasons, facts, last_at))
        return healths


async def health_of(pool: asyncpg.Pool, account: str, *, deadline_ms: int = 2_500) -> Health:
    """The health of one account, read now."""
    return await HealthBook(pool, Findings(pool), deadline_ms=deadline_ms).of(account)


def _facts(
    name: str,
    pulse: asyncpg.Record | None,
    presence: asyncpg.Record,
    deadline_ms: int,
    findings: tuple[OpenFinding, ...],
    outbound: tuple[str, str],
    silent_s: float | None,
) -> HealthFacts:
    buckets = [count or 0 for count in pulse["buckets"]] if pulse else []
    return HealthFacts(
        account=name,
        deadline_ms=deadline_ms,
        silent_s=silent_s,
        calls=pulse["calls"] if pulse else 0,
        rejected=pulse["rejected"] if pulse else 0,
        strangers=pulse["strangers"] if pulse else 0,
        unknown=pulse["unknown"] if pulse else 0,
        p99_ms=quantile(buckets, 99, (pulse["slowest_us"] or 0) / 1_000) if pulse else None,
        active_minutes=presence["active_minutes"],
        usual_days=presence["usual_days"],
        findings=findings,
        outbound=outbound[0],
        outbound_cause=outbound[1],
    )
