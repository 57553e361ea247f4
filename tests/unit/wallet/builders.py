"""Short ways to the values that decisions read: a player with 100.00 EUR, his commands, what is stored of them."""

from __future__ import annotations

from typing import Any, TypeVar

from services.wallet.decisions.model import Grant, Movement, Operation, Player, Round, Session, View
from shared.contracts import (
    ActivateSession,
    Adjust,
    Authenticate,
    Batch,
    BatchItem,
    Bet,
    BetAndWin,
    CancelFreeRounds,
    CloseAccount,
    CloseSession,
    Command,
    CreatePlayer,
    Deposit,
    EndRound,
    ErasePlayer,
    Exclude,
    GetBalance,
    GetGrant,
    GetLimits,
    GetPlayer,
    GetRound,
    GetSession,
    GrantFreeRounds,
    LiftExclusion,
    LimitKind,
    LimitSetting,
    LimitWindow,
    ListGrants,
    ListOperations,
    ListSessions,
    OpenSession,
    PlayerQuery,
    PlayerStatus,
    PromoClass,
    PromoWin,
    Rollback,
    RollbackItem,
    RollbackList,
    SetLimits,
    SetPlayerStatus,
    SettleRound,
    VoidRound,
    Win,
    Withdraw,
)

C = TypeVar("C", bound=Command)

KEY = "yq56eglbosaurqen"
ACCOUNT = "mascot-demo"
HOUSE = f"provider:{ACCOUNT}"
FREE = f"free_rounds:{ACCOUNT}"
PROMO = f"promo:{ACCOUNT}"
NOW = 1_800_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
EUR = 100_000
BALANCE = 100 * EUR

PLAYER = Player(player=KEY, brand="main", seq=7)
BLOCKED = Player(player=KEY, brand="main", status="blocked", seq=7)
DRAINING = Player(player=KEY, brand="main", status="draining", seq=7)
CLOSED = Player(player=KEY, brand="main", status="closed", seq=7)
SESSION = Session(
    player=KEY,
    session_id=f"{KEY}.session-one",
    provider_account=ACCOUNT,
    provider_session_id="ps-1",
    currency="EUR",
    game_id="riot",
    status="active",
    opened_at_ms=NOW - HOUR,
    last_seen_ms=NOW - MINUTE // 2,
    idle_timeout_s=3_600,
    absolute_timeout_s=86_400,
)
ROUND = Round(
    player=KEY,
    provider_account=ACCOUNT,
    round_id="r1",
    game_id="riot",
    session_id=SESSION.session_id,
    currency="EUR",
    bets=1,
    stake=4 * EUR,
    opened_at_ms=NOW - MINUTE,
)
GRANT = Grant(
    player=KEY,
    grant_id=f"{KEY}.grant-one",
    provider_account=ACCOUNT,
    currency="EUR",
    count=5,
    remaining=3,
    expires_at_ms=NOW + HOUR,
)

HEADER: dict[str, Any] = {"command_id": "c1", "player": KEY}
PLAY: dict[str, Any] = {
    **HEADER,
    "provider_account": ACCOUNT,
    "namespace": "tx",
    "external_id": "t1",
    "brands": ("main",),
    "currency": "EUR",
    "wire_currency": "EUR",
    "player_currency": "EUR",
    "game_id": "riot",
    "game_state": "live",
}
OPERATOR: dict[str, Any] = {**HEADER, "provider_account": "operator", "namespace": "operator", "external_id": "k1"}


QUERY: dict[str, Any] = {**OPERATOR, "namespace": "", "external_id": ""}
ASKED: list[PlayerQuery] = [
    GetPlayer(**QUERY),
    GetSession(**QUERY, session_id=SESSION.session_id),
    ListSessions(**QUERY),
    GetGrant(**QUERY, grant_id=GRANT.grant_id),
    ListGrants(**QUERY),
    ListOperations(**QUERY),
    GetLimits(**QUERY),
    GetRound(**QUERY, round_id="r1"),
    Authenticate(**QUERY, token_sha256="0" * 64),
]
"""One query of each kind."""


