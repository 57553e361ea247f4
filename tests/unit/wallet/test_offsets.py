"""Hints of where to read from: never past an event that Kafka has not taken, never past a command that waits."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from services.wallet.failpoints import Failpoint
from services.wallet.offsets import OffsetHints

TOPIC = "t.wallet.commands"


@dataclass
class Broker:
    """The part of aiokafka's consumer that takes offsets: as there, a request goes on when its caller is cancelled."""

    told: list[dict[int, int]] = field(default_factory=list)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def commit(self, ends: dict[TopicPartition, int]) -> None:
        self.asked.set()
        await asyncio.shield(asyncio.ensure_future(self._request(ends)))

    async def _request(self, ends: dict[TopicPartition, int]) -> None:
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        self.told.append({part.partition: end for part, end in ends.items()})


def hints(*owned: int) -> OffsetHints:
    return OffsetHints(TOPIC, Failpoint(""), lambda: owned)


def stored(*errors: Exception) -> list[asyncio.Future[object]]:
    """Events that Kafka has taken, or refused with these errors."""
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    if errors:
        future.set_exception(errors[0])
    else:
        future.set_result(None)
    return [future]


async def finished(of: OffsetHints, broker: Any) -> None:
    broker.answers.set()
    async with asyncio.timeout(60):
        await of.finish(broker)


async def test_the_last_of_several_batches_is_told() -> None:
    broker, told = Broker(), hints(0, 1)
    told.add(stored(), {0: 5}, {0}, {})
    told.add([], {0: 7, 1: 3}, {0, 1}, {})
    await finished(told, broker)
    assert broker.told == [{0: 7, 1: 3}]


async def test_only_partitions_of_a_batch_and_only_our_own_are_told() -> None:
    broker, told = Broker(), hints(0, 1)
    told.add(stored(), {0: 5, 1: 9, 2: 4}, {0, 2}, {})
    await finished(told, broker)
    assert broker.told == [{0: 5}]


async def test_a_command_that_waits_is_not_passed_until_it_has_had_its_turn() -> None:
    broker, told = Broker(), hints(0, 1)
    told.add(stored(), {0: 10, 1: 6}, {0, 1}, {0: 4})
    await finished(told, broker)
    told.add([], {0: 12, 1: 6}, {0}, {0: 4})
    await finished(told, broker)
    # It was applied with a batch that had nothing of its partition in it.
    told.add(stored(), {0: 12, 1: 8}, {1}, {})
    await finished(told, broker)
    assert broker.told == [{0: 4, 1: 6}, {0: 4}, {0: 12, 1: 8}]


async def test_nothing_is_told_before_kafka_has_the_events() -> None:
    broker, told = Broker(), hints(0)
    broker.answers.set()
    event: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    told.add([event], {0: 5}, {0}, {})
    told.add(stored(), {0: 6}, {0}, {})
    telling = asyncio.ensure_future(told.tell(broker))
    ending = asyncio.ensure_future(told.finish(broker))
    await asyncio.sleep(0)
    assert broker.told == []
    event.set_result(None)
    await ending
    assert broker.told == [{0: 6}]
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)


async def test_an_event_that_kafka_refused_ends_the_telling() -> None:
    told = hints(0)
    told.add(stored(KafkaConnectionError("gone")), {0: 5}, {0}, {})
    async with asyncio.timeout(60):
        with pytest.raises(KafkaConnectionError):
            await told.tell(Broker())


async def test_an_offset_that_kafka_does_not_take_harms_nothing() -> None:
    told = hints(0)
    told.add(stored(), {0: 5}, {0}, {})
    await finished(told, Broker(error=KafkaConnectionError("gone")))


async def test_a_stop_in_the_middle_of_a_commit_leaves_no_error_behind() -> None:
    """The connection is closed under the request: nobody fetched its error, and the log spoke of a fault of ours."""
    broker, told = Broker(error=KafkaConnectionError("closed")), hints(0)
    left: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context))
    told.add(stored(), {0: 5}, {0}, {})
    telling = asyncio.ensure_future(told.tell(broker))
    async with asyncio.timeout(60):
        await broker.asked.wait()
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    await finished(told, broker)
    del told, telling
    gc.collect()
    await asyncio.sleep(0)
    assert left == []


async def test_a_commit_in_hand_is_waited_for() -> None:
    broker, told = Broker(), hints(0)
    told.add(stored(), {0: 5}, {0}, {})
    telling = asyncio.ensure_future(told.tell(broker))
    async with asyncio.timeout(60):
        await broker.asked.wait()
    telling.cancel()
    await asyncio.gather(telling, return_exceptions=True)
    await finished(told, broker)
    assert broker.told == [{0: 5}]
