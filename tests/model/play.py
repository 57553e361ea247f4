"""What providers' calls do in the model: stakes, wins, undos, promotions, the end of rounds, and rounds ended by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from shared.contracts import (
    Adjust,
    Bet,
    BetAndWin,
    EndRound,
    GetBalance,
    PlayCommand,
    PromoWin,
    Result,
    Rollback,
    SettleRound,
    VoidRound,
    Win,
)
from tests.model import protection, sessions
from tests.model.outcome import Outcome, no
from tests.model.world import Answer, File, Gift, Op, Play, Round

SEVERITY = ("live", "unknown", "off", "stopped")
ROUND_OPERATIONS_MAX = 1_000


@dataclass(frozen=True)
class Price:
    """What a stake costs: `debit` from the balance, or `charged` from the counter. `left` is told."""

    debit: int
    charged: int = 0
    left: int = -1
    free: bool = False
    exhausted: bool = False


def wrong_currency(file: File, command: PlayCommand) -> bool:
    """Not mapped, not an account of the player, or not that of the player's id at the provider."""
    own = not command.player_currency or command.player_currency == command.currency
    return command.currency not in file.balances or not own


def named_gift(file: File, command: PlayCommand) -> Gift | None:
    """The grant a call names; whether it fits is another matter."""
    return file.gifts.get(command.grant_id)


def concerned_gift(file: File, command: Any) -> Gift | None:
    """The grant a call is about: the one it names, or that of what it undoes."""
    if not isinstance(command, Rollback):
        return named_gift(file, command)
    target = file.find(command.provider_account, command.target_namespace, command.target_external_id)
    return file.gifts.get(target.grant_id) if target is not None else None


def told_left(gift: Gift | None, now: int, charged: int = 0) -> int:
    """What a grant is told to have left."""
    if gift is None:
        return -1
    return 0 if gift.cancelled or now > gift.expires else gift.left - charged


def price_of(file: File, command: Bet | BetAndWin, now: int) -> Price:
    """Free rounds: charged to the counter if it suffices, debited (or refused) otherwise; later calls of a free round are free."""
    gift = named_gift(file, command)
    asked = command.charge_free_rounds
    place = file.rounds.get((command.provider_account, command.round_id)) if command.round_id else None
    left = told_left(gift, now)
    if asked > 0:
        fits = (
            gift is not None
            and (gift.account, gift.currency) == (command.provider_account, command.currency)
            and (not gift.games or command.game_id in gift.games)
        )
        if fits and left >= asked:
            return Price(0, asked, left - asked, free=True)
    if asked > 0 and command.free_round_exhausted == "refuse":
        return Price(command.stake, 0, left, exhausted=True)
    if command.free_round and ((place is not None and place.free > 0) or command.free_round_stake == "nominal"):
        return Price(0, 0, left, free=True)
    return Price(command.stake, 0, left)


def stake(file: File, command: Bet | BetAndWin, now: int) -> Outcome:
    """A bet, alone or with its win. The order: round by hand, status, session, currency, game, limits, free round, funds."""
    if isinstance(command, BetAndWin) and not command.stake and not command.charge_free_rounds:
        return win(file, command, now)
    won = command.win if isinstance(command, BetAndWin) else 0
    if command.stake < 0 or won < 0:
        return no(Result.BAD_REQUEST, command.currency)
    place = file.rounds.get((command.provider_account, command.round_id)) if command.round_id else None
    left = told_left(named_gift(file, command), now)
    late, blocked = late_stake(place), status_refusal(file, place, now)
    if late:
        return no(late, command.currency, kept=True, left=left)
    if blocked is not None:
        return no(Result.PLAYER_BLOCKED, command.currency, limit=blocked, kept=True, left=left)
    session, error = sessions.for_stake(file, command, place, now)
    if error:
        return no(error, command.currency)
    if wrong_currency(file, command) or (session is not None and session.currency != command.currency):
        return no(Result.WRONG_CURRENCY, command.currency)
    price = price_of(file, command, now)
    final, limit = final_refusal(file, command, place, session, price, now)
    if final:
        return no(final, command.currency, limit=limit, kept=True, left=left)
    changes = [partial(enter_round, file, command, free=price.charged > 0)]
    if session is not None:
        changes.append(partial(sessions.used, session, command, now))
    if price.charged:
        changes.append(partial(charge, file.gifts[command.grant_id], price.charged))
    return Outcome(
        currency=command.currency,
        stake=price.debit,
        win=won,
        round_id=command.round_id,
        grant_id=command.grant_id,
        charged=price.charged,
        left=price.left,
        changes=tuple(changes),
    )


