"""When a wallet believes that the database has lost commits, and when it must not."""

from __future__ import annotations

import pytest

from services.wallet.intake import Taken
from services.wallet.setback import SetbackError, SetbackWatch
from shared.contracts import Bet, Command, GetBalance

PLAYER = "aaaaaaaaaaaaaaaa"


def taken(offset: int, command: Command | None, partition: int = 0) -> Taken:
    return Taken(partition=partition, offset=offset, timestamp_ms=1, key=PLAYER, raw=b"", command=command)


def bet() -> Command:
    return Bet(command_id="", player=PLAYER, provider_account="m", namespace="tx", external_id="1", currency="EUR", stake=1)


def query() -> Command:
    return GetBalance(command_id="", player=PLAYER, provider_account="m", namespace="", external_id="", currency="EUR")


def test_positions_that_go_back_are_a_setback() -> None:
    watch = SetbackWatch()
    watch.read(1, {0: 5, 1: 7})
    watch.committed(1, {0: 9, 1: 7})
    watch.read(1, {0: 9})
    watch.read(1, {0: 12, 1: 7})
    with pytest.raises(SetbackError, match="partition 0 stands at 11 there, but this wallet has seen 12 committed"):
        watch.read(1, {0: 11, 1: 8})


def test_an_explicit_step_may_set_positions_anywhere() -> None:
    watch = SetbackWatch()
    watch.committed(1, {0: 9})
    watch.read(2, {0: 0})
    watch.committed(2, {0: 4})
    with pytest.raises(SetbackError):
        watch.read(2, {0: 3})


def test_a_partition_that_was_somebody_elses_meanwhile_is_ahead() -> None:
    watch = SetbackWatch()
    watch.committed(1, {0: 9})
    watch.read(1, {1: 3})
    watch.read(1, {0: 30, 1: 3})


def test_a_command_below_what_kafka_was_told_is_a_setback() -> None:
    watch = SetbackWatch()
    watch.assigned({0: 10, 1: 4}, {0: 7, 1: 4})
    watch.taken([taken(5, bet()), taken(6, bet())], {0: 7, 1: 4})  # below the position: answered only
    watch.taken([taken(4, bet(), partition=1)], {0: 7, 1: 4})
    with pytest.raises(SetbackError, match="partition 0 stands at 7 there, but offset 8 was done when Kafka was told 10"):
        watch.taken([taken(7, query()), taken(8, bet())], {0: 7, 1: 4})


def test_what_could_not_be_read_was_passed_too() -> None:
    watch = SetbackWatch()
    watch.assigned({0: 10}, {0: 7})
    with pytest.raises(SetbackError):
        watch.taken([taken(7, None)], {0: 7})


def test_queries_alone_are_told_without_moving_the_position() -> None:
    watch = SetbackWatch()
    watch.assigned({0: 10}, {0: 7})
    watch.taken([taken(offset, query()) for offset in (7, 8, 9)], {0: 7})
    watch.taken([taken(10, bet())], {0: 7})
    watch.taken([taken(11, bet())], {0: 11})


def test_offsets_of_a_topic_that_was_made_anew_say_nothing() -> None:
    """Kafka forgets a deleted topic's offsets a while later: a wallet refused the new topic's first commands for good."""
    watch = SetbackWatch()
    watch.read(2, {0: 0, 1: 0, 2: 5})
    assert watch.assigned({0: 10, 1: 0, 2: 7}, {0: 0, 1: 0, 2: 5}) == {0}
    watch.taken([taken(0, bet())], {0: 0, 1: 0, 2: 5})
    with pytest.raises(SetbackError):
        watch.taken([taken(5, bet(), 2)], {0: 0, 1: 0, 2: 5})


def test_a_fresh_database_beside_a_kafka_that_was_used_is_a_setback() -> None:
    watch = SetbackWatch()
    watch.read(1, {0: 0})
    assert watch.assigned({0: 10}, {0: 0}) == set()
    with pytest.raises(SetbackError):
        watch.taken([taken(0, bet())], {0: 0})
