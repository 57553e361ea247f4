"""Changes the settings file of brands and provider accounts, keeping its comments: an account is added whole or not at all.

The new text is checked as the services will read it before it takes the old one's place. Secrets go into files of their
own, never into this one.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from deploy.local.files import private_folder, secret_file, write_private
from shared.errors import SettingsError
from shared.providers.client import ProviderNotConfigured
from shared.providers.registry import open_client, open_dialect
from shared.settings import load_accounts_file
from shared.settings.accounts import NAME_PATTERN

SECRETS = "secrets"
NEW_FILE = """\
# Brands and provider accounts. After a change: restart the services, then `stakewire account check <name>`.
# A key is a reference: "file:<path relative to this file>" or "env:<variable>"; a secret itself does not belong here.

[brands.main]
time_zone = "UTC"
gaming_day_start = "00:00"
currencies = ["EUR"]
"""


@dataclass(frozen=True)
class NewAccount:
    """An account to add. `currencies` is the table currency_map, `keys` the key ids that get a secret each."""

    name: str
    dialect: str
    brands: tuple[str, ...]
    settings: dict[str, Any]
    currencies: dict[str, dict[str, Any]]
    keys: tuple[str, ...] = ()


@dataclass
class Added:
    """What was made: the secret files by key id, and which of them are new."""

    secrets: dict[str, Path] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)


def add_account(path: Path, account: NewAccount) -> Added:
    """Adds an account and makes its secrets; a secret file that is there already is used, never overwritten.

    Raises:
        SettingsError: the name is taken, the file or the new account is not valid; nothing is changed then.
    """
    if not re.fullmatch(NAME_PATTERN, account.name):
        raise SettingsError(f"{account.name!r} cannot be the name of an account: expected a-z, 0-9 and '-', at most 63 characters")
    path = path.resolve()
    before = _read(path)
    text = _with_account(path, before, account)
    added = Added()
    try:
        for key_id in account.keys:
            secret = path.parent / SECRETS / f"{account.name}-{key_id}"
            if not secret.exists():
                added.made.append(secret)
            secret_file(secret)
            _same_owner(path, secret)
            added.secrets[key_id] = secret
        _replace(path, before, text, account.name)
    except BaseException:
        for secret in added.made:
            secret.unlink(missing_ok=True)
        raise
    return added


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not readable: {error}") from None


def _with_account(path: Path, before: str | None, account: NewAccount) -> str:
    """The file's text with the account at its end."""
    try:
        document = tomlkit.parse(NEW_FILE if before is None else before)
    except TOMLKitError as error:
        raise SettingsError(f"{path}: not readable as TOML: {error}; correct it first") from None
    if not isinstance(document.get("provider_accounts", {}), Mapping):
        raise SettingsError(f"{path}: provider_accounts is no table; correct it first")
    if account.name in document.get("provider_accounts", {}):
        raise SettingsError(
            f"{path}: there is a provider account {account.name} already; choose another --name, or change it there by hand"
        )
    if "provider_accounts" not in document:
        document["provider_accounts"] = tomlkit.table(is_super_table=True)
    entry = tomlkit.table()
    entry["dialect"] = account.dialect
    entry["brands"] = list(account.brands)
    entry["settings"] = _table(account.settings)
    if account.keys:
        entry["keys"] = _table({key_id: f"file:{SECRETS}/{account.name}-{key_id}" for key_id in account.keys})
    currencies = tomlkit.table(is_super_table=True)
    for wire, mapping in account.currencies.items():
        currencies[wire] = _table(mapping)
    entry["currency_map"] = currencies
    document["provider_accounts"][account.name] = entry
    return tomlkit.dumps(document)


def _table(values: dict[str, Any]) -> tomlkit.items.Table:
    table = tomlkit.table()
    for name, value in values.items():
        table[name] = value
    return table


def _replace(path: Path, before: str | None, text: str, name: str) -> None:
    """Checks the new text as the services will read it, then puts it in the old one's place at once."""
    draft = path.with_name(f".{path.name}.new-{os.getpid()}")
    try:
        write_private(draft, text)
        _check(draft, path, name)
        if _read(path) != before:
            raise SettingsError(f"{path} was changed by someone else meanwhile; run the command again")
        _same_owner(path, draft)
        if before is not None:
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _check(draft: Path, path: Path, name: str) -> None:
    try:
        account = load_accounts_file(draft).provider_accounts[name]
        open_dialect(account)
        try:
            open_client(account)
        except ProviderNotConfigured:
            return  # Without the provider's address, or with one that a variable of the services holds.
    except SettingsError as error:
        raise SettingsError(f"nothing was changed: {str(error).replace(str(draft), str(path))}") from None


def _same_owner(path: Path, made: Path) -> None:
    """Root works for the owner of the settings file: what it makes must be readable to the services."""
    owner = path if path.exists() else private_folder(path.parent)
    info = owner.stat()
    if os.geteuid() == 0 and info.st_uid != 0:
        os.chown(made, info.st_uid, info.st_gid)
        if made.parent != path.parent:
            os.chown(made.parent, info.st_uid, info.st_gid)
