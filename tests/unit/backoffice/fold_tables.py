"""The projections of events as plain dictionaries: what the fold is tried on where no database is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec.structs import astuple, replace

from services.backoffice.projections.fold import asks_for_original, fold
from services.backoffice.projections.values import (
    Changes,
    DayKey,
    Event,
    Known,
    Original,
    PlayerState,
    RoundKey,
    RoundState,
)


class Tables:
    """Takes batches as the store does: loads what is known of a batch, folds, keeps the changes; all or nothing."""

    def __init__(self) -> None:
        self.players: dict[str, PlayerState] = {}
        self.rounds: dict[RoundKey, RoundState] = {}
        self.operations: dict[tuple[str, int], Event] = {}
        self.balances: dict[tuple[str, str], int] = {}
        self.days: dict[DayKey, Counter[str]] = {}
        self.waiting: dict[tuple[str, int, str], Event] = {}

    def take(self, events: Sequence[Event]) -> Changes:
        """Takes a batch, then what waited for it."""
        changes = self._take(events)
        while ready := [each for key, each in sorted(self.waiting.items()) if key[1] <= self.players[key[0]].seq + 1]:
            for each in ready:
                del self.waiting[each.player, each.seq, each.hash]
            self._take(ready)
        return changes

    def _take(self, events: Sequence[Event]) -> Changes:
        changes = fold(self._known(events), events)
        for event in changes.operations:
            assert (event.player, event.seq) not in self.operations, "an operation is written once"
            self.operations[event.player, event.seq] = event
        for key, round_ in changes.new_rounds.items():
            assert key not in self.rounds, "a new round is new"
            self.rounds[key] = round_
        self.rounds |= changes.rounds
        self.players |= changes.players
        self.balances |= changes.balances
        for day_key, day in changes.days.items():
            names = day.__struct_fields__[3:]
            self.days.setdefault(day_key, Counter()).update(dict(zip(names, astuple(day)[3:], strict=True)))
        for event in changes.waiting:
            self.waiting[event.player, event.seq, event.hash] = event
            self.players.setdefault(event.player, PlayerState())
        return changes

    def _known(self, events: Sequence[Event]) -> Known:
        keys = {(each.player, each.provider_account, each.round_id) for each in events}
        return Known(
            players={each.player: replace(self.players.get(each.player, PlayerState())) for each in events},
            rounds={key: replace(self.rounds[key]) for key in keys if key in self.rounds},
            stored={
                (each.player, each.seq): self.operations[each.player, each.seq].hash
                for each in events
                if (each.player, each.seq) in self.operations
            },
            originals={
                (each.player, each.target_seq): found
                for each in events
                if asks_for_original(each) and (found := self._original(each.player, each.target_seq)) is not None
            },
        )

    def _original(self, player: str, seq: int) -> Original | None:
        event = self.operations.get((player, seq))
        while event is not None and event.kind == "rollback":
            event = self.operations.get((player, event.target_seq))
        if event is None:
            return None
        return Original(event.kind, event.status, event.details, event.round_id, event.nominal_stake, event.jackpot_contribution)

    def content(self) -> dict[str, Any]:
        """Everything, to be compared."""
        return {
            "players": self.players,
            "rounds": self.rounds,
            "operations": self.operations,
            "balances": self.balances,
            "days": {key: {name: value for name, value in day.items() if value} for key, day in self.days.items()},
            "waiting": self.waiting,
        }
