"""What the console reads from its environment: how people sign in, and for how long. Prefix `STAKEWIRE_CONSOLE_`."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from shared.errors import SettingsError
from shared.settings import ServiceSettings

PREFIX: Final = "STAKEWIRE_CONSOLE_"
Role = Literal["viewer", "support", "finance", "admin"]
ROLES: Final[tuple[Role, ...]] = ("viewer", "support", "finance", "admin")
"""Each may do what those before it may."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_WEB: Final = r"^(https?://[^\s?#]+)?$"
_HEADER: Final = r"^([A-Za-z][A-Za-z0-9-]{0,63})?$"
_CLAIM: Final = r"^[A-Za-z0-9_.:/-]{1,200}$"
_ROLE_ENTRY: Final = re.compile(r"([^=,]{1,200})=(viewer|support|finance|admin)")
_EMPTY_ROLE: Final = r"^(viewer|support|finance|admin)?$"


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"{PREFIX}{name}".upper())


class ConsoleSettings(ServiceSettings):
    """Sign-in to the console. Without anything set: logins and passwords of its own, on this machine."""

    url: str = Field(
        default="",
        max_length=500,
        pattern=_WEB,
        validation_alias=_named("url"),
        description="address that people open, such as https://office.example; with https cookies are for https alone",
    )
    idle_s: int = Field(
        default=1_800, ge=60, le=86_400, validation_alias=_named("idle_s"), description="a sign-in ends after so long"
    )
    absolute_s: int = Field(default=43_200, ge=300, le=604_800, validation_alias=_named("absolute_s"))
    passwords: bool = Field(default=True, validation_alias=_named("passwords"), description="whether logins of our own may sign in")
    trusted_proxies: str = Field(
        default="",
        max_length=2_000,
        validation_alias=_named("trusted_proxies"),
        description="networks whose X-Forwarded-For and sign-in header are believed, such as 10.0.0.0/8,192.0.2.7/32",
    )
    proxy_user_header: str = Field(
        default="",
        pattern=_HEADER,
        validation_alias=_named("proxy_user_header"),
        description="header in which a trusted proxy names who has signed in there, such as X-Forwarded-User; empty: none",
    )
    proxy_role_header: str = Field(
        default="",
        pattern=_HEADER,
        validation_alias=_named("proxy_role_header"),
        description="header with the person's groups, comma separated",
    )
    roles: str = Field(
        default="",
        max_length=4_000,
        validation_alias=_named("roles"),
        description="groups of the proxy or the OIDC provider and the roles they give: casino-support=support,casino-admins=admin",
    )
    role_of_others: str = Field(
        default="",
        pattern=_EMPTY_ROLE,
        validation_alias=_named("role_of_others"),
        description="role of who has none of these groups; empty: may not sign in",
    )
    oidc_issuer: str = Field(default="", max_length=500, pattern=_WEB, validation_alias=_named("oidc_issuer"))
    oidc_client_id: str = Field(default="", max_length=200, validation_alias=_named("oidc_client_id"))
    oidc_secret_file: Path | None = Field(default=None, validation_alias=_named("oidc_secret_file"))
    oidc_scopes: str = Field(
        default="openid profile email", max_length=500, pattern=r"^openid( [\x21-\x7e]+)*$", validation_alias=_named("oidc_scopes")
    )
    oidc_login_claim: str = Field(default="preferred_username", pattern=_CLAIM, validation_alias=_named("oidc_login_claim"))
    oidc_role_claim: str = Field(
        default="groups", pattern=_CLAIM, validation_alias=_named("oidc_role_claim"), description="claim with the person's groups"
    )
    oidc_name: str = Field(
        default="single sign-on",
        max_length=60,
        validation_alias=_named("oidc_name"),
        description="as it is called on the sign-in page",
    )

    @field_validator("oidc_secret_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """Where variables are handed on, as to containers, one that is not wanted is empty rather than absent."""
        return None if value == "" else value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in _parts(value):
            try:
                ipaddress.ip_network(part)
            except ValueError:
                raise ValueError(f"{part!r} is not a network such as 10.0.0.0/8") from None
        return value

    @field_validator("roles")
    @classmethod
    def _are_roles(cls, value: str) -> str:
        for part in _parts(value):
            if not _ROLE_ENTRY.fullmatch(part):
                raise ValueError(f"{part!r} is not group=role with one of the roles {', '.join(ROLES)}")
        return value

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        oidc = (bool(self.oidc_issuer), bool(self.oidc_client_id), self.oidc_secret_file is not None)
        if any(oidc) and not all((*oidc, bool(self.url))):
            raise ValueError(
                f"set {PREFIX}OIDC_ISSUER, _OIDC_CLIENT_ID, _OIDC_SECRET_FILE and {PREFIX}URL together, or none of OIDC"
            )
        if self.proxy_user_header and not self.trusted_proxies:
            raise ValueError(f"{PREFIX}PROXY_USER_HEADER asks for {PREFIX}TRUSTED_PROXIES: from anybody else it is not believed")
        if not (self.passwords or self.oidc_issuer or self.proxy_user_header):
            raise ValueError(f"with {PREFIX}PASSWORDS off nobody could sign in: set OIDC or a proxy's header")
        return self

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks of trusted proxies."""
        return tuple(ipaddress.ip_network(part) for part in _parts(self.trusted_proxies))

    def role_for(self, groups: list[str]) -> Role | None:
        """The highest role that one of the groups gives; None where there is none and others have none either."""
        given = {match[1]: match[2] for match in map(_ROLE_ENTRY.fullmatch, _parts(self.roles)) if match}
        found = {given[group] for group in groups if group in given} | ({self.role_of_others} - {""})
        return next((role for role in reversed(ROLES) if role in found), None)

    def oidc_secret(self) -> SecretStr:
        """The client's secret; SettingsError where its file cannot be read."""
        if self.oidc_secret_file is None:
            raise SettingsError(f"{PREFIX}OIDC_SECRET_FILE is not set")
        try:
            secret = self.oidc_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{PREFIX}OIDC_SECRET_FILE: {self.oidc_secret_file} cannot be read: {error}") from error
        if not secret:
            raise SettingsError(f"{PREFIX}OIDC_SECRET_FILE: {self.oidc_secret_file} is empty")
        return SecretStr(secret)


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
