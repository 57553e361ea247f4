"""The model's wallet: keys, the order of decision, booking, lists. What each kind does is in `play` and `office`."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

from shared.contracts import (
    Batch,
    Bet,
    BetAndWin,
    Command,
    CreatePlayer,
    EndRound,
    GetBalance,
    MoneyCommand,
    OpenSession,
    PromoWin,
    Result,
    Rollback,
    RollbackList,
    SettleRound,
    VoidRound,
    Win,
    Withdraw,
)
from tests.model import office, play
from tests.model.outcome import Outcome
from tests.model.world import UNSAID, Answer, File, Op, gaming_day

ITEMS_MAX = 50


class ModelWallet:
    """All players' files, and the one door."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def handle(self, command: Command, now: int, *, expired: bool) -> Answer:
        """One command, decided and booked."""
        if isinstance(command, CreatePlayer):
            known = command.player in self.files
            outcome = office.create_player(self.files, command)
            if not known:
                return self._book(self.files[command.player], command, now, outcome)
            return self._decide(self.files[command.player], command, now, expired=False)
        if isinstance(command, Batch | RollbackList) and not 1 <= len(command.items) <= ITEMS_MAX:
            file = self.files.get(command.player)
            return Answer(Result.BAD_REQUEST, file.balances.get(command.currency, 0) if file else 0)
        file = self.files.get(command.player)
        if file is None or (command.brands and file.brand not in command.brands):
            balance = file.balances.get(getattr(command, "currency", ""), 0) if file else 0
            items = [Answer(Result.NOT_DONE) for _ in getattr(command, "items", ())]
            items[:1] = [Answer(Result.PLAYER_NOT_FOUND) for _ in items[:1]]
            return Answer(Result.PLAYER_NOT_FOUND, balance, items=tuple(items))
        if isinstance(command, Batch | RollbackList):
            return self._all_or_none(file, command, now, expired=expired)
        return self._decide(file, command, now, expired=expired)

    def _decide(self, file: File, command: Command, now: int, *, expired: bool) -> Answer:
        """Stored key, tombstone, expiry; then what the kind demands."""
        balance = file.balances.get(getattr(command, "currency", ""), 0)
        if isinstance(command, GetBalance):
            return Answer(Result.NOT_DONE, balance) if expired else play.get_balance(file, command, now)
        stored = file.find(command.provider_account, command.namespace, command.external_id)
        if stored is not None:
            return self._again(file, command, stored, balance)
        place = file.rounds.get((command.provider_account, getattr(command, "round_id", "")))
        if expired and expires(command) and not play.late_stake(place):
            return Answer(Result.NOT_DONE, balance)
        if isinstance(command, VoidRound):
            refused = play.void_round(file, command, now, self._decide)
            if refused is not None:
                return refused
        return self._book(file, command, now, KINDS[command.kind](file, command, now))

    def _again(self, file: File, command: Command, stored: Op, balance: int) -> Answer:
        """A key that is taken: the stored answer, or a conflict."""
        balance = file.balances.get(stored.currency, 0) if stored.currency else balance
        if stored.kind == "tombstone" and isinstance(command, Rollback):
            return Answer(Result.OK, balance)
        if stored.kind == "tombstone":
            return Answer(Result.ORIGINAL_CANCELLED, balance)
        if not alike(stored, command):
            return Answer(Result.DUPLICATE_DIFFERENT, balance)
        if isinstance(command, MoneyCommand | PromoWin | SettleRound) and file.undo_of(stored.seq) is not None:
            return Answer(Result.ORIGINAL_CANCELLED, balance)
        return Answer(stored.result, stored.balance, stored.seq, True, stored.limit, stored.left, stored.charged)

    def _book(self, file: File, command: Command, now: int, outcome: Outcome) -> Answer:
        """Writes what was decided, if it is to be kept."""
        currency = outcome.currency
        if not outcome.status:
            return Answer(outcome.result, file.balances.get(currency, 0), limit=outcome.limit, left=outcome.left)
        if outcome.status == "applied":
            if outcome.win or outcome.stake:
                file.balances[currency] += outcome.win - outcome.stake
            for change in outcome.changes:
                change()
        key = (command.provider_account, command.namespace, command.external_id)
        op = Op(
            seq=len(file.ops) + 1,
            key=key,
            kind=command.kind,
            status=outcome.status,
            result=outcome.result,
            day=gaming_day(file.brand, now),
            content=content(command),
            limit=outcome.limit,
            currency=currency,
            stake=outcome.stake,
            win=outcome.win,
            round_id=outcome.round_id,
            grant_id=outcome.grant_id,
            charged=outcome.charged,
            left=outcome.left,
            target=outcome.target,
            balance=file.balances.get(currency, 0),
        )
        file.ops.append(op)
        if outcome.tombstone:
            file.ops.append(
                Op(len(file.ops) + 1, outcome.tombstone, "tombstone", "tombstone", Result.ORIGINAL_CANCELLED, op.day, {})
            )
        return Answer(op.result, op.balance, op.seq, False, op.limit, op.left, op.charged)

    def _all_or_none(self, file: File, command: Batch | RollbackList, now: int, *, expired: bool) -> Answer:
        """Every item as a command of its own, on a copy; the copy counts if all of them succeed."""
        copy = deepcopy(file)
        parts = parts_of(command)
        items: list[Answer] = []
        for number, part in enumerate(parts):
            stored = file.find(part.provider_account, part.namespace, part.external_id)
            answer = self._again(file, part, stored, file.balances.get(command.currency, 0)) if stored else Answer(Result.OK)
            if answer.result != Result.OK:
                return refusal_of(answer, number, len(parts))
        for number, part in enumerate(parts):
            answer = self._decide(copy, part, now, expired=expired)
            items.append(answer)
            if answer.result == Result.OK:
                continue
            if answer.seq and not answer.replayed:
                refusal = copy.ops[-1]
                refusal.seq = answer.seq = len(file.ops) + 1
                refusal.balance = answer.balance = file.balances.get(refusal.currency, 0)
                refusal.left = answer.left = play.told_left(play.concerned_gift(file, part), now)
                file.ops.append(refusal)
            elif not answer.replayed:
                answer.balance = UNSAID if undoes_elsewhere(file, part) else file.balances.get(command.currency, 0)
            return refusal_of(answer, number, len(parts))
        vars(file).update(vars(copy))
        replayed = all(item.replayed for item in items)
        left = next((item.left for item in reversed(items) if item.left >= 0), -1)
        charged = sum(item.charged for item in items)
        seq = next((item.seq for item in reversed(items) if item.seq), 0)
        balance = file.balances.get(command.currency, 0)
        if replayed:
            balance = file.ops[max(item.seq for item in items) - 1].balance
        if {file.ops[item.seq - 1].currency for item in items if item.seq} - {command.currency}:
            balance = UNSAID
        return Answer(Result.OK, balance, seq, replayed, "", left, charged, tuple(items))


