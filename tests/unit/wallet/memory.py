"""A ledger in memory that loads and saves as the database does: what `load_batch` and `save_batch` are to a batch.

An integration test plays the same histories on both and compares them, so that this one can be believed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from services.wallet.decisions.model import Grant, Operation, Player, Profile, Round, Session
from services.wallet.gaming_day import Days
from services.wallet.ledger import store
from services.wallet.working_set import Key, Loaded, WorkingSet, key_of
from shared.contracts import Command, Reply

DAYS = Days({"": "2027-01-15"})
LIVE_MAX = 32


class MemoryLedger:
    """The tables, as dictionaries by their primary keys."""

    def __init__(self) -> None:
        self.players: dict[str, Player] = {}
        self.balances: dict[tuple[str, str], int] = {}
        self.operations: dict[Key, Operation] = {}
        self.rounds: dict[tuple[str, str, str], Round] = {}
        self.sessions: dict[tuple[str, str], Session] = {}
        self.grants: dict[tuple[str, str], Grant] = {}
        self.profiles: dict[str, Profile] = {}
        self.events: dict[str, list[bytes]] = {}

    def apply(self, batch: Sequence[tuple[Command, bool]], now_ms: int) -> list[Reply]:
        """One batch of (command, whether it is expired)."""
        picture = WorkingSet(self.load([command for command, _ in batch]), now_ms, DAYS)
        replies = [picture.step(command, expired=expired) for command, expired in batch]
        self._save(picture)
        return replies

    def tables(self) -> dict[str, dict[Any, Any]]:
        """A copy of everything that is stored, for comparison."""
        return {
            "players": dict(self.players),
            "balances": dict(self.balances),
            "operations": dict(self.operations),
            "rounds": dict(self.rounds),
            "sessions": dict(self.sessions),
            "grants": dict(self.grants),
            "profiles": dict(self.profiles),
            "events": {player: tuple(events) for player, events in self.events.items()},
        }

    def load(self, commands: Sequence[Command]) -> Loaded:
        """What the commands refer to, as the SQL function finds it; nothing more, so that a missing reference shows."""
        players, *names = store._references(commands)
        keys, targets, rounds, sessions, provider_sessions, live, grants, creates = (json.loads(text or "[]") for text in names)
        undoing = [known for name in targets if (known := self._operation(name))]
        found = [known for name in keys if (known := self._operation(name))] + undoing
        undone = {(item.player, item.target_seq) for item in self.operations.values() if item.target_seq}
        return Loaded(
            players=[self.players[player] for player in players if player in self.players],
            balances={key: balance for key, balance in self.balances.items() if key[0] in players},
            operations=found,
            undone={(item.player, item.seq) for item in found} & undone,
            rounds=self._named(self.rounds, [tuple(each.values()) for each in rounds] + [
                (item.player, item.provider_account, item.round_id) for item in undoing
            ]),
            sessions=self._sessions(sessions, provider_sessions, live),
            grants=self._named(self.grants, [tuple(each.values()) for each in grants] + [
                (item.player, item.grant_id) for item in undoing
            ]),
            profiles=self._named(self.profiles, [each["player"] for each in creates]),
        )  # fmt: skip

    def _operation(self, name: dict[str, str]) -> Operation | None:
        return self.operations.get((name["player"], name["account"], name["namespace"], name["external_id"]))

    @staticmethod
    def _named(table: dict[Any, Any], names: list[Any]) -> list[Any]:
        return [table[name] for name in dict.fromkeys(names) if name in table]

    def _sessions(self, by_ours: list[Any], by_providers: list[Any], live: list[Any]) -> list[Session]:
        found = self._named(self.sessions, [tuple(each.values()) for each in by_ours])
        newest_first = sorted(self.sessions.values(), key=lambda item: (item.opened_at_ms, item.session_id), reverse=True)
        for name in by_providers:
            found += [
                item
                for item in newest_first
                if (item.player, item.provider_account, item.provider_session_id)
                == (name["player"], name["account"], name["session_id"])
            ][:1]
        for name in live:
            found += [
                item
                for item in newest_first
                if (item.player, item.provider_account) == (name["player"], name["account"])
                and item.status in {"pending", "active"}
            ][:LIVE_MAX]
        return found

    def _save(self, picture: WorkingSet) -> None:
        for operation, event in zip(picture.new_operations, picture.events, strict=True):
            assert key_of(operation) not in self.operations, "operations_key is unique"
            told = json.loads(event)
            stored = replace(operation, previous_hash=told["previous_hash"], hash=told["hash"])
            self.operations[key_of(operation)] = stored
            self.events.setdefault(operation.player, []).append(event)
        self.players.update(picture.changed_players)
        self.balances.update({key: picture.balances[key] for key in picture.changed_balances})
        self.rounds.update(picture.changed_rounds)
        self.sessions.update(picture.changed_sessions)
        self.grants.update(picture.changed_grants)
        self.profiles.update({profile.player: profile for profile in picture.new_profiles})
        for player in picture.erased:
            self.profiles.pop(player, None)
