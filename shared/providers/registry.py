"""The dialects we speak. A new one is a folder beside this file and one line in `DIALECTS`."""

from __future__ import annotations

from typing import Any, Final

from shared.errors import SettingsError
from shared.providers.dialect import Dialect, DialectFactory
from shared.providers.mascot.dialect import MascotDialect
from shared.settings.accounts import ProviderAccount

DIALECTS: Final[dict[str, DialectFactory]] = {
    "mascot": MascotDialect,
}


def open_dialect(account: ProviderAccount) -> Dialect[Any]:
    """The dialect of a provider account; SettingsError where it is unknown or the account's settings are wrong."""
    factory = DIALECTS.get(account.dialect)
    if factory is None:
        known = ", ".join(sorted(DIALECTS))
        raise SettingsError(f"provider_accounts.{account.name}.dialect: {account.dialect!r} is not known; there are {known}")
    return factory(account)
