"""A ledger in memory that loads and saves as the database does: what `load_batch` and `save_batch` are to a batch.

An integration test plays the same histories on both and compares them, so that this one can be believed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from services.wallet.decisions.model import APPLIED, Grant, Limit, Operation, Player, Profile, Round, Session, Usage
from services.wallet.ledger import store
from services.wallet.working_set import Key, Loaded, WorkingSet, key_of
from shared.contracts import Command, Reply
from shared.gaming_day import Days, GamingDays

DAYS = Days({"": "2027-01-15"})
LIVE_MAX = 32
LIVE_EVERYWHERE_MAX = 100
WHOLE_ROUND_MAX = 1_001
COUNTED = {"bet": (1, 0, 0), "bet_and_win": (1, 1, 0), "win": (0, 1, 0), "settle_round": (0, 1, 0), "deposit": (0, 0, 1)}
"""Kinds that count: whether the stake, the win, and the win as a deposit."""


class MemoryLedger:
    """The tables, as dictionaries by their primary keys."""

    def __init__(self, days: GamingDays | None = None) -> None:
        """`days`: of the brands; one day without end if there are none."""
        self._days = days
        self.players: dict[str, Player] = {}
        self.balances: dict[tuple[str, str], int] = {}
        self.operations: dict[Key, Operation] = {}
        self.rounds: dict[tuple[str, str, str], Round] = {}
        self.sessions: dict[tuple[str, str], Session] = {}
        self.grants: dict[tuple[str, str], Grant] = {}
        self.profiles: dict[str, Profile] = {}
        self.limits: dict[tuple[str, str, str, str], Limit] = {}
        self.usage: dict[tuple[str, str, str], Usage] = {}
        self.events: dict[str, list[bytes]] = {}

    def apply(self, batch: Sequence[tuple[Command, bool]], now_ms: int) -> list[Reply]:
        """One batch of (command, whether it is expired)."""
        days = self._days.at(now_ms) if self._days is not None else DAYS
        picture = WorkingSet(self.load([command for command, _ in batch], now_ms), now_ms, days)
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
            "limits": dict(self.limits),
            "usage": dict(self.usage),
            "events": {player: tuple(events) for player, events in self.events.items()},
        }

    def load(self, commands: Sequence[Command], now_ms: int) -> Loaded:
        """What the commands refer to, as the SQL function finds it; nothing more, so that a missing reference shows."""
        players, *names = store._references(commands)
        (
            keys, targets, rounds, sessions, provider_sessions, live, grants, creates, live_everywhere, whole_rounds, counted,
        ) = (json.loads(text or "[]") for text in names)  # fmt: skip
        undoing = [known for name in targets if (known := self._operation(name))]
        for name in whole_rounds:
            undoing += self._whole_round(name["player"], name["account"], name["round_id"])
        limited = {limit.player for limit in self.limits.values()}
        counting = {each["player"] for each in counted}
        since, counted_since = (day.isoformat() for day in store.usage_since(now_ms))
        recent = [row for row in self.usage.values() if row.player in limited & set(players) and row.gaming_day >= since]
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
            sessions=self._sessions(sessions, provider_sessions, live, live_everywhere),
            grants=self._named(self.grants, [tuple(each.values()) for each in grants] + [
                (item.player, item.grant_id) for item in undoing
            ]),
            profiles=self._named(self.profiles, [each["player"] for each in creates]),
            limits=[limit for limit in self.limits.values() if limit.player in players],
            usage=recent + [row for player in sorted(counting - limited) for row in self.recount(player, counted_since).values()],
            counting=counting,
        )  # fmt: skip

    def _operation(self, name: dict[str, str]) -> Operation | None:
        return self.operations.get((name["player"], name["account"], name["namespace"], name["external_id"]))

    @staticmethod
    def _named(table: dict[Any, Any], names: list[Any]) -> list[Any]:
        return [table[name] for name in dict.fromkeys(names) if name in table]

    def recount(self, player: str, since: str = "") -> dict[tuple[str, str, str], Usage]:
        """The usage of a player from gaming day `since` on, counted from his operations."""
        by_number = {item.seq: item for item in self.operations.values() if item.player == player}
        rows: dict[tuple[str, str, str], Usage] = {}
        for operation in by_number.values():
            original, sign = operation, 1
            while original.kind == "rollback" and original.target_seq:
                original, sign = by_number[original.target_seq], -sign
            if operation.status != APPLIED or original.kind not in COUNTED or original.gaming_day < since:
                continue
            amounts = (original.stake, original.win, original.win)
            added = [sign * counts * amount for counts, amount in zip(COUNTED[original.kind], amounts, strict=True)]
            if not any(added):
                continue
            place = (player, original.currency, original.gaming_day)
            row = rows.get(place, Usage(player=player, currency=original.currency, gaming_day=original.gaming_day))
            rows[place] = replace(row, staked=row.staked + added[0], won=row.won + added[1], deposited=row.deposited + added[2])
        return rows

    def _whole_round(self, player: str, account: str, round_id: str) -> list[Operation]:
        found = [
            item
            for item in self.operations.values()
            if (item.player, item.provider_account, item.round_id, item.status) == (player, account, round_id, APPLIED)
        ]
        return sorted(found, key=lambda item: item.seq)[:WHOLE_ROUND_MAX]

    def _sessions(self, by_ours: list[Any], by_providers: list[Any], live: list[Any], live_everywhere: list[Any]) -> list[Session]:
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
        for name in live_everywhere:
            found += [item for item in newest_first if item.player == name["player"] and item.status in {"pending", "active"}][
                :LIVE_EVERYWHERE_MAX
            ]
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
        self.limits.update(picture.tally.changed_limits)
        for place, added in picture.tally.added_usage.items():
            row = self.usage.get(place, Usage(player=added.player, currency=added.currency, gaming_day=added.gaming_day))
            self.usage[place] = replace(
                row,
                staked=row.staked + added.staked,
                won=row.won + added.won,
                deposited=row.deposited + added.deposited,
            )
        for player in picture.erased:
            self.profiles.pop(player, None)
