"""The life of a wallet process: ready and not, alarms, handing over, a topic that was made anew."""

from __future__ import annotations

import asyncio
import http.client
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions

from services.wallet.ledger.positions import open_epoch
from shared.contracts import Result, codec
from shared.identity import partition_of
from shared.kafka.admin import admin_client, apply_topics, topic_id
from shared.kafka.topics import COMMANDS
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import EUR, Line, bet, get_balance, open_line, rollback, win
from tests.integration.wallet.stand import HOST, WalletStand, wallet_stand
from tests.servers import Servers
from tests.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUR_MS = 3_600_000


def page(stand: WalletStand, path: str, name: str = "wallet") -> tuple[int, str]:
    """Status and body of a wallet's own listener."""
    connection = http.client.HTTPConnection(HOST, stand.ports[name], timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def metric(stand: WalletStand, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", page(stand, "/metrics")[1], re.MULTILINE)
    assert found is not None, f"no {name} among the metrics"
    return float(found[1])


async def test_a_wallet_says_that_it_lives_and_is_ready(line: Line) -> None:
    assert page(line.stand, "/health/live") == (200, '{"status": "live"}')
    assert page(line.stand, "/health/ready") == (200, '{"status": "ready", "detail": "24 partitions"}')
    await line.new_player()
    assert metric(line.stand, 'stakewire_wallet_commands_total{kind="deposit",result="OK"}') >= 1
    wait_until(lambda: metric(line.stand, "stakewire_wallet_lag_records") == 0, "nothing is left to do")


async def test_the_stages_of_batches_and_what_must_never_happen_are_measured(line: Line) -> None:
    player = await line.new_player(5 * EUR)
    ref = line.names.ref()
    await line.done(bet(player, ref, 5 * EUR))
    await line.done(win(player, f"{ref}-w", 3 * EUR, round_id=ref))
    await line.done(bet(player, f"{ref}-2", 3 * EUR))
    await line.done(rollback(player, f"{ref}-w"))
    assert await line.balance(player) == -3 * EUR
    for stage in ("load", "decide", "save", "commit", "reply", "publish"):
        assert metric(line.stand, f'stakewire_wallet_stage_seconds_count{{stage="{stage}"}}') >= 6
    assert metric(line.stand, "stakewire_wallet_command_age_seconds_count") >= 6
    assert metric(line.stand, "stakewire_wallet_overdrafts_total") == 1
    assert metric(line.stand, "stakewire_wallet_imbalances_total") == 0
    assert (await line.ask(bet(player, ref, 4 * EUR))).result == Result.DUPLICATE_DIFFERENT
    assert metric(line.stand, 'stakewire_wallet_commands_total{kind="bet",result="DUPLICATE_DIFFERENT"}') == 1


async def test_a_record_from_the_future_raises_the_clock_alarm_and_nothing_expires(line: Line) -> None:
    player = await line.new_player()
    before = metric(line.stand, "stakewire_wallet_clock_alarms_total")
    now = int(time.time() * 1_000)
    stale = replace(bet(player, line.names.ref()), deadline_ms=1_000)
    records = [
        (player.encode(), codec.encode(stale), now - HOUR_MS),
        (player.encode(), codec.encode(bet(player, line.names.ref())), now + HOUR_MS),
    ]
    partition = partition_of(player, COMMANDS.partitions)
    await asyncio.gather(*await line.producer.send_bundle(line.stand.names.of(COMMANDS), records, partition=partition))
    assert (await line.done(get_balance(player))).balance == 98 * EUR
    assert metric(line.stand, "stakewire_wallet_clock_alarms_total") == before + 1
    assert line.stand.said("check time synchronisation")


async def test_stakes_that_waited_for_a_wallet_past_their_deadline_expire(line: Line) -> None:
    """Nobody was there to take them; when a wallet comes, it finds them old and is not alarmed."""
    player, refs = await line.new_player(), [line.names.ref() for _ in range(3)]
    line.stand.stop()
    await line.send(*(replace(bet(player, ref), deadline_ms=1_000) for ref in refs), age_ms=30_000)
    await line.send(replace(win(player, f"{refs[0]}-w"), deadline_ms=1_000), age_ms=30_000)
    line.stand.start()
    assert (await line.done(get_balance(player))).balance == 101 * EUR
    assert metric(line.stand, "stakewire_wallet_clock_alarms_total") == 0


async def test_a_wallet_that_is_stopped_hands_over(line: Line) -> None:
    player = await line.new_player()
    stand = line.stand
    await line.send(*(bet(player, line.names.ref(), 1) for _ in range(200)))
    stand.stop()
    group = f"{stand.prefix}stakewire-wallet"
    client = admin_client(stand.kafka_bootstrap_servers)
    assert client.describe_consumer_groups([group])[group].result(30).members == []
    # Its offsets are those of the ledger: the next owner reads nothing twice.
    told: Any = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result(30).topic_partitions
    hints = {part.partition: part.offset for part in told}
    rows = await line.pool.fetch("SELECT partition, next_offset FROM partition_position WHERE next_offset > 0")
    assert {row["partition"]: row["next_offset"] for row in rows} == {
        partition: offset for partition, offset in hints.items() if offset > 0
    }
    began = time.monotonic()
    stand.start("successor")
    assert time.monotonic() - began < 30
    done = await line.done(bet(player, line.names.ref(), 1))
    assert done.balance == 100 * EUR - 201
    stand.stop("successor")
    stand.start()
    assert stand.trouble() == []


async def test_the_books_agree_after_all_this(line: Line) -> None:
    stand = line.stand
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)


@pytest.fixture
def lone_stand(servers: Servers, ledger_url: str) -> Iterator[WalletStand]:
    """A stand whose topics may be deleted."""
    with wallet_stand(ledger_url, servers.kafka_bootstrap_servers) as running:
        running.start()
        yield running


async def test_a_topic_made_anew_stops_the_wallet_until_its_epoch_is_opened(lone_stand: WalletStand) -> None:
    stand, topic = lone_stand, lone_stand.names.of(COMMANDS)
    async with open_line(stand) as line:
        player = await line.new_player()
    client = admin_client(stand.kafka_bootstrap_servers)
    client.delete_topics([topic])[topic].result(60)
    wait_until(lambda: topic not in client.list_topics(timeout=30).topics, "the topic is gone")
    apply_topics(stand.kafka_bootstrap_servers, stand.names)
    # Also without a restart: the wallet finds out by itself.
    wait_until(lambda: "deleted and made anew" in page(stand, "/health/ready")[1], "the wallet says what happened")
    assert page(stand, "/health/ready")[0] == 503
    assert page(stand, "/health/live")[0] == 200
    async with open_line(stand) as line:
        await line.send(win(player, "a"))
        async with line.pool.acquire() as connection:
            assert await open_epoch(connection, topic, topic_id(stand.kafka_bootstrap_servers, topic)) == 2
        assert await line.balance(player) == 100 * EUR
        stand.wait_ready()
        assert (await line.done(bet(player, "b"))).balance == 100 * EUR
    await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
