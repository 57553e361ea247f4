"""One event loop's connections to a stand: commands with and without a caller who waits, raw records, the database."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import asyncpg

from shared.contracts import (
    FOR_EVER_MS,
    Batch,
    BatchItem,
    Bet,
    BetAndWin,
    CancelFreeRounds,
    CloseAccount,
    Command,
    CreatePlayer,
    Deposit,
    EndRound,
    ErasePlayer,
    Exclude,
    GetBalance,
    GrantFreeRounds,
    LiftExclusion,
    LimitSetting,
    OpenSession,
    PlayerStatus,
    Reply,
    Result,
    Rollback,
    RollbackItem,
    RollbackList,
    SetLimits,
    SetPlayerStatus,
    SettleRound,
    VoidRound,
    Win,
    Withdraw,
    codec,
)
from shared.identity import partition_of, player_key
from shared.kafka.producer import Producer
from shared.kafka.topics import COMMANDS
from shared.requester import OutcomeUnknownError, Requester, ShedError
from tests.integration.wallet.stand import WalletStand

ACCOUNT = "mascot-demo"
EUR = 100_000
FAR_AWAY_MS = 4_000_000_000_000
PATIENCE_MS = 60_000
"""How long a command of these tests waits for its reply, unless the test is about time."""
KNOWN_LIMIT_S = 180.0


class Names:
    """Fresh players and ids; `run` makes them new each time."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)
        self._count = count(1)

    def player(self) -> str:
        """The key of a player who exists nowhere yet; his operator's id is `operators_id` of it."""
        return player_key("main", self.operators_id())

    def operators_id(self) -> str:
        """An operator's id of a player."""
        return f"p{next(self._count)}-{self._run}"

    def ref(self) -> str:
        """A provider's id of a transaction."""
        return f"1:{next(self._count)}-{self._run}"

    def player_on(self, partition: int) -> str:
        """A fresh operator's id whose player lives on a partition."""
        while True:
            name = self.operators_id()
            if partition_of(player_key("main", name), COMMANDS.partitions) == partition:
                return name


def operators(player: str, key: str) -> dict[str, Any]:
    """The header of an operator's command."""
    return {
        "command_id": "", "player": player, "provider_account": "operator", "namespace": "operator", "external_id": key,
        "deadline_ms": PATIENCE_MS,
    }  # fmt: skip


def play(player: str, ref: str, **fields: Any) -> dict[str, Any]:
    """The header of a provider's call in EUR."""
    return {
        "command_id": "", "player": player, "provider_account": ACCOUNT, "namespace": "tx", "external_id": ref, "currency": "EUR",
        "player_currency": "EUR", "game_id": "riot", "game_state": "live", "deadline_ms": PATIENCE_MS, **fields,
    }  # fmt: skip


def bet(player: str, ref: str, stake: int = EUR, **fields: Any) -> Bet:
    return Bet(**play(player, ref, **{"round_id": ref, **fields}), stake=stake)


def win(player: str, ref: str, amount: int = EUR, **fields: Any) -> Win:
    return Win(**play(player, ref, **{"round_id": ref, **fields}), win=amount)


def bet_and_win(player: str, ref: str, stake: int = EUR, amount: int = EUR, **fields: Any) -> BetAndWin:
    return BetAndWin(**play(player, ref, **{"round_id": ref, **fields}), stake=stake, win=amount)


def rollback(player: str, ref: str, **fields: Any) -> Rollback:
    return Rollback(**play(player, ref, **{"namespace": "undo", **fields}), target_namespace="tx", target_external_id=ref)


def end_round(player: str, ref: str, round_id: str) -> EndRound:
    return EndRound(**play(player, ref), round_id=round_id)


def get_balance(player: str, **fields: Any) -> GetBalance:
    return GetBalance(**play(player, "", **{"namespace": "", **fields}))


