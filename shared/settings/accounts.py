"""Brands and provider accounts: one TOML file, secrets by reference only.

[brands.main]
time_zone = "Europe/Malta"
gaming_day_start = "06:00"
currencies = ["EUR"]

[provider_accounts.mascot-demo]
dialect = "mascot"
brands = ["main"]
[provider_accounts.mascot-demo.settings]      # the dialect's own, validated by it
casino_id = 1
[provider_accounts.mascot-demo.keys]          # key id = "file:<path, relative to this file>" or "env:<NAME>"
main = "file:secrets/mascot-demo-main"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
factor_exponent = 0
digits = 2
[provider_accounts.mascot-demo.games]         # switched off here until the catalogue says it
riot = "off"
"""

from __future__ import annotations

import os
import re
import tomllib
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shared.contracts.accounts import Brand, CurrencyMapping, ProviderAccountFacts
from shared.errors import MoneyError, SettingsError
from shared.money import MinorUnits, scale_of

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
SECRET_BYTES_MAX = 16_384
OPERATOR = "operator"
"""The provider account of the operator's own commands: an account of a provider under this name would share its keys."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _BrandEntry(_Strict):
    time_zone: str = "UTC"
    gaming_day_start: str = Field(default="00:00", pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")
    currencies: tuple[str, ...] = Field(default=("EUR",), min_length=1, max_length=200)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value!r} is not an IANA time zone such as 'Europe/Malta'") from None
        return value

    @field_validator("currencies")
    @classmethod
    def _known_currencies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for currency in value:
            try:
                scale_of(currency)
            except MoneyError as error:
                raise ValueError(str(error)) from None
        return value


class _CurrencyEntry(_Strict):
    currency: str
    factor_exponent: int = Field(default=0, ge=-18, le=18)
    digits: int = Field(default=2, ge=0, le=18)


class _AccountEntry(_Strict):
    dialect: str
    brands: tuple[str, ...] = Field(default=("main",), min_length=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    keys: dict[str, str] = Field(default_factory=dict)
    currency_map: dict[str, _CurrencyEntry] = Field(min_length=1)
    games: dict[str, Literal["live", "off"]] = Field(default_factory=dict)


class _File(_Strict):
    brands: dict[str, _BrandEntry] = Field(default_factory=lambda: {"main": _BrandEntry()})
    provider_accounts: dict[str, _AccountEntry] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """One provider account with its secrets in memory; `settings` is the dialect's raw table, `keys` key id -> secret.

    `folder` is that of the settings file: paths in `settings` (certificates) are relative to it. `key_files` holds the files
    of those keys that come from one.
    """

    name: str
    dialect: str
    brands: tuple[str, ...]
    settings: dict[str, Any]
    currencies: dict[str, MinorUnits]
    games: dict[str, str]
    keys: dict[str, bytes] = field(repr=False)
    folder: Path = field(default=Path(), repr=False)
    key_files: dict[str, Path] = field(default_factory=dict, repr=False)

    @property
    def facts(self) -> ProviderAccountFacts:
        """The account without its secrets."""
        return ProviderAccountFacts(
            provider_account=self.name,
            dialect=self.dialect,
            brands=self.brands,
            currency_map=tuple(entry.mapping for entry in self.currencies.values()),
        )


@dataclass(frozen=True, slots=True)
class AccountsFile:
    """The parsed file: brands and provider accounts by name."""

    path: Path
    brands: dict[str, Brand]
    provider_accounts: dict[str, ProviderAccount]


def load_accounts_file(path: Path) -> AccountsFile:
    """Reads and checks the file and the secrets it refers to; SettingsError names file, key and what is valid."""
    parsed = _read(path)
    brands = _brands(parsed)
    accounts = {name: _account(path, name, entry, brands) for name, entry in parsed.provider_accounts.items()}
    return AccountsFile(path, brands, accounts)


def load_brands(path: Path) -> dict[str, Brand]:
    """Reads the brands alone, for a service that needs none of the providers' secrets; SettingsError as above."""
    return _brands(_read(path))


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingsError(f"{path}: no such file; set STAKEWIRE_CONFIG_FILE to the TOML file of provider accounts") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: not readable as TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError(f"{path}: " + _explain(error)) from None


def _brands(parsed: _File) -> dict[str, Brand]:
    return {
        name: Brand(brand=name, time_zone=entry.time_zone, gaming_day_start=entry.gaming_day_start, currencies=entry.currencies)
        for name, entry in parsed.brands.items()
    }


def explain_settings_error(account: ProviderAccount, error: ValidationError) -> SettingsError:
    """The error of a dialect whose own settings table is wrong."""
    return SettingsError(f"provider_accounts.{account.name}.settings: " + _explain(error))


def _explain(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'file'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False)
    )


def _account(path: Path, name: str, entry: _AccountEntry, brands: dict[str, Brand]) -> ProviderAccount:
    where = f"{path}: provider_accounts.{name}"
    if not re.fullmatch(NAME_PATTERN, name):
        raise SettingsError(f"{where}: a provider account's name is made of a-z, 0-9 and '-', at most 63 characters")
    if name == OPERATOR:
        raise SettingsError(f"{where}: {OPERATOR!r} is the name of the operator's own side in the ledger; choose another")
    for brand in entry.brands:
        if brand not in brands:
            raise SettingsError(f"{where}.brands: {brand!r} is not a brand of this file; there are {', '.join(sorted(brands))}")
    currencies = {}
    for wire, item in entry.currency_map.items():
        mapping = CurrencyMapping(wire=wire, currency=item.currency, factor_exponent=item.factor_exponent, digits=item.digits)
        try:
            currencies[wire] = MinorUnits.of(mapping)
        except SettingsError as error:
            raise SettingsError(f"{where}.{error}") from None
    keys = {key_id: _secret(f"{where}.keys.{key_id}", path.parent, reference) for key_id, reference in entry.keys.items()}
    files = {key_id: path.parent / each.removeprefix("file:") for key_id, each in entry.keys.items() if each.startswith("file:")}
    return ProviderAccount(
        name, entry.dialect, entry.brands, entry.settings, currencies, dict(entry.games), keys, path.parent, files
    )


def _secret(where: str, folder: Path, reference: str) -> bytes:
    scheme, _, rest = reference.partition(":")
    if scheme == "env" and rest:
        value = os.environ.get(rest)
        if not value:
            raise SettingsError(f"{where}: the environment variable {rest} is not set; put the secret there")
        return value.encode()
    if scheme == "file" and rest:
        try:
            secret = (folder / rest).read_bytes()
        except OSError as error:
            raise SettingsError(f"{where}: the secret file {rest} cannot be read ({error.strerror})") from None
        secret = secret.strip()
        if not 1 <= len(secret) <= SECRET_BYTES_MAX:
            raise SettingsError(f"{where}: the secret file {rest} must hold 1 to {SECRET_BYTES_MAX} bytes")
        return secret
    raise SettingsError(f"{where}: write 'file:<path>' or 'env:<NAME>'; a secret itself does not belong in this file")
