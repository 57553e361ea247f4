"""A game as everybody else sees it: what the provider tells, with the operator's overlay over it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from shared.contracts import GameRecord, OffRule
from shared.providers.facts import COVER, GameFacts, decode_facts

_off_rules: Final = msgspec.json.Decoder(tuple[OffRule, ...]).decode


def merged(row: Mapping[str, Any]) -> GameRecord:
    """A row of the view `catalogue.shown` as the record that goes on the topic."""
    facts = decode_facts(row["record"])
    told = msgspec.structs.asdict(facts)
    told["name"] = row["name"]
    told["tags"] = tuple(row["tags"])
    if row["own_rtp"]:
        told["rtp"] = tuple(row["own_rtp"])
    if row["own_image"]:
        told["images"] = {**facts.images, COVER: row["own_image"]}
    return GameRecord(
        provider_account=row["provider_account"],
        state=row["state"],
        version=row["version"],
        first_seen_ms=int(row["first_seen_at"].timestamp() * 1_000),
        changed_at_ms=int(row["changed_at"].timestamp() * 1_000),
        source_hash=row["source_hash"],
        off=_off_rules(row["off"]),
        **told,
    )


def facts_of(row: Mapping[str, Any]) -> GameFacts:
    """What the provider tells, without the overlay."""
    return decode_facts(row["record"])
