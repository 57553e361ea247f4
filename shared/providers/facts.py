"""What a provider tells of a game, in the words that all providers share: its side of a GameRecord. Pure.

Each provider's folder maps its own list to it; the catalogue keeps it, and lays the operator's own over it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from shared.contracts import BetLimits
from shared.providers.dialect import text_fits

FACTS_BYTES_MAX: Final = 65_536
"""Largest encoded game; a larger one is a bad record."""

FREE_ROUNDS: Final = "free_rounds"
DEMO: Final = "demo"
COVER: Final = "cover"
_PERCENTAGE: Final = re.compile(r"[0-9]{1,3}(\.[0-9]{1,6})?", re.ASCII)
_TEXTS: Final = ("name", "studio", "section", "type", "description", "volatility", "lines", "release_date")
_LISTS: Final = ("tags", "devices", "languages", "currencies", "features", "forbidden_countries")


class GameFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One game as its provider tells it; fields as in `shared.contracts.games.GameRecord`.

    ValueError where a value cannot be: such a record is skipped by who reads the list.
    """

    game_id: str
    name: str
    studio: str = ""
    section: str = ""
    type: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    bet_limits: tuple[BetLimits, ...] = ()
    rtp: tuple[str, ...] = ()
    volatility: str = ""
    lines: str = ""
    features: tuple[str, ...] = ()
    release_date: str = ""
    images: dict[str, str] = {}
    forbidden_countries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what a database, a topic or a page could not take."""
        if not self.game_id or not text_fits(self.game_id):
            raise ValueError("the id is empty, too long, or holds what cannot be stored")
        if not self.name:
            raise ValueError(f"the game {self.game_id!r} has no name")
        told = [getattr(self, field) for field in _TEXTS] + [each for field in _LISTS for each in getattr(self, field)]
        if any("\0" in text for text in told):
            raise ValueError(f"a text of the game {self.game_id!r} holds what cannot be stored")
        if not all(_PERCENTAGE.fullmatch(variant) for variant in self.rtp):
            raise ValueError(f"the RTP of the game {self.game_id!r} is no percentage such as '96.5'")


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's whole list.

    `skipped` counts bad records, `cause` tells of the first; `unreadable` are the ids of bad records that have a readable one:
    these games are on the list, only not to be understood.
    """

    games: tuple[GameFacts, ...] = ()
    skipped: int = 0
    cause: str = ""
    unreadable: frozenset[str] = frozenset()


_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_decode: Final = msgspec.json.Decoder(GameFacts).decode


def encode_facts(facts: GameFacts) -> bytes:
    """The one JSON text of a game: the same facts give the same bytes."""
    return _encode(facts)


def decode_facts(raw: bytes | str) -> GameFacts:
    """A game from its JSON text; msgspec.DecodeError where it is none."""
    return _decode(raw)


def hash_facts(encoded: bytes) -> str:
    """SHA-256 in hex of a game's JSON text: `source_hash` of its record."""
    return hashlib.sha256(encoded).hexdigest()
