"""What the back office reads from its environment, beyond what every service does. Prefix `STAKEWIRE_BACKOFFICE_`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import AliasChoices, Field, field_validator

from shared.settings import ServiceSettings
from shared.web.gate import GateLimits

PORT_OFFSET: Final = 3
PREFIX: Final = "STAKEWIRE_BACKOFFICE_"
BASE_URL: Final = r"^(https?://[^\s?#]+)?$"


def named(name: str) -> AliasChoices:
    """The environment variable of a setting."""
    return AliasChoices(f"{PREFIX}{name}".upper())


class BackofficeSettings(ServiceSettings):
    """Addresses, intervals and limits of the back office. `database_url` may name another server than the wallet's."""

    operator_api_url: str = Field(
        default="",
        max_length=500,
        pattern=BASE_URL,
        validation_alias=named("operator_api_url"),
        description="address of the operator API, such as http://127.0.0.1:8081; empty: pages only show, gaps wait",
    )
    operator_key_file: Path | None = Field(
        default=None,
        validation_alias=named("operator_key_file"),
        description="file with a key of the operator API for the brand main, with the scopes read, play, money and admin",
    )
    operator_key_files: str = Field(
        default="",
        max_length=4_000,
        pattern=r"^([a-z0-9][a-z0-9-]{0,62}=[^,=]+(,[a-z0-9][a-z0-9-]{0,62}=[^,=]+)*)?$",
        validation_alias=named("operator_key_files"),
        description="such files of several brands: main=/secrets/main,second=/secrets/second",
    )
    catalogue_url: str = Field(
        default="",
        max_length=500,
        pattern=BASE_URL,
        validation_alias=named("catalogue_url"),
        description="address of the catalogue, for collections; empty: none are known",
    )
    callbacks_kept_days: int = Field(
        default=90, ge=7, le=3_650, validation_alias=named("callbacks_kept_days"), description="whole months older than that go"
    )
    body_bytes_max: int = Field(default=262_144, ge=1_024, le=1_048_576, validation_alias=named("body_bytes_max"))
    rate_per_s: float = Field(
        default=100, gt=0, le=1_000_000, validation_alias=named("rate_per_s"), description="requests a second for each key"
    )
    rate_burst: int = Field(default=200, ge=1, le=1_000_000, validation_alias=named("rate_burst"))
    failures_per_s: float = Field(
        default=0.5,
        gt=0,
        le=1_000_000,
        validation_alias=named("failures_per_s"),
        description="requests a second without a valid key, for each address; above that 429 instead of 401",
    )
    failures_burst: int = Field(default=30, ge=1, le=1_000_000, validation_alias=named("failures_burst"))
    connections_max: int = Field(default=1_000, ge=1, validation_alias=named("connections_max"))

    @field_validator("operator_key_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """Where variables are handed on, as to containers, one that is not wanted is empty rather than absent."""
        return None if value == "" else value

    @property
    def gate(self) -> GateLimits:
        """The limits of the gate."""
        return GateLimits(
            body_bytes=self.body_bytes_max,
            per_s=self.rate_per_s,
            burst=self.rate_burst,
            failures_per_s=self.failures_per_s,
            failures_burst=self.failures_burst,
        )
