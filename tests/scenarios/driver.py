"""What the runner needs of a dialect: to make a request of a call, to send it, and to read the answer back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.scenarios import Call
from tests.scenarios.world import World


@dataclass(frozen=True)
class Request:
    """A request ready to be sent, and sent again byte for byte. `facts` are what the driver needs to check the answer."""

    call: Call
    account: str
    game_off: bool
    http_method: str
    path: str
    headers: dict[str, str]
    body: bytes
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class WireAnswer:
    """An answer in the catalogue's words, after the driver has checked everything around it (see `answer` of the dialect)."""

    http: int
    answer: dict[str, Any]
    transaction_id: str = ""


class Driver(Protocol):
    """One dialect's side of the runner, written from the protocol's document and sharing no code with ours."""

    dialect: str

    def make(self, call: Call, world: World, send_as: dict[str, Any], same_nonce_as: Request | None) -> Request:
        """The request of a call; `send_as` is what the catalogue changes about it, in the dialect's own words."""

    async def send(self, request: Request) -> WireAnswer:
        """Sends a request. AssertionError where the answer breaks the protocol, whatever it says."""

    def read(self, http: int, headers: dict[str, str], body: bytes, request: Request) -> WireAnswer:
        """Reads and checks an answer."""
