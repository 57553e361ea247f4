"""Who may connect: address allow-lists, and client certificates that a trusted reverse proxy has verified.

The same for every dialect. A header is believed only if the connection comes from a trusted proxy.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
HeaderName = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[A-Za-z0-9-]{1,64}$")]

FORWARDED_BYTES_MAX: Final = 1_024
CERTIFICATE_BYTES_MAX: Final = 4_096


class EdgeSettings(BaseModel):
    """Settings of the edge, part of every dialect's settings table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed_addresses: tuple[Network, ...] = Field(default=(), description="networks the provider calls from; empty = any")
    trusted_proxies: tuple[Network, ...] = Field(default=(), description="networks of our own reverse proxies")
    forwarded_header: HeaderName = Field(default="x-forwarded-for", description="where a trusted proxy puts the caller's address")
    certificate_header: HeaderName | None = Field(default=None, description="where a trusted proxy puts the result of its check")
    certificate_value: str | None = Field(
        default=None, max_length=CERTIFICATE_BYTES_MAX, description="the exact value that means verified"
    )
    certificate_pattern: str | None = Field(default=None, description="or a regular expression that the whole value must match")

    @field_validator("certificate_pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"{value!r} is not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.certificate_header is not None:
            if (self.certificate_value is None) == (self.certificate_pattern is None):
                raise ValueError("certificate_header needs either certificate_value or certificate_pattern")
            if not self.trusted_proxies:
                raise ValueError("certificate_header needs trusted_proxies: anybody could send the header otherwise")
        return self


class Edge:
    """The checks of one provider account. Pure: addresses and headers in, verdict out."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings
        self._header = settings.forwarded_header.encode()
        self._certificate_header = (settings.certificate_header or "").encode()
        pattern = settings.certificate_pattern
        if pattern is None and settings.certificate_value is not None:
            pattern = re.escape(settings.certificate_value)
        self._certificate = re.compile(pattern) if pattern is not None else None
        self._trusted = lru_cache(maxsize=256)(lambda peer: _within(peer, settings.trusted_proxies))
        self._allowed = lru_cache(maxsize=1_024)(lambda address: _within(address, settings.allowed_addresses))

    @property
    def checks_certificates(self) -> bool:
        """Whether client certificates are configured at all."""
        return self._certificate is not None

    @property
    def forwarded_header(self) -> bytes:
        """Where a trusted proxy puts the caller's address."""
        return self._header

    def trusts(self, peer: str) -> bool:
        """Whether a connection comes from one of our reverse proxies, whose headers are believed."""
        return self._trusted(peer)

    def caller(self, peer: str, headers: Mapping[bytes, bytes]) -> str:
        """The caller's address: the peer's, or behind trusted proxies the last address none of them has.

        Empty where a trusted proxy sends something that is no list of addresses.
        """
        if not self._settings.trusted_proxies or not self._trusted(peer):
            return peer
        forwarded = headers.get(self._header, b"")
        if not forwarded:
            return peer
        if len(forwarded) > FORWARDED_BYTES_MAX:
            return ""
        address = ""
        for part in reversed(forwarded.decode("latin-1").split(",")):
            address = part.strip()
            if not self._trusted(address):
                break
        return address if _parsed(address) is not None else ""

    def admits(self, address: str) -> bool:
        """Whether the allow-list (if there is one) holds the caller's address."""
        return not self._settings.allowed_addresses or self._allowed(address)

    def certified(self, peer: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a trusted proxy says that the caller's client certificate is the expected one."""
        if self._certificate is None or not self._trusted(peer):
            return False
        value = headers.get(self._certificate_header)
        if value is None or len(value) > CERTIFICATE_BYTES_MAX:
            return False
        return self._certificate.fullmatch(value.decode("latin-1")) is not None


def _parsed(address: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)
