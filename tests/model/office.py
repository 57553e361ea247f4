"""What the operator's commands do in the model: accounts, cash, status, free rounds."""

from __future__ import annotations

from typing import Any

from shared.contracts import (
    CancelFreeRounds,
    CreatePlayer,
    Deposit,
    ErasePlayer,
    GrantFreeRounds,
    Result,
    SetPlayerStatus,
    Withdraw,
)
from tests.model import protection, sessions
from tests.model.outcome import Outcome, no
from tests.model.world import File, Gift


def create_player(files: dict[str, File], command: CreatePlayer) -> Outcome:
    """A player with an account in each currency."""
    files.setdefault(command.player, File(command.brand, about(command), dict.fromkeys(command.currencies, 0)))
    return Outcome()


def about(command: CreatePlayer) -> tuple[object, ...]:
    """What makes two players alike."""
    return (
        command.brand,
        command.operator_player_id,
        frozenset(command.currencies),
        command.country,
        command.language,
        command.test,
    )


def create_again(file: File, command: CreatePlayer, _now: int) -> Outcome:
    """The player exists: a success if he is alike."""
    return no(Result.OK) if about(command) == file.about else no(Result.DUPLICATE_DIFFERENT)


def deposit(file: File, command: Deposit, now: int) -> Outcome:
    """Cash in."""
    currency = command.currency
    if command.amount <= 0:
        return no(Result.BAD_REQUEST, currency)
    if currency not in file.balances:
        return no(Result.WRONG_CURRENCY, currency)
    if now < file.excluded_until:
        return no(Result.PLAYER_BLOCKED, currency, limit="exclusion", kept=True)
    if file.status in {"blocked", "closed"}:
        return no(Result.PLAYER_BLOCKED, currency, kept=True)
    limit = protection.deposit_exceeded(file, currency, command.amount, now)
    if limit:
        return no(Result.LIMIT_EXCEEDED, currency, limit=limit, kept=True)
    return Outcome(currency=currency, win=command.amount)


def withdraw(file: File, command: Withdraw, _now: int) -> Outcome:
    """Cash out: never refused for status; everything is what there is."""
    currency, amount = command.currency, command.amount
    if command.everything != (amount == 0) or amount < 0:
        return no(Result.BAD_REQUEST, currency)
    if currency not in file.balances:
        return no(Result.WRONG_CURRENCY, currency)
    balance = file.balances[currency]
    if command.everything:
        return Outcome(currency=currency, stake=balance) if balance > 0 else Outcome(status="void", currency=currency)
    if balance < amount:
        return no(Result.INSUFFICIENT_FUNDS, currency, kept=True)
    return Outcome(currency=currency, stake=amount)


def set_status(file: File, command: SetPlayerStatus, _now: int) -> Outcome:
    """Active, draining, blocked; a closed player stays closed."""
    if file.status == "closed":
        return no(Result.BAD_REQUEST)

    def put() -> None:
        file.status = command.status

    return Outcome(changes=(put,))


def erase_player(file: File, _command: ErasePlayer, _now: int) -> Outcome:
    """His data go, he is closed for good."""

    def put() -> None:
        file.status, file.erased = "closed", True
        sessions.close_all(file)

    return Outcome(changes=(put,))


def grant(file: File, command: GrantFreeRounds, now: int) -> Outcome:
    """Free rounds."""
    currency = command.currency
    if command.count <= 0:
        return no(Result.BAD_REQUEST, currency)
    if now < file.excluded_until:
        return no(Result.PLAYER_BLOCKED, currency, limit="exclusion")
    if command.grant_id in file.gifts:
        return no(Result.DUPLICATE_DIFFERENT, currency)
    if currency not in file.balances:
        return no(Result.WRONG_CURRENCY, currency)

    def put() -> None:
        file.gifts[command.grant_id] = Gift(
            command.provider_account, currency, command.count, command.count, command.expires_at_ms, command.game_ids
        )

    return Outcome(currency=currency, left=command.count, changes=(put,))


def cancel(file: File, command: CancelFreeRounds, _now: int) -> Outcome:
    """No free round of it any more."""
    gift = file.gifts.get(command.grant_id)
    if gift is None:
        return no(Result.ORIGINAL_NOT_FOUND)

    def put() -> None:
        gift.cancelled = True

    return Outcome(currency=gift.currency, left=0, changes=(put,))


KINDS: dict[str, Any] = {
    "create_player": create_again,
    "deposit": deposit,
    "withdraw": withdraw,
    "set_player_status": set_status,
    "erase_player": erase_player,
    "grant_free_rounds": grant,
    "cancel_free_rounds": cancel,
    **sessions.KINDS,
    **protection.KINDS,
}
