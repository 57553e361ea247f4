"""What the gateway reads from its environment, beyond what every service does. Prefix `STAKEWIRE_GATEWAY_`."""

from __future__ import annotations

from typing import Self

from pydantic import AliasChoices, Field, model_validator

from shared.requester.pending import PendingLimits
from shared.settings import ServiceSettings

PREFIX = "STAKEWIRE_GATEWAY_"


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"{PREFIX}{name}".upper())


class GatewaySettings(ServiceSettings):
    """Limits of the callbacks listener. All have defaults that suit one process on one core."""

    instance_id: str = Field(
        default="",
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]*$",
        validation_alias=_named("instance_id"),
        description="names this process; chooses its reply partition (default: host name and port)",
    )
    body_bytes_max: int = Field(default=65_536, ge=1_024, le=1_048_576, validation_alias=_named("body_bytes_max"))
    request_s_max: float = Field(
        default=10.0,
        gt=0,
        le=120,
        validation_alias=_named("request_s_max"),
        description="a request must have arrived after so long",
    )
    connections_max: int = Field(default=10_000, ge=1, validation_alias=_named("connections_max"))
    pending_max: int = Field(default=8_192, ge=16, le=1_000_000, validation_alias=_named("pending_max"))
    query_share: float = Field(default=0.5, gt=0, le=1, validation_alias=_named("query_share"))
    stake_share: float = Field(default=0.75, gt=0, le=1, validation_alias=_named("stake_share"))
    nonces_max: int = Field(
        default=1_000_000, ge=1_000, validation_alias=_named("nonces_max"), description="remembered for each provider account"
    )
    keep_alive_s: float = Field(default=75, gt=0, le=600, validation_alias=_named("keep_alive_s"))
    drain_announce_s: float = Field(
        default=1.0,
        ge=0,
        le=60,
        validation_alias=_named("drain_announce_s"),
        description="after SIGTERM: so long still served while readiness is down and answers close their connections",
    )
    drain_finish_s: float = Field(
        default=8, gt=0, le=120, validation_alias=_named("drain_finish_s"), description="then so long pending answers may take"
    )
    archive: bool = Field(default=True, validation_alias=_named("archive"), description="write callbacks to gateway.callbacks")
    archive_success_share: float = Field(
        default=1.0,
        ge=0,
        le=1,
        validation_alias=_named("archive_success_share"),
        description="share of successes kept; failures always are",
    )
    archive_queue_max: int = Field(default=20_000, ge=100, validation_alias=_named("archive_queue_max"))
    diagnoses_per_s: float = Field(
        default=20.0,
        ge=1,
        le=1_000,
        validation_alias=_named("diagnoses_per_s"),
        description="failed callbacks looked into thoroughly, a second, for each provider account and cause",
    )

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.query_share > self.stake_share:
            raise ValueError(
                f"query_share ({self.query_share}) must not be above stake_share ({self.stake_share}): queries are shed first"
            )
        return self

    @property
    def pending(self) -> PendingLimits:
        """The limits of the requester's table."""
        return PendingLimits(self.pending_max, self.query_share, self.stake_share)
