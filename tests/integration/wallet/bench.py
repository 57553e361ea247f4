"""The wallet's batches without Kafka: the real applier on a real database, with the test as its consumer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import asyncpg

from services.wallet.batch import BatchApplier, Published
from services.wallet.failpoints import Failpoint
from services.wallet.intake import Taken, now_ms, take
from services.wallet.ledger.positions import read_positions
from services.wallet.ledger.store import connection_settings
from services.wallet.queries import QueryDesk
from services.wallet.settings import WalletSettings
from shared.contracts import Command, Reply, Result, codec
from shared.gaming_day import GamingDays
from shared.identity import player_key
from shared.settings import load_settings
from tests.integration.wallet.line import EUR, Names, create, deposit

C = TypeVar("C", bound=Command)

PARTITION = 0
REPLIES = 3


class _Record(NamedTuple):
    """What the wallet reads of a consumer's record."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Letter(NamedTuple):
    """A dead letter as the applier handed it over."""

    offset: int
    cause: str
    detail: str


@dataclass
class Bench:
    """An applier that owns one partition, and the next offset on it."""

    url: str
    partition: int
    pool: asyncpg.Pool
    owner: asyncpg.Pool
    """Connections of the database's owner: another party than the wallet."""
    applier: BatchApplier
    desk: QueryDesk
    letters: list[Letter]
    positions: dict[int, int]
    names: Names = field(default_factory=Names)
    next_offset: int = 0
    _key: str = ""

    def take(self, *commands: Command | bytes, age_ms: int = 0) -> list[Taken]:
        """Commands (or raw records under the key of the last player) as they come from Kafka, at the next offsets."""
        records = []
        for item in commands:
            value = item if isinstance(item, bytes) else codec.encode(item)
            self._key = self._key if isinstance(item, bytes) else item.player
            records.append(_Record(self.partition, self.next_offset, now_ms() - age_ms, self._key.encode(), value))
            self.next_offset += 1
        return take(records)

    async def apply(self, batch: Sequence[Taken]) -> Published:
        """One batch at the applier's positions."""
        return await self.applier.apply(batch, self.positions, 1)

    async def ask(self, *commands: Command, age_ms: int = 0) -> list[Reply]:
        """One batch of commands and their replies, in order; the answers to queries come behind the others."""
        batch = self.take(*(addressed(each, f"c{number}") for number, each in enumerate(commands)), age_ms=age_ms)
        published = await self.apply(batch)
        return replies(published) + await self.look(published)

    async def look(self, published: Published) -> list[Reply]:
        """The answers to the queries of a batch."""
        return [await self.desk.answer(item, item.command) for item in published.queries if item.command is not None]

    async def new_player(self, balance: int = 100 * EUR) -> str:
        """A player with money."""
        name = self.names.operators_id()
        player = player_key("main", name)
        made: list[Command] = [create(name)]
        if balance:
            made.append(deposit(player, balance))
        assert [reply.result for reply in await self.ask(*made)] == [Result.OK] * len(made)
        return player

    async def balance(self, player: str) -> int:
        """The balance as stored."""
        return int(await self.owner.fetchval("SELECT balance FROM balances WHERE player = $1", player))

    async def stored_position(self) -> int:
        """The partition's position as stored."""
        return int(await self.owner.fetchval("SELECT next_offset FROM partition_position WHERE partition = $1", self.partition))

    async def waiting(self) -> bool:
        """Whether the wallet stands before a lock."""
        return bool(
            await self.owner.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                " AND application_name = 'stakewire-wallet'"
            )
        )


def addressed(command: C, command_id: str = "c") -> C:
    """A command whose reply can be found."""
    return replace(command, command_id=command_id, caller="tests", reply_partition=REPLIES)


def replies(published: Published) -> list[Reply]:
    """The replies of a batch, in order."""
    return published.replies.get(REPLIES, [])


@asynccontextmanager
async def open_bench(url: str, partition: int = PARTITION, **settings: object) -> AsyncIterator[Bench]:
    """Connects as the wallet does. `settings`: of the wallet, as `wallet_lock_timeout_ms=100`."""
    limits = load_settings(WalletSettings, **{"wallet_lock_timeout_ms": 60_000, "wallet_statement_timeout_ms": 60_000, **settings})
    letters: list[Letter] = []

    async def bury(item: Taken, cause: str, detail: str) -> None:
        letters.append(Letter(item.offset, cause, detail))

    server_settings = connection_settings(
        lock_timeout_ms=limits.wallet_lock_timeout_ms, statement_timeout_ms=limits.wallet_statement_timeout_ms
    )
    async with (
        asyncpg.create_pool(url, min_size=1, max_size=3, server_settings=server_settings) as pool,
        asyncpg.create_pool(url, min_size=1, max_size=4) as owner,
    ):
        async with pool.acquire() as connection:
            positions = await read_positions(connection, [partition], 1)
        applier = BatchApplier(pool, limits, GamingDays({}), bury, Failpoint(""))
        desk = QueryDesk(pool, limits.wallet_expiry_margin_ms, _nowhere, GamingDays({}))
        yield Bench(url, partition, pool, owner, applier, desk, letters, positions)


async def _nowhere(_: Published) -> None:
    """Where answers to queries go in a bench that asks for each by itself."""