def create(operators_id: str, currencies: tuple[str, ...] = ("EUR",)) -> CreatePlayer:
    player = player_key("main", operators_id)
    return CreatePlayer(**operators(player, "create"), brand="main", operator_player_id=operators_id, currencies=currencies)


def deposit(player: str, amount: int, key: str = "deposit") -> Deposit:
    return Deposit(**operators(player, key), currency="EUR", amount=amount)


def grant(player: str, grant_id: str, count: int = 5) -> GrantFreeRounds:
    header = {**operators(player, grant_id), "provider_account": ACCOUNT}
    return GrantFreeRounds(**header, grant_id=grant_id, currency="EUR", count=count, expires_at_ms=FAR_AWAY_MS)


def cancel(player: str, grant_id: str, key: str = "cancel") -> CancelFreeRounds:
    return CancelFreeRounds(**{**operators(player, key), "provider_account": ACCOUNT}, grant_id=grant_id, reason="a mistake")


def set_status(player: str, status: PlayerStatus, key: str = "status") -> SetPlayerStatus:
    return SetPlayerStatus(**operators(player, key), status=status, reason="asked for it", author="key-1")


def erase(player: str, key: str = "erase") -> ErasePlayer:
    return ErasePlayer(**operators(player, key), reason="GDPR", author="key-1")


def set_limits(player: str, *settings: LimitSetting, key: str = "limits") -> SetLimits:
    wanted = settings or (LimitSetting(kind="wager", window="day", currency="EUR", value=100 * EUR),)
    return SetLimits(**operators(player, key), limits=wanted, reason="asked for it", author="key-1")


def exclude(player: str, until_ms: int = FOR_EVER_MS, key: str = "exclude") -> Exclude:
    return Exclude(**operators(player, key), until_ms=until_ms, reason="asked for it", author="key-1")


def lift_exclusion(player: str, key: str = "lift") -> LiftExclusion:
    return LiftExclusion(**operators(player, key), reason="a mistake", author="key-1")


def close_account(player: str, key: str = "close") -> CloseAccount:
    return CloseAccount(**operators(player, key), reason="asked for it", author="key-1")


def withdraw(player: str, amount: int, key: str = "withdraw") -> Withdraw:
    return Withdraw(**operators(player, key), currency="EUR", amount=amount)


def withdraw_everything(player: str, key: str = "withdraw") -> Withdraw:
    return Withdraw(**operators(player, key), currency="EUR", amount=0, everything=True)


def open_session(player: str, session_id: str, **fields: Any) -> OpenSession:
    header = {**operators(player, session_id), "provider_account": ACCOUNT, "game_state": "live", **fields}
    return OpenSession(**header, session_id=session_id, currency="EUR", game_id="riot")


def item(kind: Any, ref: str, **fields: Any) -> BatchItem:
    return BatchItem(kind=kind, namespace="tx", external_id=ref, **fields)


def batch(player: str, *items: BatchItem, **fields: Any) -> Batch:
    return Batch(**play(player, "", **{"namespace": "", "round_id": "r1", **fields}), items=items)


def rollbacks(player: str, *refs: str) -> RollbackList:
    items = [RollbackItem(namespace="undo", external_id=ref, target_namespace="tx", target_external_id=ref) for ref in refs]
    return RollbackList(**play(player, "", namespace=""), items=tuple(items))


def by_hand(player: str, key: str) -> dict[str, Any]:
    return {**operators(player, key), "provider_account": ACCOUNT, "reason": "a broken game", "author": "key-1"}


def void(player: str, round_id: str = "r1", key: str = "void") -> VoidRound:
    return VoidRound(**by_hand(player, key), round_id=round_id)


def settle(player: str, amount: int = EUR, round_id: str = "r1", key: str = "settle") -> SettleRound:
    return SettleRound(**by_hand(player, key), round_id=round_id, win=amount)


def query(player: str, **fields: Any) -> dict[str, Any]:
    """The header of a query."""
    return {**operators(player, ""), "namespace": "", **fields}


