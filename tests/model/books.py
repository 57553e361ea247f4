"""The invariants, checked after every batch by the tests' own reading of the events: I1-I5, I7, I11 and I12."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.unit.wallet.chain_rule import GENESIS, check_link

LEFT_OUT = {"stake": 0, "win": 0, "currency": "", "balance_after": 0, "target_seq": 0, "result": "OK", "details": ""}
"""Fields of an event that are not told at these values."""


@dataclass
class Page:
    """One player's events so far."""

    head: str = GENESIS
    seq: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    keys: set[tuple[str, str, str]] = field(default_factory=set)
    told: list[dict[str, Any]] = field(default_factory=list)
    undone: set[int] = field(default_factory=set)


@dataclass
class Books:
    """All players' events, and the accounts of the house."""

    pages: dict[str, Page] = field(default_factory=dict)
    houses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    """How often something was stored, by kind and status."""

    def read(self, events: dict[str, list[bytes]], balances: dict[tuple[str, str], int], heads: dict[str, tuple[int, str]]) -> None:
        """What is new since the last time, against the tables: balances, and each player's seq and head."""
        for player, raws in events.items():
            page = self.pages.setdefault(player, Page())
            for raw in raws[page.seq :]:
                event = check_link(raw, page.head)  # I11, I12
                page.seq += 1
                page.head = event["hash"]
                assert event["seq"] == page.seq, f"I3: {event['seq']} follows {page.seq - 1}"
                self._enter(page, {**LEFT_OUT, **event})
                page.told.append(event)
            assert heads[player] == (page.seq, page.head), "I3, I11: the player's row is not at the last event"
        for (player, currency), balance in balances.items():
            assert self.pages[player].sums[currency] == balance, f"I2: the balance of {player} is not the sum of its movements"
        for currency in {currency for _, currency in balances}:
            total = sum(balance for (_, code), balance in balances.items() if code == currency)
            assert total + self.houses[currency] == 0, f"I1: {currency} does not add up to nothing"

    def _enter(self, page: Page, event: dict[str, Any]) -> None:
        key = (event["provider_account"], event["namespace"], event["external_id"])
        assert key not in page.keys, f"I5: {key} has two operations"
        page.keys.add(key)
        self.kinds[f"{event['kind']} {event['status']}"] += 1
        movements = event.get("movements", [])
        assert not movements or event["status"] == "applied", f"I7: {event['status']} moved money"
        currency, paid, got = event["currency"], 0, 0
        before = page.sums[currency]
        for movement in movements:
            sides = (movement["debit_account"], movement["credit_account"])
            assert movement["amount"] > 0, "I1: a movement moves something"
            assert sides.count("player") == 1, "I1: a movement names the player once"
            assert movement["currency"] == currency, "I1: a movement is in its operation's currency"
            sign = 1 if sides[1] == "player" else -1
            got, paid = (got + movement["amount"], paid) if sign > 0 else (got, paid + movement["amount"])
            page.sums[currency] += sign * movement["amount"]
            self.houses[currency] -= sign * movement["amount"]
            assert movement["balance_after"] == page.sums[currency], "I2: a movement says another balance"
            assert movement["balance_after"] >= min(before, before + event["win"] - event["stake"], 0), "I4: lower in between"
        if event["status"] == "applied":
            assert (paid, got) == (event["stake"], event["win"]), "I1: the operation says what its movements moved"
        if currency:
            assert event["balance_after"] == page.sums[currency], "I2: the operation says another balance"
        if page.sums[currency] < min(before, 0):
            assert event["kind"] in {"rollback", "adjust"}, "I4: below zero by an overdraft only"
            assert '"overdraft":true' in event["details"], "I4: the overdraft is told"
        if event["target_seq"]:
            self._undo(page, event, movements)

    @staticmethod
    def _undo(page: Page, event: dict[str, Any], movements: list[dict[str, Any]]) -> None:
        target = event["target_seq"]
        assert target not in page.undone, "I5: an operation is undone once"
        page.undone.add(target)
        original = page.told[target - 1]
        assert original["kind"] != "tombstone", "I7: a tombstone's original never moved"
        turned = Counter((m["credit_account"], m["debit_account"], m["amount"]) for m in original.get("movements", []))
        assert turned == Counter((m["debit_account"], m["credit_account"], m["amount"]) for m in movements), "I5: stored amounts"
