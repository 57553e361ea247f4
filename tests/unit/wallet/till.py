"""A ledger in memory with one player who has 100.00 EUR, and short ways to ask it and to look at it."""

from __future__ import annotations

from services.wallet.decisions.model import Operation, Round
from shared.contracts import Command, Reply, Result
from tests.unit.wallet.builders import ACCOUNT, EUR, GRANT, KEY, NOW, create_player, deposit, grant_free_rounds
from tests.unit.wallet.chain_rule import check_chain
from tests.unit.wallet.memory import MemoryLedger


class Till:
    """The player's ledger."""

    def __init__(self, balance: int = 100 * EUR) -> None:
        self.ledger = MemoryLedger()
        self.ask(create_player(external_id="create"))
        if balance:
            self.ask(deposit(balance, external_id="deposit"))
        self.start = len(self.operations())
        """How many operations the player had before the test's own."""

    def ask(self, *commands: Command, expired: bool = False) -> list[Reply]:
        """One batch of the wallet."""
        return self.ledger.apply([(command, expired) for command in commands], NOW)

    def one(self, command: Command, *, expired: bool = False) -> Reply:
        """The answer to one command."""
        (reply,) = self.ask(command, expired=expired)
        return reply

    def done(self, *commands: Command) -> None:
        """Commands that must succeed, each in a batch of its own."""
        assert [self.one(command).result for command in commands] == [Result.OK] * len(commands)

    def give_free_rounds(self) -> None:
        """The grant of the builders: five free rounds, none played."""
        self.done(grant_free_rounds(external_id="grant"))
        self.start = len(self.operations())

    @property
    def balance(self) -> int:
        """In units of EUR."""
        return self.ledger.balances[KEY, "EUR"]

    @property
    def free_rounds(self) -> int:
        """What is left of the grant."""
        return self.ledger.grants[KEY, GRANT.grant_id].remaining

    def round(self, round_id: str = "r1") -> Round:
        """A round of the provider account."""
        return self.ledger.rounds[KEY, ACCOUNT, round_id]

    def operations(self) -> list[Operation]:
        """All of the player's, in order; the chain of their events is checked on the way."""
        operations = sorted(self.ledger.operations.values(), key=lambda item: item.seq)
        events = check_chain(self.ledger.events.get(KEY, []))
        assert [item.seq for item in operations] == list(range(1, len(operations) + 1)) == [event["seq"] for event in events]
        return operations

    def told(self) -> list[tuple[str, str, str]]:
        """(kind, external id, status) of the test's own operations, in order."""
        return [(item.kind, item.external_id, item.status) for item in self.operations()[self.start :]]
