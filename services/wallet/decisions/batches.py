"""Batch and RollbackList: the ordinary commands that their items are. Nothing is decided here.

All items are applied or none; that is the working set's part.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final, cast

from shared.contracts import (
    Batch,
    BatchItem,
    Bet,
    BetAndWin,
    Command,
    EndRound,
    MoneyCommand,
    PlayCommand,
    PromoClass,
    PromoWin,
    Rollback,
    RollbackList,
    Win,
)

ITEMS_MAX: Final = 50

_PLAY: Final = tuple(field.name for field in fields(PlayCommand) if field.name not in {"kind", "namespace", "external_id"})
_MONEY: Final = (
    *_PLAY,
    "round_id",
    "compare_round",
    "compare_game",
    "free_round_stake",
    "free_round_exhausted",
)


def parts_of(command: Command) -> tuple[Command, ...]:
    """The commands that the items of a Batch or RollbackList are, in order; none of another kind.

    None either where there are no items or more than ITEMS_MAX: nobody may send that.
    """
    if isinstance(command, Batch):
        if not _is_list(command.items):
            return ()
        last = _last_of_the_game(command.items) if command.closes_round else -1
        return tuple(_part(command, item, closes=number == last) for number, item in enumerate(command.items))
    if isinstance(command, RollbackList):
        return tuple(_undo(command, item) for item in command.items) if _is_list(command.items) else ()
    return ()


def _is_list(items: tuple[Any, ...]) -> bool:
    return 1 <= len(items) <= ITEMS_MAX


def _last_of_the_game(items: tuple[BatchItem, ...]) -> int:
    """Which item closes the round where the whole says so: those behind it would go into a closed one."""
    return max((number for number, item in enumerate(items) if item.kind in {"bet", "win", "bet_and_win"}), default=-1)


def _part(whole: Batch, item: BatchItem, *, closes: bool) -> Command:
    key: dict[str, Any] = {"namespace": item.namespace, "external_id": item.external_id}
    match item.kind:
        case "rollback":
            return _undo(whole, item)
        case "end_round":
            return EndRound(**_said(whole, _PLAY), **key, round_id=whole.round_id)
        case "promo_win":
            # A class that does not exist is refused like any other word that makes no sense.
            promo_class = cast("PromoClass", item.promo_class or whole.promo_class)
            words: dict[str, Any] = {"campaign_id": item.campaign_id, "round_id": whole.round_id}
            return PromoWin(**_said(whole, _PLAY), **key, **words, win=item.win, promo_class=promo_class)
        case _:
            return _money(whole, item, key, closes=closes)


def _money(whole: Batch, item: BatchItem, key: dict[str, str], *, closes: bool) -> MoneyCommand:
    # What is counted belongs to one item; only words are handed down.
    facts: dict[str, Any] = {
        **_said(whole, _MONEY),
        **key,
        "closes_round": item.closes_round or closes,
        "promo_class": item.promo_class or whole.promo_class,
        "free_round": item.free_round or whole.free_round,
        "jackpot_contribution": item.jackpot_contribution,
        "charge_free_rounds": item.charge_free_rounds,
    }
    match item.kind:
        case "bet":
            return Bet(**facts, stake=item.stake)
        case "win":
            return Win(**facts, win=item.win)
        case _:
            return BetAndWin(**facts, stake=item.stake, win=item.win)


def _undo(whole: Batch | RollbackList, item: Any) -> Rollback:
    return Rollback(
        **_said(whole, _PLAY),
        namespace=item.namespace,
        external_id=item.external_id,
        target_namespace=item.target_namespace,
        target_external_id=item.target_external_id,
        round_id=whole.round_id,
        overspent=whole.overspent,
    )


def _said(whole: Command, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(whole, name) for name in names}
