"""Before a batch is written its balances must be what its movements make them; nothing of one that is not is written."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.wallet.decisions.model import Movement
from services.wallet.working_set import ImbalanceError, WorkingSet
from shared.contracts import Command, Result
from tests.unit.wallet.builders import EUR, NOW, PLAY, adjust, bet, bet_and_win, create_player, deposit, rollback, win
from tests.unit.wallet.memory import DAYS, MemoryLedger

STORY: tuple[Command, ...] = (
    create_player(external_id="new"),
    deposit(10 * EUR, external_id="in"),
    bet(3 * EUR, external_id="b"),
    win(5 * EUR, external_id="w"),
    bet_and_win(2 * EUR, EUR, external_id="bw"),
    rollback("b", external_id="b"),
    adjust(-EUR, external_id="a"),
)


def played() -> WorkingSet:
    ledger = MemoryLedger()
    picture = WorkingSet(ledger.load(STORY, NOW), NOW, DAYS)
    assert [picture.step(command, expired=False).result for command in STORY] == [Result.OK] * len(STORY)
    return picture


def test_a_batch_whose_books_add_up_passes() -> None:
    picture = played()
    picture.check()
    assert picture.balances[PLAY["player"], "EUR"] == 13 * EUR


@pytest.mark.parametrize("off", [1, -1, 13 * EUR])
def test_a_balance_that_no_movement_explains_stops_the_batch(off: int) -> None:
    picture = played()
    picture.balances[PLAY["player"], "EUR"] += off
    with pytest.raises(ImbalanceError, match="its movements make it"):
        picture.check()


def test_a_movement_that_no_balance_knows_of_stops_the_batch() -> None:
    picture = played()
    ghost = Movement(debit_account="cash", credit_account="player", amount=1, currency="EUR", balance_after=1)
    last = picture.new_operations[-1]
    picture.new_operations[-1] = replace(last, movements=(*last.movements, ghost))
    with pytest.raises(ImbalanceError):
        picture.check()
