"""What the lobby reads from its environment, prefix `STAKEWIRE_LOBBY_`. Without an operator API it only shows games."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from shared.errors import SettingsError
from shared.settings import ServiceSettings

PREFIX: Final = "STAKEWIRE_LOBBY_"
HOW_TO_PLAY: Final = (
    f"To play them, set {PREFIX}OPERATOR_API_URL to the operator API and {PREFIX}OPERATOR_KEY_FILE to a file with a key of the brand "
    "that has the scopes play, money and read (`stakewire keys create`), then start the catalogue again."
)


def _named(name: str) -> AliasChoices:
    return AliasChoices(f"{PREFIX}{name}".upper())


class LobbySettings(ServiceSettings):
    """Whose games the lobby shows, and the one demo player who plays them. `gift` is play money for a test player."""

    operator_api_url: str = Field(
        default="",
        max_length=500,
        pattern=r"^(https?://[^\s?#]+)?$",
        validation_alias=_named("operator_api_url"),
        description="address of the operator API, such as http://127.0.0.1:8081",
    )
    operator_key_file: Path | None = Field(
        default=None, validation_alias=_named("operator_key_file"), description="file with the key for the operator API"
    )
    brand: str = Field(default="main", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", validation_alias=_named("brand"))
    currency: str = Field(default="EUR", pattern=r"^[A-Z0-9]{2,12}$", validation_alias=_named("currency"))
    country: str = Field(default="", pattern=r"^([A-Z]{2})?$", validation_alias=_named("country"))
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}$", validation_alias=_named("language"))
    player: str = Field(default="demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", validation_alias=_named("player"))
    gift: str = Field(
        default="1000.00",
        pattern=r"^[1-9][0-9]{0,8}(\.[0-9]{1,2})?$",
        validation_alias=_named("gift"),
        description="play money, in major units, that the demo player gets when he is nearly broke",
    )
    gift_below: str = Field(
        default="20.00", pattern=r"^[0-9]{1,9}(\.[0-9]{1,2})?$", validation_alias=_named("gift_below"), description="nearly broke"
    )
    gifts_a_day_max: int = Field(default=20, ge=0, le=1_000, validation_alias=_named("gifts_a_day_max"))
    launches_per_s: float = Field(
        default=1, gt=0, le=1_000, validation_alias=_named("launches_per_s"), description="for each address, after a burst of 20"
    )
    reads_per_s: float = Field(
        default=20, gt=0, le=10_000, validation_alias=_named("reads_per_s"), description="for each address, after a burst of 100"
    )

    @field_validator("operator_key_file", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """Where variables are handed on, as to containers, one that is not wanted is empty rather than absent."""
        return None if value == "" else value

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.operator_api_url) != (self.operator_key_file is not None):
            raise ValueError(f"set {PREFIX}OPERATOR_API_URL and {PREFIX}OPERATOR_KEY_FILE both, or none of them")
        return self

    def operator_key(self) -> SecretStr | None:
        """The key in the file; None where playing is not turned on. SettingsError where the file cannot be read."""
        if self.operator_key_file is None:
            return None
        try:
            key = self.operator_key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{PREFIX}OPERATOR_KEY_FILE: {self.operator_key_file} cannot be read: {error}") from error
        if not key or not key.isascii() or not key.isprintable():
            raise SettingsError(f"{PREFIX}OPERATOR_KEY_FILE: {self.operator_key_file} does not hold a key on one line")
        return SecretStr(key)
