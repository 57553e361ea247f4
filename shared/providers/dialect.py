"""What a dialect is: how one provider's callbacks become commands, and how the wallet's replies become its answers.

The gateway knows only these shapes; everything that is particular to a provider stays in that provider's folder.
Nothing here does I/O, reads a clock, or refuses for a business reason: that is the wallet's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from shared.contracts.commands import Command, GameState
from shared.contracts.replies import Reply
from shared.providers.edge import Edge
from shared.settings.accounts import ProviderAccount

MAX_ID_BYTES: Final = 128
"""Longest external id, game id, session id... in UTF-8 bytes; longer ones are refused at the edge."""

RefusalCause = Literal["address", "size", "authentication", "content_type", "syntax", "internal"]


class Stamp(NamedTuple):
    """What the requester puts on a command: its id, who asks, and the partition on which the reply is awaited."""

    command_id: str
    caller: str
    reply_partition: int


class Callback(msgspec.Struct, frozen=True):
    """A request as it arrived. Header names are lower case; `path` is what follows the account's name in the URL.

    `peer` is the address at the other end of the connection, a proxy's where there is one.
    """

    headers: Mapping[bytes, bytes]
    body: bytes
    path: str = ""
    query: bytes = b""
    peer: str = ""


class Verified(msgspec.Struct, frozen=True):
    """Who called, as proven. `nonce` is None where nothing is signed with one; `timestamp` is in Unix seconds."""

    key_id: str = ""
    nonce: int | str | None = None
    timestamp: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """A callback the gateway itself refuses. Nothing was sent to the wallet.

    `detail` may be shown to the caller; `code` is the dialect's own; `echo` is what the answer must repeat (an id).
    """

    cause: RefusalCause
    detail: str
    code: int = 0
    echo: bytes = b""
    method: str = ""


class Call(msgspec.Struct, frozen=True):
    """A callback that was understood: the command to send, or `result` where the answer is known without the wallet.

    Dialects extend it with what they need to render the answer.
    """

    method: str
    command: Command | None
    result: str


Headers = list[tuple[bytes, bytes]]


class Answer(msgspec.Struct, frozen=True):
    """The HTTP answer, headers included, except the connection's own."""

    status: int
    headers: Headers
    body: bytes


class NonceRule(NamedTuple):
    """How long a nonce is remembered, and what the same nonce with the same bytes gets."""

    window_s: int
    repeat: Literal["answer", "refuse"]


class GameStates(Protocol):
    """What may be played at one provider account. Asked with each callback: an answer is one look-up."""

    def of(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        """The state for every player, and by brand where it is stricter for that brand's. The dict is not to be changed."""


C = TypeVar("C", bound=Call)


class Dialect(Protocol[C]):
    """One provider account, spoken by one dialect.

    `paths` are the URL rests it serves ("" for a single URL); `nonces` is None where the protocol has none;
    `methods` are the names its calls may carry, for metrics.
    """

    name: str
    edge: Edge
    paths: frozenset[str]
    nonces: NonceRule | None
    methods: frozenset[str]

    def verify(self, callback: Callback, now_s: float) -> Verified | Refusal:
        """Proves the caller by signature or certificate, over the bytes as received."""

    def parse(self, callback: Callback, stamp: Stamp) -> C | Refusal:
        """Reads the callback into a command. Never raises for anything a caller may send."""

    def render(self, call: C, reply: Reply, verified: Verified) -> Answer:
        """The wallet's reply in the provider's words."""

    def refuse(self, refusal: Refusal, verified: Verified | None) -> Answer:
        """A refusal in the provider's words; signed where the caller has been verified."""

    def redact(self, headers: Mapping[bytes, bytes]) -> dict[str, str]:
        """The headers as they may be archived: no secrets, of a signature only the key id."""


class DialectFactory(Protocol):
    """Makes the dialect of one provider account; SettingsError where the account's settings are wrong."""

    def __call__(self, account: ProviderAccount, game_states: GameStates | None = None) -> Dialect[Any]:
        """Checks `account.settings` and `account.keys`, and returns the dialect.

        Without `game_states` a game's state is what the account's configuration says.
        """


def text_fits(text: str) -> bool:
    """Whether a string from a provider may go on: at most 128 bytes of UTF-8, no NUL, no unpaired surrogate."""
    if "\0" in text or len(text) > MAX_ID_BYTES:
        return False
    if text.isascii():
        return True
    try:
        return len(text.encode()) <= MAX_ID_BYTES
    except UnicodeEncodeError:
        return False
