"""Reading and writing the ledger for one batch: the only user of the queries in sql/store.sql.

The caller owns the transaction; the errors that leave here are asyncpg's and PositionMovedError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from services.wallet.decisions.batches import parts_of
from services.wallet.decisions.model import APPLIED, Grant, Limit, Operation, Player, Profile, Round, Session, Usage
from services.wallet.decisions.rounds import VOID_NAMESPACE, void_key
from services.wallet.ledger.sql import load_queries
from services.wallet.working_set import ENDS_SESSIONS, Key, Loaded, WorkingSet, key_of
from shared.contracts import Batch, Command, PlayCommand, Rollback, RollbackList
from shared.errors import StakewireError

QUERIES: Final = load_queries("store.sql")
POSITION_MOVED: Final = "SW001"

COUNTED_DAYS: Final = 40
"""How many days of the past are counted for a first limit: a calendar month, and some to spare."""


class PositionMovedError(StakewireError):
    """Another owner of a partition went on: this batch is not ours any more."""


class _Balance(msgspec.Struct):
    player: str
    currency: str
    balance: int


class _Stored(Operation, frozen=True, kw_only=True):
    """An operation under a key that comes again, without movements and hashes; `undone`: it was rolled back since."""

    undone: bool = False


class _Undone(msgspec.Struct):
    player: str
    target_seq: int


class _Key(msgspec.Struct, frozen=True):
    player: str
    account: str
    namespace: str
    external_id: str


class _RoundName(msgspec.Struct, frozen=True):
    player: str
    account: str
    round_id: str


class _SessionName(msgspec.Struct, frozen=True):
    player: str
    session_id: str


class _ProviderSession(msgspec.Struct, frozen=True):
    player: str
    account: str
    session_id: str


class _Live(msgspec.Struct, frozen=True):
    player: str
    account: str


class _GrantName(msgspec.Struct, frozen=True):
    player: str
    grant_id: str


class _PlayerName(msgspec.Struct, frozen=True):
    player: str


class _Erased(msgspec.Struct, frozen=True):
    """Among the new profiles: one that goes."""

    player: str
    erased: bool = True


class _Voided(msgspec.Struct):
    """What the details of a VoidRound say of its parts."""

    undone: list[int]


class _Position(msgspec.Struct):
    partition: int
    expected: int
    next_offset: int


_encoder: Final = msgspec.json.Encoder()
_players: Final = msgspec.json.Decoder(list[Player])
_balances: Final = msgspec.json.Decoder(list[_Balance])
_operations: Final = msgspec.json.Decoder(list[Operation])
_stored: Final = msgspec.json.Decoder(list[_Stored])
_undone: Final = msgspec.json.Decoder(list[_Undone])
_rounds: Final = msgspec.json.Decoder(list[Round])
_sessions: Final = msgspec.json.Decoder(list[Session])
_grants: Final = msgspec.json.Decoder(list[Grant])
_profiles: Final = msgspec.json.Decoder(list[Profile])
_limits: Final = msgspec.json.Decoder(list[Limit])
_usage: Final = msgspec.json.Decoder(list[Usage])


def connection_settings(*, lock_timeout_ms: int, statement_timeout_ms: int) -> dict[str, str]:
    """What every connection of the wallet sets: its role, its limits, index scans only, and plans that are kept.

    Sequential scans are off because each look-up is by a full key: on a table that was never analysed the planner
    might read it whole instead. For the same reason no plan depends on the arguments; left to itself PostgreSQL would
    make most of a batch's plans anew each time, which costs a lone bet more than carrying them out.
    """
    return {
        "role": "stakewire_wallet",
        "application_name": "stakewire-wallet",
        "lock_timeout": str(lock_timeout_ms),
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": str(statement_timeout_ms * 2),
        "enable_seqscan": "off",
        "plan_cache_mode": "force_generic_plan",
        "jit": "off",
    }


async def load(connection: asyncpg.Connection, commands: Sequence[Command], at_ms: int) -> Loaded:
    """Locks the commands' players in sorted order and reads everything the commands refer to. `at_ms`: the batch's time."""
    row = await connection.fetchrow(QUERIES["load_batch"], *_references(commands), *usage_since(at_ms))
    players, balances, operations, undone, rounds, sessions, grants, profiles, limits, usage, counted, targets = row
    known: list[_Stored] = _stored.decode(operations) if operations else []
    undone_seqs = {(item.player, item.target_seq) for item in _undone.decode(undone)} if undone else set()
    undone_seqs.update((item.player, item.seq) for item in known if item.undone)
    return Loaded(
        players=_players.decode(players) if players else [],
        balances={(item.player, item.currency): item.balance for item in _balances.decode(balances)} if balances else {},
        # What is to be undone comes last: it is whole, and may be among the others without movements and hashes.
        operations=[*known, *(_operations.decode(targets) if targets else [])],
        undone=undone_seqs,
        rounds=_rounds.decode(rounds) if rounds else [],
        sessions=_sessions.decode(sessions) if sessions else [],
        grants=_grants.decode(grants) if grants else [],
        profiles=_profiles.decode(profiles) if profiles else [],
        limits=_limits.decode(limits) if limits else [],
        usage=[*(_usage.decode(usage) if usage else []), *(_usage.decode(counted) if counted else [])],
        counting={command.player for command in commands if command.kind == "set_limits"},
    )


def usage_since(at_ms: int) -> tuple[date, date]:
    """The first gaming day whose usage decisions at `at_ms` look at, and the first that is counted for a first limit.

    A brand's gaming day may be one behind the day in UTC: the oldest window is the week or the month that one is in.
    """
    today = datetime.fromtimestamp(at_ms // 1000, tz=UTC).date()
    behind = today - timedelta(days=1)
    return min(behind.replace(day=1), behind - timedelta(days=behind.weekday())), today - timedelta(days=COUNTED_DAYS)


def _json(rows: Iterable[Any]) -> str | None:
    """Distinct rows as JSON text, None where there are none."""
    items = list(dict.fromkeys(rows))
    return _encoder.encode(items).decode() if items else None


def _note_sessions(
    command: Command, sessions: list[_SessionName], provider_sessions: list[_ProviderSession], live: list[_Live]
) -> None:
    """Adds the sessions that a command mentions, by our id or by the provider's."""
    player, account = command.player, command.provider_account
    if session_id := getattr(command, "session_id", ""):
        sessions.append(_SessionName(player, session_id))
        if command.kind == "activate_session":
            live.append(_Live(player, account))
    elif isinstance(command, PlayCommand) and command.provider_session_id:
        provider_sessions.append(_ProviderSession(player, account, command.provider_session_id))
        live.append(_Live(player, account))


