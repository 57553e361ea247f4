"""What the simulator reads from its environment."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from shared.settings import ServiceSettings

PORT_OFFSET: Final = 4


class SimulatorSettings(ServiceSettings):
    """Settings of the simulator; `callback_url` is the only place it ever sends traffic to."""

    run_dir: Path = Field(default=Path(".run"), description="folder of the stack; the books lie in its folder `simulator`")
    callback_url: str = Field(
        default="",
        description="where callbacks go, without the provider account; http://127.0.0.1:<base port>/callbacks by default",
    )
    simulator_url: str = Field(
        default="",
        description="where operators and players reach the simulator; http://<host>:<base port + 4> by default",
    )
    simulator_test_players: bool = Field(
        default=True, description="mark automatic players as test players, whom reports leave out; off where all players are play"
    )
    callback_timeout_s: float = Field(default=10.0, gt=0, le=120, description="how long the provider waits for an answer")

    @field_validator("callback_url", "simulator_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("expected an http or https address without query, such as http://127.0.0.1:8080/callbacks")
        return value.rstrip("/")

    def callbacks_of(self, provider_account: str) -> str:
        """The callback address of one provider account."""
        base = self.callback_url or f"http://127.0.0.1:{self.base_port}/callbacks"
        return f"{base}/{provider_account}"

    @property
    def public_url(self) -> str:
        """The simulator's own address, for the links it gives out."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104  # compared, not bound
        return self.simulator_url or f"http://{host}:{self.listen_port(PORT_OFFSET)}"

    @property
    def desk_path(self) -> Path:
        """The file of what operators told the studio."""
        return self.run_dir / "simulator" / "mascot-desk.sqlite3"

    @property
    def books_path(self) -> Path:
        """The file of the books."""
        return self.run_dir / "simulator" / "books.sqlite3"