def final_refusal(
    file: File, command: Bet | BetAndWin, place: Round | None, session: Play | None, price: Price, now: int
) -> tuple[str, str]:
    """Game, limits, free round, funds: the first that speaks against a stake, and the limit it names."""
    state = max(command.game_state, command.brand_states.get(file.brand, "live"), key=SEVERITY.index)
    if state == "stopped" or (state == "off" and place is None):
        return Result.GAME_FORBIDDEN, ""
    limit = protection.exceeded(file, command.currency, 0 if price.exhausted else price.debit, session, now)
    if limit:
        return Result.LIMIT_EXCEEDED, limit
    if price.exhausted:
        return Result.INSUFFICIENT_FUNDS, "free_rounds"
    if price.debit > 0 and file.balances[command.currency] < price.debit:
        return Result.INSUFFICIENT_FUNDS, ""
    return "", ""


def late_stake(place: Round | None) -> str:
    """A stake in a round that was ended by hand."""
    if place is None:
        return ""
    return {"voided": Result.ORIGINAL_CANCELLED, "settled": Result.ORIGINAL_SETTLED}.get(place.status, "")


def status_refusal(file: File, place: Round | None, now: int) -> str | None:
    """None where the player's status lets a stake pass, else what is told as the limit."""
    if now < file.excluded_until:
        return "exclusion"
    if file.status in {"blocked", "closed"}:
        return ""
    if file.status == "draining" and (place is None or place.status != "open"):
        return ""
    return None


def charge(gift: Gift, count: int) -> None:
    """Takes free rounds from the counter, or gives them back."""
    gift.left -= count


def enter_round(file: File, command: Bet | BetAndWin | Win, *, free: bool) -> None:
    """The round of a call: opened by it, or gone on with, or closed."""
    if not command.round_id:
        return
    name = (command.provider_account, command.round_id)
    opener = sessions.find(file, command) if command.session_id or command.provider_session_id else None
    place = file.rounds.setdefault(name, Round(command.currency, command.game_id, opener.name if opener else ""))
    if isinstance(command, Bet) or (isinstance(command, BetAndWin) and (command.stake or command.charge_free_rounds)):
        place.bets += 1
    place.free += free
    if command.closes_round and place.status == "open":
        place.status = "closed"


def win(file: File, command: Win | BetAndWin, now: int) -> Outcome:
    """A win, or a call with neither stake nor charge: never refused for status, session, game or limits."""
    currency = command.currency
    if command.win < 0:
        return no(Result.BAD_REQUEST, currency)
    place = file.rounds.get((command.provider_account, command.round_id)) if command.round_id else None
    left = told_left(named_gift(file, command), now)
    if place is not None and place.status == "voided":
        return no(Result.ORIGINAL_CANCELLED, currency, kept=True, left=left)
    if place is not None and place.status == "settled":
        return Outcome(status="void", currency=currency)
    if wrong_currency(file, command):
        return no(Result.WRONG_CURRENCY, currency)
    if isinstance(command, Win) and command.bet_required and (place is None or place.bets == 0):
        return no(Result.ORIGINAL_NOT_FOUND, currency)
    enter = partial(enter_round, file, command, free=False)
    return Outcome(
        currency=currency, win=command.win, round_id=command.round_id, grant_id=command.grant_id, left=left, changes=(enter,)
    )


