"""The values that decisions read and give: what is stored, what a command may look at, what is to happen.

No clock, no I/O: the time is a parameter, everything is frozen.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from shared.contracts import Command

ACCOUNT_PLAYER: Final = "player"
ACCOUNT_CASH: Final = "cash"
OPERATOR: Final = "operator"
"""The provider account (and namespace) of the operator's own commands."""

GENESIS: Final = "0" * 64
"""The hash before a player's first operation."""

APPLIED: Final = "applied"
REFUSED: Final = "refused"
VOID: Final = "void"
TOMBSTONE: Final = "tombstone"


ACTIVE: Final = "active"
DRAINING: Final = "draining"
BLOCKED: Final = "blocked"
CLOSED: Final = "closed"
"""A player's status. `draining`: no launches and no new rounds; `blocked`: no stakes; `closed`: as blocked, for good."""


class Player(Struct, frozen=True, kw_only=True):
    """The locked row. `chain_head` is the hash of operation `seq` in hex, zeros at the start.

    `excluded_until_ms` is the end of his exclusion, 0 where he has none.
    """

    player: str
    brand: str
    status: str = "active"
    test: bool = False
    seq: int = 0
    chain_head: str = GENESIS
    excluded_until_ms: int = 0


class Limit(Struct, frozen=True, kw_only=True):
    """One limit: `value` holds (NO_LIMIT: none) until `next_from_ms`, then `next_value`; 0 where no change waits.

    Kind, window, currency and units as in contracts.LimitSetting.
    """

    player: str
    kind: str
    window: str
    currency: str
    value: int
    next_value: int = -1
    next_from_ms: int = 0


class Usage(Struct, frozen=True, kw_only=True):
    """What counts towards limits on one gaming day ("YYYY-MM-DD"), in units; kept for players who have ever had limits.

    Rolled-back stakes and wins are taken out of the day of the original.
    """

    player: str
    currency: str
    gaming_day: str
    staked: int = 0
    won: int = 0
    deposited: int = 0


class Movement(Struct, frozen=True, kw_only=True):
    """One transfer, as contracts.Movement."""

    debit_account: str
    credit_account: str
    amount: int
    currency: str
    balance_after: int