def bet(stake: int = 4 * EUR, /, **fields: Any) -> Bet:
    return Bet(**{**PLAY, "round_id": "r1", **fields}, stake=stake)


def win(amount: int = 2 * EUR, /, **fields: Any) -> Win:
    return Win(**{**PLAY, "round_id": "r1", **fields}, win=amount)


def bet_and_win(stake: int = 4 * EUR, amount: int = 2 * EUR, /, **fields: Any) -> BetAndWin:
    return BetAndWin(**{**PLAY, "round_id": "r1", **fields}, stake=stake, win=amount)


def rollback(ref: str = "t1", /, **fields: Any) -> Rollback:
    undo = {"namespace": "undo", "external_id": ref, "target_namespace": "tx", "target_external_id": ref}
    return Rollback(**{**PLAY, **undo, **fields})


def end_round(**fields: Any) -> EndRound:
    return EndRound(**{**PLAY, "round_id": "r1", **fields})


def promo_win(amount: int = 2 * EUR, promo_class: PromoClass = "tournament", /, **fields: Any) -> PromoWin:
    return PromoWin(**{**PLAY, **fields}, win=amount, promo_class=promo_class)


def item(kind: Any, ref: str = "t1", /, **fields: Any) -> BatchItem:
    return BatchItem(**{"namespace": "tx", **fields}, kind=kind, external_id=ref)


def batch(*items: BatchItem, **fields: Any) -> Batch:
    return Batch(**{**PLAY, "namespace": "", "external_id": "", "round_id": "r1", **fields}, items=items)


def rollback_list(*refs: str, **fields: Any) -> RollbackList:
    """Undoes bets and wins by their ids; each undo has the id of its original, in a namespace of its own."""
    items = tuple(RollbackItem(namespace="undo", external_id=ref, target_namespace="tx", target_external_id=ref) for ref in refs)
    return RollbackList(**{**PLAY, "namespace": "", "external_id": "", **fields}, items=items)


def adjust(amount: int = 2 * EUR, /, **fields: Any) -> Adjust:
    by_hand = {"provider_account": ACCOUNT, "currency": "EUR", "reason": "a wrong win", "author": "key-1"}
    return Adjust(**{**OPERATOR, **by_hand, **fields}, amount=amount)


def void_round(**fields: Any) -> VoidRound:
    by_hand = {"provider_account": ACCOUNT, "round_id": "r1", "reason": "a broken game", "author": "key-1"}
    return VoidRound(**{**OPERATOR, **by_hand, **fields})


def settle_round(amount: int = 2 * EUR, /, **fields: Any) -> SettleRound:
    by_hand = {"provider_account": ACCOUNT, "round_id": "r1", "reason": "the studio's word", "author": "key-1"}
    return SettleRound(**{**OPERATOR, **by_hand, **fields}, win=amount)


def get_balance(**fields: Any) -> GetBalance:
    return GetBalance(**{**PLAY, "namespace": "", "external_id": "", **fields})


def create_player(**fields: Any) -> CreatePlayer:
    return CreatePlayer(**{**OPERATOR, "brand": "main", "operator_player_id": "lucky11", "currencies": ("EUR",), **fields})


def deposit(amount: int = 10 * EUR, /, **fields: Any) -> Deposit:
    return Deposit(**{**OPERATOR, "currency": "EUR", "amount": amount, **fields})


def withdraw(amount: int = 10 * EUR, /, **fields: Any) -> Withdraw:
    return Withdraw(**{**OPERATOR, "currency": "EUR", "amount": amount, **fields})


def withdraw_everything(**fields: Any) -> Withdraw:
    return withdraw(0, **{"everything": True, **fields})


def set_status(status: PlayerStatus = "blocked", /, **fields: Any) -> SetPlayerStatus:
    return SetPlayerStatus(**{**OPERATOR, "reason": "asked for it", "author": "key-1", **fields}, status=status)


