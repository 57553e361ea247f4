"""Where the topics have been read to: rows that move in the transaction of what was read. The only user of sql/offsets.sql.

A row is also the lock of all that is made of its partition: whoever moves it is the only one who writes, whatever Kafka
believes about who owns the partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg
from msgspec import Struct

from shared.database import load_queries
from shared.errors import StakewireError

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "offsets.sql")
COUNTED_MAX: Final = 100_000
"""Waiting events are counted up to so many."""


class MovedError(StakewireError):
    """Somebody else has moved a partition, or the projections are made anew: what was read is read again from where it is."""

    def __init__(self, topic: str, partitions: Iterable[int]) -> None:
        named = ", ".join(map(str, sorted(partitions)))
        super().__init__(
            f"partitions {named} of {topic} are not where this process had left them; they are read from where they are"
        )


class Place(Struct, frozen=True):
    """Where a partition has been read to, and when it last moved."""

    topic: str
    partition: int
    next_offset: int
    read_at: datetime


class Waits(Struct, frozen=True):
    """A player with events that wait: the number of the first of them, the last that was taken in, and his partition."""

    player: str
    seq: int
    partition: int
    head: int


Querier: TypeAlias = Any
"""A pool or a connection of asyncpg, which ships no types."""


async def begin(querier: Querier, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Where partitions are; those that were never read are at 0 from now on."""
    wanted = sorted(partitions)
    rows = await querier.fetch(QUERIES["read"], topic, wanted)
    if len(rows) < len(wanted):
        await querier.execute(QUERIES["begin"], topic, wanted)
        rows = await querier.fetch(QUERIES["read"], topic, wanted)
    return {row["partition"]: row["next_offset"] for row in rows}


async def move(connection: asyncpg.Connection, topic: str, expected: Mapping[int, int], to: Mapping[int, int]) -> None:
    """Locks partitions and moves them, as the first thing in a transaction. MovedError where one is not where it is expected."""
    partitions = sorted(expected)
    if len(partitions) > 1:
        # In one order, so that two processes that both believe to own them do not wait for each other in a circle.
        await connection.execute(QUERIES["lock"], topic, partitions)
    rows = await connection.fetch(
        QUERIES["move"], topic, partitions, [expected[each] for each in partitions], [to[each] for each in partitions]
    )
    if len(rows) < len(partitions):
        raise MovedError(topic, set(partitions) - {row["partition"] for row in rows})


async def lock(connection: asyncpg.Connection, topic: str, partition: int) -> bool:
    """Locks a partition without moving it; False where it was never read."""
    return bool(await connection.fetch(QUERIES["lock"], topic, [partition]))


async def places(querier: Querier) -> list[Place]:
    """Where all partitions are."""
    return [Place(*row.values()) for row in await querier.fetch(QUERIES["all"])]


async def generation(querier: Querier) -> int:
    """Grows with every rebuild."""
    number: int = await querier.fetchval(QUERIES["generation"])
    return number


async def fork(querier: Querier) -> str:
    """Why a process takes no more events in, since the last rebuild; empty where none has stopped."""
    cause: str = await querier.fetchval(QUERIES["fork"])
    return cause


async def note_fork(querier: Querier, cause: str) -> None:
    """Notes it, unless one is noted already."""
    await querier.execute(QUERIES["note_fork"], cause)


async def next_waiting(querier: Querier, after: str) -> Waits | None:
    """The next player after `after` who has events that wait."""
    row = await querier.fetchrow(QUERIES["next_waiting"], after)
    return None if row is None else Waits(*row.values())


async def head_of_player(querier: Querier, player: str) -> int:
    """The number of a player's last event that was taken in."""
    return await querier.fetchval(QUERIES["head"], player) or 0


async def waiting_of(querier: Querier, player: str, up_to: int, limit: int) -> list[tuple[int, str, str]]:
    """Events of a player that wait, up to a number: (seq, hash, text), oldest first."""
    return [tuple(row.values()) for row in await querier.fetch(QUERIES["waiting_of"], player, up_to, limit)]


async def forget_waiting(connection: asyncpg.Connection, player: str, events: Sequence[tuple[int, str, Any]]) -> None:
    """Takes events of a player off the list of those that wait."""
    await connection.execute(QUERIES["forget_waiting"], player, [each[0] for each in events], [each[1] for each in events])


async def count_waiting(querier: Querier) -> tuple[int, int]:
    """How many events of how many players wait, counted up to COUNTED_MAX events."""
    row = await querier.fetchrow(QUERIES["count_waiting"], COUNTED_MAX)
    return row["events"], row["players"]