def undoes_elsewhere(file: File, part: Command) -> bool:
    """Whether an item takes back what was booked in another currency than the list's."""
    if not isinstance(part, Rollback):
        return False
    target = file.find(part.provider_account, part.target_namespace, part.target_external_id)
    return target is not None and target.currency != part.currency


def parts_of(command: Batch | RollbackList) -> list[Command]:
    """The items as commands with the header of the whole."""
    header: dict[str, Any] = {
        name: getattr(command, name)
        for name in (
            "command_id", "player", "provider_account", "brands", "deadline_ms", "currency", "wire_currency", "player_currency",
            "game_id", "game_state", "brand_states", "session_id", "provider_session_id", "session_required", "grant_id",
        )
    }  # fmt: skip
    if isinstance(command, RollbackList):
        return [
            Rollback(
                **header,
                namespace=item.namespace,
                external_id=item.external_id,
                target_namespace=item.target_namespace,
                target_external_id=item.target_external_id,
                round_id=command.round_id,
                overspent=command.overspent,
            )
            for item in command.items
        ]
    made: list[Command] = []
    for item in command.items:
        own: dict[str, Any] = {**header, "namespace": item.namespace, "external_id": item.external_id, "round_id": command.round_id}
        money: dict[str, Any] = {
            **own,
            "closes_round": item.closes_round,
            "compare_round": command.compare_round,
            "compare_game": command.compare_game,
            "jackpot_contribution": item.jackpot_contribution,
            "promo_class": item.promo_class,
            "charge_free_rounds": item.charge_free_rounds,
            "free_round": item.free_round,
            "free_round_stake": command.free_round_stake,
            "free_round_exhausted": command.free_round_exhausted,
        }
        match item.kind:
            case "bet":
                made.append(Bet(**money, stake=item.stake))
            case "win":
                made.append(Win(**money, win=item.win))
            case "bet_and_win":
                made.append(BetAndWin(**money, stake=item.stake, win=item.win))
            case "rollback":
                target: dict[str, Any] = {"target_namespace": item.target_namespace, "target_external_id": item.target_external_id}
                made.append(Rollback(**own, **target, overspent=command.overspent))
            case "end_round":
                made.append(EndRound(**own))
            case _:
                promo: dict[str, Any] = {"promo_class": item.promo_class, "campaign_id": item.campaign_id}
                made.append(PromoWin(**own, **promo, win=item.win))
    return made


def refusal_of(answer: Answer, number: int, count: int) -> Answer:
    """The whole was refused for one of its items; the others are not done."""
    items = [Answer(Result.NOT_DONE) for _ in range(count)]
    items[number] = answer
    return replace(answer, items=tuple(items))


def expires(command: Command) -> bool:
    """Whether a caller who was told that nobody knows may find it undone: stakes, withdrawals and launches."""
    if isinstance(command, BetAndWin):
        return bool(command.stake or command.charge_free_rounds)
    return isinstance(command, Bet | Withdraw | OpenSession)


COMPARED = (
    "stake", "win", "amount", "everything", "currency", "charge_free_rounds", "target_namespace", "target_external_id",
    "session_id", "grant_id", "count", "expires_at_ms", "game_ids", "status", "limits", "until_ms",
)  # fmt: skip
"""What makes another content, where a command has it; round and game besides, where the dialect says so."""
NOT_OF_PLAY = ("session_id", "grant_id")


def content(command: Command) -> dict[str, object]:
    """What of a command counts as its content."""
    names = [name for name in COMPARED if hasattr(command, name)]
    if hasattr(command, "game_state") and not isinstance(command, OpenSession):
        names = [name for name in names if name not in NOT_OF_PLAY]
    if isinstance(command, Rollback):
        names = ["target_namespace", "target_external_id"]
    if isinstance(command, PromoWin):
        names += ["promo_class", "informational"]
    told: dict[str, object] = {name: getattr(command, name) for name in names}
    if not isinstance(command, Rollback):
        places = ["round_id", "game_id"] if isinstance(command, MoneyCommand) else ["round_id"]
        told.update({name: getattr(command, name) for name in places if hasattr(command, name)})
    return told


def alike(stored: Op, command: Command) -> bool:
    """Whether a command repeats a stored one."""
    if stored.kind != command.kind:
        return False
    told, kept = content(command), dict(stored.content)
    for name, compared in (("round_id", "compare_round"), ("game_id", "compare_game")):
        if not getattr(command, compared, True):
            told.pop(name, None)
            kept.pop(name, None)
    return told == kept


KINDS = {**play.KINDS, **office.KINDS}
