"""The requester on a real Kafka: request and reply, deadlines, the reserve, and Kafka going away and coming back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts import codec
from shared.contracts.commands import Bet, Command, GetBalance, Win
from shared.contracts.replies import Reply, ReplyBundle, Result
from shared.errors import TopicError
from shared.identity import partition_of, player_key
from shared.kafka.admin import apply_topics
from shared.kafka.topics import COMMANDS, REPLIES, TopicNames
from shared.requester import OutcomeUnknownError, Requester, RequesterLimits, ShedError
from shared.requester.pending import PendingLimits
from tests.integration.gateway_responder import ok, responding, silent
from tests.servers import LocalServers

LIMIT_S = 60.0


def bet(number: int = 0, **changed: Any) -> Bet:
    fields: dict[str, Any] = {
        "command_id": "",
        "player": player_key("main", f"player {number}"),
        "provider_account": "mascot-demo",
        "namespace": "tx",
        "external_id": f"t{number}",
        "stake": 1_000,
    }
    return Bet(**(fields | changed))


def win() -> Win:
    shared = bet()
    return Win(
        command_id="",
        player=shared.player,
        provider_account=shared.provider_account,
        namespace="tx",
        external_id="w",
        win=1,
    )


def query() -> GetBalance:
    return GetBalance(command_id="", player=bet().player, provider_account="mascot-demo", namespace="", external_id="")


@pytest.fixture
def topics(kafka_bootstrap_servers: str, topic_prefix: str) -> TopicNames:
    names = TopicNames(topic_prefix)
    apply_topics(kafka_bootstrap_servers, names, topics=(COMMANDS, REPLIES))
    return names


@contextlib.asynccontextmanager
async def connected(
    bootstrap_servers: str, names: TopicNames, instance_id: str = "test", limits: RequesterLimits | None = None
) -> AsyncIterator[Requester]:
    requester = Requester(bootstrap_servers, names, instance_id=instance_id, limits=limits)
    await requester.start()
    try:
        yield requester
    finally:
        await requester.stop()


async def until_ready(requester: Requester, *, ready: bool) -> None:
    async with asyncio.timeout(LIMIT_S):
        while requester.ready is not ready:  # noqa: ASYNC110 - readiness is a state, not an event
            await asyncio.sleep(0.05)


async def test_command_and_reply(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with (
        responding(kafka_bootstrap_servers, topics.prefix) as responder,
        connected(kafka_bootstrap_servers, topics) as requester,
    ):
        before_ms = int(time.time() * 1_000)
        reply = await requester.ask(bet())
        assert (reply.result, reply.caller) == (Result.OK, requester.caller)
        (command,), (record,) = responder.commands, responder.records
        assert isinstance(command, Bet)
        assert (command.command_id, command.reply_partition) == (reply.command_id, requester.partition)
        assert record.key == command.player.encode()
        assert record.partition == partition_of(command.player, COMMANDS.partitions)
        assert before_ms <= record.timestamp <= time.time() * 1_000
        assert requester.pending == 0


async def test_many_at_once_each_get_their_own_reply(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    def numbered(command: Command) -> Reply:
        return Reply(command_id=command.command_id, caller=command.caller, result=Result.OK, transaction_id=command.external_id)

    async with (
        responding(kafka_bootstrap_servers, topics.prefix, numbered),
        connected(kafka_bootstrap_servers, topics) as requester,
    ):
        replies = await asyncio.gather(*(requester.ask(bet(number)) for number in range(500)))
        assert [reply.transaction_id for reply in replies] == [f"t{number}" for number in range(500)]


async def test_first_request_after_the_start_is_answered(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with responding(kafka_bootstrap_servers, topics.prefix):
        for number in range(5):
            async with connected(kafka_bootstrap_servers, topics, f"fresh {number}") as requester:
                assert (await requester.ask(bet())).result == Result.OK


async def test_two_processes_on_one_partition_do_not_take_each_others_replies(
    kafka_bootstrap_servers: str, topics: TopicNames
) -> None:
    async with (
        responding(kafka_bootstrap_servers, topics.prefix),
        connected(kafka_bootstrap_servers, topics) as first,
        connected(kafka_bootstrap_servers, topics) as second,
    ):
        assert (first.partition, first.instance_id) == (second.partition, second.instance_id)
        replies = await asyncio.gather(*(each.ask(bet(number)) for number in range(50) for each in (first, second)))
        assert {reply.caller for reply in replies} == {first.caller, second.caller}


async def test_no_reply_is_an_unknown_outcome_at_the_deadline(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with connected(kafka_bootstrap_servers, topics) as requester:
        started = time.monotonic()
        with pytest.raises(OutcomeUnknownError, match="deadline"):
            await requester.ask(bet(deadline_ms=300))
        assert 0.3 <= time.monotonic() - started < 5
        assert requester.pending == 0


async def test_reply_after_the_deadline_disturbs_nobody(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with (
        responding(kafka_bootstrap_servers, topics.prefix, silent) as responder,
        connected(kafka_bootstrap_servers, topics) as requester,
    ):
        with pytest.raises(OutcomeUnknownError):
            await requester.ask(bet(deadline_ms=200))
        async with asyncio.timeout(LIMIT_S):
            await responder.arrived.wait()
        late = ReplyBundle(replies=(ok(responder.commands[0]),))
        await send_replies(kafka_bootstrap_servers, topics, requester.partition, codec.encode(late))
        responder.answering = ok
        assert (await requester.ask(bet())).result == Result.OK


async def send_replies(bootstrap_servers: str, names: TopicNames, partition: int, *records: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers)
    await producer.start()
    for record in records:
        await producer.send_and_wait(names.of(REPLIES), record, partition=partition)
    await producer.stop()


async def test_rubbish_and_foreign_replies_are_skipped(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with responding(kafka_bootstrap_servers, topics.prefix), connected(kafka_bootstrap_servers, topics) as requester:
        stranger = ReplyBundle(replies=(Reply(command_id="x.1", caller="test/00000000", result=Result.OK),))
        mine = codec.encode(requester.caller)
        rubbish = (b"", b"rubbish", b"{" + mine, b'{"replies":[{"caller":' + mine + b"}]}", b"\xff" + mine, codec.encode(stranger))
        await send_replies(kafka_bootstrap_servers, topics, requester.partition, *rubbish)
        assert (await requester.ask(bet())).result == Result.OK
        assert requester.ready


async def test_full_table_sheds_queries_then_stakes_then_settlements(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    limits = RequesterLimits(PendingLimits(4, query_share=0.5, stake_share=0.75))
    async with (
        responding(kafka_bootstrap_servers, topics.prefix, silent) as responder,
        connected(kafka_bootstrap_servers, topics, limits=limits) as requester,
    ):
        waiting = []

        async def fill(command: Command) -> None:
            waiting.append(asyncio.create_task(requester.ask(command)))
            await asyncio.sleep(0)

        for command in (query(), query()):
            await fill(command)
        with pytest.raises(ShedError):
            await requester.ask(query())
        await fill(bet())
        with pytest.raises(ShedError):
            await requester.ask(bet())
        await fill(win())
        with pytest.raises(ShedError):
            await requester.ask(win())
        async with asyncio.timeout(LIMIT_S):
            while len(responder.commands) < 4:
                await responder.arrived.wait()
                responder.arrived.clear()
        assert len(responder.commands) == 4
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert requester.pending == 0
        responder.answering = ok
        assert (await requester.ask(query())).result == Result.OK


async def test_record_that_is_too_large_is_shed_and_the_next_is_sent(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with responding(kafka_bootstrap_servers, topics.prefix), connected(kafka_bootstrap_servers, topics) as requester:
        with pytest.raises(ShedError, match="at most"):
            await requester.ask(bet(game_id="x" * 1_000_000))
        assert requester.pending == 0
        assert (await requester.ask(bet())).result == Result.OK


async def test_stop_ends_what_is_pending_as_unknown(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with connected(kafka_bootstrap_servers, topics) as requester:
        asking = asyncio.create_task(requester.ask(bet()))
        await asyncio.sleep(0)
        assert requester.pending == 1
        await requester.stop()
        with pytest.raises(OutcomeUnknownError, match="stopping"):
            await asking
        with pytest.raises(ShedError):
            await requester.ask(bet())


async def test_command_that_cannot_be_handed_over_is_shed_at_its_deadline(kafka_bootstrap_servers: str, topics: TopicNames) -> None:
    async with connected(kafka_bootstrap_servers, topics) as requester:
        # A topic that the producer does not find: handing over then waits for it to appear.
        requester._topic = topics.prefix + "absent"
        started = time.monotonic()
        with pytest.raises(ShedError, match="handed"):
            await requester.ask(bet(deadline_ms=300))
        assert 0.3 <= time.monotonic() - started < 5
        assert (requester.pending, requester._handing_over, requester._given_up) == (0, {}, set())
        asking = asyncio.create_task(requester.ask(bet()))
        await asyncio.sleep(0)
        await requester.stop()
        with pytest.raises(ShedError):
            await asking


async def test_missing_topics_stop_the_start_with_what_to_do(kafka_bootstrap_servers: str, topic_prefix: str) -> None:
    requester = Requester(kafka_bootstrap_servers, TopicNames(topic_prefix + "absent."))
    with pytest.raises(TopicError, match="stakewire topics apply"):
        await requester.start()
    with pytest.raises(ShedError):
        await requester.ask(bet())


@pytest.mark.parametrize("reopen_s", [60.0, 2.0], ids=["the consumer heals", "the consumer is made anew"])
async def test_kafka_goes_away_and_comes_back(own_servers: LocalServers, topic_prefix: str, reopen_s: float) -> None:
    kafka, names = own_servers.kafka, TopicNames(topic_prefix)
    apply_topics(kafka.bootstrap_servers, names, topics=(COMMANDS, REPLIES))
    limits = RequesterLimits(silence_s=2.0, reopen_s=reopen_s)
    async with connected(kafka.bootstrap_servers, names, limits=limits) as requester:
        async with responding(kafka.bootstrap_servers, topic_prefix):
            assert (await requester.ask(bet())).result == Result.OK
        await asyncio.to_thread(kafka.kill)
        started = time.monotonic()
        with pytest.raises((OutcomeUnknownError, ShedError)):
            await requester.ask(bet(deadline_ms=1_000))
        assert time.monotonic() - started < 5
        await until_ready(requester, ready=False)
        with pytest.raises(ShedError):
            await requester.ask(bet())
        if reopen_s < 60:
            await until_reopening(requester)
        await asyncio.to_thread(kafka.start)
        await until_ready(requester, ready=True)
        async with responding(kafka.bootstrap_servers, topic_prefix):
            assert await answered_at_last(requester) == Result.OK
            assert requester.pending == 0


async def until_reopening(requester: Requester) -> None:
    async with asyncio.timeout(LIMIT_S):
        while requester._reader._consumer is not None:  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.05)


async def answered_at_last(requester: Requester) -> str:
    """The first result after an outage: what was sent into it may still be in the producer's way for a moment."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                return (await requester.ask(bet(deadline_ms=2_000))).result
            except (OutcomeUnknownError, ShedError):
                await asyncio.sleep(0.1)
