"""Commands of the operator about his players: their accounts and money, free rounds, protection, and corrections by hand.

Amounts in units of the currency, times Unix milliseconds. `reason` and `author` are kept in the ledger for ever: they
must not name a player. They are demanded where a person changes money or protection by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.commands import Command, Overspent, PlayCommand

PlayerStatus = Literal["active", "draining", "blocked"]
"""`draining` refuses launches and stakes that open a new round, `blocked` launches and every stake."""

LimitKind = Literal["stake", "loss", "wager", "deposit", "session_time"]
LimitWindow = Literal["", "day", "week", "month"]

NO_LIMIT: Final = -1
"""The value of a limit that is taken away."""

FOR_EVER_MS: Final = 253_402_300_799_000
"""The end of an exclusion without end: the last second of the year 9999."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePlayer(Command):
    """Creates a player with an account in each currency; `test` players are kept out of reports."""

    kind: Literal["create_player"] = "create_player"
    brand: str
    operator_player_id: str
    currencies: tuple[str, ...]
    country: str = ""
    language: str = ""
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit(Command):
    """Money from the operator's cash to the player. `amount` > 0."""

    kind: Literal["deposit"] = "deposit"
    currency: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw(Command):
    """Money from the player back to the operator's cash. `amount` > 0; refused without the funds.

    `everything` takes the whole balance as it is when the command is applied; `amount` is 0 then.
    """

    kind: Literal["withdraw"] = "withdraw"
    currency: str
    amount: int
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPlayerStatus(Command):
    """Blocks a player, lets his open rounds run out, or takes that back. `reason` and `author` are for the record."""

    kind: Literal["set_player_status"] = "set_player_status"
    status: PlayerStatus
    reason: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasePlayer(Command):
    """Deletes a player's personal data and closes him for good; the ledger, his balance and his wins stay."""

    kind: Literal["erase_player"] = "erase_player"
    reason: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantFreeRounds(Command):
    """Gives `count` free rounds in `game_ids` (any game if empty) until `expires_at_ms` (Unix milliseconds).

    `stake` is the nominal stake of one round in units, 0 where the provider decides.
    """

    kind: Literal["grant_free_rounds"] = "grant_free_rounds"
    grant_id: str
    currency: str
    count: int
    expires_at_ms: int
    game_ids: tuple[str, ...] = ()
    stake: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelFreeRounds(Command):
    """Ends a grant: no free round of it can be charged any more. What was played stays, rollbacks still restore it."""

    kind: Literal["cancel_free_rounds"] = "cancel_free_rounds"
    grant_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSetting:
    """One limit as a player wants it.

    `stake` is the largest single stake; `loss` (stakes less wins), `wager` (stakes) and `deposit` count over a gaming
    day, week (from Monday) or calendar month of gaming days of the brand; `session_time` is how long one session may
    go on. `value` is in units of `currency`, of a session time in seconds; NO_LIMIT takes the limit away. `stake` and
    `session_time` have no window, `session_time` no currency.
    """

    kind: LimitKind
    value: int
    window: LimitWindow = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLimits(Command):
    """Sets limits of a player; those not named stay. What is stricter holds at once, what is laxer after 24 hours.

    1 to 50 settings. Only stakes and deposits are ever refused by limits.
    """

    kind: Literal["set_limits"] = "set_limits"
    limits: tuple[LimitSetting, ...]
    reason: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclude(Command):
    """Keeps a player from stakes, deposits and launches until `until_ms` (FOR_EVER_MS: for good); his sessions are closed.

    An exclusion that is in force is never shortened by another one. Wins are paid and money can be withdrawn.
    """

    kind: Literal["exclude"] = "exclude"
    until_ms: int
    reason: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftExclusion(Command):
    """Ends an exclusion by hand, at once. Needs a reason and an author."""

    kind: Literal["lift_exclusion"] = "lift_exclusion"
    reason: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAccount(Command):
    """Closes a player for good; his sessions are closed, his money can be withdrawn, his data stay until he is erased."""

    kind: Literal["close_account"] = "close_account"
    reason: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjust(PlayCommand):
    """A correction: `amount` above 0 to the player, below 0 from him. Needs a reason and an author.

    Never asks for status, session, game or limits. `overspent` decides where the money to be taken is not there.
    """

    kind: Literal["adjust"] = "adjust"
    amount: int
    reason: str
    author: str
    round_id: str = ""
    overspent: Overspent = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidRound(Command):
    """Undoes the stakes and wins of a round by hand and keeps it void: late bets and wins of it move nothing.

    Prizes of promotions and adjustments stay, whatever round they name.

    `provider_account` is the round's. Needs a reason and an author.
    """

    kind: Literal["void_round"] = "void_round"
    round_id: str
    reason: str
    author: str
    overspent: Overspent = "overdraft"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleRound(Command):
    """Ends an open round by hand with a win of `win` >= 0: late wins of it are taken note of and move nothing.

    `provider_account` is the round's. Needs a reason and an author.
    """

    kind: Literal["settle_round"] = "settle_round"
    round_id: str
    win: int
    reason: str
    author: str
