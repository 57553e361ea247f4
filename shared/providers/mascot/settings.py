"""The settings of a Mascot account: the casino, how the provider is called, and every point that its sources leave open.

`docs/mascot.md` explains each of them. Defaults are the reading we consider most likely.
"""

from __future__ import annotations

import ipaddress
import re
import string
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from shared.errors import SettingsError
from shared.providers.edge import EdgeSettings
from shared.settings.accounts import ProviderAccount, explain_settings_error

KEY_ID_CHARS_MAX: Final = 64
URL_CHARS_MAX: Final = 2_048
ENVIRONMENT_PREFIX: Final = "env:"
SIGNED_PATH: Final = "/v1/signed/"
CERTIFICATE_PATH: Final = "/v1/"
BANK_GROUP_FIELDS: Final = ("brand", "currency")

HostName = Annotated[
    str,
    StringConstraints(
        to_lower=True,
        max_length=190,
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
    ),
]
FilePath = Annotated[str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[^\x00]+$")]


class MascotSettings(EdgeSettings):
    """`[provider_accounts.<name>.settings]` of an account with dialect "mascot"."""

    casino_id: int = Field(ge=0, le=2**63 - 1, description="our casino id at Mascot: X-Subject and callerId must name it")
    auth: Literal["signature", "mtls"] = Field(default="signature", description="how callbacks prove who sends them")
    timestamp_window_s: int = Field(
        default=300, ge=1, le=3_600, description="how far X-Timestamp may be from our clock, either side"
    )
    nonce: Literal["answer", "refuse"] = Field(
        default="answer", description="the same nonce with the same bytes: answered again or refused"
    )
    auth_failure_status: Literal[200, 400, 401, 403] = Field(
        default=401, description="HTTP status of a failed authentication (unverified)"
    )
    deadline_ms: int = Field(default=5_000, ge=100, le=60_000, description="how long a callback waits for the wallet")
    late_bet_code: Literal[7, 8] = Field(default=7, description="error of a bet that comes after its rollback (sources differ)")
    free_round_exhausted: Literal["debit", "refuse"] = Field(
        default="debit", description="a charge that the counter does not cover: debit the stake or refuse (sources differ)"
    )
    collect_bonus_reward: Literal["win", "refuse"] = Field(
        default="win",
        description="book collectBonusReward as a promotional win, or answer that there is no such method (unverified)",
    )
    session_required: bool = Field(default=False, description="refuse a stake that names no session at all")
    compare_round: bool = Field(default=True, description="the same transactionRef with another round is a conflict")
    compare_game: bool = Field(default=True, description="the same transactionRef with another game is a conflict")
    replay_balance: Literal["stored", "current"] = Field(
        default="stored", description="the balance a repeated call is answered with"
    )
    overspent: Literal["overdraft", "refuse"] = Field(default="overdraft", description="rollback of a win that is already spent")

    operator_api_url: str = Field(
        default="",
        max_length=URL_CHARS_MAX,
        description="where we call the provider: https://.../v1/signed/ or, with a client certificate, https://.../v1/; or 'env:<NAME>'",
    )
    operator_api_key: str = Field(
        default="", max_length=KEY_ID_CHARS_MAX, description="the key id that signs our calls; default: first"
    )
    operator_api_certificate: FilePath | None = Field(
        default=None, description="our client certificate with its key, PEM, relative to the settings file"
    )
    operator_api_ca: FilePath | None = Field(
        default=None, description="certificate authorities of the provider's server instead of the system's, PEM"
    )
    operator_api_timeout_s: float = Field(default=5.0, ge=0.1, le=60, description="how long one call may take, connecting included")
    operator_api_deadline_s: float = Field(
        default=12.0, ge=0.1, le=120, description="how long a whole launch may take, with all its calls and their repetitions"
    )
    verify_answers: bool = Field(default=True, description="signed mode: an answer that is not signed under our key is refused")
    base_host: HostName | None = Field(default=None, description="our own domain for games: https://<session>.<base_host>/")
    static_host: HostName | None = Field(default=None, description="host of the games' static files")
    bank_group: str = Field(
        default="{brand}_{currency}", min_length=1, max_length=128, description="bank group of a brand's players of one currency"
    )
    cover_url: str = Field(
        default="",
        max_length=URL_CHARS_MAX,
        description="address of a game's cover with {game_id}: the provider's list has no images; or 'env:<NAME>'",
    )
    history_url: str = Field(
        default="",
        max_length=URL_CHARS_MAX,
        description="address of the provider's page of a session's history, with {token}; or 'env:<NAME>'; empty: there is none",
    )
    restore_policy: Literal["Restore", "Create"] = Field(
        default="Restore", description="a launch goes on with the player's unfinished round, or begins anew"
    )

    @field_validator("operator_api_url")
    @classmethod
    def _address(cls, value: str) -> str:
        return value if _is_reference(value) else checked_api_url(value)

    @field_validator("cover_url")
    @classmethod
    def _cover_template(cls, value: str) -> str:
        return value if _is_reference(value) else checked_cover_url(value)

    @field_validator("history_url")
    @classmethod
    def _history_template(cls, value: str) -> str:
        return value if _is_reference(value) else checked_history_url(value)

    @field_validator("bank_group")
    @classmethod
    def _template(cls, value: str) -> str:
        try:
            names = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(value) if name is not None]
        except ValueError as error:
            raise ValueError(f"{value!r} is not a template: {error}") from None
        if any(name not in BANK_GROUP_FIELDS or spec or conversion for name, spec, conversion in names):
            raise ValueError(f"{value!r} may hold {{brand}} and {{currency}}, nothing else in braces")
        if "currency" not in [name for name, _, _ in names]:
            raise ValueError(f"{value!r} must hold {{currency}}: a bank group has one currency, which cannot change afterwards")
        return value

    @model_validator(mode="after")
    def _operator_api(self) -> Self:
        if self.operator_api_deadline_s < self.operator_api_timeout_s:
            raise ValueError("operator_api_deadline_s must not be below operator_api_timeout_s: it holds several calls")
        if self.operator_api_url and not self.operator_api_url.startswith(ENVIRONMENT_PREFIX):
            check_certificate(self, self.operator_api_url)
        return self

    @model_validator(mode="after")
    def _certificates(self) -> Self:
        if self.auth == "mtls" and self.certificate_header is None:
            raise ValueError("auth = 'mtls' needs certificate_header, a value or pattern for it, and trusted_proxies")
        return self


