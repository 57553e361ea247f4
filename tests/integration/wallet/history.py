"""Writes histories into a ledger as a wallet of the released version saves them, at times of the test's choice.

The operations are made here from the documents (architecture: movements, statuses, the chain), not by the decisions.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from services.wallet.chain import seal
from services.wallet.decisions.model import GENESIS, Movement, Operation
from tests.integration.wallet.line import ACCOUNT, EUR

SAVE = "SELECT save_batch($1::json, $2::integer, $3::json, $4::json, $5::json, NULL::json, NULL::json, NULL::json, $6::json, NULL::json)"
HOUSE = f"provider:{ACCOUNT}"


class History:
    """One player's life; `at` moves on by a minute with each operation."""

    def __init__(self, player: str, at: datetime, brand: str = "main") -> None:
        self.player = player
        self.at = at
        self.brand = brand
        self.seq = 0
        self.head = GENESIS
        self.balances: Counter[str] = Counter()
        self.events: list[bytes] = []
        """All of them, by number."""
        self._moved: dict[int, tuple[Movement, ...]] = {}
        self._unsaved = 0

    def create(self, *currencies: str) -> History:
        for currency in currencies or ("EUR",):
            self.balances[currency] += 0
        return self._add("create_player", "create", namespace="operator", provider_account="operator")

    def deposit(self, amount: int = 100 * EUR, key: str = "deposit", currency: str = "EUR") -> History:
        facts = {"namespace": "operator", "provider_account": "operator", "currency": currency}
        return self._add("deposit", key, ("cash", "player", amount), **facts)

    def bet(self, ref: str, stake: int = EUR, **facts: Any) -> History:
        return self._add("bet", ref, ("player", HOUSE, stake), currency="EUR", round_id=ref, **facts)

    def win(self, ref: str, amount: int = EUR, **facts: Any) -> History:
        return self._add("win", ref, (HOUSE, "player", amount), currency="EUR", round_id=ref, **facts)

    def refused(self, ref: str) -> History:
        return self._add("bet", ref, status="refused", result="INSUFFICIENT_FUNDS", currency="EUR", round_id=ref)

    def undo(self, ref: str, target: int, **facts: Any) -> History:
        """A rollback of operation `target`."""
        entries = [(each.credit_account, each.debit_account, each.amount) for each in self._moved[target]]
        return self._add("rollback", ref, *entries, namespace="undo", currency="EUR", target_seq=target, **facts)

    def tombstone(self, ref: str) -> History:
        """A rollback of what nobody knows."""
        self._add("rollback", ref, namespace="undo", status="void", currency="EUR")
        return self._add("tombstone", ref, status="tombstone", result="ORIGINAL_CANCELLED")

    def adjust(self, key: str, units: int, details: str = "") -> History:
        """A signed correction by hand."""
        entry = ("adjustments", "player", units) if units > 0 else ("player", "adjustments", -units)
        return self._add("adjust", key, entry, currency="EUR", namespace="operator", provider_account="operator", details=details)

    def _add(self, kind: str, ref: str, *entries: tuple[str, str, int], **facts: Any) -> History:
        self.seq += 1
        self.at += timedelta(minutes=1)
        currency = facts.get("currency", "")
        movements = []
        for debit, credit, amount in entries:
            self.balances[currency] += amount if credit == "player" else -amount
            after = self.balances[currency]
            movements.append(
                Movement(debit_account=debit, credit_account=credit, amount=amount, currency=currency, balance_after=after)
            )
        operation = Operation(
            **{
                "player": self.player,
                "seq": self.seq,
                "provider_account": ACCOUNT,
                "namespace": "tx",
                "external_id": ref,
                "kind": kind,
                "status": "applied",
                "occurred_at_ms": int(self.at.timestamp() * 1_000),
                "gaming_day": self.at.astimezone(UTC).date().isoformat(),
                "brand": self.brand,
                "stake": sum(each.amount for each in movements if each.debit_account == "player"),
                "win": sum(each.amount for each in movements if each.credit_account == "player"),
                "balance_after": self.balances[currency] if currency else 0,
                "movements": tuple(movements),
                **facts,
            }
        )
        self._moved[self.seq] = operation.movements
        self.head, event = seal(self.head, operation)
        self.events.append(event)
        return self

    async def save(self, connection: asyncpg.Connection) -> History:
        """Writes what happened since the last save, in one batch."""
        new = self.events[self._unsaved :]
        created = json.dumps([{"player": self.player, "brand": self.brand, "test": False}]) if not self._unsaved else None
        rows = [{"player": self.player, "brand": self.brand, "seq": self.seq, "chain_head": self.head}]
        balances = [{"player": self.player, "currency": currency, "balance": units} for currency, units in self.balances.items()]
        events = f"[{b','.join(new).decode()}]"
        await connection.execute(SAVE, "[]", 1, events, json.dumps(rows), json.dumps(balances), created)
        self._unsaved = len(self.events)
        return self

    def stored(self, seq: int) -> Operation:
        """An operation of his."""
        return msgspec.json.decode(self.events[seq - 1], type=Operation)
