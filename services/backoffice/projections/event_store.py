"""Events into tables: loads what is known of a batch's players, folds, writes; all in the caller's transaction.

The only user of sql/events.sql. Whoever calls it holds the rows of `projections.offsets` of the players' partitions: no other
transaction changes these players meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import asyncpg

from services.backoffice.projections.fold import asks_for_original, fold, round_of
from services.backoffice.projections.values import (
    Changes,
    Day,
    DayKey,
    Event,
    Known,
    Original,
    PlayerState,
    RoundKey,
    RoundState,
)
from shared.contracts.codec import encode
from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "events.sql")
OPERATION_COLUMNS: Final = (
    "player", "seq", "provider_account", "namespace", "external_id", "kind", "status", "result", "limit_name", "brand", "test",
    "currency", "stake", "win", "nominal_stake", "jackpot_contribution", "promo_class", "round_id", "closes_round", "game_id",
    "session_id", "grant_id", "free_round", "target_seq", "balance_after", "details", "gaming_day", "occurred_at", "hash",
    "movements",
)  # fmt: skip
ROUND_COLUMNS: Final = (
    "player", "provider_account", "round_id", "brand", "test", "game_id", "session_id", "currency", "first_seq", "opened_at",
    "status", "bets", "operations", "stake", "win", "free_win", "nominal_stake", "last_seq", "last_at",
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def take_events(connection: asyncpg.Connection, events: Sequence[Event], partitions: Mapping[str, int]) -> Changes:
    """Takes events in; `partitions` is the partition of the topic on which each player lives.

    ForkError where one contradicts what is stored; the transaction is then to be rolled back.
    """
    changes = fold(await _known(connection, events), events)
    await _save(connection, changes, partitions)
    return changes


async def _known(connection: asyncpg.Connection, events: Sequence[Event]) -> Known:
    rows = await connection.fetch(QUERIES["players"], list({event.player for event in events}))
    known = Known(players={row["player"]: _player(row) for row in rows})
    old = [event for event in events if event.seq <= known.players[event.player].seq]
    if old:
        columns = [event.player for event in old], [event.seq for event in old]
        known.stored = {(row["player"], row["seq"]): row["hash"] for row in await connection.fetch(QUERIES["stored"], *columns)}
    rounds = {key for event in events if (key := round_of(event)) is not None}
    if rounds:
        known.rounds = dict(map(_round, await connection.fetch(QUERIES["rounds"], *_columns(rounds))))
    targets = {(event.player, event.target_seq) for event in events if asks_for_original(event)}
    if targets:
        known.originals = dict(map(_original, await connection.fetch(QUERIES["originals"], *_columns(targets))))
    return known


async def _save(connection: asyncpg.Connection, changes: Changes, partitions: Mapping[str, int]) -> None:
    if changes.operations:
        await _copy(connection, "operations", OPERATION_COLUMNS, map(_operation_row, changes.operations))
    if changes.new_rounds:
        await _copy(connection, "rounds", ROUND_COLUMNS, (_round_row(*item) for item in changes.new_rounds.items()))
    if changes.rounds:
        await connection.execute(QUERIES["save_rounds"], *_columns(_round_row(*item) for item in changes.rounds.items()))
    if changes.days:
        await connection.execute(QUERIES["add_days"], *_columns(_day_row(*item) for item in changes.days.items()))
    if changes.balances:
        rows = ((*key, balance) for key, balance in changes.balances.items())
        await connection.execute(QUERIES["save_balances"], *_columns(rows))
    if changes.players:
        await connection.execute(QUERIES["save_players"], *_columns(_player_row(*item) for item in changes.players.items()))
    if changes.waiting:
        waits = ((each.player, each.seq, each.hash, partitions[each.player], encode(each).decode()) for each in changes.waiting)
        await connection.execute(QUERIES["save_waiting"], *_columns(waits))


async def _copy(connection: asyncpg.Connection, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    await connection.copy_records_to_table(table, schema_name="projections", columns=columns, records=rows)


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """Rows as the columns that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


def moment(unix_ms: int) -> datetime:
    """Unix milliseconds as a time, exact; OverflowError beyond the year 9999."""
    return _EPOCH + timedelta(milliseconds=unix_ms)


@lru_cache(maxsize=1_024)
def _day(text: str) -> date:
    return date.fromisoformat(text)


def _player(row: asyncpg.Record) -> PlayerState:
    if row["seq"] is None:
        return PlayerState()
    return PlayerState(
        brand=row["brand"],
        country=row["country"],
        test=row["test"],
        status=row["status"],
        excluded_until_ms=row["excluded_until_ms"],
        seq=row["seq"],
        hash=row["hash"],
        created_at_ms=row["created_at_ms"],
        last_at_ms=row["last_at_ms"],
    )


def _round(row: asyncpg.Record) -> tuple[RoundKey, RoundState]:
    player, account, round_id, *rest = row.values()
    return (player, account, round_id), RoundState(*rest)


def _original(row: asyncpg.Record) -> tuple[tuple[str, int], Original]:
    player, seq, *rest = row.values()
    return (player, seq), Original(*rest)


def _operation_row(event: Event) -> tuple[Any, ...]:
    return (
        event.player,
        event.seq,
        event.provider_account,
        event.namespace,
        event.external_id,
        event.kind,
        event.status,
        event.result,
        event.limit,
        event.brand,
        event.test,
        event.currency,
        event.stake,
        event.win,
        event.nominal_stake,
        event.jackpot_contribution,
        event.promo_class,
        event.round_id,
        event.closes_round,
        event.game_id,
        event.session_id,
        event.grant_id,
        event.free_round,
        event.target_seq,
        event.balance_after,
        event.details,
        _day(event.gaming_day),
        moment(event.occurred_at_ms),
        bytes.fromhex(event.hash),
        encode(event.movements).decode() if event.movements else "",
    )


def _round_row(key: RoundKey, state: RoundState) -> tuple[Any, ...]:
    return (
        *key,
        state.brand,
        state.test,
        state.game_id,
        state.session_id,
        state.currency,
        state.first_seq,
        moment(state.opened_at_ms),
        state.status,
        state.bets,
        state.operations,
        state.stake,
        state.win,
        state.free_win,
        state.nominal_stake,
        state.last_seq,
        moment(state.last_at_ms),
    )


def _day_row(key: DayKey, day: Day) -> tuple[Any, ...]:
    return (
        _day(key[0]),
        *key[1:],
        day.brand,
        day.country,
        day.test,
        day.stake,
        day.win,
        day.stake_undone,
        day.win_undone,
        day.free_win,
        day.promo_win,
        day.jackpot_win,
        day.nominal_stake,
        day.jackpot_contribution,
        day.bets,
        day.rounds,
        day.stake2,
        day.stake_win,
        day.win2,
    )


def _player_row(player: str, state: PlayerState) -> tuple[Any, ...]:
    return (
        player,
        state.brand,
        state.country,
        state.test,
        state.status,
        state.excluded_until_ms,
        state.seq,
        bytes.fromhex(state.hash),
        moment(state.created_at_ms),
        moment(state.last_at_ms),
    )
