"""Which sessions an event asks to be closed, and how far the events of a partition are done."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.gateway.operator_api.closings import Closer, Closing, Progress, closings_of
from shared.contracts import OperationRecorded
from shared.contracts.codec import encode
from shared.errors import ContractError
from shared.kafka.topics import TopicNames
from shared.providers.client import ProviderUnreachable

ONE, OTHER = TopicPartition("events", 0), TopicPartition("events", 1)
SESSIONS = [["mascot", "p.one", "77"], ["studio", "p.two", "x-8"], ["mascot", "p.pending", ""]]


def event(kind: str, details: Any, **fields: Any) -> bytes:
    return encode(
        OperationRecorded(
            player="p",
            seq=7,
            provider_account="operator",
            namespace="operator",
            external_id="key",
            kind=kind,
            status="applied",
            occurred_at_ms=1,
            gaming_day="2031-01-31",
            brand="main",
            details=details if isinstance(details, str) else json.dumps(details, separators=(",", ":")),
            **fields,
        )
    )


@pytest.mark.parametrize("kind", ["exclude", "close_account", "erase_player"])
def test_sessions_that_the_provider_knows_are_to_be_closed(kind: str) -> None:
    assert closings_of(event(kind, {"until": 1, "sessions": SESSIONS})) == [
        Closing("mascot", "p.one", "77"),
        Closing("studio", "p.two", "x-8"),
    ]


@pytest.mark.parametrize("details", ["", {"until": 1}, {"sessions": []}])
def test_nobody_was_playing(details: Any) -> None:
    assert closings_of(event("exclude", details)) == []


@pytest.mark.parametrize("kind", ["bet", "close_session", "lift_exclusion", "set_limits"])
def test_other_events_ask_for_nothing(kind: str) -> None:
    assert closings_of(event(kind, {"sessions": SESSIONS})) == []
    # An id of somebody's that looks like one of ours is read, and found to be none.
    assert closings_of(event(kind, {"sessions": SESSIONS}, round_id='"kind":"exclude"')) == []
    assert closings_of(event(kind, {"sessions": SESSIONS}, game_id="exclude")) == []


@pytest.mark.parametrize(
    "raw",
    [
        b'{"kind":"exclude"}',
        b'"kind":"exclude"',
        event("exclude", "no json"),
        event("exclude", "[]"),
        event("exclude", {"sessions": 5}),
        event("exclude", {"sessions": [["mascot", "p.one"]]}),
        event("exclude", {"sessions": [5]}),
    ],
)
def test_what_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(ContractError):
        closings_of(raw)


@pytest.mark.parametrize("raw", [b"", b"rubbish", b"\xff"])
def test_what_is_none_of_ours_is_not_even_read(raw: bytes) -> None:
    assert closings_of(raw) == []


def test_a_partition_is_done_up_to_the_first_event_that_is_not() -> None:
    progress = Progress()
    progress.began(ONE, 10, 2)
    progress.began(ONE, 12, 1)
    progress.began(ONE, 13, 0)
    progress.read(ONE, 20)
    progress.read(OTHER, 5)
    assert progress.committable() == {ONE: 10, OTHER: 5}
    progress.committed({ONE: 10, OTHER: 5})
    assert progress.committable() == {}
    progress.done(ONE, 12)
    progress.done(ONE, 10)
    assert progress.committable() == {}
    progress.done(ONE, 10)
    assert progress.committable() == {ONE: 20}


def test_after_a_new_assignment_nothing_of_before_counts() -> None:
    progress = Progress()
    progress.began(ONE, 10, 1)
    progress.read(ONE, 11)
    progress.forget()
    progress.done(ONE, 10)
    assert progress.committable() == {}
    progress.began(ONE, 10, 1)
    progress.read(ONE, 11)
    assert progress.committable() == {ONE: 10}


class Studio:
    """A provider whose side can be down. `closed` are the sessions that it was told to close."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.closed: list[str] = []
        self.asked = asyncio.Event()

    async def close_session(self, provider_session_id: str) -> None:
        """Closes one, unless it is down."""
        self.asked.set()
        if self.down:
            raise ProviderUnreachable("the studio is down")
        self.closed.append(provider_session_id)


async def until(condition: Any) -> None:
    """Lets everything else go on until a condition holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)


async def test_a_provider_that_is_down_holds_up_nobody_else() -> None:
    studios = {"down": Studio(down=True), "up": Studio()}
    closer = Closer("nowhere:1", TopicNames(), studios.get)  # type: ignore[arg-type]  # of a client only this is asked
    closer.take(ONE, 3, event("exclude", {"sessions": [["down", "p.1", "1"], ["up", "p.2", "2"]]}))
    closer.take(ONE, 4, event("exclude", {"sessions": [["up", "p.3", "3"]]}))
    closer.progress.read(ONE, 5)
    await until(lambda: len(studios["up"].closed) == 2)
    await studios["down"].asked.wait()
    assert closer.progress.committable() == {ONE: 3}
    studios["down"].down = False
    await until(lambda: studios["down"].closed == ["1"])
    await until(lambda: closer.progress.committable() == {ONE: 5})
    assert studios["up"].closed == ["2", "3"]


async def test_in_the_end_it_is_given_up_and_so_is_an_account_that_nobody_can_call() -> None:
    studios = {"down": Studio(down=True)}
    closer = Closer("nowhere:1", TopicNames(), studios.get, patience_s=0)  # type: ignore[arg-type]  # as above
    closer.take(ONE, 3, event("exclude", {"sessions": [["down", "p.1", "1"], ["gone", "p.2", "2"]]}))
    closer.progress.read(ONE, 4)
    await until(lambda: closer.progress.committable() == {ONE: 4})


async def test_after_a_new_assignment_the_closings_of_before_are_left_to_the_next_owner() -> None:
    studios = {"down": Studio(down=True)}
    closer = Closer("nowhere:1", TopicNames(), studios.get)  # type: ignore[arg-type]  # as above
    closer.take(ONE, 3, event("exclude", {"sessions": [["down", "p.1", "1"]]}))
    await studios["down"].asked.wait()
    await closer.on_partitions_revoked([ONE])
    studios["down"].down = False
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    await asyncio.gather(*others, return_exceptions=True)
    assert studios["down"].closed == []
    assert closer.progress.committable() == {}
