"""The provider's own books in SQLite: every transaction before it is sent, and what was answered.

A transaction is on the file before its first byte goes out, so that after a kill -9 whatever was in flight is known to be
unknown and is rolled back. Many transactions share one commit: all that are begun in one turn of the event loop.
The books are never corrected from the wallet's side: they are what the wallet is compared with.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from services.simulator.errors import BooksError
from services.simulator.records import Deposit, Fault, Player, SeenOperation, Transaction
from shared.database import load_queries

OPEN_TRANSACTIONS_MAX: Final = 2_000_000
"""Transactions not yet agreed with the wallet; about 400 MB. A comparison that agrees makes room."""
AGREED_TRANSACTIONS_KEPT: Final = 200_000
AGREED_OPERATIONS_KEPT: Final = 1_000
"""Operations kept a player below the agreed one, so that a fork among them is still seen."""
FAULTS_MAX: Final = 1_000
PLAYERS_MAX: Final = 100_000
PLAYS_KEPT: Final = 200
REWARDS_LOOKED_BACK: Final = 50_000
"""Among so many last transactions of all players unresolved rewards are looked for."""


_FOLDER: Final = Path(__file__).parent / "sql"
_SCHEMA: Final = (_FOLDER / "schema.sql").read_text(encoding="utf-8")
_Q: Final = load_queries(_FOLDER / "queries.sql")
# The queries name their columns in the order of the values' fields.
_PLAYER: Final = Player.__struct_fields__
_TRANSACTION: Final = Transaction.__struct_fields__
_OPERATION: Final = SeenOperation.__struct_fields__
_DEPOSIT: Final = Deposit.__struct_fields__
_ADD_TRANSACTION: Final = _Q["add_transaction"]
_SAVE_TRANSACTION: Final = _Q["save_transaction"]


class Books:
    """One file of books; one process owns it. Methods belong to one event loop, but for those that say otherwise."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=2.0)
            # One owner; the log survives a kill of this process without fsync, which is all that is asked of it.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(_Q["interrupted_becomes_unknown"])
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise BooksError(f"the books at {path} cannot be opened: {error}; does another simulator hold them?") from error
        self._pending: list[tuple[str, tuple[Any, ...]]] = []
        self._written: asyncio.Future[None] | None = None
        self._scheduled = False
        self._failure: BooksError | None = None
        self._last_id: int = self._one("last_transaction")[0]
        self._open_count: int = self._one("open_transactions_count")[0]
        self._faults: int = self._one("faults_count")[0]
        self.players: dict[str, Player] = {player.player: player for player in map(_player, self._all("all_players"))}

    def close(self) -> None:
        """Writes what is left and closes the file."""
        try:
            self.flush()
        finally:
            self._db.close()

    # --- players and money -------------------------------------------------------------------------------------------

    def add_player(self, player: Player) -> None:
        """Opens the books of a player, before the wallet hears of him."""
        if len(self.players) >= PLAYERS_MAX:
            raise BooksError(
                f"the books hold {PLAYERS_MAX} players, the most they take; start afresh with an empty {self.path.parent}"
            )
        self.players[player.player] = player
        self._write(
            _Q["add_player"], player.player, player.operator_player_id, player.brand, player.provider_account, player.currency
        )

    async def begin(self, transaction: Transaction) -> None:
        """Writes a new transaction down; returns when it is on the file and may be sent."""
        self._check()
        if self._open_count >= OPEN_TRANSACTIONS_MAX:
            raise BooksError(
                f"the books hold {OPEN_TRANSACTIONS_MAX} transactions that were not compared yet; compare them with the wallet"
            )
        self._open_count += 1
        self._last_id += 1
        t = transaction
        t.id = self._last_id
        row = (t.id, t.player, t.ref, t.kind, t.withdraw, t.deposit, t.charge, t.round_ref, t.game_id, t.state)
        self._pending.append((_ADD_TRANSACTION, row))
        await self._on_file()

    def save(self, transaction: Transaction) -> None:
        """Writes down what became of a transaction; on the file with the next commit."""
        t = transaction
        row = (t.state, t.code, t.paid, t.got, t.transaction_id, t.new_balance, t.attempts, t.id)
        self._pending.append((_SAVE_TRANSACTION, row))
        self._schedule()

    async def save_now(self, transaction: Transaction) -> None:
        """As `save`, and waits until it is on the file: a rollback is written down before it is sent."""
        self.save(transaction)
        await self._on_file()

    async def put_deposit(self, deposit: Deposit) -> None:
        """Writes a deposit down as asked, done or failed; returns when it is on the file."""
        self._write(_Q["put_deposit"], deposit.key, deposit.player, deposit.amount, deposit.state)
        await self._on_file()

    def balance(self, player: str) -> int:
        """The balance in minor units that the books give, without what is unresolved."""
        self.flush()
        return int(self._one("balance", player)[0])

    def unresolved(self) -> list[Transaction]:
        """Transactions that still need their rollback answered, oldest first."""
        self.flush()
        return [_transaction(row) for row in self._all("unresolved")]

    def unresolved_deposits(self) -> list[Deposit]:
        """Deposits that were asked for and never answered."""
        self.flush()
        return [_deposit(row) for row in self._all("unresolved_deposits")]

    def unresolved_rewards(self, provider_account: str) -> list[Transaction]:
        """Rewards among the last transactions whose outcome the provider does not know (yet), oldest first."""
        self.flush()
        after = self._last_id - REWARDS_LOOKED_BACK
        return [_transaction(row) for row in self._all("unresolved_rewards", after, provider_account)]

    def open_transactions(self, player: str) -> list[Transaction]:
        """A player's transactions that were not agreed yet, oldest first."""
        self.flush()
        return [_transaction(row) for row in self._all("open_transactions", player, self.players[player].agreed_id)]

    def open_deposits(self, player: str) -> list[Deposit]:
        """A player's deposits that were not agreed yet."""
        self.flush()
        return [_deposit(row) for row in self._all("open_deposits", player)]

    # --- the wallet's events -----------------------------------------------------------------------------------------

    def positions(self) -> dict[int, int]:
        """Partition of wallet.events -> offset of the next record to read."""
        return dict(self._all("positions"))

    def forget_positions(self) -> None:
        """The topic was made anew: it is read from its beginning again."""
        self._write(_Q["forget_positions"])
        self.flush()

    def add_operations(self, operations: Iterable[SeenOperation], positions: dict[int, int], faults: Iterable[Fault]) -> None:
        """Stores what was read, with the positions, in one commit. The same seq with another hash becomes a fault."""
        self._check()
        self.flush()
        fresh: dict[tuple[str, int], str] = {}
        for item in operations:
            key = (item.player, item.seq)
            known = fresh.get(key) or self.operation_hash(*key)
            if known is None:
                fresh[key] = item.hash
                if item.seq > self.players[item.player].agreed_seq:
                    self._write(_Q["add_operation"], *msgspec.structs.astuple(item))
            elif known != item.hash:
                text = f"operation {item.seq} came with hash {known} and again with hash {item.hash}: the history has a fork"
                self._add_fault(Fault(kind="fork", player=item.player, seq=item.seq, text=text))
        for fault in faults:
            self._add_fault(fault)
        for partition, offset in positions.items():
            self._write(_Q["put_position"], partition, offset)
        self.flush()

    def operations_after(self, player: str, seq: int) -> list[SeenOperation]:
        """A player's operations above `seq`, in order."""
        return [_operation(row) for row in self._all("operations_after", player, seq)]

    def operation_hash(self, player: str, seq: int) -> str | None:
        """The hash of one operation, None where the books (no longer) hold it."""
        rows = self._all("operation_hash", player, seq)
        return str(rows[0][0]) if rows else None

    def faults(self) -> list[Fault]:
        """What is wrong with the events themselves."""
        return [Fault(kind=kind, player=player, seq=seq, text=text) for kind, player, seq, text in self._all("all_faults")]

    def fact(self, name: str) -> str | None:
        """A remembered fact, such as the id of the topic that the positions belong to."""
        rows = self._all("fact", name)
        return str(rows[0][0]) if rows else None

    def put_fact(self, name: str, value: str) -> None:
        """Remembers a fact."""
        self._write(_Q["put_fact"], name, value)
        self.flush()

    # --- agreement ---------------------------------------------------------------------------------------------------

    def agree(self, player: Player, deposit_keys: Iterable[str]) -> None:
        """Notes how far books and wallet agree.

        `player` carries the new `agreed_*` values; his transactions up to `agreed_id` and the deposits of
        `deposit_keys` are final and part of them.
        """
        self._check()
        self.players[player.player] = player
        p = player
        self._write(_Q["agree_player"], p.agreed_seq, p.agreed_hash, p.agreed_units, p.agreed_minor, p.agreed_id, p.player)
        for key in deposit_keys:
            self._write(_Q["agree_deposit"], key)
        self._write(_Q["prune_operations"], p.player, p.agreed_seq - AGREED_OPERATIONS_KEPT)
        self.flush()

    def prune(self) -> None:
        """Drops transactions that were agreed long ago."""
        self._write(_Q["prune_transactions"], self._last_id - AGREED_TRANSACTIONS_KEPT)
        self.flush()
        self._open_count = int(self._one("open_transactions_count")[0])

    def agreed_operations(self) -> int:
        """How many operations of all players were found in order so far."""
        return int(self._one("agreed_operations_count")[0])

    # --- plays -------------------------------------------------------------------------------------------------------

    def put_play(self, play_id: str, started_at_ms: int, state: str, result: str) -> None:
        """Keeps the state and the result (JSON) of a play."""
        self._write(_Q["put_play"], play_id, started_at_ms, state, result)
        self._write(_Q["prune_plays"], PLAYS_KEPT)

    def play(self, play_id: str) -> tuple[str, str] | None:
        """(state, result as JSON) of a play, None where it is not known."""
        self.flush()
        rows = self._all("play", play_id)
        return (rows[0][0], rows[0][1]) if rows else None

    def running_plays(self) -> list[tuple[str, str]]:
        """(id, result as JSON) of plays that a process before this one left running."""
        return [(row[0], row[1]) for row in self._all("running_plays")]

    # --- the file ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Commits what is waiting. Raises BooksError where the file does not take it."""
        self._scheduled = False
        waiting, self._written = self._written, None
        pending, self._pending = self._pending, []
        if not pending:
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
            return
        execute = self._db.execute
        try:
            execute("BEGIN")
            for query, row in pending:
                execute(query, row)
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                execute("ROLLBACK")
            # What was not written cannot be made good: the books say so at every further use.
            self._failure = BooksError(f"the books at {self.path} did not take {len(pending)} entries: {error}")
            if waiting is not None and not waiting.done():
                waiting.set_exception(self._failure)
                return
            raise self._failure from error
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _write(self, query: str, *row: Any) -> None:
        self._pending.append((query, row))
        self._schedule()

    def _schedule(self) -> None:
        if self._scheduled:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # outside a loop the caller's next look or `close` writes it
        self._scheduled = True
        loop.call_soon(self.flush)

    async def _on_file(self) -> None:
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        self._schedule()
        await asyncio.shield(self._written)

    def _add_fault(self, fault: Fault) -> None:
        if self._faults < FAULTS_MAX:
            self._faults += 1
            self._write(_Q["add_fault"], fault.kind, fault.player, fault.seq, fault.text)

    def _all(self, name: str, *row: Any) -> list[Any]:
        return self._db.execute(_Q[name], row).fetchall()

    def _one(self, name: str, *row: Any) -> Any:
        found = self._db.execute(_Q[name], row).fetchone()
        if found is None:
            raise BooksError(f"the books hold no row for {name} of {row}")
        return found


def _player(row: tuple[Any, ...]) -> Player:
    return Player(**dict(zip(_PLAYER, row, strict=True)))


def _transaction(row: tuple[Any, ...]) -> Transaction:
    return Transaction(**dict(zip(_TRANSACTION, row, strict=True)))


def _operation(row: tuple[Any, ...]) -> SeenOperation:
    return SeenOperation(**dict(zip(_OPERATION, row, strict=True)))


def _deposit(row: tuple[Any, ...]) -> Deposit:
    return Deposit(**dict(zip(_DEPOSIT, row, strict=True)))
