"""Where and as whom we call Mascot's Operator API: address, signing key or client certificate, and limits of time.

What is wrong with any of it is a ProviderNotConfigured that names the setting. Sends nothing.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple, NoReturn
from urllib.parse import urlsplit

from shared.providers.client import ProviderNotConfigured
from shared.providers.mascot.settings import (
    ENVIRONMENT_PREFIX,
    MascotSettings,
    check_certificate,
    checked_api_url,
    checked_cover_url,
    checked_history_url,
    is_signed,
)
from shared.providers.mascot.signature import MacKey, mac_keys
from shared.settings.accounts import ProviderAccount

HTTPS_PORT: Final = 443
HTTP_PORT: Final = 80


class Endpoint(NamedTuple):
    """The provider's side as an account's settings have it. `key` is None in mTLS mode; times are seconds."""

    account: str
    url: str
    subject: bytes
    key: MacKey | None
    keys: Mapping[bytes, MacKey]
    verify_answers: bool
    certificate: Path | None
    authorities: Path | None
    timeout_s: float
    deadline_s: float

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.url.startswith("https:")

    @property
    def host(self) -> str:
        """The provider's host name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The provider's port."""
        return urlsplit(self.url).port or (HTTPS_PORT if self.is_tls else HTTP_PORT)

    @property
    def where(self) -> str:
        """The host and port as people read them."""
        return f"{self.host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext:
        """What verifies the provider's server, and shows our client certificate if there is one.

        ProviderNotConfigured where a file is missing or is no PEM.
        """
        try:
            context = ssl.create_default_context(cafile=self.authorities)
        except (OSError, ssl.SSLError) as error:
            raise self._bad_file("operator_api_ca", self.authorities, error) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, password=_no_password)
            except (OSError, ssl.SSLError, _PasswordWanted) as error:
                raise self._bad_file("operator_api_certificate", self.certificate, error) from None
        return context

    def _bad_file(self, setting: str, path: Path | None, error: Exception) -> ProviderNotConfigured:
        why = error.strerror or error.reason if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None) or str(error)
        return ProviderNotConfigured(
            f"provider_accounts.{self.account}.settings.{setting}: the file {path} cannot be used ({why})",
            advice="put a PEM file there; a client certificate needs its private key, without a password, in the same file",
        )


def find_endpoint(account: ProviderAccount, settings: MascotSettings, environment: Mapping[str, str] = os.environ) -> Endpoint:
    """The endpoint of an account; ProviderNotConfigured where it has no address, or one that cannot be called."""
    where = f"provider_accounts.{account.name}.settings.operator_api_url"
    url = settings.operator_api_url
    if not url:
        raise ProviderNotConfigured(
            f"{where} is not set, so nothing can be asked of the provider", advice="set it to the address the provider gave you"
        )
    if url.startswith(ENVIRONMENT_PREFIX):
        url = _from_environment(where, url.removeprefix(ENVIRONMENT_PREFIX), settings, environment)
    keys = mac_keys(account.keys)
    key = None
    if is_signed(url):
        key_id = settings.operator_api_key or next(iter(account.keys), "")
        key = keys.get(key_id.encode())
        if key is None:
            raise ProviderNotConfigured(
                f"{where} is an address for signed calls, and the account has no key to sign them",
                advice=f"add provider_accounts.{account.name}.keys.<key id> = 'file:<path>'",
            )
    return Endpoint(
        account=account.name,
        url=url,
        subject=b"casino:%d" % settings.casino_id,
        key=key,
        keys=keys,
        verify_answers=settings.verify_answers,
        certificate=_path(account, settings.operator_api_certificate),
        authorities=_path(account, settings.operator_api_ca),
        timeout_s=settings.operator_api_timeout_s,
        deadline_s=settings.operator_api_deadline_s,
    )


def find_cover_url(account: str, settings: MascotSettings, environment: Mapping[str, str] = os.environ) -> str:
    """The template of the covers' addresses, "" where there is none; ProviderNotConfigured where it cannot be used.

    A variable that is not set is an error, not "no covers": a sync with other settings must not take all covers away.
    """
    return _template(account, "cover_url", settings.cover_url, checked_cover_url, environment)


def find_history_url(account: str, settings: MascotSettings, environment: Mapping[str, str] = os.environ) -> str:
    """The template of the address of a session's history, "" where there is none; ProviderNotConfigured as for covers."""
    return _template(account, "history_url", settings.history_url, checked_history_url, environment)


def _template(account: str, setting: str, value: str, checked: Callable[[str], str], environment: Mapping[str, str]) -> str:
    where = f"provider_accounts.{account}.settings.{setting}"
    if not value.startswith(ENVIRONMENT_PREFIX):
        return value
    name = value.removeprefix(ENVIRONMENT_PREFIX)
    if not environment.get(name):
        raise ProviderNotConfigured(
            f"{where} refers to the environment variable {name}, which is not set", advice=f"set {name}, or take {setting} out"
        )
    try:
        return checked(environment[name])
    except ValueError as error:
        raise ProviderNotConfigured(
            f"{where} refers to the environment variable {name}: {error}", advice=f"correct {name}"
        ) from None


def _from_environment(where: str, name: str, settings: MascotSettings, environment: Mapping[str, str]) -> str:
    value = environment.get(name, "")
    if not value:
        raise ProviderNotConfigured(
            f"{where} refers to the environment variable {name}, which is not set", advice=f"set {name} to the provider's address"
        )
    try:
        url = checked_api_url(value)
        check_certificate(settings, url)
    except ValueError as error:
        raise ProviderNotConfigured(
            f"{where} refers to the environment variable {name}: {error}", advice=f"correct {name}"
        ) from None
    return url


def _path(account: ProviderAccount, name: str | None) -> Path | None:
    return None if name is None else account.folder / name


class _PasswordWanted(Exception):
    """The private key is encrypted; asking for its password would stop a service at a prompt that nobody sees."""


def _no_password() -> NoReturn:
    raise _PasswordWanted("the private key is encrypted")
