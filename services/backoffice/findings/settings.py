"""What watch lists, health and alerts read from their environment. Prefix `STAKEWIRE_BACKOFFICE_`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from shared.errors import SettingsError
from shared.settings import ServiceSettings

PREFIX: Final = "STAKEWIRE_BACKOFFICE_"
SECRET_CHARS_MIN: Final = 16
_WEB: Final = r"^(https?://[^\s#@]+)?$"


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"{PREFIX}{name}".upper())


class FindingsSettings(ServiceSettings):
    """From when on something is a case for people, and whom alerts are sent to."""

    stuck_after_h: int = Field(
        default=24, ge=1, le=8_760, validation_alias=_named("stuck_after_h"), description="hours after which an open round is stuck"
    )
    tombstone_after_h: int = Field(
        default=24,
        ge=1,
        le=8_760,
        validation_alias=_named("tombstone_after_h"),
        description="hours after which a rolled-back bet that never came is listed",
    )
    deadline_ms: int = Field(
        default=2_500,
        ge=100,
        le=60_000,
        validation_alias=_named("deadline_ms"),
        description="milliseconds in which a callback must be answered; health compares latencies with it",
    )
    alert_url: str = Field(
        default="", max_length=500, pattern=_WEB, validation_alias=_named("alert_url"), description="where alerts are POSTed to"
    )
    alert_secret_file: Path | None = Field(
        default=None, validation_alias=_named("alert_secret_file"), description="file with the secret that alerts are signed with"
    )
    alert_attempts_max: int = Field(
        default=18,
        ge=1,
        le=100,
        validation_alias=_named("alert_attempts_max"),
        description="tries, over about a day, then given up",
    )
    alert_stuck_rounds: int = Field(
        default=20,
        ge=1,
        le=1_000_000,
        validation_alias=_named("alert_stuck_rounds"),
        description="more stuck rounds than that are an alert",
    )

    @field_validator("alert_secret_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """Where variables are handed on, as to containers, one that is not wanted is empty rather than absent."""
        return None if value == "" else value

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.alert_url) != (self.alert_secret_file is not None):
            raise ValueError(f"set {PREFIX}ALERT_URL and {PREFIX}ALERT_SECRET_FILE both, or none of them")
        return self

    def alert_secret(self) -> SecretStr | None:
        """The secret in the file; None where no alerts are sent. SettingsError where it cannot be read or is too short."""
        if self.alert_secret_file is None:
            return None
        try:
            secret = self.alert_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{PREFIX}ALERT_SECRET_FILE: {self.alert_secret_file} cannot be read: {error}") from error
        if len(secret) < SECRET_CHARS_MIN:
            raise SettingsError(
                f"{PREFIX}ALERT_SECRET_FILE: {self.alert_secret_file} must hold at least {SECRET_CHARS_MIN} characters on one line"
            )
        return SecretStr(secret)
