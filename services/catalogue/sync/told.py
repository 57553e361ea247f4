"""A provider's list ready to be compared and stored: one JSON text and one hash for each game. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from shared.providers.facts import FACTS_BYTES_MAX, Listing, encode_facts, hash_facts


class Told(NamedTuple):
    """A list: the JSON text and the hash of each game by id. Bad records are in `unreadable` (by id) and `skipped` (all)."""

    records: Mapping[str, bytes]
    hashes: Mapping[str, str]
    unreadable: frozenset[str] = frozenset()
    skipped: int = 0
    cause: str = ""

    @property
    def size(self) -> int:
        """How many games the list names, those that cannot be understood too."""
        return len(self.records) + len(self.unreadable)

    @property
    def hash(self) -> str:
        """Tells lists apart, whatever their order."""
        lines = [f"{game_id} {self.hashes[game_id]}" for game_id in sorted(self.hashes)] + sorted(self.unreadable)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def tell(listing: Listing) -> Told:
    """Encodes and hashes a list. A game that is too large is a bad record; of two with one id the first counts."""
    records: dict[str, bytes] = {}
    hashes: dict[str, str] = {}
    unreadable = set(listing.unreadable)
    skipped, cause = listing.skipped, listing.cause
    for facts in listing.games:
        encoded, problem = encode_facts(facts), ""
        if len(encoded) > FACTS_BYTES_MAX:
            problem = f"the game {facts.game_id!r} has {len(encoded):,} bytes, at most {FACTS_BYTES_MAX:,} are taken"
            unreadable.add(facts.game_id)
        elif facts.game_id in records:
            problem = f"the id {facts.game_id!r} occurs twice"
        if problem:
            skipped, cause = skipped + 1, cause or problem
            continue
        records[facts.game_id] = encoded
        hashes[facts.game_id] = hash_facts(encoded)
    return Told(records, hashes, frozenset(unreadable - records.keys()), skipped, cause)
