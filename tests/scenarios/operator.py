"""The operator's and fate's acts in a scenario: by commands where there is one, in the database where there is none yet."""

from __future__ import annotations

import time
from typing import Any

import asyncpg

from shared.contracts import (
    FOR_EVER_MS,
    ActivateSession,
    CloseSession,
    Command,
    CreatePlayer,
    Deposit,
    Exclude,
    GrantFreeRounds,
    LimitSetting,
    OpenSession,
    Result,
    SetLimits,
    SetPlayerStatus,
)
from shared.identity import new_keyed_id
from shared.money import parse_decimal
from shared.requester import Requester
from shared.scenarios import Step
from shared.scenarios.model import PlayerLimit
from tests.scenarios.world import BRAND, Player, World

OPERATOR = "operator"
DAY_MS = 24 * 60 * 60 * 1000

BY_HAND = {
    "expire_session": "UPDATE sessions SET last_seen_ms = last_seen_ms - 86400000 WHERE player = $1",
    "expire_grant": "UPDATE grants SET expires_at_ms = expires_at_ms - 2 * 86400000 WHERE player = $1",
}
"""What no command does yet, done in the database."""


class Operator:
    """Sets a world up and acts in it. `pool` reads and writes as the owner of the database."""

    def __init__(self, requester: Requester, pool: asyncpg.Pool) -> None:
        self._requester = requester
        self._pool = pool
        self._held: asyncpg.Connection | None = None
        self._count = 0

    async def set_up(self, world: World) -> None:
        """Players with money, sessions and free rounds, as the scenario's set-up says; the same for each player."""
        setup = world.scenario.setup
        for label in world.labels():
            player = world.new_player(label)
            await self._create(player, (setup.currency, *setup.more_currencies))
            if parse_decimal(setup.balance, setup.currency):
                await self.deposit(player, setup.balance, setup.currency)
            if setup.session != "none":
                await self._open_session(world, label, "current", activate=setup.session == "active")
            if setup.grant is not None:
                await self._grant(world, player, setup.grant.count, setup.grant.games)

    async def deposit(self, player: Player, amount: str, currency: str) -> None:
        """Money for a player."""
        await self._ask(Deposit(**self._header(player), currency=currency, amount=parse_decimal(amount, currency)))

    async def act(self, step: Step, world: World) -> None:
        """An act of a step that sends nothing."""
        player = world.players[step.player]
        if step.do in BY_HAND:
            await self._pool.execute(BY_HAND[step.do], player.key)
            return
        command = self._command(step, world)
        if command is not None:
            await self._ask(command)
            return
        match step.do:
            case "deposit":
                assert step.amount is not None
                await self.deposit(player, step.amount, step.currency or world.currency)
            case "open_session":
                await self._open_session(world, step.player, step.session, activate=True)
            case "switch_game_off":
                world.game_off = True
            case "hold_player":
                await self.hold(player)
            case "release_player":
                await self.release()
            case _:
                raise AssertionError(f"step does {step.do!r}, which needs servers to be stopped: not for this runner")

    def _command(self, step: Step, world: World) -> Command | None:
        """The one command that a step is, None where it is more or none."""
        player = world.players[step.player]
        match step.do:
            case "block_player":
                return SetPlayerStatus(**self._header(player), status="blocked")
            case "exclude_player":
                return Exclude(**self._header(player), until_ms=FOR_EVER_MS)
            case "set_limits":
                return SetLimits(**self._header(player), limits=tuple(limit_of(each, world) for each in step.limits))
            case "close_session":
                header = self._header(player, world.account)
                return CloseSession(**header, session_id=player.sessions["current"].ours, reason="logout")
            case _:
                return None

    async def hold(self, player: Player) -> None:
        """Locks the player's row from another connection, so that the wallet must wait."""
        assert self._held is None, "a player is held already"
        self._held = await self._pool.acquire()
        await self._held.execute("BEGIN")
        await self._held.execute("SELECT 1 FROM players WHERE player = $1 FOR UPDATE", player.key)

    async def release(self) -> None:
        """Lets the held player go, if there is one."""
        if self._held is not None:
            connection, self._held = self._held, None
            await connection.execute("ROLLBACK")
            await self._pool.release(connection)

    async def wallet_waits(self) -> bool:
        """Whether a wallet stands before a lock."""
        return bool(
            await self._pool.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        )

    async def _create(self, player: Player, currencies: tuple[str, ...]) -> None:
        await self._ask(
            CreatePlayer(**self._header(player), brand=BRAND, operator_player_id=player.operator_player_id, currencies=currencies)
        )

    async def _open_session(self, world: World, player: str, label: str, *, activate: bool) -> None:
        who = world.players[player]
        session = world.new_session(label, player)
        await self._ask(
            OpenSession(
                **self._header(who, world.account),
                session_id=session.ours,
                currency=world.currency,
                game_id="riot",
                game_state="live",
            )
        )
        if activate:
            await self._ask(
                ActivateSession(**self._header(who, world.account), session_id=session.ours, provider_session_id=session.providers)
            )

    async def _grant(self, world: World, player: Player, count: int, games: tuple[str, ...]) -> None:
        player.grant_id = new_keyed_id(player.key)
        await self._ask(
            GrantFreeRounds(
                **self._header(player, world.account),
                grant_id=player.grant_id,
                currency=world.currency,
                count=count,
                expires_at_ms=int(time.time() * 1000) + DAY_MS,
                game_ids=games,
            )
        )

    def _header(self, player: Player, provider_account: str = OPERATOR) -> dict[str, Any]:
        self._count += 1
        return {
            "command_id": "",
            "player": player.key,
            "provider_account": provider_account,
            "namespace": OPERATOR,
            "external_id": f"{player.operator_player_id}-{self._count}",
            "deadline_ms": 20_000,
        }

    async def _ask(self, command: Command) -> None:
        reply = await self._requester.ask(command)
        assert reply.result == Result.OK, f"{command.kind} of the set-up was answered {reply.result}: {reply.detail}"


def limit_of(limit: PlayerLimit, world: World) -> LimitSetting:
    """A limit of the catalogue as a command sets it."""
    if limit.kind == "session_time":
        return LimitSetting(kind=limit.kind, value=int(limit.value))
    units = parse_decimal(limit.value, world.currency)
    return LimitSetting(kind=limit.kind, window=limit.window, currency=world.currency, value=units)