def _references(commands: Sequence[Command]) -> list[Any]:
    """The arguments of load_batch but the days: every name that the commands mention."""
    keys: list[_Key] = []
    targets: list[_Key] = []
    rounds: list[_RoundName] = []
    sessions: list[_SessionName] = []
    provider_sessions: list[_ProviderSession] = []
    live: list[_Live] = []
    grants: list[_GrantName] = []
    creates: list[_PlayerName] = []
    live_everywhere: list[_PlayerName] = []
    whole_rounds: list[_RoundName] = []
    counted: list[_PlayerName] = []
    about_players = {**dict.fromkeys(ENDS_SESSIONS, live_everywhere), "create_player": creates, "set_limits": counted}
    for command in flat(commands):
        player, account, kind = command.player, command.provider_account, command.kind
        if kind != "get_balance":
            keys.append(_Key(player, account, command.namespace, command.external_id))
        if isinstance(command, Rollback):
            targets.append(_Key(player, account, command.target_namespace, command.target_external_id))
            continue
        if kind in about_players:
            about_players[kind].append(_PlayerName(player))
            continue
        if round_id := getattr(command, "round_id", ""):
            rounds.append(_RoundName(player, account, round_id))
        if kind == "void_round":
            whole_rounds.append(_RoundName(player, account, round_id))
        _note_sessions(command, sessions, provider_sessions, live)
        if grant_id := getattr(command, "grant_id", ""):
            grants.append(_GrantName(player, grant_id))
    return [
        sorted({command.player for command in commands}),
        _json(keys),
        _json(targets),
        _json(rounds),
        _json(sessions),
        _json(provider_sessions),
        _json(live),
        _json(grants),
        _json(creates),
        _json(live_everywhere),
        _json(whole_rounds),
        _json(counted),
    ]


