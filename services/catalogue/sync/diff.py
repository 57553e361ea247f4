"""What a provider's list changes, and whether that is to be believed. Pure: no database, no provider, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Literal, NamedTuple

import msgspec

from shared.providers.facts import GameFacts

State = Literal["live", "withdrawn"]


class Held(NamedTuple):
    """A game as it is stored: its state, and the hash of what the provider told last."""

    state: State
    source_hash: str


class Diff(NamedTuple):
    """The ids of the games that a list changes, each in one place only.

    `changed` were live and are told otherwise now; `returned` were withdrawn and are listed again, changed or not;
    `kept` are live, on the list, and cannot be understood: they stay as they are.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    returned: tuple[str, ...]
    withdrawn: tuple[str, ...]
    unchanged: int
    kept: int

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.added or self.changed or self.returned or self.withdrawn)


def compare(held: Mapping[str, Held], listed: Mapping[str, str], unreadable: AbstractSet[str] = frozenset()) -> Diff:
    """What makes the stored games those of a list.

    Args:
        held: the stored games of a provider account, by id.
        listed: the hash of each game of the list, by id.
        unreadable: ids on the list whose records are bad.
    """
    added, changed, returned, withdrawn = [], [], [], []
    unchanged = kept = 0
    for game_id, source_hash in listed.items():
        known = held.get(game_id)
        if known is None:
            added.append(game_id)
        elif known.state == "withdrawn":
            returned.append(game_id)
        elif known.source_hash != source_hash:
            changed.append(game_id)
        else:
            unchanged += 1
    for game_id, known in held.items():
        if known.state == "live" and game_id not in listed:
            if game_id in unreadable:
                kept += 1
            else:
                withdrawn.append(game_id)
    return Diff(tuple(added), tuple(changed), tuple(returned), tuple(withdrawn), unchanged, kept)


def why_doubtful(diff: Diff, *, listed: int, shrink_share_max: float) -> str:
    """Why a list must not be believed without a person's word; empty where it may.

    Args:
        diff: what the list would change.
        listed: how many games it has, good and bad ones.
        shrink_share_max: the share of the live games, 0 to 1, that a list may lack.
    """
    if not listed:
        return "the list is empty"
    gone = len(diff.withdrawn)
    live = gone + len(diff.changed) + diff.unchanged + diff.kept
    if gone > live * shrink_share_max:
        return f"the list lacks {gone:,} of {live:,} live games; up to {shrink_share_max:.0%} are withdrawn without asking"
    return ""


def former_values(before: GameFacts, after: GameFacts) -> dict[str, Any]:
    """The fields that differ, with the values they had."""
    old, new = msgspec.structs.asdict(before), msgspec.structs.asdict(after)
    return {field: value for field, value in old.items() if value != new[field]}
