"""What the ledger holds, read straight from the database for comparison with the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from tests.scenarios.world import World

OPERATIONS = """
    SELECT seq, namespace, external_id, kind, status, result, stake, win, coalesce(nominal_stake, 0) AS nominal,
        coalesce(free_rounds_charged, 0) AS charged, coalesce(target_seq, 0) AS target_seq, balance_after
    FROM operations WHERE player = $1 AND provider_account = $2 AND namespace <> 'operator' ORDER BY seq
"""
BROKEN_BOOKS = """
    SELECT b.currency, b.balance, coalesce(m.total, 0) AS total, m.last
    FROM balances b LEFT JOIN (
        SELECT currency, sum(CASE WHEN credit_account = 'player' THEN amount ELSE -amount END) AS total,
            (array_agg(balance_after ORDER BY seq DESC, n DESC))[1] AS last
        FROM movements WHERE player = $1 GROUP BY currency
    ) m USING (currency)
    WHERE b.player = $1 AND (b.balance <> coalesce(m.total, 0) OR b.balance <> coalesce(m.last, 0))
"""
GAPS = """
    SELECT count(o.seq) AS n, coalesce(max(o.seq), 0) AS last, p.seq FROM players p LEFT JOIN operations o USING (player)
    WHERE p.player = $1 GROUP BY p.seq
"""


@dataclass(frozen=True)
class Stored:
    """An operation as stored; amounts in units."""

    player: str
    seq: int
    namespace: str
    external_id: str
    kind: str
    status: str
    result: str
    stake: int
    win: int
    nominal: int
    charged: int
    target_seq: int
    balance_after: int

    @property
    def transaction_id(self) -> str:
        """The id that the provider is told."""
        return f"{self.player}-{self.seq}"


class Store:
    """Reads of one world's players."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def operations(self, world: World, label: str) -> list[Stored]:
        """What the provider's calls have stored for a player, in order."""
        key = world.players[label].key
        return [Stored(key, **dict(row)) for row in await self._pool.fetch(OPERATIONS, key, world.account)]

    async def balances(self, world: World) -> dict[tuple[str, str], int]:
        """Units by player's label and currency."""
        labels = {player.key: label for label, player in world.players.items()}
        rows = await self._pool.fetch("SELECT player, currency, balance FROM balances WHERE player = ANY($1)", list(labels))
        return {(labels[row["player"]], row["currency"]): row["balance"] for row in rows}

    async def rounds(self, world: World, label: str) -> dict[str, str]:
        """Status by the provider's id of the round."""
        return await self._statuses("SELECT round_id, status FROM rounds WHERE player = $1", world.players[label].key)

    async def sessions(self, world: World, label: str) -> dict[str, str]:
        """Status by our id of the session."""
        return await self._statuses("SELECT session_id, status FROM sessions WHERE player = $1", world.players[label].key)

    async def grant_left(self, world: World, label: str) -> int | None:
        """Free rounds left of the player's grant."""
        value = await self._pool.fetchval("SELECT remaining FROM grants WHERE player = $1", world.players[label].key)
        return None if value is None else int(value)

    async def check_books(self, world: World) -> None:
        """Balance = sum of movements = last balance after, and numbers without a gap, for every player."""
        for label, player in world.players.items():
            broken = await self._pool.fetch(BROKEN_BOOKS, player.key)
            assert not broken, f"{label}: books do not agree: {[dict(row) for row in broken]}"
            row = await self._pool.fetchrow(GAPS, player.key)
            assert row is not None
            assert row["n"] == row["last"] == row["seq"], f"{label}: operations are not numbered 1..n: {dict(row)}"

    async def _statuses(self, query: str, *arguments: Any) -> dict[str, str]:
        return {row[0]: row[1] for row in await self._pool.fetch(query, *arguments)}