async def save(connection: asyncpg.Connection, work: WorkingSet, positions: Sequence[tuple[int, int, int]], epoch: int) -> None:
    """Writes everything the batch changed and moves the positions, or raises PositionMovedError.

    `positions`: (partition, where this owner believes it to be, where it goes), sorted by partition. The operations are
    written from the text of their events.
    """
    events = f"[{b','.join(work.events).decode()}]" if work.events else None
    balances = [_Balance(player, currency, work.balances[player, currency]) for player, currency in work.changed_balances]
    try:
        await connection.execute(
            QUERIES["save_batch"],
            _encoder.encode([_Position(*item) for item in positions]).decode(),
            epoch,
            events,
            _values(work.changed_players.values()),
            _values(balances),
            _values(work.changed_rounds.values()),
            _values(work.changed_sessions.values()),
            _values(work.changed_grants.values()),
            _values(work.new_players.values()),
            _values([*work.new_profiles, *map(_Erased, work.erased)]),
            _values(work.tally.changed_limits.values()),
            _values(work.tally.added_usage.values()),
        )
    except asyncpg.PostgresError as error:
        if error.sqlstate == POSITION_MOVED:
            raise PositionMovedError(str(error)) from error
        raise


def _values(rows: Iterable[Any]) -> str | None:
    items = list(rows)
    return _encoder.encode(items).decode() if items else None


async def stored(connection: asyncpg.Connection, commands: Sequence[Command]) -> dict[Key, Operation]:
    """What is stored of commands that were applied before, as it was published: for answering them again.

    With the tombstones of rollbacks, the items of lists, and the undos that a VoidRound consists of.
    """
    singles = flat(commands)
    keys = [_Key(c.player, c.provider_account, c.namespace, c.external_id) for c in singles if c.external_id]
    keys += [
        _Key(c.player, c.provider_account, c.target_namespace, c.target_external_id) for c in singles if isinstance(c, Rollback)
    ]
    known = await _stored_by_key(connection, keys)
    undos = [_Key(*key) for operation in known.values() for key in parts_of_stored(operation)]
    return known | await _stored_by_key(connection, undos) if undos else known


async def _stored_by_key(connection: asyncpg.Connection, keys: list[_Key]) -> dict[Key, Operation]:
    found = await connection.fetchval(QUERIES["stored_by_key"], _json(keys) or "[]")
    return {key_of(operation): operation for operation in (_operations.decode(found) if found else [])}


def parts_of_stored(operation: Operation) -> list[Key]:
    """The keys of the undos that a stored VoidRound consists of; none of other operations."""
    if operation.kind != "void_round" or operation.status != APPLIED:
        return []
    undone = msgspec.json.decode(operation.details, type=_Voided).undone
    return [(operation.player, operation.provider_account, VOID_NAMESPACE, void_key(operation.external_id, seq)) for seq in undone]


def flat(commands: Iterable[Command]) -> list[Command]:
    """The commands, with those that the items of lists are in their places."""
    found: list[Command] = []
    for command in commands:
        if isinstance(command, Batch | RollbackList):
            found.extend(parts_of(command))
        else:
            found.append(command)
    return found


async def free_players(connection: asyncpg.Connection, players: Sequence[str]) -> set[str]:
    """Of `players`, those whose row nobody else holds now, and those that do not exist. Never waits."""
    known = {row["player"] for row in await connection.fetch(QUERIES["known_players"], list(players))}
    async with connection.transaction():
        rows = await connection.fetch(QUERIES["free_players"], list(players))
    return {row["player"] for row in rows} | (set(players) - known)