@dataclass
class Line:
    """What a test needs to talk to the wallets of a stand."""

    stand: WalletStand
    requester: Requester
    producer: Producer
    pool: asyncpg.Pool
    names: Names = field(default_factory=Names)

    async def ask(self, command: Command) -> Reply:
        """A command and its reply."""
        return await self.requester.ask(command)

    async def known(self, command: Command) -> Reply:
        """As a provider does: the same command again until somebody says what became of it."""
        async with asyncio.timeout(KNOWN_LIMIT_S):
            while True:
                try:
                    reply = await self.requester.ask(command)
                except (OutcomeUnknownError, ShedError):
                    await asyncio.sleep(0.05)  # the pace of a provider's retries, not a wait for luck
                    continue
                if reply.result not in {Result.UNKNOWN, Result.NOT_DONE}:
                    return reply

    async def done(self, command: Command) -> Reply:
        """A command that must succeed."""
        reply = await self.known(command)
        assert reply.result == Result.OK, f"{command.kind} was answered {reply.result}: {reply.detail}"
        return reply

    async def new_player(self, balance: int = 100 * EUR, *, partition: int | None = None) -> str:
        """A player with money."""
        name = self.names.operators_id() if partition is None else self.names.player_on(partition)
        player = player_key("main", name)
        await self.done(create(name))
        if balance:
            await self.done(deposit(player, balance))
        return player

    async def send(self, *commands: Command, age_ms: int = 0) -> list[int]:
        """Commands without waiting for replies, in one record batch a partition; their offsets. `age_ms`: how old they claim to be."""
        offsets = []
        partitions = {partition_of(command.player, COMMANDS.partitions) for command in commands}
        at_ms = int(time.time() * 1_000) - age_ms
        for partition in sorted(partitions):
            here = [each for each in commands if partition_of(each.player, COMMANDS.partitions) == partition]
            records = [(each.player.encode(), codec.encode(each), at_ms) for each in here]
            for future in await self.producer.send_bundle(self.stand.names.of(COMMANDS), records, partition=partition):
                metadata: Any = await future
                offsets.append(metadata.offset)
        return offsets

    async def send_raw(self, value: bytes, *, key: bytes, partition: int) -> int:
        """One record as it is; its offset."""
        future = await self.producer.send(self.stand.names.of(COMMANDS), value, partition=partition, key=key)
        metadata: Any = await future
        offset: int = metadata.offset
        return offset

    def addressed(self, command: Command, command_id: str) -> Command:
        """A command whose reply this line's partition gets, though nobody waits for it."""
        return replace(command, command_id=command_id, caller="tests", reply_partition=self.requester.partition)

    async def balance(self, player: str) -> int:
        """The balance as stored."""
        value = await self.pool.fetchval("SELECT balance FROM balances WHERE player = $1 AND currency = 'EUR'", player)
        assert value is not None, f"{player} has no account in EUR"
        return int(value)

    async def operations(self, player: str) -> list[asyncpg.Record]:
        """The stored operations of a player, in order."""
        rows: list[asyncpg.Record] = await self.pool.fetch("SELECT * FROM operations WHERE player = $1 ORDER BY seq", player)
        return rows

    async def position(self, player: str) -> int:
        """The position of a player's partition."""
        partition = partition_of(player, COMMANDS.partitions)
        return int(await self.pool.fetchval("SELECT next_offset FROM partition_position WHERE partition = $1", partition))


@asynccontextmanager
async def open_line(stand: WalletStand) -> AsyncIterator[Line]:
    """Connects; disconnects at the end."""
    requester = Requester(stand.kafka_bootstrap_servers, stand.names, instance_id="tests")
    producer = Producer(stand.kafka_bootstrap_servers)
    async with asyncpg.create_pool(stand.database_url, min_size=1, max_size=4) as pool:
        await producer.start()
        try:
            await requester.start()
            try:
                yield Line(stand, requester, producer, pool)
            finally:
                await requester.stop()
        finally:
            await producer.stop()
