"""Reading stretches of chains out of a live ledger in statements of a bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Final

import asyncpg
import msgspec

from services.wallet.audit.player import Links
from services.wallet.decisions.model import Movement, Operation
from services.wallet.ledger.sql import load_queries

QUERIES: Final = load_queries("verify.sql")
OPERATIONS_A_STATEMENT: Final = 1_000
Stretch = tuple[str, int, int]
"""(player, after which number, up to which number)."""

_read_operation: Final = msgspec.json.Decoder(Operation).decode
_read_movements: Final = msgspec.json.Decoder(tuple[Movement, ...]).decode
_read_keys: Final = msgspec.json.Decoder(list[tuple[int, str]]).decode


def chunks(stretches: Iterable[Stretch], size: int = OPERATIONS_A_STATEMENT) -> Iterator[list[Stretch]]:
    """The same stretches, cut and grouped so that each group holds at most `size` operations; their order stays."""
    chunk: list[Stretch] = []
    room = size
    for player, first, until in stretches:
        after = first
        while after < until:
            end = min(until, after + room)
            chunk.append((player, after, end))
            room -= end - after
            after = end
            if not room:
                yield chunk
                chunk, room = [], size
    if chunk:
        yield chunk


async def read_chunk(connection: asyncpg.Connection, chunk: list[Stretch]) -> list[tuple[Operation, Links]]:
    """The operations of a chunk in order, with what refers to the same key and target."""
    return [_linked(row) for row in await connection.fetch(QUERIES["operations"], *columns(chunk))]


async def read_stretches(connection: asyncpg.Connection, stretches: Iterable[Stretch]) -> AsyncIterator[tuple[Operation, Links]]:
    """All operations of the stretches in order, chunk by chunk."""
    for chunk in chunks(stretches):
        for pair in await read_chunk(connection, chunk):
            yield pair


def columns(chunk: list[Stretch]) -> tuple[list[str], list[int], list[int]]:
    """A chunk as the arrays that the statements take."""
    return [each[0] for each in chunk], [each[1] for each in chunk], [each[2] for each in chunk]


def _linked(row: asyncpg.Record) -> tuple[Operation, Links]:
    operation = _read_operation(row["operation"])
    seq = operation.seq
    same_key = [pair for pair in (_read_keys(row["same_key"]) if row["same_key"] else ()) if pair[0] < seq]
    same_target = [each for each in row["same_target"] or () if each < seq]
    return operation, Links(
        same_key=min(same_key, default=None),
        undone_by=min(same_target, default=0),
        target=_read_movements(row["target"]) if row["target"] is not None else None,
    )
