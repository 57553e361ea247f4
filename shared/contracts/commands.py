"""Commands on `wallet.commands`: what the world asks of the wallet.

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

PlayerStatus = Literal["active", "draining", "blocked"]
"""`draining` refuses launches and stakes that open a new round, `blocked` launches and every stake."""

FreeRoundStake = Literal["as_sent", "nominal"]
FreeRoundExhausted = Literal["debit", "refuse"]
Overspent = Literal["overdraft", "refuse"]


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
class PlayerQuery(Command):
    """Asks for what the ledger holds of a player; changes nothing. The answer's `data` is a JSON text of `views`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetPlayer(PlayerQuery):
    """Status, profile and balances: a `PlayerView`."""

    kind: Literal["get_player"] = "get_player"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetSession(PlayerQuery):
    """One session: a `SessionView`; TOKEN_UNKNOWN where there is none."""

    kind: Literal["get_session"] = "get_session"
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSessions(PlayerQuery):
    """The player's sessions, newest first: a `SessionPage`. `before` is the `next` of the page before, 1 <= `limit` <= 100."""

    kind: Literal["list_sessions"] = "list_sessions"
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GetGrant(PlayerQuery):
    """One grant of free rounds: a `GrantView`; ORIGINAL_NOT_FOUND where there is none."""

    kind: Literal["get_grant"] = "get_grant"
    grant_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGrants(PlayerQuery):
    """The player's grants, newest expiry first: a `GrantPage`."""

    kind: Literal["list_grants"] = "list_grants"
    before: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOperations(PlayerQuery):
    """The player's operations with a `seq` below `before` (0 = the newest), newest first: an `OperationPage`."""

    kind: Literal["list_operations"] = "list_operations"
    before: int = 0
    limit: int = 50


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
