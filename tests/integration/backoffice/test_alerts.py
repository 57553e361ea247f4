"""Alerts: one for each turn for the worse, signed, repeated until they are taken, sent by one process only."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiohttp import web

from services.backoffice.findings import alerts as alerts_module
from services.backoffice.findings.alerts import Alerts, pause_s
from services.backoffice.findings.health import HealthBook
from services.backoffice.findings.outbox import Outbox
from services.backoffice.findings.settings import FindingsSettings
from services.backoffice.findings.store import Findings
from services.backoffice.findings.watch import Watch
from shared.errors import SettingsError
from shared.settings import load_settings
from tests.integration.backoffice.stand import ACCOUNT, Seed, Story, callback, finding

SECRET = "a-secret-of-this-test"
CODE = "signature_wrong_key"


class Receiver:
    """The operator's own system: keeps what it gets and answers as it is told, 200 after that."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = ""
        self.arrived = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        self.arrived.set()
        headers = {"Location": self.url} if status == 302 else {}
        return web.Response(status=status, headers=headers)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_post("/alerts", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/alerts"
    yield found
    await runner.cleanup()


class Office:
    """What alerts are made of; `made` counts processes."""

    def __init__(self, pool: asyncpg.Pool, settings: FindingsSettings) -> None:
        self.pool, self.settings = pool, settings
        self.findings = Findings(pool)
        self.outbox = Outbox(pool)
        self.fork = ""

    def alerts(self) -> Alerts:
        async def accounts() -> list[str]:
            return [ACCOUNT]

        return Alerts(
            self.outbox,
            self.findings,
            HealthBook(self.pool, self.findings, deadline_ms=2_500),
            Watch(self.pool, stuck_after_h=24, tombstone_after_h=24),
            self.settings,
            accounts=accounts,
            fork=lambda: self.fork,
            console_url="https://office.example/",
        )


@pytest.fixture
def office(backoffice_pool: asyncpg.Pool, receiver: Receiver, tmp_path: Path) -> Office:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    settings = load_settings(
        FindingsSettings, alert_url=receiver.url, alert_secret_file=secret, alert_attempts_max=3, alert_stuck_rounds=2
    )
    return Office(backoffice_pool, settings)


@pytest_asyncio.fixture
async def alerts(office: Office) -> AsyncIterator[Alerts]:
    """Looking and sending when it is told to."""
    found = office.alerts()
    found.open()
    yield found
    await found.stop()


async def due_again(office: Office) -> None:
    await office.pool.execute("UPDATE office.alerts SET next_at = now() WHERE delivered_at IS NULL AND given_up_at IS NULL")


async def test_a_new_finding_is_told_once_and_signed(alerts: Alerts, receiver: Receiver, seed: Seed) -> None:
    await seed.callbacks(callback(**finding(CODE)), callback(**finding("late_info", "info")))
    assert await alerts.look() == 1
    await seed.callbacks(callback(**finding(CODE)))
    assert await alerts.look() == 0
    assert await alerts.send_due() == 1
    assert await alerts.send_due() == 0
    headers, body = receiver.got[0]
    signed = headers["X-Stakewire-Timestamp"].encode() + b"." + body
    assert headers["X-Stakewire-Signature"] == "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert abs(int(headers["X-Stakewire-Timestamp"]) - datetime.now(UTC).timestamp()) < 60
    told = receiver.told[0]
    assert (told["kind"], told["severity"], told["finding"], told["turn"]) == ("finding_new", "error", CODE, 1)
    assert told["url"] == f"https://office.example/findings/{ACCOUNT}/{CODE}"


async def test_a_finding_that_comes_back_is_told_again_and_a_known_one_is_not(
    alerts: Alerts, office: Office, receiver: Receiver, seed: Seed
) -> None:
    await seed.callbacks(callback(**finding(CODE)), callback(**finding("other")))
    await office.findings.decide(ACCOUNT, "other", "known", "anna")
    assert await alerts.look() == 1
    await office.findings.decide(ACCOUNT, CODE, "resolved", "anna")
    assert await alerts.look() == 0
    await seed.callbacks(callback(datetime.now(UTC) + timedelta(seconds=2), **finding(CODE)))
    assert await alerts.look() == 1
    await alerts.send_due()
    assert sorted((told["kind"], told["turn"]) for told in receiver.told) == [("finding_back", 2), ("finding_new", 1)]


async def test_what_is_not_taken_is_sent_again_with_the_same_id_until_it_is(
    alerts: Alerts, office: Office, receiver: Receiver, seed: Seed
) -> None:
    receiver.answers = [500]
    await seed.callbacks(callback(**finding(CODE)))
    await alerts.look()
    await alerts.send_due()
    assert await alerts.send_due() == 0, "it waits for its next try"
    row = (await office.outbox.page())[0]
    assert (row.attempts, row.delivered_at, row.last_error) == (1, None, "the receiver answered 500")
    assert row.next_at > datetime.now(UTC)
    await due_again(office)
    await alerts.send_due()
    first, second = receiver.got
    assert first[0]["X-Stakewire-Alert"] == second[0]["X-Stakewire-Alert"]
    assert first[1] == second[1]
    assert (await office.outbox.page())[0].delivered_at is not None
    assert await office.outbox.waiting() == (0, 0)


async def test_it_is_given_up_after_so_many_tries_and_sent_after_all_when_somebody_wants_it(
    alerts: Alerts, office: Office, receiver: Receiver, seed: Seed
) -> None:
    receiver.answers = [302, 404, 500]
    await seed.callbacks(callback(**finding(CODE)))
    await alerts.look()
    for _ in range(5):
        await alerts.send_due()
        await due_again(office)
    assert len(receiver.got) == 3, "redirects are not followed, and three tries are enough"
    row = (await office.outbox.page())[0]
    assert row.given_up_at is not None
    assert await office.outbox.waiting() == (0, 1)
    assert await office.outbox.try_again(row.id) == row.subject
    assert await office.outbox.try_again(row.id) == ""
    await alerts.send_due()
    assert (await office.outbox.page())[0].delivered_at is not None


async def test_a_receiver_that_is_not_there_is_a_failure_and_no_secret_is_kept(
    office: Office, seed: Seed, capfd: pytest.CaptureFixture[str]
) -> None:
    away = Office(office.pool, office.settings.model_copy(update={"alert_url": "http://127.0.0.1:1/alerts"}))
    alerts = away.alerts()
    alerts.open()
    await seed.callbacks(callback(**finding(CODE)))
    await alerts.look()
    await alerts.send_due()
    await alerts.stop()
    row = (await office.outbox.page())[0]
    assert row.last_error.startswith("the receiver could not be reached: Client")
    captured = capfd.readouterr()
    assert SECRET not in captured.out + captured.err + repr(away.settings) + row.last_error


async def test_of_two_processes_one_tells(office: Office, alerts: Alerts, receiver: Receiver, seed: Seed) -> None:
    second = office.alerts()
    second.open()
    try:
        await seed.callbacks(*(callback(**finding(f"code_{number}")) for number in range(4)))
        assert sum(await asyncio.gather(alerts.look(), second.look())) == 4
        assert sum(await asyncio.gather(alerts.send_due(), second.send_due())) == 4
        assert len({headers["X-Stakewire-Alert"] for headers, _ in receiver.got}) == len(receiver.got) == 4
    finally:
        await second.stop()


async def test_health_that_turns_red_is_told_once_a_turn(
    alerts: Alerts, office: Office, receiver: Receiver, seed: Seed, monkeypatch: pytest.MonkeyPatch
) -> None:
    strangers: dict[str, Any] = {"verdict": "refused", "result": "refused_authentication"}
    await seed.callbacks(*(callback(**strangers) for _ in range(6)))
    assert await alerts.look() == 1
    await office.pool.execute("DELETE FROM projections.pulse")
    alerts._health._known.clear()
    assert await alerts.look() == 0
    await seed.callbacks(*(callback(**strangers) for _ in range(6)))
    alerts._health._known.clear()
    assert await alerts.look() == 0, "it was well for less than five minutes: the same trouble still"
    monkeypatch.setattr(alerts_module, "CALM_S", 0.0)
    await office.pool.execute("DELETE FROM projections.pulse")
    alerts._health._known.clear()
    await alerts.look()
    await seed.callbacks(*(callback(**strangers) for _ in range(6)))
    alerts._health._known.clear()
    assert await alerts.look() == 1
    await alerts.send_due()
    assert [(told["kind"], told["turn"]) for told in sorted(receiver.told, key=lambda each: each["turn"])] == [
        ("health_red", 1),
        ("health_red", 2),
    ]
    assert "6 of 6 calls" in receiver.told[0]["said"]


async def test_many_stuck_rounds_and_forks_are_told(alerts: Alerts, office: Office, receiver: Receiver, seed: Seed) -> None:
    alice = Story("alice", at=datetime.now(UTC) - timedelta(days=3))
    alice.deposit()
    alice.bet("r1")
    alice.bet("r2")
    await seed.stories(alice)
    assert await alerts.look() == 0
    alice.bet("r3")
    await seed.stories(alice)
    office.fork = "player k5x2, event 7: two hashes"
    assert await alerts.look() == 2
    assert await alerts.look() == 0
    await alerts.send_due()
    assert sorted(told["kind"] for told in receiver.told) == ["fork", "stuck_rounds"]
    assert any("3 rounds" in told["said"] for told in receiver.told)


async def test_it_looks_and_sends_by_itself(office: Office, receiver: Receiver, seed: Seed) -> None:
    await seed.callbacks(callback(**finding(CODE)))
    running = office.alerts()
    await running.start()
    try:
        async with asyncio.timeout(60):
            await receiver.arrived.wait()
    finally:
        await running.stop()
    assert receiver.told[0]["finding"] == CODE


def test_pauses_grow_and_end() -> None:
    pauses = [pause_s(attempt, 0.0) for attempt in range(1, 30)]
    assert pauses[:4] == [2.0, 4.0, 8.0, 16.0]
    assert pauses[-1] == 14_400.0
    assert pause_s(1, 1.0) == 3.0


def test_an_address_needs_a_secret_and_both_must_be_usable(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("too short")
    with pytest.raises(SettingsError, match="ALERT_SECRET_FILE both"):
        load_settings(FindingsSettings, alert_url="https://ops.example/alerts")
    for url in ("ftp://ops.example/", "file:///etc/passwd", "https://user:pass@ops.example/"):
        with pytest.raises(SettingsError, match="ALERT_URL"):
            load_settings(FindingsSettings, alert_url=url, alert_secret_file=short)
    with pytest.raises(SettingsError, match="at least 16"):
        load_settings(FindingsSettings, alert_url="https://ops.example/alerts", alert_secret_file=short).alert_secret()
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(FindingsSettings, alert_url="https://ops.example/", alert_secret_file=tmp_path / "none").alert_secret()
