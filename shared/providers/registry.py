"""The dialects we speak, and the clients that ask their providers. A new one is a folder beside this file and a line each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from shared.errors import SettingsError
from shared.providers.check import AccountCheck, CheckStep
from shared.providers.client import ProviderClient
from shared.providers.dialect import Dialect, DialectFactory, GameStates
from shared.providers.mascot.check import check_mascot
from shared.providers.mascot.client import MascotClient
from shared.providers.mascot.dialect import MascotDialect
from shared.settings.accounts import ProviderAccount

DIALECTS: Final[dict[str, DialectFactory]] = {
    "mascot": MascotDialect,
}
CLIENTS: Final[dict[str, Callable[[ProviderAccount], ProviderClient]]] = {
    "mascot": MascotClient,
}
CHECKS: Final[dict[str, AccountCheck]] = {
    "mascot": check_mascot,
}


def open_dialect(account: ProviderAccount, game_states: GameStates | None = None) -> Dialect[Any]:
    """The dialect of a provider account; SettingsError where it is unknown or the account's settings are wrong.

    `game_states` says what may be played; without it, the account's configuration does.
    """
    _known(account)
    return DIALECTS[account.dialect](account, game_states)


def open_client(account: ProviderAccount) -> ProviderClient:
    """The client of a provider account: `await start()` before the first call, `await close()` after the last.

    Raises:
        SettingsError: the dialect is unknown or the account's settings are wrong.
        ProviderNotConfigured: the account has no address of its provider.
    """
    _known(account)
    return CLIENTS[account.dialect](account)


def check_account(account: ProviderAccount, callback_url: str) -> AsyncIterator[CheckStep]:
    """Checks an account from both sides, step by step; SettingsError where its dialect is unknown.

    `callback_url` is where the running gateway takes this account's calls, "" where none runs.
    """
    _known(account)
    return CHECKS[account.dialect](account, callback_url)


def _known(account: ProviderAccount) -> None:
    if account.dialect not in DIALECTS:
        known = ", ".join(sorted(DIALECTS))
        raise SettingsError(f"provider_accounts.{account.name}.dialect: {account.dialect!r} is not known; there are {known}")