def erase_player(**fields: Any) -> ErasePlayer:
    return ErasePlayer(**{**OPERATOR, "reason": "GDPR", "author": "key-1", **fields})


def limit(value: int, kind: LimitKind = "stake", window: LimitWindow = "", currency: str = "EUR") -> LimitSetting:
    return LimitSetting(kind=kind, value=value, window=window, currency="" if kind == "session_time" else currency)


def set_limits(*limits: LimitSetting, **fields: Any) -> SetLimits:
    return SetLimits(**{**OPERATOR, "reason": "asked for it", "author": "key-1", **fields}, limits=limits)


def exclude(until_ms: int = NOW + HOUR, /, **fields: Any) -> Exclude:
    return Exclude(**{**OPERATOR, "reason": "asked for it", "author": "key-1", **fields}, until_ms=until_ms)


def lift_exclusion(**fields: Any) -> LiftExclusion:
    return LiftExclusion(**{**OPERATOR, "reason": "a mistake", "author": "key-1", **fields})


def close_account(**fields: Any) -> CloseAccount:
    return CloseAccount(**{**OPERATOR, "reason": "asked for it", "author": "key-1", **fields})


def open_session(**fields: Any) -> OpenSession:
    facts = {"provider_account": ACCOUNT, "session_id": SESSION.session_id, "currency": "EUR", "game_id": "riot"}
    return OpenSession(**{**OPERATOR, **facts, **fields})


def activate_session(**fields: Any) -> ActivateSession:
    facts = {"provider_account": ACCOUNT, "session_id": SESSION.session_id, "provider_session_id": "ps-1"}
    return ActivateSession(**{**OPERATOR, **facts, **fields})


def close_session(**fields: Any) -> CloseSession:
    return CloseSession(**{**OPERATOR, "provider_account": ACCOUNT, "session_id": SESSION.session_id, **fields})


def grant_free_rounds(**fields: Any) -> GrantFreeRounds:
    facts = {"provider_account": ACCOUNT, "grant_id": GRANT.grant_id, "currency": "EUR", "count": 5, "expires_at_ms": NOW + HOUR}
    return GrantFreeRounds(**{**OPERATOR, **facts, **fields})


def cancel_free_rounds(**fields: Any) -> CancelFreeRounds:
    return CancelFreeRounds(
        **{**OPERATOR, "provider_account": ACCOUNT, "grant_id": GRANT.grant_id, "reason": "a mistake", **fields}
    )


def view(**fields: Any) -> View:
    """What a command of the player may look at: he exists and has 100.00 EUR, unless told otherwise."""
    return View(**{"now_ms": NOW, "gaming_day": "2027-01-15", "player": PLAYER, "balance": BALANCE, **fields})


def moved(debit: str, credit: str, amount: int, balance_after: int = 0) -> Movement:
    return Movement(debit_account=debit, credit_account=credit, amount=amount, currency="EUR", balance_after=balance_after)


def stored(kind: str = "bet", /, **fields: Any) -> Operation:
    """An operation in the slot (`tx`, t1) of the player."""
    facts = {
        "player": KEY,
        "seq": 5,
        "provider_account": ACCOUNT,
        "namespace": "tx",
        "external_id": "t1",
        "kind": kind,
        "status": "applied",
        "occurred_at_ms": NOW - MINUTE,
        "gaming_day": "2027-01-15",
        "brand": "main",
        "currency": "EUR",
        "round_id": "r1",
        "game_id": "riot",
        "balance_after": 96 * EUR,
    }
    return Operation(**{**facts, **fields})


def stored_bet(stake: int = 4 * EUR, /, **fields: Any) -> Operation:
    return stored("bet", **{"stake": stake, "movements": (moved("player", HOUSE, stake),), **fields})


TOMBSTONE = stored("tombstone", status="tombstone", result="ORIGINAL_CANCELLED", currency="", balance_after=0)
