"""Where a play goes and what it needs: one provider account of one operator, the provider's books, the operator's side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from services.simulator.books import Books
from services.simulator.cashier import Asks
from services.simulator.errors import SimulatorError
from services.simulator.studios.mascot.cycle import BackOff
from shared.money import MinorUnits
from shared.settings import ProviderAccount

PREFERRED_CURRENCY: Final = "EUR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One operator as the provider knows him. `callback_url` is the only address that is ever called.

    `test_players`: whether those who play are marked as no customers.
    """

    provider_account: str
    brand: str
    callback_url: str
    casino_id: int
    key_id: str
    key: bytes = field(repr=False)
    wire_currency: str
    conversion: MinorUnits
    books: Books
    requester: Asks
    timeout_s: float = 10.0
    test_players: bool = True
    back_off: BackOff = field(default_factory=BackOff)

    @property
    def currency(self) -> str:
        """The operator's code of the currency that is played with."""
        return self.conversion.mapping.currency


def target_of(
    account: ProviderAccount,
    callback_url: str,
    books: Books,
    requester: Asks,
    *,
    timeout_s: float = 10.0,
    test_players: bool = True,
) -> Target:
    """The target of a provider account as the operator has it in his settings; SimulatorError where it cannot be played."""
    if account.dialect != "mascot":
        raise SimulatorError(f"provider account {account.name} speaks {account.dialect!r}; only 'mascot' can be simulated so far")
    casino_id = account.settings.get("casino_id")
    if type(casino_id) is not int or not account.keys:
        raise SimulatorError(f"provider account {account.name} needs settings.casino_id (an integer) and a key to be played")
    wire_currency = PREFERRED_CURRENCY if PREFERRED_CURRENCY in account.currencies else next(iter(account.currencies))
    key_id, key = next(iter(account.keys.items()))
    return Target(
        provider_account=account.name,
        brand=account.brands[0],
        callback_url=callback_url,
        casino_id=casino_id,
        key_id=key_id,
        key=key,
        wire_currency=wire_currency,
        conversion=account.currencies[wire_currency],
        books=books,
        requester=requester,
        timeout_s=timeout_s,
        test_players=test_players,
    )
