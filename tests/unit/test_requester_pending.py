"""The table of awaited replies: its limits, its reserve, its deadlines. No Kafka."""

from __future__ import annotations

import asyncio

import pytest

from shared.contracts.codec import COMMAND_CLASSES
from shared.contracts.replies import Reply
from shared.requester.errors import OutcomeUnknownError
from shared.requester.pending import PRIORITIES, TICK_S, PendingLimits, PendingTable, Priority


def reply(command_id: str) -> Reply:
    return Reply(command_id=command_id, caller="me", result="OK")


class Asker:
    """A table, and the futures that were entered into it."""

    def __init__(self, total: int = 100) -> None:
        self.table = PendingTable(PendingLimits(total, query_share=0.5, stake_share=0.75))
        self.waiters: dict[str, asyncio.Future[Reply]] = {}

    def add(self, command_id: str, deadline_s: float = 5.0) -> asyncio.Future[Reply]:
        waiter = self.waiters[command_id] = asyncio.get_running_loop().create_future()
        self.table.add(command_id, waiter, deadline_s)
        return waiter


async def test_reply_reaches_the_one_who_asked() -> None:
    asker = Asker()
    first, second = asker.add("a"), asker.add("b")
    assert asker.table.resolve(reply("b"))
    assert (first.done(), second.result()) == (False, reply("b"))
    assert len(asker.table) == 1


async def test_reply_that_comes_twice_or_to_nobody_is_told_as_such() -> None:
    asker = Asker()
    asker.add("a")
    assert asker.table.resolve(reply("a"))
    assert not asker.table.resolve(reply("a"))
    assert not asker.table.resolve(reply("never asked"))


async def test_two_attempts_must_not_share_an_id() -> None:
    asker = Asker()
    asker.add("a")
    with pytest.raises(ValueError, match="an id of its own"):
        asker.add("a")


async def test_queries_are_shed_first_then_stakes_and_settlements_last() -> None:
    asker = Asker(total=100)
    let_in = dict.fromkeys(Priority, 0)
    for number in range(100):
        for priority in Priority:
            if asker.table.has_room(priority):
                let_in[priority] = number + 1
        asker.add(str(number))
    assert let_in == {Priority.QUERY: 50, Priority.STAKE: 75, Priority.SETTLEMENT: 100}
    assert not asker.table.has_room(Priority.SETTLEMENT)


async def test_room_comes_back_with_the_replies() -> None:
    asker = Asker(total=4)
    for number in range(3):
        asker.add(str(number))
    assert not asker.table.has_room(Priority.STAKE)
    asker.table.resolve(reply("0"))
    assert asker.table.has_room(Priority.STAKE)


def test_every_command_has_a_priority_and_nothing_that_pays_a_player_is_shed_with_the_stakes() -> None:
    assert set(PRIORITIES) <= set(COMMAND_CLASSES)
    reserved = set(COMMAND_CLASSES) - set(PRIORITIES)
    assert {"win", "rollback", "end_round", "deposit", "close_session"} <= reserved


async def test_deadline_ends_the_waiting_as_unknown_never_early() -> None:
    asker = Asker()
    waiter = asker.add("a", deadline_s=5.0)
    assert asker.table.expire(5.0 - TICK_S) == 0
    assert not waiter.done()
    assert asker.table.expire(5.0 + TICK_S) == 1
    with pytest.raises(OutcomeUnknownError, match="before the deadline"):
        waiter.result()
    assert len(asker.table) == 0


async def test_deadlines_of_different_length_end_in_their_order() -> None:
    asker = Asker()
    asker.add("late", 5.0)
    asker.add("soon", 2.5)
    assert asker.table.expire(3.0) == 1
    assert (asker.waiters["soon"].done(), asker.waiters["late"].done()) == (True, False)
    asker.waiters["soon"].exception()
    assert asker.table.expire(6.0) == 1
    asker.waiters["late"].exception()


async def test_deadline_in_the_past_ends_at_the_next_tick() -> None:
    asker = Asker()
    asker.table.expire(100.0)
    waiter = asker.add("a", deadline_s=1.0)
    assert asker.table.expire(100.0 + 2 * TICK_S) == 1
    assert isinstance(waiter.exception(), OutcomeUnknownError)


async def test_answered_commands_do_not_expire() -> None:
    asker = Asker()
    waiter = asker.add("a", deadline_s=1.0)
    asker.table.resolve(reply("a"))
    assert asker.table.expire(10.0) == 0
    assert waiter.result() == reply("a")


async def test_failed_delivery_ends_the_waiting_once() -> None:
    asker = Asker()
    waiter = asker.add("a")
    assert asker.table.fail("a", OutcomeUnknownError("Kafka"))
    assert not asker.table.fail("a", OutcomeUnknownError("Kafka"))
    assert str(waiter.exception()) == "Kafka"


async def test_dropped_command_leaves_nothing_behind() -> None:
    asker = Asker()
    waiter = asker.add("a")
    asker.table.drop("a")
    assert len(asker.table) == 0
    assert not asker.table.resolve(reply("a"))
    assert asker.table.expire(100.0) == 0
    assert not waiter.done()


async def test_asker_that_was_cancelled_does_not_disturb_the_others() -> None:
    asker = Asker()
    gone, waiting = asker.add("a"), asker.add("b")
    gone.cancel()
    assert not asker.table.resolve(reply("a"))
    assert asker.table.resolve(reply("b"))
    assert waiting.result() == reply("b")


async def test_the_end_of_the_process_ends_everything_as_unknown() -> None:
    asker = Asker()
    waiters = [asker.add(str(number)) for number in range(3)]
    assert asker.table.fail_all("the process is stopping") == 3
    assert len(asker.table) == 0
    for waiter in waiters:
        assert isinstance(waiter.exception(), OutcomeUnknownError)


async def test_nothing_is_kept_of_the_past() -> None:
    asker = Asker(total=10_000)
    for number in range(2_000):
        asker.add(str(number), deadline_s=number * 0.01)
        asker.table.resolve(reply(str(number)))
    asker.table.expire(100.0)
    assert not asker.table._wheel
    assert not asker.table._waiting
