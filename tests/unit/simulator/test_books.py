"""The provider's books: arithmetic, and what is left after a kill."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from services.simulator import books as module
from services.simulator.books import Books
from services.simulator.errors import BooksError
from services.simulator.records import (
    DONE,
    MONEY,
    REFUSED,
    ROLLED_BACK,
    ROLLING,
    UNKNOWN,
    Deposit,
    Fault,
    Player,
    SeenOperation,
    Transaction,
)

PLAYER = Player(player="aaaaaaaaaaaaaaaa", operator_player_id="p", brand="main", provider_account="mascot-test", currency="EUR")
KEY = PLAYER.player


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = Books(tmp_path / "books.sqlite3")
    opened.add_player(PLAYER)
    yield opened
    opened.close()


def transaction(ref: str, withdraw: int = 0, deposit: int = 0) -> Transaction:
    return Transaction(player=KEY, ref=ref, kind=MONEY, withdraw=withdraw, deposit=deposit)


async def finished(books: Books, entry: Transaction, state: str) -> Transaction:
    await books.begin(entry)
    entry.state = state
    if state in (DONE, ROLLING, ROLLED_BACK):
        entry.paid, entry.got = entry.withdraw, entry.deposit
    books.save(entry)
    return entry


async def test_the_balance_is_deposits_and_what_is_done(books: Books) -> None:
    await books.put_deposit(Deposit(key="d1", player=KEY, amount=10_000, state=DONE))
    await books.put_deposit(Deposit(key="d2", player=KEY, amount=77))
    await finished(books, transaction("t1", withdraw=400, deposit=150), DONE)
    await finished(books, transaction("t2", withdraw=1_000), REFUSED)
    await finished(books, transaction("t3", withdraw=2_000), UNKNOWN)
    await finished(books, transaction("t4", deposit=30), ROLLING)
    await finished(books, transaction("t5", withdraw=5_000), ROLLED_BACK)

    assert books.balance(KEY) == 10_000 - 400 + 150 + 30


async def test_what_is_agreed_stays_in_the_balance_and_is_not_listed_again(books: Books) -> None:
    await books.put_deposit(Deposit(key="d1", player=KEY, amount=10_000, state=DONE))
    done = await finished(books, transaction("t1", withdraw=400), DONE)
    agreed = Player(
        player=KEY, operator_player_id="p", brand="main", provider_account="mascot-test", currency="EUR",
        agreed_seq=3, agreed_hash="h", agreed_units=9_600_000, agreed_minor=books.balance(KEY), agreed_id=done.id,
    )  # fmt: skip

    books.agree(agreed, ["d1"])
    await finished(books, transaction("t2", deposit=50), DONE)

    assert books.balance(KEY) == 9_650
    assert [entry.ref for entry in books.open_transactions(KEY)] == ["t2"]
    assert books.open_deposits(KEY) == []


async def test_the_books_are_the_same_after_closing_and_opening(tmp_path: Path) -> None:
    path = tmp_path / "books.sqlite3"
    first = Books(path)
    first.add_player(PLAYER)
    entry = await finished(first, transaction("t1", withdraw=400, deposit=150), DONE)
    entry.transaction_id, entry.new_balance = "x-1", -250
    first.save(entry)
    first.close()

    again = Books(path)

    assert again.open_transactions(KEY) == [entry]
    assert again.players == {KEY: PLAYER}
    again.close()


async def test_transactions_begun_in_one_turn_share_one_commit(books: Books) -> None:
    books.flush()
    statements: list[str] = []
    books._db.set_trace_callback(statements.append)
    entries = [transaction(f"t{number}") for number in range(50)]

    await asyncio.gather(*(books.begin(entry) for entry in entries))

    books._db.set_trace_callback(None)
    assert statements.count("COMMIT") == 1
    assert [entry.id for entry in entries] == list(range(1, 51))
    assert len(books.open_transactions(KEY)) == 50


_KILLED = """
import asyncio, sys, time
from pathlib import Path
from services.simulator.books import Books
from services.simulator.records import DONE, MONEY, ROLLING, Player, Transaction

