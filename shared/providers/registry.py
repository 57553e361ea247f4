"""The dialects we speak, and the clients that ask their providers. A new one is a folder beside this file and a line each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from shared.errors import SettingsError
from shared.providers.check import AccountCheck, CheckStep
from shared.providers.client import ProviderClient, ProviderNotConfigured
from shared.providers.diagnosis import Doctor
from shared.providers.dialect import Dialect, DialectFactory, GameStates
from shared.providers.mascot.check import check_mascot
from shared.providers.mascot.client import MascotClient
from shared.providers.mascot.diagnosis import MascotDoctor
from shared.providers.mascot.dialect import MascotDialect
from shared.providers.mascot.settings import mascot_certificates
from shared.settings.accounts import ProviderAccount

log = structlog.get_logger(__name__)

DIALECTS: Final[dict[str, DialectFactory]] = {
    "mascot": MascotDialect,
}
CLIENTS: Final[dict[str, Callable[[ProviderAccount], ProviderClient]]] = {
    "mascot": MascotClient,
}
CHECKS: Final[dict[str, AccountCheck]] = {
    "mascot": check_mascot,
}
DOCTORS: Final[dict[str, Callable[[ProviderAccount, Mapping[str, ProviderAccount], GameStates | None], Doctor]]] = {
    "mascot": MascotDoctor,
}
CERTIFICATES: Final[dict[str, Callable[[ProviderAccount], Mapping[str, Path]]]] = {
    "mascot": mascot_certificates,
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


def open_clients(accounts: Iterable[ProviderAccount]) -> dict[str, ProviderClient]:
    """The clients of all provider accounts that have an address to call, by name; SettingsError where one is set up wrongly."""
    clients = {}
    for account in accounts:
        try:
            clients[account.name] = open_client(account)
        except ProviderNotConfigured as error:
            log.warning("a provider account cannot be called", account=account.name, cause=str(error), advice=error.advice)
    return clients


def check_account(account: ProviderAccount, callback_url: str) -> AsyncIterator[CheckStep]:
    """Checks an account from both sides, step by step; SettingsError where its dialect is unknown.

    `callback_url` is where the running gateway takes this account's calls, "" where none runs.
    """
    _known(account)
    return CHECKS[account.dialect](account, callback_url)


def certificates_of(account: ProviderAccount) -> Mapping[str, Path]:
    """The files of an account's certificates, by the setting that names each; SettingsError where its dialect is unknown."""
    _known(account)
    return CERTIFICATES[account.dialect](account)


def open_doctor(
    account: ProviderAccount, accounts: Mapping[str, ProviderAccount], game_states: GameStates | None = None
) -> Doctor | None:
    """The doctor of a provider account, None where its dialect has none; SettingsError where its settings are wrong.

    `accounts` are all of the configuration: those of the same dialect are what a sender may mix up with this one.
    """
    _known(account)
    make = DOCTORS.get(account.dialect)
    alike = {name: each for name, each in accounts.items() if each.dialect == account.dialect}
    return None if make is None else make(account, alike, game_states)


def _known(account: ProviderAccount) -> None:
    if account.dialect not in DIALECTS:
        known = ", ".join(sorted(DIALECTS))
        raise SettingsError(f"provider_accounts.{account.name}.dialect: {account.dialect!r} is not known; there are {known}")
