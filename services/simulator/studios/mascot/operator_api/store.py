"""What operators told the studio: bank groups, players, bonuses, sessions, and the spins of launched sessions. One SQLite file.

Every change is committed before its method returns, so that it outlives the process (not a loss of power: the disk is not
waited for). Knows no rule of the API; one process owns the file, and all methods belong to one event loop.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from services.simulator.errors import BooksError
from shared.database import load_queries

BANK_GROUPS_MAX: Final = 10_000
PLAYERS_MAX: Final = 200_000
BONUSES_MAX: Final = 200_000
SESSIONS_MAX: Final = 200_000
TOKENS_MAX: Final = 50_000
SPINS_MAX: Final = 200_000
PRUNED_AT_ONCE: Final = 1_000
"""So many of the oldest closed sessions and answered spins make room when the file is full."""

SENT: Final = "sent"
DONE: Final = "done"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"
ROLLED_BACK: Final = "rolled_back"

_FOLDER: Final = Path(__file__).parent / "sql"
_SCHEMA: Final = (_FOLDER / "schema.sql").read_text(encoding="utf-8")
_Q: Final = load_queries(_FOLDER / "queries.sql")

R = TypeVar("R", bound=Struct)


class FullError(BooksError):
    """The file holds as many entries of a kind as it may."""


class BankGroup(Struct, frozen=True):
    """A bank group; its currency is the provider's code."""

    provider_account: str
    id: str
    currency: str
    settings_patch: str


class StudioPlayer(Struct, frozen=True):
    """A player as the operator named him."""

    provider_account: str
    id: str
    bank_group_id: str
    nick: str


class Session(Struct, frozen=True):
    """A session. A demo has no player and a balance of its own; what was not given is empty or 0."""

    session_id: str
    provider_account: str
    player_id: str
    bank_group_id: str
    currency: str
    game_id: str
    bonus_id: str
    free_round_bet: int
    alternative_id: str
    language: str
    home_url: str
    home_url_target: str
    demo: bool
    demo_balance: int
    created_ms: int
    closed_ms: int | None = None


class Spin(Struct, frozen=True):
    """One spin of a launched session. State: sent, done, refused, unknown (is being rolled back), rolled_back."""

    session_id: str
    ref: str
    round_ref: str
    bet: int
    win: int
    free_round: bool
    state: str
    code: int
    played_ms: int
    number: int = 0


class SessionFilter(Struct, frozen=True, kw_only=True):
    """Which sessions to list: None = all. Moments in milliseconds, both ends included."""

    create_from: int | None = None
    create_to: int | None = None
    close_from: int | None = None
    close_to: int | None = None
    is_open: bool | None = None
    players: list[str] | None = None
    bank_groups: list[str] | None = None