def get_balance(file: File, command: GetBalance, now: int) -> Answer:
    """The balance: session and currency are looked at, the player's status is not."""
    balance = file.balances.get(command.currency, 0)
    session, error = sessions.for_query(file, command, now)
    if error:
        return Answer(error, balance)
    if wrong_currency(file, command) or (session is not None and session.currency != command.currency):
        return Answer(Result.WRONG_CURRENCY, balance)
    return Answer(Result.OK, balance, left=told_left(named_gift(file, command), now))


def promo_win(file: File, command: PromoWin, _now: int) -> Outcome:
    """A prize: only the currency is looked at. Where it is informational nothing moves."""
    if command.win < 0:
        return no(Result.BAD_REQUEST, command.currency)
    if wrong_currency(file, command):
        return no(Result.WRONG_CURRENCY, command.currency)
    moved = 0 if command.informational else command.win
    status = "void" if command.informational else "applied"
    return Outcome(status=status, currency=command.currency, win=moved, round_id=command.round_id, grant_id=command.grant_id)


def end_round(file: File, command: EndRound, _now: int) -> Outcome:
    """Closes a round; one that nobody knows, or that is closed, does no harm."""
    place = file.rounds.get((command.provider_account, command.round_id))

    def close() -> None:
        if place is not None and place.status == "open":
            place.status = "closed"

    return Outcome(currency=command.currency, round_id=command.round_id, changes=(close,))


def rollback(file: File, command: Rollback, _now: int) -> Outcome:
    """Undoes the stored operation by its stored amounts, net, once; of an unknown one it leaves a tombstone."""
    slot = (command.provider_account, command.target_namespace, command.target_external_id)
    target = file.find(*slot)
    if target is None:
        return Outcome(status="void", currency=command.currency, tombstone=slot)
    gift = file.gifts.get(target.grant_id)
    currency = command.currency if target.kind == "tombstone" else target.currency
    void = Outcome(status="void", currency=currency, round_id=target.round_id)
    if target.status != "applied" or file.undo_of(target.seq) is not None:
        return void
    place = file.rounds.get((command.provider_account, target.round_id)) if target.round_id else None
    again = kind_of_chain(file, target) == 1
    if place is not None and place.status == "voided" and again:
        return void
    if place is not None and place.status == "settled" and command.namespace != "void":
        return no(Result.ORIGINAL_SETTLED, currency, kept=True)
    net = target.stake - target.win
    if net < 0 and file.balances[currency] + net < 0 and command.overspent == "refuse":
        return no(Result.INSUFFICIENT_FUNDS, currency)
    # An undo gives back what was charged; the undo of an undo takes it again.
    charged = origin(file, target).charged
    changes: list[Callable[[], None]] = []
    if charged and gift is not None:
        changes.append(partial(charge, gift, charged if again else -charged))
    first = origin(file, target)
    counted = first.kind == "bet" or first.content.get("stake") or first.content.get("charge_free_rounds")
    if place is not None and counted and first.kind in {"bet", "bet_and_win"}:
        changes.append(partial(leave_round, place, free=charged > 0, by=1 if again else -1))
    # An expired grant is told too: it is the counter that was changed.
    left = -1 if gift is None or not charged else 0 if gift.cancelled else gift.left - (charged if again else -charged)
    return Outcome(
        currency=currency,
        stake=target.win,
        win=target.stake,
        round_id=target.round_id,
        grant_id=target.grant_id,
        charged=charged,
        left=left,
        target=target.seq,
        changes=tuple(changes),
    )


def leave_round(place: Round, *, free: bool, by: int) -> None:
    """A bet of a round was undone, or is there again."""
    place.bets += by
    place.free += by if free else 0


def origin(file: File, op: Op) -> Op:
    """What a chain of undos began with."""
    return origin(file, file.ops[op.target - 1]) if op.target else op


