"""What the catalogue reads from its environment, beyond what every service does. Prefix `STAKEWIRE_CATALOGUE_`."""

from __future__ import annotations

from typing import Final

from pydantic import AliasChoices, Field

from shared.settings import ServiceSettings
from shared.web.gate import GateLimits

PORT_OFFSET: Final = 2
PREFIX: Final = "STAKEWIRE_CATALOGUE_"


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"{PREFIX}{name}".upper())


class CatalogueSettings(ServiceSettings):
    """Intervals and limits of the catalogue. All have defaults that suit one process."""

    sync_interval_s: float = Field(
        default=900,
        ge=1,
        le=604_800,
        validation_alias=_named("sync_interval_s"),
        description="how often each provider's list is read; a tenth of it is added at random",
    )
    sync_limit_s: float = Field(
        default=120, ge=1, le=3_600, validation_alias=_named("sync_limit_s"), description="how long one sync may take altogether"
    )
    sync_retry_s: float = Field(
        default=1,
        ge=0.1,
        le=3_600,
        validation_alias=_named("sync_retry_s"),
        description="when a failed sync is tried again; doubles up to the interval",
    )
    shrink_share_max: float = Field(
        default=0.3,
        ge=0,
        le=1,
        validation_alias=_named("shrink_share_max"),
        description="share of the live games that a list may lack; a list that lacks more changes nothing until it is confirmed",
    )
    syncs_kept_days: int = Field(
        default=90, ge=2, le=3_650, validation_alias=_named("syncs_kept_days"), description="how long past syncs are listed"
    )
    body_bytes_max: int = Field(default=262_144, ge=1_024, le=1_048_576, validation_alias=_named("body_bytes_max"))
    rate_per_s: float = Field(
        default=500, gt=0, le=1_000_000, validation_alias=_named("rate_per_s"), description="requests a second for each key"
    )
    rate_burst: int = Field(default=1_000, ge=1, le=1_000_000, validation_alias=_named("rate_burst"))
    failures_per_s: float = Field(
        default=0.5,
        gt=0,
        le=1_000_000,
        validation_alias=_named("failures_per_s"),
        description="requests a second without a valid key, for each address; above that 429 instead of 401",
    )
    failures_burst: int = Field(default=30, ge=1, le=1_000_000, validation_alias=_named("failures_burst"))
    connections_max: int = Field(default=2_000, ge=1, validation_alias=_named("connections_max"))

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