class Store:
    """The file. `BooksError` where it cannot be used, `FullError` where it takes no more."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=2.0)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)
            self._db.execute(_Q["interrupted_becomes_unknown"])
        except sqlite3.Error as error:
            raise BooksError(f"the studio's file {path} cannot be opened: {error}; does another simulator hold it?") from error
        counts = self._db.execute(_Q["counts"]).fetchone()
        self._bank_groups, self._players, self._bonuses, self._sessions, self._tokens, self._spins = counts

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    # --- bank groups, players, bonuses -------------------------------------------------------------------------------

    def bank_group(self, provider_account: str, group_id: str) -> BankGroup | None:
        """A bank group of an operator."""
        return self._one(BankGroup, "bank_group", provider_account, group_id)

    def put_bank_group(self, group: BankGroup) -> None:
        """Adds a bank group, or changes its settings; the currency stays."""
        if self.bank_group(group.provider_account, group.id) is None:
            self._bank_groups = self._room(self._bank_groups, BANK_GROUPS_MAX, "bank groups")
        self._run("put_bank_group", *msgspec.structs.astuple(group))

    def player(self, provider_account: str, player_id: str) -> StudioPlayer | None:
        """A player of an operator."""
        return self._one(StudioPlayer, "player", provider_account, player_id)

    def put_player(self, player: StudioPlayer) -> None:
        """Adds a player, or changes his nick; the bank group stays."""
        if self.player(player.provider_account, player.id) is None:
            self._players = self._room(self._players, PLAYERS_MAX, "players")
        self._run("put_player", *msgspec.structs.astuple(player))

    def has_bonus(self, provider_account: str, bonus_id: str) -> bool:
        """Whether the operator registered the bonus."""
        return bool(self._all("bonus", provider_account, bonus_id))

    def put_bonus(self, provider_account: str, bonus_id: str) -> None:
        """Registers a bonus."""
        if not self.has_bonus(provider_account, bonus_id):
            self._bonuses = self._room(self._bonuses, BONUSES_MAX, "bonuses")
        self._run("put_bonus", provider_account, bonus_id)

    # --- sessions ----------------------------------------------------------------------------------------------------

    def open_session(self, session: Session) -> None:
        """Adds a session; the player's open one is closed in the same transaction."""
        if self._sessions >= SESSIONS_MAX:
            self._sessions -= self._run("prune_sessions", PRUNED_AT_ONCE)
        self._sessions = self._room(self._sessions, SESSIONS_MAX, "open sessions")
        self._db.execute("BEGIN")
        try:
            if not session.demo:
                self._run("close_sessions_of", session.created_ms, session.provider_account, session.player_id)
            self._run("add_session", *msgspec.structs.astuple(session))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def session(self, session_id: str) -> Session | None:
        """A session by its id, whosever it is."""
        return self._one(Session, "session", session_id)

    def close_session(self, session_id: str, closed_ms: int) -> None:
        """Closes a session; one that is closed keeps its time."""
        self._run("close_session", closed_ms, session_id)

    def sessions(self, provider_account: str, wanted: SessionFilter, most: int) -> list[Session]:
        """An operator's sessions, the newest first, at most `most` of them."""
        values: dict[str, Any] = {"provider_account": provider_account, "most": most, **msgspec.structs.asdict(wanted)}
        for name in ("players", "bank_groups"):
            if values[name] is not None:
                values[name] = msgspec.json.encode(values[name]).decode()
        return [_value(Session, row) for row in self._db.execute(_Q["sessions"], values)]

    def put_demo_balance(self, session_id: str, balance: int) -> None:
        """What a demo session has left."""
        self._run("put_demo_balance", balance, session_id)

    # --- tokens of the history page ----------------------------------------------------------------------------------

    def put_token(self, token: str, session_id: str, expires_ms: int, now_ms: int) -> None:
        """Remembers a token; those whose time is over make room."""
        if self._tokens >= TOKENS_MAX:
            self._tokens -= self._run("prune_tokens", now_ms)
        self._tokens = self._room(self._tokens, TOKENS_MAX, "history tokens")
        self._run("put_token", token, session_id, expires_ms)

    def session_of_token(self, token: str, now_ms: int) -> Session | None:
        """The session that a token opens, None where it opens none (any more)."""
        rows = self._all("token", token, now_ms)
        return self.session(rows[0][0]) if rows else None

    # --- spins -------------------------------------------------------------------------------------------------------

    def add_spin(self, spin: Spin) -> Spin:
        """Writes a spin down before it is sent; returns it with its number."""
        if self._spins >= SPINS_MAX:
            self._spins -= self._run("prune_spins", PRUNED_AT_ONCE)
        self._spins = self._room(self._spins, SPINS_MAX, "spins whose rollback was not answered")
        number = self._db.execute(_Q["add_spin"], msgspec.structs.astuple(spin)[:-1]).lastrowid
        return msgspec.structs.replace(spin, number=number)

    def save_spin(self, spin: Spin) -> None:
        """Writes down what became of a spin."""
        self._run("save_spin", spin.state, spin.code, spin.number)

    def open_spins(self) -> list[Spin]:
        """Spins whose outcome is not known, oldest first."""
        return [_value(Spin, row) for row in self._all("open_spins")]

    def spins_of(self, session_id: str, most: int) -> list[Spin]:
        """The spins of a session, the newest first."""
        return [_value(Spin, row) for row in self._all("spins_of", session_id, most)]

    # --- the file ----------------------------------------------------------------------------------------------------

    def _room(self, held: int, most: int, what: str) -> int:
        if held >= most:
            raise FullError(f"the studio's file holds {most} {what}, the most it takes; start afresh without {self.path}")
        return held + 1

    def _run(self, name: str, *row: Any) -> int:
        return self._db.execute(_Q[name], row).rowcount

    def _all(self, name: str, *row: Any) -> list[Any]:
        return self._db.execute(_Q[name], row).fetchall()

    def _one(self, kind: type[R], name: str, *row: Any) -> R | None:
        rows = self._all(name, *row)
        return _value(kind, rows[0]) if rows else None


def _value(kind: type[R], row: tuple[Any, ...]) -> R:
    """A row as a value; SQLite has no booleans, so that they are read from 0 and 1."""
    return msgspec.convert(dict(zip(kind.__struct_fields__, row, strict=True)), kind, strict=False)
