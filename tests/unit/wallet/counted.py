"""A player in memory whose money counts towards limits, at a brand in Malta whose gaming day begins at six in the morning."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any

from services.wallet.decisions.model import Operation, Usage
from shared.contracts import Brand, Command, LimitSetting, Reply, Result
from shared.gaming_day import GamingDays
from tests.unit.wallet.builders import EUR, KEY, bet, create_player, deposit, rollback, set_limits, win
from tests.unit.wallet.memory import MemoryLedger

DAYS = GamingDays({"main": Brand(brand="main", time_zone="Europe/Malta", gaming_day_start="06:00")})
MONDAY = "2027-01-11T12:00:00+01:00"
BALANCE = 10_000 * EUR
DAY_MS = 24 * 60 * 60 * 1_000


def ms(moment: str) -> int:
    """Unix milliseconds of a moment in ISO 8601."""
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)


class Counted:
    """The ledger of one player with 10,000.00 EUR and USD, and a clock that the test sets.

    The money came two months before: it counts in no window of the test's. Ids are given one by one.
    """

    def __init__(self, moment: str = MONDAY) -> None:
        self.ledger = MemoryLedger(DAYS)
        self.now_ms = ms(moment) - 60 * DAY_MS
        self._ids = count(1)
        self.ask(create_player(currencies=("EUR", "USD"), external_id="create"))
        for currency in ("EUR", "USD"):
            self.ask(deposit(BALANCE, currency=currency, external_id=f"money-{currency}"))
        self.now_ms = ms(moment)

    def at(self, moment: str) -> None:
        """Sets the clock."""
        self.now_ms = ms(moment)

    def ask(self, *commands: Command) -> list[Reply]:
        """One batch of the wallet."""
        return self.ledger.apply([(command, False) for command in commands], self.now_ms)

    def one(self, command: Command) -> Reply:
        """The answer to one command."""
        (reply,) = self.ask(command)
        return reply

    def set(self, *limits: LimitSetting) -> None:
        """Limits, under a key of their own."""
        assert self.one(set_limits(*limits, external_id=f"limits-{next(self._ids)}")).result == Result.OK

    def bet(self, amount: int, ref: str = "", **fields: Any) -> str:
        """A stake in EUR; "OK" or the limit that stopped it."""
        ref = ref or f"b{next(self._ids)}"
        return told(self.one(bet(amount * EUR, external_id=ref, round_id=ref, **fields)))

    def bet_in(self, currency: str, amount: int) -> str:
        """A stake in another currency."""
        return self.bet(amount, currency=currency, wire_currency=currency, player_currency=currency)

    def win(self, amount: int, ref: str = "") -> str:
        """A win in EUR, without a bet in its round."""
        ref = ref or f"w{next(self._ids)}"
        return told(self.one(win(amount * EUR, external_id=ref, round_id=ref)))

    def undo(self, ref: str) -> str:
        """Rolls an operation back; the undo's own id is "undo" and the original's."""
        return told(self.one(rollback(ref)))

    def undo_the_undo(self, ref: str) -> str:
        """Rolls back the undo of `ref`."""
        command = rollback(ref, namespace="again", target_namespace="undo")
        return told(self.one(command))

    def deposit(self, amount: int) -> str:
        """Money in, in EUR."""
        return told(self.one(deposit(amount * EUR, external_id=f"d{next(self._ids)}")))

    def last(self) -> Operation:
        """The newest operation."""
        return max(self.ledger.operations.values(), key=lambda item: item.seq)

    def usage(self, day: str, currency: str = "EUR") -> tuple[int, int, int]:
        """(staked, won, deposited) as kept of a day, in EUR."""
        row = self.ledger.usage.get((KEY, currency, day), Usage(player=KEY, currency=currency, gaming_day=day))
        return row.staked // EUR, row.won // EUR, row.deposited // EUR


def told(reply: Reply) -> str:
    """What a reply says, in a word: OK, the limit that stopped it, or the result."""
    return reply.limit or reply.result
