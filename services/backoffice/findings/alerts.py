"""Alerts to the operator's own systems by signed webhook: what turned for the worse, told once for each turn.

A watcher compares findings, health, forks and stuck rounds with what was told already; a sender posts what is due. Both run
in every process: the outbox sees to it that nothing is told twice. At least once: a receiver knows a repetition by its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp
import structlog
from prometheus_client import Counter, Gauge
from pydantic import SecretStr

from services.backoffice.findings.health import Health, HealthBook
from services.backoffice.findings.outbox import Due, Outbox
from services.backoffice.findings.settings import FindingsSettings
from services.backoffice.findings.store import Finding, Findings
from services.backoffice.findings.watch import Watch
from shared.database.away import DATABASE_AWAY

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 15.0
SEND_EVERY_S: Final = 1.0
LOOK_LIMIT_S: Final = 60.0
CALM_S: Final = 300.0
"""So long an account must have been well, before its next fall is news."""

ATTEMPT_LIMIT_S: Final = 10.0
CONNECT_LIMIT_S: Final = 3.0
LEASE_S: Final = 60.0
AT_ONCE: Final = 5
FIRST_PAUSE_S: Final = 2.0
PAUSE_S_MAX: Final = 4 * 3_600.0
ANSWER_BYTES_READ: Final = 4_096
TAKEN_FROM, TAKEN_BELOW = 200, 300
ID_HEADER, TIME_HEADER, SIGNATURE_HEADER = "X-Stakewire-Alert", "X-Stakewire-Timestamp", "X-Stakewire-Signature"
HOUSEKEEPING_EVERY_S: Final = 3_600.0

_sent = Counter("stakewire_backoffice_alerts_total", "Tries to send an alert", ["result"])
_waiting = Gauge("stakewire_backoffice_alerts_waiting", "Alerts that are not delivered yet")
_given_up = Gauge("stakewire_backoffice_alerts_given_up", "Alerts that were given up; the page /alerts sends them again")
for _result in ("delivered", "failed", "given_up"):
    _sent.labels(_result)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=<hex>`: HMAC-SHA256 with the secret over the timestamp, a dot, and the body as it is sent."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def pause_s(attempt: int, spread: float) -> float:
    """Seconds until the next try after the `attempt`-th: doubles from 2 s to four hours; `spread` (0..1) adds up to a half."""
    return float(min(PAUSE_S_MAX, FIRST_PAUSE_S * 2 ** min(attempt - 1, 20)) * (1 + spread / 2))


class Alerts:
    """One for the process. Without an address it still watches, so that the page shows what there would be to tell.

    Args:
        outbox, findings, health, watch: where alerts are kept, and what they are about.
        settings: where to and from which number of stuck rounds on.
        accounts: names of the provider accounts.
        fork: what contradicts the history that was read, as the ingest knows it; None (or empty) while nothing does.
    """

    def __init__(
        self,
        outbox: Outbox,
        findings: Findings,
        health: HealthBook,
        watch: Watch,
        settings: FindingsSettings,
        *,
        accounts: Callable[[], Awaitable[list[str]]],
        fork: Callable[[], object],
        console_url: str = "",
    ) -> None:
        self._outbox = outbox
        self._findings = findings
        self._health = health
        self._watch = watch
        self._settings = settings
        self._accounts = accounts
        self._fork = fork
        self._console_url = console_url.rstrip("/")
        self._secret: SecretStr | None = settings.alert_secret()
        self._session: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begins to watch and, with an address, to send. Needs neither the database nor the receiver to be there yet."""
        self.open()
        self._tasks = [asyncio.create_task(self._watching(), name="alerts-watch")]
        if self._session is not None:
            self._tasks.append(asyncio.create_task(self._sending(), name="alerts-send"))

    def open(self) -> None:
        """Makes what sending needs, where there is an address; `look` and `send_due` are then up to the caller."""
        if self._secret is not None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=ATTEMPT_LIMIT_S, sock_connect=CONNECT_LIMIT_S),
                trust_env=False,
            )

    async def stop(self) -> None:
        """Ends both; what is not delivered is sent by the next process."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def look(self) -> int:
        """Compares once what is with what was told; returns how many new alerts there are. asyncpg's errors."""
        told = await self._look_at_findings()
        told += await self._look_at_health()
        told += await self._look_at_rounds()
        told += await self._look_at_forks()
        return told

    async def send_due(self) -> int:
        """Sends what is due, at most a few; returns how many were tried."""
        assert self._session is not None, "started"
        due = await self._outbox.take(AT_ONCE, LEASE_S)
        await asyncio.gather(*(self._send(self._session, alert) for alert in due))
        return len(due)

    # --- what there is to tell ------------------------------------------------------------------------------------------

    async def _look_at_findings(self) -> int:
        groups = [each for each in await self._findings.groups() if each.facts.severity != "info"]
        await self._outbox.calm([_finding_subject(each) for each in groups if each.state == "resolved"], 0)
        return await self._outbox.bad({_finding_subject(each): self._finding_told(each) for each in groups if each.state == "open"})

    async def _look_at_health(self) -> int:
        healths = await self._health.all(await self._accounts())
        await self._outbox.calm([f"health:{each.account}" for each in healths if each.level != "red"], CALM_S)
        red = {f"health:{each.account}": self._health_told(each) for each in healths if each.level == "red"}
        return await self._outbox.bad(red)

    async def _look_at_rounds(self) -> int:
        stuck = sum((await self._watch.stuck()).values())
        most = self._settings.alert_stuck_rounds
        if stuck <= most:
            await self._outbox.calm(["stuck-rounds"], CALM_S)
            return 0
        said = f"{stuck:,} rounds have been open for more than {self._settings.stuck_after_h} hours; the limit is {most:,}."
        told = self._told("stuck_rounds", "Many rounds are stuck", "warning", said, "/watch/stuck-rounds")
        return await self._outbox.bad({"stuck-rounds": told})

    async def _look_at_forks(self) -> int:
        fork = str(self._fork() or "")
        if not fork:
            return 0
        said = f"Events contradict what was read before, and no more are taken in: {fork}"
        told = self._told("fork", "The ledger's events fork", "error", said, "/live")
        # Never calm again: another fork is another emergency.
        return await self._outbox.bad({f"fork:{hashlib.sha256(fork.encode()).hexdigest()[:16]}": told})

    def _finding_told(self, finding: Finding) -> dict[str, Any]:
        path = f"/findings/{finding.provider_account}/{finding.code}"
        title = finding.facts.title or finding.code
        kind = "finding_back" if finding.came_back else "finding_new"
        told = self._told(kind, title, finding.facts.severity or "error", finding.facts.said, path)
        return told | {"provider_account": finding.provider_account, "finding": finding.code, "count": finding.count}

    def _health_told(self, health: Health) -> dict[str, Any]:
        said = " ".join(reason.words for reason in health.reasons if reason.level == "red")
        path = f"/integrations/{health.account}"
        told = self._told("health_red", f"The integration {health.account} is in trouble", "error", said, path)
        return told | {"provider_account": health.account}

    def _told(self, kind: str, title: str, severity: str, said: str, path: str) -> dict[str, Any]:
        url = f"{self._console_url}{path}" if self._console_url else ""
        return {"kind": kind, "title": title, "severity": severity, "said": said, "url": url, "at": int(time.time())}

    # --- telling it -----------------------------------------------------------------------------------------------------

    async def _send(self, session: aiohttp.ClientSession, alert: Due) -> None:
        error = await self._post(session, alert)
        if not error:
            await self._outbox.delivered(alert.id)
            _sent.labels("delivered").inc()
            return
        give_up = alert.attempt >= self._settings.alert_attempts_max
        again_s = pause_s(alert.attempt, random.random())  # noqa: S311  # spread, no secret
        await self._outbox.failed(alert.id, error, again_s, give_up=give_up)
        _sent.labels("given_up" if give_up else "failed").inc()
        log.warning("an alert was not delivered", alert=alert.id, attempt=alert.attempt, cause=error, given_up=give_up)

    async def _post(self, session: aiohttp.ClientSession, alert: Due) -> str:
        """Sends one alert; why it failed, empty if it did not."""
        assert self._secret is not None, "sending is on"
        body, timestamp = alert.body.encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            ID_HEADER: str(alert.id),
            TIME_HEADER: timestamp,
            SIGNATURE_HEADER: signature(self._secret.get_secret_value(), timestamp, body),
        }
        try:
            async with session.post(self._settings.alert_url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.content.read(ANSWER_BYTES_READ)
                return "" if TAKEN_FROM <= answer.status < TAKEN_BELOW else f"the receiver answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return f"the receiver could not be reached: {type(error).__name__}"

    async def _watching(self) -> None:
        cleaned_s = 0.0
        while True:
            try:
                async with asyncio.timeout(LOOK_LIMIT_S):
                    await self.look()
                    waiting, given_up = await self._outbox.waiting()
                    if time.monotonic() - cleaned_s > HOUSEKEEPING_EVERY_S:
                        await self._outbox.forget_old()
                        cleaned_s = time.monotonic()
                _waiting.set(waiting)
                _given_up.set(given_up)
            except DATABASE_AWAY as error:
                log.warning("whether there is something to alert could not be found out", cause=repr(error))
            except Exception:
                log.exception("looking for alerts failed because of a fault of ours")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _sending(self) -> None:
        while True:
            tried = 0
            try:
                tried = await self.send_due()
            except DATABASE_AWAY as error:
                log.warning("alerts could not be read", cause=repr(error))
            except Exception:
                log.exception("sending alerts failed because of a fault of ours")
            if tried < AT_ONCE:
                await asyncio.sleep(SEND_EVERY_S)


def _finding_subject(finding: Finding) -> str:
    return f"finding:{finding.provider_account}/{finding.code}"