class Operation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operation as stored and published: the same fields and defaults as contracts.OperationRecorded.

    Encoded without its hashes it is the canonical text of the chain, so the order of fields is part of the format.
    """

    player: str
    seq: int
    provider_account: str
    namespace: str
    external_id: str
    kind: str
    status: str
    occurred_at_ms: int
    gaming_day: str
    brand: str
    result: str = "OK"
    limit: str = ""
    test: bool = False
    currency: str = ""
    stake: int = 0
    win: int = 0
    nominal_stake: int = 0
    jackpot_contribution: int = 0
    promo_class: str = ""
    round_id: str = ""
    closes_round: bool = False
    game_id: str = ""
    game_state: str = ""
    session_id: str = ""
    grant_id: str = ""
    free_rounds_asked: int = 0
    free_rounds_charged: int = 0
    free_rounds_left: int = -1
    free_round: bool = False
    target_seq: int = 0
    balance_after: int = 0
    details: str = ""
    schema: int = 1
    movements: tuple[Movement, ...] = ()
    previous_hash: str = ""
    hash: str = ""


class Session(Struct, frozen=True, kw_only=True):
    """A game session; times in Unix milliseconds. `status`: pending, active, superseded, closed."""

    player: str
    session_id: str
    provider_account: str
    currency: str
    game_id: str
    status: str
    opened_at_ms: int
    last_seen_ms: int
    idle_timeout_s: int
    absolute_timeout_s: int
    provider_session_id: str = ""
    grant_id: str = ""
    token_sha256: str = ""
    device: str = ""
    language: str = ""
    close_reason: str = ""


class Round(Struct, frozen=True, kw_only=True):
    """A game round of one provider account; sums exclude what was rolled back.

    `free_charged` counts the calls of the round that a free-round counter paid: later calls marked as free rounds are
    then never debited.
    """

    player: str
    provider_account: str
    round_id: str
    game_id: str = ""
    session_id: str = ""
    currency: str = ""
    status: str = "open"
    bets: int = 0
    stake: int = 0
    win: int = 0
    free_charged: int = 0
    grant_id: str = ""
    opened_at_ms: int = 0
    closed_at_ms: int = 0


class Grant(Struct, frozen=True, kw_only=True):
    """Free rounds given to a player: `remaining` of `count` until `expires_at_ms`, in `game_ids` (any if empty).

    Once `cancelled_at_ms` is set, none of them can be charged; undos go on to restore the counter.
    """

    player: str
    grant_id: str
    provider_account: str
    currency: str
    count: int
    remaining: int
    expires_at_ms: int
    game_ids: tuple[str, ...] = ()
    stake: int = 0
    cancelled_at_ms: int = 0


class Profile(Struct, frozen=True, kw_only=True):
    """Personal data of a new player: kept apart from the ledger, may be erased."""

    player: str
    operator_player_id: str
    country: str = ""
    language: str = ""


class View(Struct, frozen=True, kw_only=True):
    """All that one command may look at, as it stands after the commands before it.

    `stored` is the operation in the command's own slot (`stored_undone`: it was rolled back since), `target` the one it undoes, `target_movements` that one's
    movements, `target_undone` whether it was undone. `session` is the one the command names (by our id or the
    provider's), `pending` the player's newest pending session at that provider account, `active` the active ones.
    `balance` is None where the player has no account in the command's currency. `expired` says that the caller was
    told UNKNOWN long ago.

    `gaming_day` is today's in the player's brand. `limits` and `usage` are all of the player's (usage of this and the
    last month, in all currencies). `live` are his pending and active sessions at all provider accounts, for commands that
    end them; `round_operations` the operations of the named round in order, for one that undoes them.
    """

    now_ms: int
    gaming_day: str = ""
    expired: bool = False
    player: Player | None = None
    balance: int | None = None
    currencies: tuple[str, ...] = ()
    stored: Operation | None = None
    stored_undone: bool = False
    target: Operation | None = None
    target_movements: tuple[Movement, ...] = ()
    target_undone: bool = False
    session: Session | None = None
    pending: Session | None = None
    active: tuple[Session, ...] = ()
    round: Round | None = None
    grant: Grant | None = None
    profile: Profile | None = None
    limits: tuple[Limit, ...] = ()
    usage: tuple[Usage, ...] = ()
    live: tuple[Session, ...] = ()
    round_operations: tuple[Operation, ...] = ()


class Entry(Struct, frozen=True):
    """One transfer to be booked; `amount` > 0 in units of the decision's currency."""

    debit_account: str
    credit_account: str
    amount: int


class Decision(Struct, frozen=True, kw_only=True):
    """What is to happen with one command.

    Nothing is stored where `status` is empty: `result` is answered only. `replay` is the stored operation whose
    answer is given again. `tombstone` asks for a second operation in the slot of the unknown original.
    `player_status` is the player's status from now on, empty where it stays; `erases` deletes his profile;
    `excluded_until_ms` the end of his exclusion from now on, -1 where it stays. `limits` are those that change.
    `counts` is what the decision adds to the usage of a gaming day; it is kept only where the player's usage is counted.
    `parts` are commands to be applied before the decision itself is booked, all or none.
    """

    result: str
    status: str = ""
    replay: Operation | None = None
    limit: str = ""
    detail: str = ""
    currency: str = ""
    stake: int = 0
    win: int = 0
    nominal_stake: int = 0
    free_rounds_charged: int = 0
    free_rounds_left: int = -1
    session_id: str = ""
    round_id: str = ""
    game_id: str = ""
    grant_id: str = ""
    target_seq: int = 0
    details: str = ""
    entries: tuple[Entry, ...] = ()
    tombstone: bool = False
    new_player: Player | None = None
    new_currencies: tuple[str, ...] = ()
    profile: Profile | None = None
    player_status: str = ""
    erases: bool = False
    excluded_until_ms: int = -1
    limits: tuple[Limit, ...] = ()
    counts: Usage | None = None
    parts: tuple[Command, ...] = ()
    sessions: tuple[Session, ...] = ()
    round: Round | None = None
    grant: Grant | None = None


def answer(result: str, *, detail: str = "", currency: str = "") -> Decision:
    """An answer that stores nothing: it may come out otherwise next time."""
    return Decision(result=result, detail=detail, currency=currency)
