"""Games of the catalogue into their table: the newest record of a game counts. The only user of sql/games.sql."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import asyncpg
from msgspec import Struct

from shared.contracts.codec import decode_game, encode
from shared.contracts.games import GameRecord
from shared.database import load_queries
from shared.errors import ContractError

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "games.sql")
GameKey = tuple[str, str]
"""Provider account, game id."""


class GameTold(Struct, frozen=True):
    """A record of `catalogue.games`; without `record` the game was purged."""

    key: GameKey
    record: GameRecord | None = None


def decode_told(key: bytes, value: bytes | None) -> GameTold:
    """One record of the topic; ContractError where it is none."""
    try:
        account, game_id = key.decode().split("|", 1)
    except (UnicodeDecodeError, ValueError) as error:
        raise ContractError(f"{key[:200]!r} is no key of a game: <provider account>|<game id> is expected") from error
    if value is None:
        return GameTold((account, game_id))
    record = decode_game(value)
    if (record.provider_account, record.game_id) != (account, game_id):
        raise ContractError(f"the record under the key {key[:200]!r} is of another game")
    return GameTold((account, game_id), record)


def fold_games(told: Iterable[GameTold]) -> tuple[set[GameKey], dict[GameKey, GameRecord]]:
    """The games to be deleted first, and those to be stored then."""
    purged: set[GameKey] = set()
    newest: dict[GameKey, GameRecord] = {}
    for each in told:
        if each.record is None:
            purged.add(each.key)
            newest.pop(each.key, None)
        elif each.key not in newest or newest[each.key].version <= each.record.version:
            newest[each.key] = each.record
    return purged, newest


async def take_games(connection: asyncpg.Connection, told: Iterable[GameTold]) -> None:
    """Takes records in, in the caller's transaction."""
    purged, newest = fold_games(told)
    if purged:
        await connection.execute(QUERIES["purge_games"], *map(list, zip(*purged, strict=True)))
    if newest:
        rows = [_row(record) for record in newest.values()]
        await connection.execute(QUERIES["save_games"], *map(list, zip(*rows, strict=True)))


def _row(record: GameRecord) -> tuple[str | int, ...]:
    return (
        record.provider_account,
        record.game_id,
        record.name,
        record.state,
        record.studio,
        record.section,
        encode(record.tags).decode(),
        encode(record.rtp).decode(),
        record.version,
        encode(record).decode(),
    )