def checked_api_url(value: str) -> str:
    """The address of the provider's Operator API, with its last slash; ValueError says what is wrong with it."""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"the address is no URL: {error}") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise ValueError("expected an address such as https://api.provider.example/v1/signed/")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("an address with a user name, password, query or fragment is not taken")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("an address is made of printable ASCII characters without blanks")
    path = parts.path if parts.path.endswith("/") else parts.path + "/"
    if not path.endswith((SIGNED_PATH, CERTIFICATE_PATH)):
        raise ValueError(
            f"the address ends in {path[-40:]!r}; the provider's ends in {SIGNED_PATH} (signed calls) or in {CERTIFICATE_PATH} (client certificate)"
        )
    if parts.scheme == "http" and not _is_near(parts.hostname):
        raise ValueError("the address must begin with https://; http:// is for this machine and private networks only")
    return SplitResult(parts.scheme, parts.netloc, path, "", "").geturl()


def checked_cover_url(value: str) -> str:
    """The template of a cover's address; ValueError says what is wrong with it."""
    return _checked_template(value, "{game_id}", "https://images.example/covers/{game_id}.png")


def checked_history_url(value: str) -> str:
    """The template of the address of a session's history; ValueError says what is wrong with it."""
    return _checked_template(value, "{token}", "https://history.provider.example/?token={token}")


def _checked_template(value: str, place: str, example: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError as error:
        raise ValueError(f"the address is no URL: {error}") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None or parts.password is not None:
        raise ValueError(f"expected an address such as {example}")
    if not value.isascii() or not value.isprintable() or set(value) & set(" \"'<>\\^`|"):
        raise ValueError("an address is made of printable ASCII characters without blanks and quotes")
    if value.count(place) != 1 or set("".join(value.split(place))) & set("{}") or place in parts.netloc:
        raise ValueError(f"{value!r} must hold {place} once, behind the host, and nothing else in braces")
    return value


def check_certificate(settings: MascotSettings, url: str) -> None:
    """ValueError where an address of the provider without signatures is to be called without a client certificate."""
    if url.startswith("https:") and not is_signed(url) and settings.operator_api_certificate is None:
        raise ValueError(
            f"operator_api_url ends in {CERTIFICATE_PATH}, which needs operator_api_certificate; the address for signed calls ends in {SIGNED_PATH}"
        )


def is_signed(url: str) -> bool:
    """Whether calls to this address are signed (otherwise a client certificate says who we are)."""
    return url.endswith(SIGNED_PATH)


def _is_reference(value: str) -> bool:
    """Whether an address is left out or given by 'env:<NAME>'; ValueError where that names no variable."""
    if not value.startswith(ENVIRONMENT_PREFIX):
        return not value
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value.removeprefix(ENVIRONMENT_PREFIX)):
        raise ValueError(f"{value!r} names no environment variable; expected 'env:<NAME>'")
    return True


def _is_near(host: str) -> bool:
    """Whether a host is this machine or in a private network: an address of such a range, or a name without a dot."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_loopback or address.is_private


def mascot_settings(account: ProviderAccount) -> MascotSettings:
    """The account's settings, checked; SettingsError names the key and what is valid."""
    try:
        settings = MascotSettings.model_validate(account.settings)
    except ValidationError as error:
        raise explain_settings_error(account, error) from None
    if settings.auth == "signature" and not account.keys:
        raise SettingsError(
            f"provider_accounts.{account.name}.keys: at least one key is needed to check signatures; add <key id> = 'file:<path>'"
        )
    if settings.operator_api_key and settings.operator_api_key not in account.keys:
        raise SettingsError(
            f"provider_accounts.{account.name}.settings: operator_api_key: {settings.operator_api_key!r} is none of the account's keys"
            f" ({', '.join(account.keys) or 'it has none'})"
        )
    if is_signed(settings.operator_api_url) and not account.keys:
        raise SettingsError(
            f"provider_accounts.{account.name}.keys: at least one key is needed to sign calls to operator_api_url; add <key id> = 'file:<path>'"
        )
    for key_id in account.keys:
        if not key_id.isascii() or "=" in key_id or len(key_id) > KEY_ID_CHARS_MAX:
            raise SettingsError(
                f"provider_accounts.{account.name}.keys: key id {key_id!r} must be ASCII, without '=', at most {KEY_ID_CHARS_MAX} characters"
            )
    return settings


def mascot_certificates(account: ProviderAccount) -> dict[str, Path]:
    """The files of the account's certificates, by setting; what is not set is left out."""
    settings = mascot_settings(account)
    files = {"operator_api_certificate": settings.operator_api_certificate, "operator_api_ca": settings.operator_api_ca}
    return {setting: account.folder / file for setting, file in files.items() if file is not None}
