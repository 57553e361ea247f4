"""What the operator's API reads from its environment, beyond what every service does. Prefix `STAKEWIRE_OPERATOR_`."""

from __future__ import annotations

from typing import Final

from pydantic import AliasChoices, Field

from shared.settings import ServiceSettings
from shared.web.gate import GateLimits

PORT_OFFSET: Final = 1
PREFIX: Final = "STAKEWIRE_OPERATOR_"


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"{PREFIX}{name}".upper())


class OperatorApiSettings(ServiceSettings):
    """Limits of the operator's API. All have defaults that suit one process."""

    instance_id: str = Field(
        default="",
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]*$",
        validation_alias=_named("instance_id"),
        description="names this process; chooses its reply partition (default: host name and port)",
    )
    callback_url: str = Field(
        default="",
        max_length=500,
        pattern=r"^(https?://[^\s?#]+)?$",
        validation_alias=_named("callback_url"),
        description="address below which providers reach the callbacks gateway, to be told: https://callbacks.example/callbacks",
    )
    body_bytes_max: int = Field(default=65_536, ge=1_024, le=1_048_576, validation_alias=_named("body_bytes_max"))
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
    wallet_deadline_ms: int = Field(
        default=5_000,
        ge=100,
        le=60_000,
        validation_alias=_named("wallet_deadline_ms"),
        description="how long one command may wait for the wallet",
    )
    launch_wait_s: float = Field(
        default=15,
        gt=0,
        le=120,
        validation_alias=_named("launch_wait_s"),
        description="how long a launch waits for another one of the same player",
    )
    launch_lease_s: float = Field(
        default=60,
        gt=1,
        le=600,
        validation_alias=_named("launch_lease_s"),
        description="after so long a launch counts as abandoned; longer than a provider's calls may take together",
    )
    probe_every_s: float = Field(
        default=300,
        gt=0,
        le=86_400,
        validation_alias=_named("probe_every_s"),
        description="a provider account that answered nothing for so long is asked for its games, to know its health",
    )
    session_idle_s: int = Field(default=3_600, ge=60, le=86_400, validation_alias=_named("session_idle_s"))
    session_absolute_s: int = Field(default=86_400, ge=300, le=604_800, validation_alias=_named("session_absolute_s"))
    records_kept_days: int = Field(
        default=30,
        ge=2,
        le=3_650,
        validation_alias=_named("records_kept_days"),
        description="how long launches and Idempotency-Keys of sessions and free rounds are remembered",
    )

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