def kind_of_chain(file: File, op: Op) -> int:
    """0 for an operation and the undo of an undo, 1 for an undo."""
    return 1 - kind_of_chain(file, file.ops[op.target - 1]) if op.target else 0


def adjust(file: File, command: Adjust, _now: int) -> Outcome:
    """A correction by hand."""
    currency = command.currency
    if not command.reason or not command.author or not command.amount:
        return no(Result.BAD_REQUEST, currency)
    if wrong_currency(file, command):
        return no(Result.WRONG_CURRENCY, currency)
    if command.amount < 0 and file.balances[currency] + command.amount < 0 and command.overspent == "refuse":
        return no(Result.INSUFFICIENT_FUNDS, currency, kept=True)
    return Outcome(currency=currency, stake=max(0, -command.amount), win=max(0, command.amount), round_id=command.round_id)


def void_round(file: File, command: VoidRound, now: int, decide: Callable[..., Answer]) -> Answer | None:
    """Undoes everything in a round; an answer where that cannot be. What the whole comes to is what may be overspent."""
    place = file.rounds.get((command.provider_account, command.round_id))
    refusal = hand_refusal(place, command)
    if place is None or refusal:
        return Answer(refusal)
    if place.status == "voided":
        return Answer(Result.ORIGINAL_CANCELLED, file.balances[place.currency])
    inside = [
        op
        for op in reversed(file.ops)
        if (op.key[0], op.round_id, op.status) == (command.provider_account, command.round_id, "applied")
        and op.kind in {"bet", "win", "bet_and_win", "rollback", "settle_round"}
        and file.undo_of(op.seq) is None
        and kind_of_chain(file, op) == 0
    ]
    if len(inside) > ROUND_OPERATIONS_MAX:
        return Answer(Result.BAD_REQUEST, file.balances[place.currency])
    nets: Counter[str] = Counter()
    for op in inside:
        nets[op.currency] += op.stake - op.win
    for currency, net in nets.items():
        if command.overspent == "refuse" and net < 0 and file.balances[currency] + net < 0:
            return Answer(Result.INSUFFICIENT_FUNDS, file.balances[currency])
    for op in inside:
        undo = Rollback(
            command_id="",
            player=command.player,
            provider_account=command.provider_account,
            namespace="void",
            external_id=f"{command.external_id}:{op.seq}",
            target_namespace=op.key[1],
            target_external_id=op.key[2],
        )
        decide(file, undo, now, expired=False)
    return None


def hand_refusal(place: Round | None, command: Any) -> str:
    """What both commands that end a round by hand demand."""
    if not command.reason or not command.author or not command.round_id:
        return Result.BAD_REQUEST
    return Result.ORIGINAL_NOT_FOUND if place is None else ""


def voided(file: File, command: VoidRound, _now: int) -> Outcome:
    """The void itself, after everything in the round was undone."""
    place = file.rounds[command.provider_account, command.round_id]

    def end() -> None:
        place.status = "voided"

    return Outcome(currency=place.currency, round_id=command.round_id, changes=(end,))


def settle_round(file: File, command: SettleRound, _now: int) -> Outcome:
    """Ends an open round with a win."""
    place = file.rounds.get((command.provider_account, command.round_id))
    if command.win < 0:
        return no(Result.BAD_REQUEST)
    refusal = hand_refusal(place, command)
    if place is None or refusal:
        return no(refusal)
    if place.status != "open":
        return no(Result.ORIGINAL_CANCELLED if place.status == "voided" else Result.ORIGINAL_SETTLED, place.currency)

    def end() -> None:
        place.status = "settled"

    return Outcome(currency=place.currency, win=command.win, round_id=command.round_id, changes=(end,))


KINDS: dict[str, Callable[[File, Any, int], Outcome]] = {
    "bet": stake,
    "bet_and_win": stake,
    "win": win,
    "rollback": rollback,
    "promo_win": promo_win,
    "end_round": end_round,
    "adjust": adjust,
    "void_round": voided,
    "settle_round": settle_round,
}
