"""Switches on a real PostgreSQL and Kafka: from one process to all others, whatever is lost on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import get_args

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.ports import free_ports
from services.gateway.switches import (
    SwitchBoard,
    SwitchControl,
    SwitchKey,
    SwitchReader,
    SwitchRefusedError,
    SwitchStore,
    key_of,
)
from shared.access import read_audit
from shared.contracts import SwitchSet, SwitchState, codec
from shared.kafka.admin import apply_topics
from shared.kafka.topics import SWITCHES, TopicNames
from tests.integration.remaking import remake

LIMIT_S = 60.0
RIOT = SwitchKey("", "mascot-demo", "riot")
STATES: tuple[SwitchState, ...] = ("drain", "off", "live", "drain", "off")


@pytest.fixture
def names(kafka_bootstrap_servers: str, topic_prefix: str) -> TopicNames:
    found = TopicNames(topic_prefix)
    apply_topics(kafka_bootstrap_servers, found, topics=(SWITCHES,))
    return found


@pytest.fixture
def store(operator_pool: asyncpg.Pool) -> SwitchStore:
    return SwitchStore(operator_pool)


@asynccontextmanager
async def reading(kafka: str, names: TopicNames, *, check_topic_s: float = 0.2) -> AsyncIterator[SwitchReader]:
    """A process that has read the switches."""
    reader = SwitchReader(kafka, names, SwitchBoard(), check_topic_s=check_topic_s)
    try:
        async with asyncio.timeout(LIMIT_S):
            await reader.start()
        yield reader
    finally:
        await reader.stop()


@asynccontextmanager
async def controlling(
    store: SwitchStore, kafka: str, names: TopicNames, reader: SwitchReader | None = None
) -> AsyncIterator[SwitchControl]:
    """A process that sets switches, with its loop in the background."""
    control = SwitchControl(store, kafka, names, reader, compare_every_s=0.1)
    await control.start()
    try:
        yield control
    finally:
        await control.stop()


async def until(condition: Callable[[], object], what: str) -> None:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < LIMIT_S, f"not within {LIMIT_S:g} s: {what}"
        await asyncio.sleep(0.02)


async def topic_content(kafka: str, names: TopicNames) -> dict[SwitchKey, SwitchSet]:
    """The newest record of each key, as compaction would leave it."""
    partition = TopicPartition(names.of(SWITCHES), 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end, found = (await consumer.end_offsets([partition]))[partition], {}
        while await consumer.position(partition) < end:
            for record in (await consumer.getmany(partition, timeout_ms=500)).get(partition, ()):
                switch = codec.decode_switch(record.value)
                assert record.key == str(key_of(switch)).encode()
                found[key_of(switch)] = switch
        return found
    finally:
        await consumer.stop()


async def test_a_switch_reaches_another_process_within_a_second(
    store: SwitchStore, kafka_bootstrap_servers: str, names: TopicNames, operator_pool: asyncpg.Pool
) -> None:
    kafka = kafka_bootstrap_servers
    async with reading(kafka, names) as own, reading(kafka, names) as other, controlling(store, kafka, names, own) as control:
        assert other.board.state_of("main", "mascot-demo", "riot") == "live"
        took_s = []
        for state in STATES:
            started = time.monotonic()
            switched = await control.set(RIOT, state, reason=f"to {state}", actor="cli:anna", request_id="r1")
            assert await other.wait_for(switched.switch, LIMIT_S)
            took_s.append(time.monotonic() - started)
            assert switched.published
            assert other.board.state_of("main", "mascot-demo", "riot") == state
            assert own.board.state_of("main", "mascot-demo", "riot") == state, "the own process knows it when `set` returns"
        assert sorted(took_s)[2] < 1.0, f"half of them took longer than a second: {took_s}"
    stored = await store.all()
    assert [(each.switch.state, each.changed_by, each.published) for each in stored] == [("off", "cli:anna", True)]
    entries = await read_audit(operator_pool, subject="switch:|mascot-demo|riot")
    assert [entry.change.after["state"] for entry in entries] == ["off", "drain", "live", "off", "drain"]
    assert entries[0].change.before["state"] == "drain"
    assert entries[-1].change.before is None
    assert {(entry.change.action, entry.change.actor, entry.change.request_id) for entry in entries} == {
        ("switch.set", "cli:anna", "r1")
    }


async def test_a_process_that_starts_knows_all_switches_before_it_is_ready(
    store: SwitchStore, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    async with reading(kafka_bootstrap_servers, names) as early:
        assert (early.caught_up, list(early.board)) == (True, [])
    async with controlling(store, kafka_bootstrap_servers, names) as control:
        for number in range(30):
            await store.set(SwitchKey("", "mascot-demo", f"game-{number}"), "off", reason="x", actor="a")
        assert await control.publish()
        await control.set(SwitchKey("main"), "drain", reason="x", actor="a")
    async with reading(kafka_bootstrap_servers, names) as late:
        assert late.board.state_of("blue", "mascot-demo", "game-29") == "off"
        assert late.board.state_of("main", "mascot-demo", "other") == "drain"
        assert len(list(late.board)) == 31


async def test_the_same_again_is_no_change(store: SwitchStore, operator_pool: asyncpg.Pool) -> None:
    first = await store.set(RIOT, "off", reason="review", actor="a")
    assert await store.set(RIOT, "off", reason="review", actor="b") == first
    other = await store.set(RIOT, "off", reason="still under review", actor="b")
    assert other.switch.version > first.switch.version
    assert len(await read_audit(operator_pool)) == 2


@pytest.mark.parametrize(
    ("key", "state", "reason", "words"),
    [
        (SwitchKey("main|x"), "off", "x", "brand"),
        (SwitchKey("", "Mascot"), "off", "x", "provider account"),
        (SwitchKey("", "", "g" * 129), "off", "x", "128 bytes"),
        (SwitchKey("", "", "g\0"), "off", "x", "no NUL"),
        (RIOT, "closed", "x", "live, drain, off"),
        (RIOT, "off", " ", "say why"),
        (RIOT, "off", "x" * 501, "500 characters"),
        (RIOT, "off", "x\0", "say why"),
        (RIOT, "off", "\ud800", "say why"),
    ],
)
async def test_what_no_switch_can_be_is_refused_in_words(
    store: SwitchStore, operator_pool: asyncpg.Pool, key: SwitchKey, state: SwitchState, reason: str, words: str
) -> None:
    with pytest.raises(SwitchRefusedError, match=words):
        await store.set(key, state, reason=reason, actor="a")
    assert (await store.all(), await read_audit(operator_pool)) == ([], [])


async def test_processes_that_set_at_once_leave_the_topic_as_the_database_is(
    store: SwitchStore, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    kafka = kafka_bootstrap_servers
    keys = [RIOT, SwitchKey("main"), SwitchKey("", "", "venga")]
    states = get_args(SwitchState)
    async with (
        reading(kafka, names) as reader,
        controlling(store, kafka, names) as first,
        controlling(store, kafka, names) as second,
    ):
        await asyncio.gather(
            *(
                control.set(keys[number % 3], states[(number + turn) % 3], reason=f"{turn}/{number}", actor="a")
                for number in range(12)
                for turn, control in enumerate((first, second))
            )
        )
        stored = {key_of(each.switch): each.switch for each in await store.all()}
        for switch in stored.values():
            assert await reader.wait_for(switch, LIMIT_S)
        assert {key_of(each): each for each in reader.board} == stored
    assert await topic_content(kafka, names) == stored
    assert len({switch.version for switch in stored.values()}) == 3


async def test_what_kafka_did_not_take_is_kept_and_published_later(
    store: SwitchStore, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    (nobody,) = free_ports(1)
    away = SwitchControl(store, f"127.0.0.1:{nobody}", names)
    try:
        switched = await away.set(RIOT, "off", reason="x", actor="a")
    finally:
        await away.stop()
    assert not switched.published
    assert [each.published for each in await store.all()] == [False]
    async with reading(kafka_bootstrap_servers, names) as reader, controlling(store, kafka_bootstrap_servers, names):
        assert await reader.wait_for(switched.switch, LIMIT_S)
        assert reader.board.state_of("main", "mascot-demo", "riot") == "off"


async def test_a_topic_that_was_lost_is_filled_again_while_all_run_on(
    store: SwitchStore, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    kafka = kafka_bootstrap_servers
    async with reading(kafka, names) as own, reading(kafka, names) as other, controlling(store, kafka, names, own) as control:
        for game in ("riot", "venga", "zeus"):
            await control.set(SwitchKey("", "mascot-demo", game), "off", reason="x", actor="a")
        await asyncio.to_thread(remake, kafka, names, SWITCHES)
        assert own.board.state_of("main", "mascot-demo", "zeus") == "off", "what is known stays known"
        wanted = {key_of(each.switch): each.switch.version for each in await store.all()}
        async with asyncio.timeout(LIMIT_S):
            while {key: switch.version for key, switch in (await topic_content(kafka, names)).items()} != wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.2)  # seen from outside
        async with reading(kafka, names) as late:
            assert {key_of(each): each.version for each in late.board} == wanted
        switched = await control.set(SwitchKey("", "mascot-demo", "riot"), "live", reason="x", actor="a")
        assert await other.wait_for(switched.switch, LIMIT_S), "a process that ran all the time follows the new topic"


async def test_a_process_that_starts_after_the_loss_heals_it(
    store: SwitchStore, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    kafka = kafka_bootstrap_servers
    async with controlling(store, kafka, names) as control:
        switched = await control.set(RIOT, "off", reason="x", actor="a")
        assert switched.published
    await asyncio.to_thread(remake, kafka, names, SWITCHES)
    async with reading(kafka, names) as own:
        assert list(own.board) == []
        async with controlling(store, kafka, names, own):
            assert await own.wait_for(switched.switch, LIMIT_S)


async def test_an_older_record_that_comes_late_is_passed_over_and_overwritten(
    store: SwitchStore, kafka_bootstrap_servers: str, names: TopicNames
) -> None:
    """As from a producer that hung: whoever starts after compaction would see the old state otherwise."""
    kafka = kafka_bootstrap_servers
    async with reading(kafka, names) as own, controlling(store, kafka, names, own) as control:
        switched = await control.set(RIOT, "off", reason="x", actor="a")
        late = replace(switched.switch, state="live", version=switched.switch.version - 1)
        await send(kafka, names, str(RIOT).encode(), codec.encode(late))
        await send(kafka, names, b"broken", b"no switch")
        await until(lambda: own.on_topic is not None and own.on_topic[RIOT] == late.version, "the late record is read")
        assert own.board.state_of("main", "mascot-demo", "riot") == "off"
        await until(lambda: own.on_topic is not None and own.on_topic[RIOT] == switched.switch.version, "it is overwritten")


async def test_versions_go_on_above_those_of_a_database_that_was_lost(
    store: SwitchStore, operator_pool: asyncpg.Pool, operator_url: str
) -> None:
    first = await store.set(RIOT, "off", reason="x", actor="a")
    owner = await asyncpg.connect(operator_url)
    await owner.execute("TRUNCATE operator.switches; ALTER SEQUENCE operator.switch_version RESTART WITH 1")
    await owner.close()
    second = await store.set(RIOT, "live", reason="y", actor="a")
    third = await store.set(RIOT, "off", reason="z", actor="a")
    assert first.switch.version < second.switch.version < third.switch.version
    assert operator_pool.get_size() >= 1


async def test_a_reader_waits_for_a_topic_that_is_not_there_yet(kafka_bootstrap_servers: str, topic_prefix: str) -> None:
    names = TopicNames(topic_prefix)
    reader = SwitchReader(kafka_bootstrap_servers, names, SwitchBoard())
    starting = asyncio.create_task(reader.start())
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(starting), 1.0)
        assert not reader.caught_up
        await asyncio.to_thread(apply_topics, kafka_bootstrap_servers, names, topics=(SWITCHES,))
        async with asyncio.timeout(LIMIT_S):
            await starting
        assert reader.caught_up
    finally:
        starting.cancel()
        await reader.stop()


async def send(kafka: str, names: TopicNames, key: bytes, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        await producer.send_and_wait(names.of(SWITCHES), value, key=key, partition=0)
    finally:
        await producer.stop()
