"""Reading and writing the ledger for one batch: the only user of the queries in sql/store.sql.

The caller owns the transaction; the errors that leave here are asyncpg's and PositionMovedError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg

from services.wallet.decisions.model import Operation, Session
from services.wallet.ledger.rows import (
    grant_of,
    movement_of,
    operation_of,
    player_of,
    profile_of,
    published_operation_of,
    round_of,
    session_of,
    to_datetime,
    to_day,
)
from services.wallet.ledger.sql import load_queries
from services.wallet.working_set import Key, Loaded, WorkingSet, key_of
from shared.contracts import Command, PlayCommand, Rollback
from shared.errors import StakewireError

QUERIES: Final = load_queries("store.sql")
POSITION_MOVED: Final = "SW001"


class PositionMovedError(StakewireError):
    """Another owner of a partition went on: this batch is not ours any more."""


def connection_settings(*, lock_timeout_ms: int, statement_timeout_ms: int) -> dict[str, str]:
    """What every connection of the wallet sets: its role, its limits, and index scans only.

    Sequential scans are off because each look-up is by a full key: on a table that was never analysed the planner
    might read it whole instead.
    """
    return {
        "role": "stakewire_wallet",
        "application_name": "stakewire-wallet",
        "lock_timeout": str(lock_timeout_ms),
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(statement_timeout_ms * 2),
        "enable_seqscan": "off",
        "jit": "off",
    }


async def load(connection: asyncpg.Connection, commands: Sequence[Command]) -> Loaded:
    """Locks the commands' players in sorted order and reads everything the commands refer to."""
    row = await connection.fetchrow(QUERIES["load_batch"], *_references(commands))
    if row is None:
        raise StakewireError("load_batch gave no row; is the schema up to date? run `stakewire migrate`")
    movements: dict[tuple[str, int], list[Any]] = {}
    for item in row["o_movements"] or ():
        movements.setdefault((item["player"], item["seq"]), []).append(movement_of(item))
    operations = [operation_of(item) for item in row["o_operations"]]
    operations += [
        operation_of(item, movements=tuple(movements.get((item["player"], item["seq"]), ()))) for item in row["o_targets"] or ()
    ]
    return Loaded(
        players=[player_of(item) for item in row["o_players"]],
        balances={(item["player"], item["currency"]): item["balance"] for item in row["o_balances"]},
        operations=operations,
        undone={(item["player"], item["target_seq"]) for item in row["o_reversals"] or ()},
        rounds=[round_of(item) for item in row["o_rounds"] or ()],
        sessions=[session_of(item) for item in row["o_sessions"] or ()],
        grants=[grant_of(item) for item in row["o_grants"] or ()],
        profiles=[profile_of(item) for item in row["o_profiles"] or ()],
    )


def _columns(rows: Iterable[tuple[str, ...]], width: int) -> list[list[str]]:
    """Distinct rows as columns, in the order of their first appearance."""
    columns = [list(column) for column in zip(*dict.fromkeys(rows), strict=True)]
    return columns or [[] for _ in range(width)]


def _references(commands: Sequence[Command]) -> list[list[str]]:
    keys: list[tuple[str, ...]] = []
    targets: list[tuple[str, ...]] = []
    rounds: list[tuple[str, ...]] = []
    sessions: list[tuple[str, ...]] = []
    provider_sessions: list[tuple[str, ...]] = []
    live: list[tuple[str, ...]] = []
    grants: list[tuple[str, ...]] = []
    creates: list[tuple[str, ...]] = []
    for command in commands:
        player, account, kind = command.player, command.provider_account, command.kind
        if kind != "get_balance":
            keys.append((player, account, command.namespace, command.external_id))
        if isinstance(command, Rollback):
            targets.append((player, account, command.target_namespace, command.target_external_id))
            continue
        if kind == "create_player":
            creates.append((player,))
            continue
        if round_id := getattr(command, "round_id", ""):
            rounds.append((player, account, round_id))
        if session_id := getattr(command, "session_id", ""):
            sessions.append((player, session_id))
            if kind == "activate_session":
                live.append((player, account))
        elif isinstance(command, PlayCommand) and command.provider_session_id:
            provider_sessions.append((player, account, command.provider_session_id))
            live.append((player, account))
        if grant_id := getattr(command, "grant_id", ""):
            grants.append((player, grant_id))
    return [
        sorted({command.player for command in commands}),
        *_columns(keys, 4),
        *_columns(targets, 4),
        *_columns(rounds, 3),
        *_columns(sessions, 2),
        *_columns(provider_sessions, 3),
        *_columns(live, 2),
        *_columns(grants, 2),
        *_columns(creates, 1),
    ]


async def save(
    connection: asyncpg.Connection, work: WorkingSet, positions: Sequence[tuple[int, int, int]], epoch: int, now_ms: int
) -> None:
    """Writes everything the batch changed and moves the positions, or raises PositionMovedError.

    `positions`: (partition, where this owner believes it to be, where it goes), sorted by partition.
    """
    if work.new_players:
        await _insert_players(connection, work)
    if work.changed_sessions:
        await _save_sessions(connection, list(work.changed_sessions.values()))
    if work.changed_grants:
        await connection.executemany(
            QUERIES["save_grant"],
            [
                (
                    item.player,
                    item.grant_id,
                    item.provider_account,
                    item.currency,
                    list(item.game_ids),
                    item.stake,
                    item.count,
                    item.remaining,
                    item.expires_at_ms,
                )
                for item in work.changed_grants.values()
            ],
        )
    try:
        await connection.execute(QUERIES["save_batch"], *_save_arguments(work, positions, epoch, now_ms))
    except asyncpg.PostgresError as error:
        if error.sqlstate == POSITION_MOVED:
            raise PositionMovedError(str(error)) from error
        raise


