"""Commands on `wallet.commands`: the base of them all, and what providers' calls and launches ask of the wallet.

Amounts are integers in units of 10**-scale of the currency (shared/money.py). The record key is the player key and
the record's timestamp is the moment the caller began to wait. The idempotency key of a command is
(provider_account, player, namespace, external_id); queries carry an empty `external_id`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SCHEMA = 1

GameState = Literal["live", "off", "stopped", "unknown"]
"""`off` refuses a stake that opens a new round, `stopped` every stake; `unknown` is in no catalogue and is accepted."""

FreeRoundStake = Literal["as_sent", "nominal"]
FreeRoundExhausted = Literal["debit", "refuse"]
Overspent = Literal["overdraft", "refuse"]

PromoClass = Literal["free_rounds", "jackpot", "tournament", "prize", "cashback"]
"""What a promotional win is paid for."""

ItemKind = Literal["bet", "win", "bet_and_win", "rollback", "end_round", "promo_win"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command carries.

    `command_id` names this attempt and correlates the reply and the logs; `caller` and `reply_partition` say where the
    reply goes (no reply where the partition is negative); `deadline_ms` is how long after the record's timestamp the
    caller waits. `brands` are the brands the caller may act for; empty means any.
    """

    command_id: str
    player: str
    provider_account: str
    namespace: str
    external_id: str
    brands: tuple[str, ...] = ()
    deadline_ms: int = 5_000
    caller: str = ""
    reply_partition: int = -1
    schema: int = SCHEMA
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession(Command):
    """Opens a pending game session; it becomes active by ActivateSession or by the provider's first stake."""

    kind: Literal["open_session"] = "open_session"
    session_id: str
    currency: str
    game_id: str
    game_state: GameState = "unknown"
    brand_states: dict[str, GameState] = field(default_factory=dict)
    token_sha256: str = ""
    grant_id: str = ""
    device: str = ""
    language: str = ""
    idle_timeout_s: int = 3_600
    absolute_timeout_s: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateSession(Command):
    """The provider has opened its side; sessions of the same player and provider account before it are superseded.

    One that was opened before the active session is not activated any more: its launch was overtaken.
    """

    kind: Literal["activate_session"] = "activate_session"
    session_id: str
    provider_session_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSession(Command):
    """Ends a session; `only_pending` leaves one alone that has become active (a failed launch)."""

    kind: Literal["close_session"] = "close_session"
    session_id: str
    reason: str = ""
    only_pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayCommand(Command):
    """What a provider's call about a game carries.

    `currency` is ours, mapped from `wire_currency`; empty where the provider account maps no such code, which the
    wallet answers WRONG_CURRENCY. `player_currency` is the currency in the provider's id of the player.
    `session_id` is ours, `provider_session_id` the provider's; either may be empty. `game_state` holds for all players,
    `brand_states` for those of a brand: the stricter of the two counts.
    """

    currency: str = ""
    wire_currency: str = ""
    player_currency: str = ""
    game_id: str = ""
    game_state: GameState = "unknown"
    brand_states: dict[str, GameState] = field(default_factory=dict)
    session_id: str = ""
    provider_session_id: str = ""
    session_required: bool = False
    grant_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBalance(PlayCommand):
    """Asks for the balance; changes nothing."""

    kind: Literal["get_balance"] = "get_balance"


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyCommand(PlayCommand):
    """What commands with money in a round share.

    `compare_round` and `compare_game` say whether another round or game under the same key is a conflict for this
    dialect. `jackpot_contribution` is the part of the stake that feeds a jackpot, in units. `promo_class` names the
    kind of prize of a promotional win (`bonus_reward`, `jackpot`, `tournament`...), empty in the ordinary game.
    `closes_round` ends the round with this command.
    """

    round_id: str = ""
    closes_round: bool = False
    compare_round: bool = True
    compare_game: bool = True
    jackpot_contribution: int = 0
    promo_class: str = ""
    charge_free_rounds: int = 0
    free_round: bool = False
    free_round_stake: FreeRoundStake = "as_sent"
    free_round_exhausted: FreeRoundExhausted = "debit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bet(MoneyCommand):
    """A stake. `stake` >= 0."""

    kind: Literal["bet"] = "bet"
    stake: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Win(MoneyCommand):
    """A win. `win` >= 0; `bet_required` refuses it where its round has no bet (Hub88, Evolution)."""

    kind: Literal["win"] = "win"
    win: int
    bet_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BetAndWin(MoneyCommand):
    """A stake and a win of one call: the stake is checked before the win is added, both move or none."""

    kind: Literal["bet_and_win"] = "bet_and_win"
    stake: int
    win: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback(PlayCommand):
    """Undoes one stored operation, named by its key, by the stored amounts.

    `namespace` and `external_id` are the undo's own slot; where the protocol gives an undo no id of its own, the
    dialect uses namespace `undo` and the id of the original. `overspent` decides what happens when won money that is
    to be taken back is already spent.
    """

    kind: Literal["rollback"] = "rollback"
    target_namespace: str
    target_external_id: str
    round_id: str = ""
    overspent: Overspent = "overdraft"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndRound(PlayCommand):
    """Closes a round without money."""

    kind: Literal["end_round"] = "end_round"
    round_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoWin(PlayCommand):
    """Money that a promotion gives, outside of the ordinary game. `win` >= 0; never refused for status, session or game.

    `campaign_id` names the promotion. `informational`: the money came by other calls already, as with the total of free
    rounds that some providers send; it is recorded and moves nothing.
    """

    kind: Literal["promo_win"] = "promo_win"
    win: int
    promo_class: PromoClass
    campaign_id: str = ""
    round_id: str = ""
    informational: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One call of a batch, under its own idempotency key; what it leaves out is as the batch says.

    Which fields count depends on `kind`, as in the command of that kind: `target_...` name what a rollback undoes,
    `promo_class` and `campaign_id` belong to wins of promotions.
    """

    kind: ItemKind
    namespace: str
    external_id: str
    stake: int = 0
    win: int = 0
    closes_round: bool = False
    jackpot_contribution: int = 0
    promo_class: str = ""
    campaign_id: str = ""
    charge_free_rounds: int = 0
    free_round: bool = False
    target_namespace: str = ""
    target_external_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(MoneyCommand):
    """Several calls of one message, in order: all of them are applied, or none.

    Has no key of its own, its items have: an item that was applied before is answered as it was and moves nothing. The
    first refusal is the batch's answer; where it is a final one, that item alone is stored, as refused. 1 to 50 items.
    """

    kind: Literal["batch"] = "batch"
    items: tuple[BatchItem, ...]
    overspent: Overspent = "overdraft"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackItem:
    """One undo of a list: its own key, and what it undoes."""

    namespace: str
    external_id: str
    target_namespace: str
    target_external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackList(PlayCommand):
    """Several rollbacks of one message, in order, all or none. An unknown original leaves a tombstone and is a success.

    Has no key of its own. 1 to 50 items.
    """

    kind: Literal["rollback_list"] = "rollback_list"
    items: tuple[RollbackItem, ...]
    round_id: str = ""
    overspent: Overspent = "overdraft"
