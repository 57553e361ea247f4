"""Lives of players as events: chained like the wallet's, with the movements that the wallet books. For seeding projections.

Times are the test's choice. Operations are made here from the documents (movements, statuses, the chain), not by the
decisions; `tests/unit/backoffice/test_as_the_wallet.py` holds the fold against the wallet's real decisions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.wallet.chain import seal
from services.wallet.decisions.model import GENESIS, Movement, Operation
from shared.contracts.codec import decode_event
from shared.contracts.events import OperationRecorded
from shared.identity import player_key

EUR: Final = 100_000
"""Units of one euro."""
ACCOUNT: Final = "mascot-demo"
GAME: Final = "riot"
START: Final = datetime(2026, 11, 2, 12, tzinfo=UTC)
Entry = tuple[str, str, int]


class Story:
    """One player's life; `at` moves on by `step` with each operation. Every method returns the number of its operation."""

    def __init__(
        self,
        name: str = "alice",
        *,
        brand: str = "main",
        country: str = "MT",
        test: bool = False,
        at: datetime = START,
        step: timedelta = timedelta(minutes=1),
        currency: str = "EUR",
        account: str = ACCOUNT,
        day_of: Callable[[datetime], str] = lambda at: at.astimezone(UTC).date().isoformat(),
    ) -> None:
        self.name, self.brand, self.test, self.at, self.step = name, brand, test, at, step
        self.player = player_key(brand, name)
        self.currency, self.account = currency, account
        self.events: list[bytes] = []
        """All of them, by number, as they go to `wallet.events`."""
        self.balances: Counter[str] = Counter()
        self._day_of = day_of
        self._head = GENESIS
        self._operations: dict[int, Operation] = {}
        self._by_operator("create_player", details={"currencies": [currency], "test": test, "country": country})

    @property
    def recorded(self) -> list[OperationRecorded]:
        """The events, decoded."""
        return [decode_event(raw) for raw in self.events]

    def operation(self, seq: int) -> Operation:
        """An operation of his."""
        return self._operations[seq]

    def deposit(self, units: int = 100 * EUR) -> int:
        return self._by_operator("deposit", ("cash", "player", units))

    def withdraw(self, units: int) -> int:
        return self._by_operator("withdraw", ("player", "cash", units))

    def adjust(self, units: int, reason: str = "goodwill") -> int:
        entry = ("adjustments", "player", units) if units > 0 else ("player", "adjustments", -units)
        return self._by_operator("adjust", entry, details={"reason": reason, "author": "key1"})

    def status(self, status: str) -> int:
        return self._by_operator("set_player_status", details={"from": "active", "to": status, "reason": "", "author": "key1"})

    def exclude(self, until_ms: int) -> int:
        return self._by_operator("exclude", details={"until": until_ms, "reason": "", "author": "key1", "sessions": []})

    def bet(self, ref: str, stake: int = EUR, **facts: Any) -> int:
        entries = (("player", self._house("provider"), stake),) if stake else ()
        return self._play("bet", ref, *entries, stake=stake, **facts)

    def win(self, ref: str, win: int = EUR, *, purse: str = "provider", **facts: Any) -> int:
        """`purse`: provider, free_rounds, promo or jackpot. Its own id is `<ref>-win` unless one is given."""
        entries = ((self._house(purse), "player", win),) if win else ()
        return self._play("win", ref, *entries, **{"external_id": f"{ref}-win", "win": win, **facts})

    def bet_and_win(self, ref: str, stake: int, win: int, *, closes: bool = True, **facts: Any) -> int:
        entries: tuple[Entry, ...] = (("player", self._house("provider"), stake),) if stake else ()
        entries += ((self._house("provider"), "player", win),) if win else ()
        return self._play("bet_and_win", ref, *entries, stake=stake, win=win, closes_round=closes, **facts)

    def free_round(self, ref: str, nominal: int, win: int) -> int:
        """A free round, paid by its counter; its win comes from the free rounds' budget."""
        entries = ((self._house("free_rounds"), "player", win),) if win else ()
        facts = {"nominal_stake": nominal, "free_rounds_asked": 1, "free_rounds_charged": 1, "free_rounds_left": 4, "win": win}
        return self._play("bet_and_win", ref, *entries, grant_id=f"{self.player}.grant0001", closes_round=True, **facts)

    def promo(self, ref: str, win: int, promo_class: str = "tournament") -> int:
        purse = promo_class if promo_class in {"jackpot", "free_rounds"} else "promo"
        return self._add("promo_win", ref, (self._house(purse), "player", win), win=win, promo_class=promo_class, game_id=GAME)

    def refused(self, ref: str, stake: int = EUR, result: str = "INSUFFICIENT_FUNDS", limit: str = "") -> int:
        return self._play("bet", ref, status="refused", result=result, stake=stake, limit=limit)

    def end_round(self, ref: str) -> int:
        return self._add("end_round", f"{ref}-end", round_id=ref)

    def rollback(self, target: int, ref: str = "", *, namespace: str = "undo") -> int:
        """Undoes operation `target`, or the undo that it is."""
        original = self._operations[target]
        entries = [(each.credit_account, each.debit_account, each.amount) for each in original.movements]
        entries.sort(key=lambda entry: entry[1] != "player")
        again = original.kind == "rollback" and '"restores":true' not in original.details
        uncounted = original.kind in {"promo_win", "deposit", "adjust", "withdraw"} or '"uncounted":true' in original.details
        return self._add(
            "rollback",
            ref or f"undo-{target}-{len(self.events)}",
            *entries,
            namespace=namespace,
            stake=sum(units for debit, _, units in entries if debit == "player"),
            win=sum(units for _, credit, units in entries if credit == "player"),
            target_seq=target,
            round_id=original.round_id,
            game_id=original.game_id,
            session_id=original.session_id,
            grant_id=original.grant_id,
            free_rounds_charged=original.free_rounds_charged,
            details={name: True for name, told in (("restores", again), ("uncounted", uncounted)) if told},
        )

    def tombstone(self, ref: str) -> int:
        """A rollback of what nobody knows; the number is the tombstone's."""
        self._add(
            "rollback", f"undo-{ref}", namespace="undo", status="void", details={"reason": "original_not_found", "original": ref}
        )
        return self._add("tombstone", ref, status="tombstone", result="ORIGINAL_CANCELLED")

    def void_round(self, ref: str) -> int:
        """Undoes what stands of a round, and keeps it void."""
        undone = {each.target_seq for each in self._operations.values() if each.target_seq}
        standing = [
            seq
            for seq, each in self._operations.items()
            if each.round_id == ref
            and seq not in undone
            and each.kind in {"bet", "win", "bet_and_win"}
            and each.status == "applied"
        ]
        for seq in standing:
            self.rollback(seq, f"void-{ref}:{seq}", namespace="void")
        return self._add("void_round", f"void-{ref}", namespace="operator", round_id=ref, game_id=GAME, details={"reason": "stuck"})

    def settle_round(self, ref: str, win: int) -> int:
        entries = ((self._house("provider"), "player", win),) if win else ()
        facts: dict[str, Any] = {
            "namespace": "operator",
            "round_id": ref,
            "game_id": GAME,
            "win": win,
            "details": {"reason": "stuck"},
        }
        return self._add("settle_round", f"settle-{ref}", *entries, **facts)

    def _house(self, purse: str) -> str:
        return f"{purse}:{self.account}"

    def _by_operator(self, kind: str, *entries: Entry, details: dict[str, Any] | None = None) -> int:
        facts = {"stake": sum(units for debit, _, units in entries if debit == "player")}
        facts["win"] = sum(units for _, credit, units in entries if credit == "player")
        ref = f"{kind}-{len(self.events)}"
        return self._add(kind, ref, *entries, namespace="operator", provider_account="operator", details=details, **facts)

    def _play(self, kind: str, ref: str, *entries: Entry, **facts: Any) -> int:
        return self._add(kind, facts.pop("external_id", ref), *entries, **{"round_id": ref, "game_id": GAME, **facts})

    def _add(self, kind: str, external_id: str, *entries: Entry, details: dict[str, Any] | None = None, **facts: Any) -> int:
        seq = len(self.events) + 1
        self.at += self.step if self.events else timedelta(0)
        currency = self.currency if entries or kind not in {"create_player", "set_player_status", "exclude"} else ""
        movements = []
        for debit, credit, units in entries:
            self.balances[currency] += units if credit == "player" else -units
            movements.append(
                Movement(
                    debit_account=debit,
                    credit_account=credit,
                    amount=units,
                    currency=currency,
                    balance_after=self.balances[currency],
                )
            )
        operation = Operation(
            **{
                "player": self.player,
                "seq": seq,
                "provider_account": self.account,
                "namespace": "tx",
                "external_id": external_id,
                "kind": kind,
                "status": "applied",
                "occurred_at_ms": int(self.at.timestamp() * 1_000),
                "gaming_day": self._day_of(self.at),
                "brand": self.brand,
                "test": self.test,
                "currency": currency,
                "balance_after": self.balances[currency] if currency else 0,
                "details": json.dumps(details, separators=(",", ":")) if details else "",
                "movements": tuple(movements),
                **facts,
            }
        )
        self._operations[seq] = operation
        self._head, event = seal(self._head, operation)
        self.events.append(event)
        return seq