def _save_arguments(work: WorkingSet, positions: Sequence[tuple[int, int, int]], epoch: int, now_ms: int) -> list[object]:
    ops = work.new_operations
    moves = [(op.player, op.seq, n, m) for op in ops for n, m in enumerate(op.movements, 1)]
    players = list(work.changed_players.values())
    balances = [(player, currency, work.balances[player, currency]) for player, currency in work.changed_balances]
    rounds = list(work.changed_rounds.values())
    return [
        [item[0] for item in positions],
        [item[1] for item in positions],
        [item[2] for item in positions],
        epoch,
        [op.player for op in ops],
        [op.seq for op in ops],
        [op.provider_account for op in ops],
        [op.namespace for op in ops],
        [op.external_id for op in ops],
        [op.kind for op in ops],
        [op.status for op in ops],
        [op.result for op in ops],
        [op.limit for op in ops],
        [op.brand for op in ops],
        [op.test for op in ops],
        [op.currency for op in ops],
        [op.stake for op in ops],
        [op.win for op in ops],
        [op.nominal_stake for op in ops],
        [op.jackpot_contribution for op in ops],
        [op.promo_class for op in ops],
        [op.round_id for op in ops],
        [op.closes_round for op in ops],
        [op.game_id for op in ops],
        [op.game_state for op in ops],
        [op.session_id for op in ops],
        [op.grant_id for op in ops],
        [op.free_rounds_asked for op in ops],
        [op.free_rounds_charged for op in ops],
        [op.free_rounds_left for op in ops],
        [op.free_round for op in ops],
        [op.target_seq for op in ops],
        [op.balance_after for op in ops],
        [op.details for op in ops],
        [to_day(op.gaming_day) for op in ops],
        to_datetime(now_ms),
        [op.schema for op in ops],
        [bytes.fromhex(op.hash) for op in ops],
        [item[0] for item in moves],
        [item[1] for item in moves],
        [item[2] for item in moves],
        [item[3].debit_account for item in moves],
        [item[3].credit_account for item in moves],
        [item[3].amount for item in moves],
        [item[3].currency for item in moves],
        [item[3].balance_after for item in moves],
        [item.player for item in players],
        [item.seq for item in players],
        [item.chain_head for item in players],
        [item[0] for item in balances],
        [item[1] for item in balances],
        [item[2] for item in balances],
        [item.player for item in rounds],
        [item.provider_account for item in rounds],
        [item.round_id for item in rounds],
        [item.game_id for item in rounds],
        [item.session_id for item in rounds],
        [item.currency for item in rounds],
        [item.status for item in rounds],
        [item.bets for item in rounds],
        [item.stake for item in rounds],
        [item.win for item in rounds],
        [item.free_charged for item in rounds],
        [item.grant_id for item in rounds],
        [item.opened_at_ms for item in rounds],
        [item.closed_at_ms for item in rounds],
    ]


async def _insert_players(connection: asyncpg.Connection, work: WorkingSet) -> None:
    players = list(work.new_players.values())
    await connection.execute(
        QUERIES["insert_players"],
        [item.player for item in players],
        [item.brand for item in players],
        [item.test for item in players],
    )
    await connection.execute(
        QUERIES["insert_profiles"],
        [item.player for item in work.new_profiles],
        [item.operator_player_id for item in work.new_profiles],
        [item.country for item in work.new_profiles],
        [item.language for item in work.new_profiles],
    )
    await connection.execute(
        QUERIES["insert_balances"], [item[0] for item in work.new_balances], [item[1] for item in work.new_balances]
    )


async def _save_sessions(connection: asyncpg.Connection, sessions: list[Session]) -> None:
    await connection.execute(
        QUERIES["save_sessions"],
        [item.player for item in sessions],
        [item.session_id for item in sessions],
        [item.provider_account for item in sessions],
        [item.provider_session_id for item in sessions],
        [item.currency for item in sessions],
        [item.game_id for item in sessions],
        [item.grant_id for item in sessions],
        [item.token_sha256 for item in sessions],
        [item.device for item in sessions],
        [item.language for item in sessions],
        [item.status for item in sessions],
        [item.close_reason for item in sessions],
        [item.opened_at_ms for item in sessions],
        [item.last_seen_ms for item in sessions],
        [item.idle_timeout_s for item in sessions],
        [item.absolute_timeout_s for item in sessions],
    )


async def stored(connection: asyncpg.Connection, commands: Sequence[Command]) -> dict[Key, Operation]:
    """What is stored of commands that were applied before, as it was published: for answering them again."""
    keys = {(c.player, c.provider_account, c.namespace, c.external_id) for c in commands if c.external_id}
    keys |= {(c.player, c.provider_account, c.target_namespace, c.target_external_id) for c in commands if isinstance(c, Rollback)}
    rows = await connection.fetch(QUERIES["stored_by_key"], *_columns(sorted(keys), 4))
    operations = [published_operation_of(row) for row in rows]
    return {key_of(operation): operation for operation in operations}


async def free_players(connection: asyncpg.Connection, players: Sequence[str]) -> set[str]:
    """Of `players`, those whose row nobody else holds now, and those that do not exist. Never waits."""
    known = {row["player"] for row in await connection.fetch(QUERIES["known_players"], list(players))}
    async with connection.transaction():
        rows = await connection.fetch(QUERIES["free_players"], list(players))
    return {row["player"] for row in rows} | (set(players) - known)
