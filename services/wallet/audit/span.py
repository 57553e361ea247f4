"""Checks one range of players: the work of one process of `stakewire verify`. Reads only, in short statements."""

from __future__ import annotations

import asyncio
import multiprocessing.util
from collections import Counter
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct, field

from services.wallet.audit.canonical import balances_of
from services.wallet.audit.player import SEAL, PlayerAudit, Problem, Sealed, State
from services.wallet.audit.stretches import QUERIES, Stretch, chunks, columns, read_chunk

PROBLEMS_MAX: Final = 200
ATTEMPTS: Final = 3
"""How often a range is read again because operations went to the archive meanwhile."""
_read_units: Final = msgspec.json.Decoder(dict[str, int]).decode
AccountKey = tuple[str, str, str]
"""(account, brand, currency)."""


class Span(Struct, frozen=True):
    """Players after `after`, up to and with `last`; `full`: from their first operations, else from their sealed heads."""

    after: str
    last: str
    full: bool


class Checked(Struct, kw_only=True):
    """What was read and is wrong. `accounts`: sums of what was read, in units; `sealed_accounts`: of that up to the seal."""

    players: int = 0
    operations: int = 0
    movements: int = 0
    accounts: Counter[AccountKey] = field(default_factory=Counter)
    sealed_accounts: Counter[AccountKey] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    problems_found: int = 0

    def note(self, problems: list[Problem]) -> None:
        """Counts problems and keeps the first ones."""
        self.problems_found += len(problems)
        self.problems += problems[: PROBLEMS_MAX - len(self.problems)]


async def connect(database_url: str) -> asyncpg.Connection:
    """A connection that cannot change anything."""
    return await asyncpg.connect(
        database_url,
        timeout=30,
        command_timeout=120,
        server_settings={"application_name": "stakewire-verify", "default_transaction_read_only": "on", "jit": "off"},
    )


async def check(connection: asyncpg.Connection, span: Span) -> Checked:
    """I1-I5, I7, I11 and the fit to the seal of a range's players."""
    checked, anchors = await _check_once(connection, span)
    for _ in range(ATTEMPTS):
        if not checked.problems_found or anchors == await _anchors(connection, span):
            break
        # The archive took operations away between two statements: what looked like a gap may be none.
        checked, anchors = await _check_once(connection, span)
    return checked


class _Worker:
    """A process's own connection, kept from range to range."""

    def __init__(self, database_url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(connect(database_url))
        multiprocessing.util.Finalize(self, self.close, exitpriority=10)

    def check(self, span: Span) -> Checked:
        return self._runner.run(check(self._connection, span))

    def close(self) -> None:
        self._runner.run(self._connection.close(timeout=5))
        self._runner.close()


_worker: list[_Worker] = []


def start_worker(database_url: str) -> None:
    """Makes this process ready for `check_here`."""
    _worker.append(_Worker(database_url))


def check_here(span: Span) -> Checked:
    """`check` in a process of a pool."""
    return _worker[0].check(span)


async def _anchors(connection: asyncpg.Connection, span: Span) -> dict[str, int]:
    return {row["player"]: row["seq"] for row in await connection.fetch(QUERIES["anchors"], span.after, span.last)}


async def _check_once(connection: asyncpg.Connection, span: Span) -> tuple[Checked, dict[str, int]]:
    checked = Checked()
    rows = await connection.fetch(QUERIES["heads"], span.after, span.last)
    anchors = {row["player"]: row["anchor_seq"] for row in rows if row["anchor_seq"] is not None}
    audits: dict[str, PlayerAudit] = {}
    stretches: list[Stretch] = []
    for row in rows:
        start, problems = _start(row, full=span.full)
        problems += _out_of_place(row)
        checked.note(problems)
        sealed = Sealed(row["seal"], row["sealed_seq"], row["sealed_hash"], row["sealed_balances"]) if row["seal"] else None
        audits[row["player"]] = PlayerAudit(row["player"], start, sealed)
        stretches.append((row["player"], start.seq, row["seq"]))
    for chunk in chunks(stretches):
        for operation, links in await read_chunk(connection, chunk):
            audits[operation.player].feed(operation, links)
            checked.operations += 1
            checked.movements += len(operation.movements)
        strays = await connection.fetch(QUERIES["stray_movements"], *columns(chunk))
        checked.note([Problem("I1", stray["player"], stray["seq"], "a movement belongs to no operation") for stray in strays])
    for row in rows:
        audit = audits[row["player"]]
        audit.finish(row["seq"], row["hash"], _read_units(row["balances"]))
        checked.note(audit.problems)
        _add(checked.accounts, row["brand"], audit.accounts)
        _add(checked.sealed_accounts, row["brand"], audit.sealed_accounts)
    strangers = await connection.fetch(QUERIES["strangers"], span.after, span.last)
    checked.note(
        [Problem("I1", each["player"], 0, f"there is a {each['what']} of somebody who is no player") for each in strangers]
    )
    checked.players = len(rows)
    return checked, anchors


def _start(row: asyncpg.Record, *, full: bool) -> tuple[State, list[Problem]]:
    """Where the audit of a player begins, and what is wrong with that place."""
    anchor = State()
    if row["anchor_seq"] is not None:
        anchor = State(
            seq=row["anchor_seq"],
            hash=row["anchor_hash"],
            balances=_read_units(row["anchor_balances"]),
            accounts=_read_units(row["anchor_accounts"]),
        )
    if full or row["seal"] is None or row["sealed_seq"] < anchor.seq:
        return anchor, []
    found = anchor.hash if row["sealed_seq"] == anchor.seq else row["hash_at_seal"]
    problems = []
    if found != row["sealed_hash"]:
        text = f"operation {row['sealed_seq']} is not the one in seal {row['seal']}: the chain was made anew or cut"
        problems.append(Problem(SEAL, row["player"], row["sealed_seq"], text))
    return State(seq=row["sealed_seq"], hash=row["sealed_hash"], balances=balances_of(row["sealed_balances"])), problems


def _out_of_place(row: asyncpg.Record) -> list[Problem]:
    """Operations and movements below the anchor or above the head."""
    player, seq, anchor = row["player"], row["seq"], row["anchor_seq"] or 0
    problems = []
    last = row["last_operation"] if row["last_operation"] is not None else anchor
    if last > seq:
        problems.append(Problem("I3", player, last, f"there is an operation {last}, the player's row says {seq}"))
    if row["first_operation"] is not None and row["first_operation"] <= anchor:
        text = f"operations up to {anchor} are in the archive, but {row['first_operation']} is here"
        problems.append(Problem("I3", player, row["first_operation"], text))
    if row["first_movement"] is not None and row["first_movement"] <= anchor:
        problems.append(
            Problem("I1", player, row["first_movement"], "a movement belongs to no operation here: it is in the archive")
        )
    if row["last_movement"] is not None and row["last_movement"] > max(seq, last):
        problems.append(Problem("I1", player, row["last_movement"], "a movement belongs to no operation"))
    return problems


def _add(sums: Counter[AccountKey], brand: str, accounts: Counter[str]) -> None:
    for name, units in accounts.items():
        account, _, currency = name.rpartition(" ")
        sums[account, brand, currency] += units
