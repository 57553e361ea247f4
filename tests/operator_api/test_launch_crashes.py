"""A launch whose process dies at each of its steps: the repetition finishes it, with one session to play and one deposit.

The launcher runs in this process against the real wallet, database and provider; "dying" is an exception that nothing
catches, at every call it makes to one of them, before the call and after it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from services.gateway.games import GameBook
from services.gateway.operator_api.desk import Desk
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.launches import LaunchAnswer, Launcher, LaunchOrder
from services.gateway.operator_api.settings import OperatorApiSettings
from services.gateway.operator_api.store import LaunchStore
from services.gateway.switches import SwitchBoard
from shared.access import ROLE
from shared.database import open_pool
from shared.identity import player_key
from shared.kafka.topics import TopicNames
from shared.money import parse_decimal
from shared.providers.registry import open_clients
from shared.requester import Requester
from shared.settings import load_accounts_file, load_settings
from tests.catalogue_games import game
from tests.operator_api.api import Api
from tests.operator_api.stand import Stand

STEPS_MAX = 60
AT_ONCE = 6
"""Crashes under way at the same time, each with a player of its own: their waits for the dead one's lease overlap."""


class Died(BaseException):
    """The process is gone: no handler of the product's may catch this."""


@dataclass
class Fate:
    """Dies at the `at`-th call to the world, before it or right after it; -1 = never."""

    at: int = -1
    after: bool = False
    calls: int = 0
    dead: bool = False

    def wrap(self, thing: Any) -> Any:
        """The thing, whose every asynchronous method counts."""
        return _Mortal(thing, self)


class _Mortal:
    def __init__(self, thing: Any, fate: Fate) -> None:
        self._thing = thing
        self._fate = fate

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        return partial(self._call, found) if callable(found) and name != "common" else found

    async def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        fate = self._fate
        number, fate.calls = fate.calls, fate.calls + 1
        if fate.dead or (number == fate.at and not fate.after):
            fate.dead = True
            raise Died
        result = await method(*args, **kwargs)
        if number == fate.at:
            fate.dead = True
            raise Died
        return result


@dataclass
class World:
    """What the launcher works with."""

    pool: Any
    requester: Requester
    estate: Estate
    games: GameOffer
    clients: dict[str, Any]
    settings: OperatorApiSettings

    async def launch(self, order: LaunchOrder, fate: Fate) -> LaunchAnswer:
        """One process that runs a launch, and dies when its time has come."""
        board, file = self.estate.board, self.estate._file
        clients = {name: fate.wrap(client) for name, client in self.clients.items()}
        estate = Estate(file, board, clients, self.pool)
        desk = Desk(fate.wrap(self.requester), self.settings.wallet_deadline_ms)
        return await Launcher(desk, estate, self.games, fate.wrap(LaunchStore(self.pool)), self.settings).launch(order)


@asynccontextmanager
async def world(running: Stand, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setenv("STAKEWIRE_TEST_MASCOT_URL", f"http://127.0.0.1:{running.ports['simulator']}/mascot/v1/signed/")
    file = load_accounts_file(running.folder / "accounts.toml")
    clients = open_clients(file.provider_accounts.values())
    pool = await open_pool(running.database_url, role=ROLE, application_name="tests")
    requester = Requester(running.kafka_bootstrap_servers, TopicNames(running.topic_prefix), instance_id=secrets.token_hex(4))
    settings = load_settings(OperatorApiSettings, launch_lease_s=1.05, launch_wait_s=60, wallet_deadline_ms=30_000)
    try:
        for client in clients.values():
            await client.start()
        await requester.start()
        board, book = SwitchBoard(), GameBook()
        book.apply(game("mascot", "riot"))
        yield World(pool, requester, Estate(file, board, clients, pool), GameOffer(file, board, book), clients, settings)
    finally:
        await requester.stop()
        await pool.close()
        for client in clients.values():
            await client.close()


def _order(player_id: str) -> LaunchOrder:
    return LaunchOrder(
        brand="main",
        launch_key=secrets.token_hex(12),
        body_sha256=b"x" * 32,
        player=player_key("main", player_id),
        currency="EUR",
        provider_account="mascot",
        game_id="riot",
        transfer_in=parse_decimal("20", "EUR"),
    )


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_killed_at_each_step(running: Stand, api: Api, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:  # noqa: FBT001
    turns = asyncio.Semaphore(AT_ONCE)

    async def crash(there: World, step: int) -> None:
        async with turns:
            player_id = await asyncio.to_thread(api.player)
            order = _order(player_id)
            with pytest.raises(Died):
                await there.launch(order, Fate(at=step, after=after))
            assert await asyncio.to_thread(api.balance, player_id) in ("0.00", "20.00")
            answer = await there.launch(order, Fate())
            assert await there.launch(order, Fate()) == answer, step
            await asyncio.to_thread(_check, running, api, player_id, answer, step)

    async with world(running, monkeypatch) as there:
        whole = Fate()
        await there.launch(_order(api.player()), whole)
        assert 8 <= whole.calls < STEPS_MAX, "fewer steps than a launch must have, or far more"
        await asyncio.gather(*(crash(there, step) for step in range(whole.calls)))


def _check(running: Stand, api: Api, player_id: str, answer: LaunchAnswer, step: int) -> None:
    """One deposit, and one session that can be played."""
    assert api.balance(player_id) == "20.00", step
    kinds = [each["kind"] for each in api.operations(player_id)]
    assert kinds.count("deposit") == 1, step
    statuses = {each["session_id"]: each["status"] for each in api.get(f"/v1/players/{player_id}/sessions")["sessions"]}
    assert statuses.pop(answer.session_id) == "active", step
    assert set(statuses.values()) <= {"closed"}, step
    assert running.spin(answer.launch_url, 100)["outcome"]["state"] == "done", step
