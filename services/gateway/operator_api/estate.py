"""What the operator has: brands, provider accounts, their switches and clients; and the log of who changed what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import structlog

from services.gateway.operator_api import problems as p
from services.gateway.switches import SwitchBoard
from shared.access import Change, write_audit
from shared.contracts import Brand
from shared.providers.client import ProviderClient
from shared.settings import AccountsFile, ProviderAccount
from shared.web.callers import Caller
from shared.web.problems import Problem

log = structlog.get_logger(__name__)


class Estate:
    """One for the process. `clients` holds the provider accounts that can be called, by name.

    `callbacks` is the address below which providers reach the callbacks gateway, "" where it is not told.
    """

    def __init__(
        self,
        file: AccountsFile,
        board: SwitchBoard,
        clients: Mapping[str, ProviderClient],
        pool: asyncpg.Pool,
        callbacks: str = "",
    ) -> None:
        self._callbacks = callbacks.rstrip("/")
        self._file = file
        self.board = board
        self._clients = clients
        self._pool = pool

    def brand(self, name: str) -> Brand:
        """A brand of the configuration; a key of a brand that is there no more may do nothing."""
        found = self._file.brands.get(name)
        if found is None:
            raise Problem(p.BRAND_FORBIDDEN, f"the key belongs to the brand {name!r}, which the configuration does not have")
        return found

    def must_be_own(self, caller: Caller, brand: str) -> Brand:
        """The brand in a path, which must be the key's."""
        if brand != caller.brand:
            raise Problem(p.BRAND_FORBIDDEN, f"key {caller.key.key_id} belongs to the brand {caller.brand!r}")
        return self.brand(brand)

    def must_offer(self, brand: str, currencies: Iterable[str]) -> None:
        """Problem `wrong-currency` for a currency that the brand does not have."""
        offered = self.brand(brand).currencies
        for currency in currencies:
            if currency not in offered:
                raise Problem(p.WRONG_CURRENCY, f"the brand {brand!r} offers {', '.join(offered)}, not {currency}")

    def accounts(self, brand: str) -> list[ProviderAccount]:
        """The provider accounts that serve a brand, by name."""
        return sorted(
            (account for account in self._file.provider_accounts.values() if brand in account.brands), key=lambda each: each.name
        )

    @property
    def accounts_by_name(self) -> Mapping[str, ProviderAccount]:
        """All provider accounts of the configuration, whichever brand they serve."""
        return self._file.provider_accounts

    def account(self, brand: str, name: str) -> ProviderAccount:
        """A provider account that serves the brand."""
        self.brand(brand)
        account = self._file.provider_accounts.get(name)
        if account is None or brand not in account.brands:
            raise Problem(p.PROVIDER_ACCOUNT_NOT_FOUND, f"the brand {brand!r} has no provider account {name!r}")
        return account

    def must_map(self, account: ProviderAccount, currency: str) -> None:
        """Problem `wrong-currency` where the provider account knows no code for our currency."""
        mapped = sorted(entry.mapping.currency for entry in account.currencies.values())
        if currency not in mapped:
            raise Problem(p.WRONG_CURRENCY, f"the provider account {account.name!r} maps {', '.join(mapped)}, not {currency}")

    def client(self, account: ProviderAccount) -> ProviderClient:
        """The client of a provider account."""
        client = self._clients.get(account.name)
        if client is None:
            raise Problem(p.PROVIDER_NOT_CONFIGURED, f"the provider account {account.name!r} has no address to call")
        return client

    def callback_url(self, account: ProviderAccount) -> str | None:
        """Where the provider sends this account's callbacks, None where the settings do not tell."""
        return f"{self._callbacks}/{account.name}" if self._callbacks else None

    def client_if_any(self, account: str) -> ProviderClient | None:
        """The client of a provider account, None where it cannot be called."""
        return self._clients.get(account)

    async def note(
        self,
        caller: Caller,
        action: str,
        subject: str,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        reason: str,
    ) -> None:
        """Writes a line of the audit log."""
        change = Change(
            action=action,
            subject=subject,
            actor=f"key:{caller.author}",
            brand=caller.brand,
            before=before,
            after=after,
            reason=reason,
            request_id=caller.request_id,
        )
        async with self._pool.acquire() as connection:
            await write_audit(connection, change)
