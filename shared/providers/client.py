"""What we ask of a provider, the same for all of them: launches, demo sessions, closing, the list of games.

The operator API knows only these shapes; how a provider is asked stays in that provider's folder, and
`shared.providers.registry.open_client` gives the client of an account. Nothing here does I/O.

ProviderError                what happened, what to do about it, and whether the provider may have done it all the same
├── ProviderNotConfigured    the account has no address to call, or its keys or certificates cannot be used
├── ProviderNotOffered       this account cannot do what was asked; nothing was sent
├── ProviderUnreachable      no connection, a broken one, or an answer that says the provider's side is down
├── ProviderTimeout          no answer in time
├── ProviderRefused          the provider said no, with its code and words
└── ProviderAnswerInvalid    an answer that is not one: rubbish, too large, not signed, or for another question
"""

from __future__ import annotations

from typing import Final, Literal, Protocol, runtime_checkable

import msgspec

from shared.errors import StakewireError
from shared.providers.facts import Listing

Device = Literal["desktop", "mobile"]
DEVICES: Final[tuple[Device, ...]] = ("desktop", "mobile")


class ProviderError(StakewireError):
    """A call to a provider failed.

    Attributes:
        advice: what a technician can do about it; never holds a secret.
        may_have_happened: whether what was asked for (a session) may exist at the provider although we got no answer.
    """

    def __init__(self, message: str, *, advice: str = "", may_have_happened: bool = False) -> None:
        super().__init__(message)
        self.advice = advice
        self.may_have_happened = may_have_happened


class ProviderNotConfigured(ProviderError):
    """The account has no address to call, or its keys or certificates cannot be used."""


class ProviderNotOffered(ProviderError):
    """This account cannot do what was asked: an unmapped currency, an amount that does not fit, a game not made for it."""


class ProviderUnreachable(ProviderError):
    """There was no connection, it broke, or the provider's side says that it is down."""


class ProviderTimeout(ProviderError):
    """There was no answer in time."""


class ProviderRefused(ProviderError):
    """The provider said no.

    Attributes:
        code: the provider's own code, or the HTTP status where the refusal came without one.
        message: the provider's words, empty where it has none.
    """

    def __init__(self, text: str, *, code: int = 0, message: str = "", advice: str = "", may_have_happened: bool = False) -> None:
        super().__init__(text, advice=advice, may_have_happened=may_have_happened)
        self.code = code
        self.message = message


class ProviderAnswerInvalid(ProviderError):
    """The provider's answer is not one: rubbish, too large, not properly signed, or to another question."""


class LaunchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A player's session of a game, for money.

    `session_id` is ours; `provider_player_id` is `<player key>_<currency>`; `free_round_stake` is the stake of one free
    round in our units of `currency`, 0 where the provider decides; `device` is "desktop", "mobile" or empty.
    """

    session_id: str
    provider_player_id: str
    brand: str
    currency: str
    game_id: str
    language: str = ""
    device: str = ""
    ip: str = ""
    return_url: str = ""
    deposit_url: str = ""
    bonus_id: str = ""
    free_round_stake: int = 0


class DemoRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A session without money. `start_balance` is in our units of `currency`; None leaves it to the provider."""

    brand: str
    currency: str
    game_id: str
    language: str = ""
    device: str = ""
    ip: str = ""
    return_url: str = ""
    start_balance: int | None = None


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """A session that the provider opened, and where the player's browser is to go. The URL is a secret of the player's."""

    provider_session_id: str
    launch_url: str


class ProviderGame(msgspec.Struct, frozen=True, kw_only=True):
    """One game of a provider's list. `base_bet` is in the provider's minor units; `lines` is text such as "243-3125w"."""

    game_id: str
    name: str
    description: str = ""
    section: str = ""
    type: str = ""
    tags: tuple[str, ...] = ()
    format: str = ""
    lines: str = ""
    base_bet: int = 0
    free_rounds: bool = False
    demo: bool = True
    devices: tuple[Device, ...] = DEVICES

    def why_not(self, *, device: str = "", free_rounds: bool = False, demo: bool = False) -> str:
        """Why this game cannot be launched so; empty where it can. An empty `device` is any."""
        if device in DEVICES and device not in self.devices:
            return f"the game {self.game_id} is made for {' and '.join(self.devices)} only, not for {device}"
        if free_rounds and not self.free_rounds:
            return f"the game {self.game_id} has no free rounds"
        if demo and not self.demo:
            return f"the game {self.game_id} has no demo"
        return ""


class ProviderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How the last calls went. Times are Unix milliseconds, 0 = never; latencies milliseconds.

    A refusal in the provider's own words to one request is an answer, hence no failure of the account.
    """

    last_ok_at_ms: int = 0
    last_ok_method: str = ""
    last_ok_latency_ms: float = 0.0
    last_failure_at_ms: int = 0
    last_failure_method: str = ""
    last_failure_latency_ms: float = 0.0
    cause: str = ""
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether the last call was answered properly; True before the first one."""
        return self.last_ok_at_ms >= self.last_failure_at_ms


class ProviderClient(Protocol):
    """The provider's side of one account. Every method raises ProviderError and nothing else for what a provider may do."""

    async def start(self) -> None:
        """Opens the pool of connections; calls nobody. ProviderNotConfigured where keys or certificates cannot be used."""

    async def close(self) -> None:
        """Closes all connections; may be repeated."""

    async def launch(self, request: LaunchRequest) -> Launched:
        """Opens a session for money: everything it needs at the provider is set first, which is safe to repeat."""

    async def demo(self, request: DemoRequest) -> Launched:
        """Opens a session without money."""

    async def close_session(self, provider_session_id: str) -> None:
        """Closes a session of the provider's."""

    async def games(self, brand: str = "", currency: str = "") -> list[ProviderGame]:
        """The games of this account, as a brand and currency has them where both are given."""

    async def listing(self) -> Listing:
        """All games of this account as the catalogue keeps them; bad records are skipped and counted."""

    @property
    def health(self) -> ProviderHealth:
        """How the last calls went."""


@runtime_checkable
class HistoryPages(Protocol):
    """A client whose provider shows to people what was played in a session."""

    async def history_link(self, provider_session_id: str, expiry_s: int) -> str:
        """An address for a browser, valid `expiry_s` seconds: a secret of the player's. ProviderNotOffered where there is none."""
