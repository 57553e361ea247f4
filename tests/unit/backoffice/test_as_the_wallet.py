"""What the fold makes of a wallet's own events is what the wallet has: balances, rounds, players, money house by house.

The wallet's real decisions play random histories in memory; only their events are handed on.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from services.backoffice.projections.values import RoundKey, read_event
from tests.model.commands import Dice, Writer
from tests.unit.backoffice.fold_tables import Tables
from tests.unit.wallet.memory import MemoryLedger

LENGTH = 400
NOW_MS = 1_800_000_000_000
PURSES = {"provider": ("stake", "win"), "free_rounds": ("free_win",), "promo": ("promo_win",), "jackpot": ("jackpot_win",)}


def played(number: int) -> tuple[MemoryLedger, Tables]:
    """A history, and what the fold makes of its events, in batches of chance."""
    random, writer, ledger, tables = Random(number), Writer(f"-{number}"), MemoryLedger(), Tables()
    commands = writer.opening(NOW_MS)
    kinds = [*writer.kinds, "bet", "win", "spin", "undo", "undo", "again"]
    commands += [writer.write(random.choice(kinds), Dice(random.randbytes(80)), NOW_MS) for _ in range(LENGTH)]
    for command in commands:
        ledger.apply([(command, False)], NOW_MS)
    events = [read_event(raw) for story in ledger.events.values() for raw in story]
    while events:
        cut = random.randint(1, 60)
        tables.take(events[:cut])
        events = events[cut:]
    return ledger, tables


@pytest.mark.parametrize("number", range(12))
def test_the_same_as_the_wallet(number: int) -> None:
    ledger, tables = played(number)
    assert tables.balances == ledger.balances
    assert {player: (each.seq, each.hash, each.status, each.excluded_until_ms) for player, each in tables.players.items()} == {
        player: (each.seq, each.chain_head, each.status, each.excluded_until_ms) for player, each in ledger.players.items()
    }
    assert {key: (each.status, each.bets, each.game_id) for key, each in tables.rounds.items()} == {
        key: (each.status, each.bets, each.game_id) for key, each in ledger.rounds.items()
    }
    # The wallet adds up what a round took in all currencies; here a round has the money of its own only.
    currencies: dict[RoundKey, set[str]] = {}
    for event in tables.operations.values():
        currencies.setdefault((event.player, event.provider_account, event.round_id), set()).add(event.currency)
    alone = [key for key in tables.rounds if len(currencies[key]) == 1]
    assert {key: tables.rounds[key].stake for key in alone} == {key: ledger.rounds[key].stake for key in alone}


def test_the_histories_have_something_to_show() -> None:
    kinds: Counter[str] = Counter()
    for number in range(12):
        ledger, _ = played(number)
        for operation in ledger.operations.values():
            again = '"restores":true' in operation.details
            kinds[f"{operation.kind} {operation.status}{' again' if again else ''}"] += 1
    for kind in ("rollback applied", "rollback applied again", "void_round applied", "settle_round applied", "promo_win applied"):
        assert kinds[kind] > 0, kinds


@pytest.mark.parametrize("number", range(12))
def test_days_add_up_to_the_house_accounts(number: int) -> None:
    ledger, tables = played(number)
    net: Counter[tuple[str, str, str]] = Counter()
    for operation in ledger.operations.values():
        for movement in operation.movements:
            for account, sign in ((movement.debit_account, -1), (movement.credit_account, 1)):
                purse, _, provider_account = account.partition(":")
                if purse in PURSES:
                    net[provider_account, movement.currency, purse] += sign * movement.amount
    found: Counter[tuple[str, str, str]] = Counter()
    for (_, _, provider_account, _, currency), day in tables.days.items():
        found[provider_account, currency, "provider"] += day["stake"] - day["stake_undone"] - day["win"] + day["win_undone"]
        for purse in ("free_rounds", "promo", "jackpot"):
            found[provider_account, currency, purse] -= sum(day[column] for column in PURSES[purse])
    assert {key: units for key, units in found.items() if units} == {key: units for key, units in net.items() if units}
