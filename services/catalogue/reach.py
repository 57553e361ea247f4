"""What a key may see and change: the brand it is bound to, and the provider accounts that serve this brand."""

from __future__ import annotations

from services.catalogue import problems as p
from shared.contracts import Brand
from shared.settings import AccountsFile, ProviderAccount
from shared.web.problems import Problem


class Reach:
    """Brands and provider accounts of the configuration."""

    def __init__(self, file: AccountsFile) -> None:
        self._file = file

    def brand(self, name: str) -> Brand:
        """A brand; a key of a brand that the configuration does not have any more may do nothing."""
        found = self._file.brands.get(name)
        if found is None:
            raise Problem(p.BRAND_FORBIDDEN, f"the key belongs to the brand {name!r}, which the configuration does not have")
        return found

    def accounts(self, brand: str) -> list[ProviderAccount]:
        """The provider accounts that serve a brand, by name."""
        self.brand(brand)
        serving = (account for account in self._file.provider_accounts.values() if brand in account.brands)
        return sorted(serving, key=lambda account: account.name)

    def account(self, brand: str, name: str) -> ProviderAccount:
        """A provider account that serves the brand."""
        self.brand(brand)
        account = self._file.provider_accounts.get(name)
        if account is None or brand not in account.brands:
            raise Problem(p.PROVIDER_ACCOUNT_NOT_FOUND, f"the brand {brand!r} has no provider account {name!r}")
        return account
