"""What every service reads from its environment. A wrong value stops the start with a message that names the key."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import SettingsError
from shared.kafka.connection import process_security
from shared.settings.database import check_tls_files

S = TypeVar("S", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """Shared settings. Environment variables carry the prefix `STAKEWIRE_`, but for the two well-known addresses."""

    model_config = SettingsConfigDict(env_prefix="STAKEWIRE_", extra="ignore", populate_by_name=True, frozen=True)

    config_file: Path = Field(default=Path(".run/config/stakewire.toml"), description="TOML file of brands and provider accounts")
    database_url: str = Field(default="", validation_alias="DATABASE_URL", description="postgresql://user:password@host:port/name")
    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:8087", validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="host:port, comma separated"
    )
    host: str = Field(default="127.0.0.1", description="address the service listens on")
    base_port: int = Field(default=8080, ge=1, le=65_000, description="first of the ports of a stack")
    port: int | None = Field(default=None, ge=1, le=65_535, description="this service's own port, instead of base port + offset")
    topic_prefix: str = Field(default="", max_length=64, pattern=r"^[a-zA-Z0-9._-]*$", description="put before every topic's name")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    trace_share: float = Field(default=0, ge=0, le=1, description="share of requests that are traced; 0 = none, nothing is loaded")
    trace_trust_callers: bool = Field(
        default=False, description="continue a caller's trace, and record what it says is recorded; only behind a proxy of your own"
    )

    @field_validator("database_url")
    @classmethod
    def _tls_files_are_there(cls, value: str) -> str:
        try:
            check_tls_files(value)
        except SettingsError as error:
            raise ValueError(str(error)) from None
        return value

    def listen_port(self, offset: int) -> int:
        """The port to listen on: `port` if set, else the base port plus the service's offset."""
        return self.port if self.port is not None else self.base_port + offset


def load_settings(cls: type[S], **overrides: object) -> S:
    """Settings of class `cls` from the environment; SettingsError names each wrong key and what is valid.

    How Kafka is reached is checked here too: a service that could not reach it says so at its start.
    """
    process_security()
    try:
        return cls(**overrides)  # type: ignore[arg-type]  # pydantic-settings takes init values of any field
    except ValidationError as error:
        lines = [f"  {_variable(cls, item['loc'])}: {item['msg']}" for item in error.errors(include_input=False, include_url=False)]
        raise SettingsError("settings in the environment are not valid:\n" + "\n".join(lines)) from None


def _variable(cls: type[ServiceSettings], location: tuple[int | str, ...]) -> str:
    name = str(location[0]) if location else "?"
    return name if name.isupper() else f"{cls.model_config.get('env_prefix', '')}{name}".upper()