async def main():
    books = Books(Path(sys.argv[1]))
    books.add_player(Player(player="a" * 16, operator_player_id="p", brand="main", provider_account="mascot-test", currency="EUR"))
    for number in range(5):
        entry = Transaction(player="a" * 16, ref=f"t{number}", kind=MONEY, withdraw=100, deposit=0)
        await books.begin(entry)
        if number < 3:
            entry.state, entry.paid = DONE, 100
            await books.save_now(entry)
    entry.state = ROLLING
    await books.save_now(entry)
    print("ready", flush=True)
    time.sleep(600)

asyncio.run(main())
"""


def test_after_a_kill_what_was_in_flight_is_unknown_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "books.sqlite3"
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)

    books = Books(path)

    assert [entry.state for entry in books.open_transactions("a" * 16)] == [DONE, DONE, DONE, UNKNOWN, ROLLING]
    assert [entry.ref for entry in books.unresolved()] == ["t3", "t4"]
    assert books.balance("a" * 16) == -300
    books.close()


def test_a_second_simulator_on_the_same_books_is_told_so(books: Books) -> None:
    with pytest.raises(BooksError, match="another simulator"):
        Books(books.path)


async def test_full_books_say_so_before_anything_is_sent(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_TRANSACTIONS_MAX", 2)
    await books.begin(transaction("t1"))
    await books.begin(transaction("t2"))

    with pytest.raises(BooksError, match="compare them"):
        await books.begin(transaction("t3"))


def operation(seq: int, hash_: str = "") -> SeenOperation:
    return SeenOperation(
        player=KEY, seq=seq, hash=hash_ or f"hash {seq}", previous_hash=f"hash {seq - 1}", provider_account="mascot-test",
        namespace="tx", external_id=f"t{seq}", kind="bet", status="applied", paid_units=5, got_units=2, balance_after=7, target_seq=1,
    )  # fmt: skip


def test_operations_are_kept_with_the_positions_they_were_read_at(books: Books) -> None:
    books.add_operations([operation(2), operation(1)], {3: 20, 4: 7}, [])

    assert books.operations_after(KEY, 0) == [operation(1), operation(2)]
    assert books.operations_after(KEY, 1) == [operation(2)]
    assert books.positions() == {3: 20, 4: 7}


def test_the_same_event_again_is_nothing_new(books: Books) -> None:
    books.add_operations([operation(1), operation(1)], {0: 2}, [])
    books.add_operations([operation(1)], {0: 3}, [])

    assert books.operations_after(KEY, 0) == [operation(1)]
    assert books.faults() == []


def test_the_same_seq_with_another_hash_is_a_fork(books: Books) -> None:
    books.add_operations([operation(1), operation(1, "another")], {0: 2}, [])

    assert [(fault.kind, fault.seq) for fault in books.faults()] == [("fork", 1)]


def test_faults_are_bounded(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAULTS_MAX", 3)

    books.add_operations([], {}, [Fault(kind="hash", player=KEY, seq=seq, text="") for seq in range(10)])

    assert len(books.faults()) == 3


def test_pruning_drops_only_what_was_agreed_long_ago(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGREED_OPERATIONS_KEPT", 1)
    books.add_operations([operation(seq) for seq in range(1, 6)], {0: 5}, [])
    books.agree(msgspec.structs.replace(PLAYER, agreed_seq=4), [])

    assert [item.seq for item in books.operations_after(KEY, 0)] == [4, 5]


async def test_agreed_transactions_are_dropped_when_they_are_many(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGREED_TRANSACTIONS_KEPT", 2)
    entries = [await finished(books, transaction(f"t{number}", deposit=1), DONE) for number in range(6)]
    books.agree(msgspec.structs.replace(PLAYER, agreed_id=entries[3].id, agreed_minor=4), [])

    books.prune()

    stored = books._db.execute("SELECT ref FROM transactions ORDER BY id").fetchall()
    assert stored == [("t4",), ("t5",)]
    assert books.balance(KEY) == 6


def test_plays_are_kept_and_the_oldest_forgotten(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLAYS_KEPT", 2)
    for number in range(3):
        books.put_play(f"play{number}", number, "running", "{}")
    books.put_play("play2", 0, "finished", '{"a":1}')

    assert books.play("play0") is None
    assert books.play("play2") == ("finished", '{"a":1}')
    assert [play_id for play_id, _ in books.running_plays()] == ["play1"]
