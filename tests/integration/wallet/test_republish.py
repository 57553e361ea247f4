"""`stakewire republish` on a real wallet: the same bytes on the same partitions in the same order, as often as one likes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local.parts import CHECKOUT
from shared.identity import partition_of
from shared.kafka.topics import EVENTS
from tests.integration.wallet.line import EUR, Line, bet, bet_and_win, create, deposit, rollback, win
from tests.integration.wallet.stand import WalletStand, wallet_stand
from tests.integration.wallet.technician import Technician
from tests.integration.wallet.topics import Record, read_events

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOBODY = "key:aaaaaaaaaaaaaaaa"


@pytest.fixture(scope="module")
def technician(stand: WalletStand) -> Technician:
    return Technician(stand)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def player(line: Line) -> AsyncIterator[str]:
    """Somebody with operations of many kinds."""
    player = await line.new_player()
    await line.done(bet(player, "a", 5 * EUR))
    await line.done(win(player, "w", 3 * EUR, round_id="a"))
    await line.done(bet_and_win(player, "é\u2028😀", EUR, 0))
    await line.done(rollback(player, "a"))
    await line.done(rollback(player, "never arrived"))
    await line.ask(bet(player, "too much", 10_000 * EUR))
    yield player


def events(stand: WalletStand, player: str) -> list[Record]:
    return [record for record in read_events(stand.kafka_bootstrap_servers, stand.names) if record.key == player]


async def test_one_player_again_byte_for_byte(stand: WalletStand, technician: Technician, line: Line, player: str) -> None:
    count = len(await line.operations(player))
    before = await asyncio.to_thread(events, stand, player)
    assert len(before) == count == 9
    said = await technician.told("republish", "--player", f"{player}_EUR")
    assert f"{count} events of 1 players are sent" in said
    after = await asyncio.to_thread(events, stand, player)
    assert [record.value for record in after] == [record.value for record in before] * 2
    assert {record.partition for record in after} == {partition_of(player, EVENTS.partitions)}
    again = await technician.json("republish", "--player", f"key:{player}")
    assert again == {"events": count, "players": 1, "player": player, "archived": 0, "broken": []}
    assert [record.value for record in await asyncio.to_thread(events, stand, player)] == [record.value for record in before] * 3


async def test_everything_after_kafka_was_lost(stand: WalletStand, line: Line, player: str) -> None:
    others = [await line.new_player() for _ in range(3)]
    at_first = await asyncio.to_thread(read_events, stand.kafka_bootstrap_servers, stand.names)
    with wallet_stand(stand.database_url, stand.kafka_bootstrap_servers) as fresh:
        told = await Technician(fresh).json("republish", "--all")
        anew = await asyncio.to_thread(read_events, fresh.kafka_bootstrap_servers, fresh.names)
    for each in (player, *others):
        first = {record.value: None for record in at_first if record.key == each}
        assert [record.value for record in anew if record.key == each] == list(first)
    stored = await line.pool.fetchval("SELECT count(*) FROM operations")
    assert (told["events"], len(anew)) == (stored, stored)
    assert told["players"] == await line.pool.fetchval("SELECT count(*) FROM players WHERE seq > 0")


async def test_only_a_span_of_time_and_on_from_a_player(technician: Technician, line: Line, player: str) -> None:
    del player
    later = await line.new_player()
    since = await line.pool.fetchval("SELECT min(occurred_at) FROM operations WHERE player = $1", later)
    told = await technician.json("republish", "--since", since.isoformat())
    assert (told["events"], told["player"]) == (2, later)
    assert (await technician.json("republish", "--until", since.isoformat()))["events"] == await line.pool.fetchval(
        "SELECT count(*) FROM operations WHERE occurred_at < $1", since
    )
    assert (await technician.json("republish", "--all", "--after", "z" * 16))["events"] == 0
    last = await line.pool.fetchval("SELECT max(player) FROM players")
    assert (await technician.json("republish", "--all", "--after", last))["events"] == 0


async def test_the_rate_is_kept(technician: Technician, player: str) -> None:
    began = time.monotonic()
    assert (await technician.json("republish", "--player", f"key:{player}", "--rate", "5"))["events"] == 9
    assert time.monotonic() - began >= 9 / 5


async def test_bad_questions_and_unknown_players(technician: Technician) -> None:
    assert "say what to send" in await technician.refused("republish")
    assert "--since 'yesterday' is no time" in await technician.refused("republish", "--since", "yesterday")
    assert "nothing between them" in await technician.refused("republish", "--since", "1h", "--until", "2h")
    assert "has no player aaaaaaaaaaaaaaaa; nothing was sent" in await technician.refused("republish", "--player", NOBODY)
    assert "no player key" in await technician.refused("republish", "--player", "key:ALICE")
    assert "--after 'alice' is no player key" in await technician.refused("republish", "--all", "--after", "alice")
    assert "--all and --after are for all players" in await technician.refused("republish", "--player", "alice", "--all")


async def test_without_its_servers_it_says_which_one_is_away(technician: Technician, player: str) -> None:
    here = ("republish", "--player", f"key:{player}")
    assert "Kafka at 127.0.0.1:1 did not take the events" in await technician.refused(*here, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert "the ledger could not be read" in await technician.refused(*here, DATABASE_URL="postgresql://x:y@127.0.0.1:1/z")


async def test_interrupted_it_tells_how_to_go_on_and_nothing_is_wrong(
    stand: WalletStand, line: Line, technician: Technician
) -> None:
    player = await line.new_player()
    for number in range(20):
        await line.done(bet(player, f"i{number}", EUR))
    before = [record.value for record in await asyncio.to_thread(events, stand, player)]
    environment = {**os.environ, **{name: value or "" for name, value in technician.environment().items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "republish", "--player", f"key:{player}", "--rate", "2",
        cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(60):
        while len(await asyncio.to_thread(events, stand, player)) <= len(before):  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.1)
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
    assert process.returncode == 130, output
    assert b"interrupted." in output
    assert b"events are sent and stay right; run it again" in output
    after = [record.value for record in await asyncio.to_thread(events, stand, player)]
    assert len(before) < len(after) < 2 * len(before)
    assert after == before + before[: len(after) - len(before)]
    await technician.told("republish", "--player", f"key:{player}")
    assert [record.value for record in await asyncio.to_thread(events, stand, player)] == after + before


async def test_a_changed_operation_is_never_published(stand: WalletStand, line: Line, technician: Technician) -> None:
    name = line.names.operators_id()
    await line.done(create(name))
    player = await line.pool.fetchval("SELECT player FROM profiles WHERE operator_player_id = $1", name)
    await line.done(deposit(player, 10 * EUR))
    await line.done(bet(player, "b", EUR))
    before = len(await asyncio.to_thread(events, stand, player))
    await line.pool.execute("UPDATE operations SET stake = stake + 1 WHERE player = $1 AND seq = 3", player)
    try:
        said = await technician.told("republish", "--player", f"key:{player}", exit_code=1)
    finally:
        await line.pool.execute("UPDATE operations SET stake = stake - 1 WHERE player = $1 AND seq = 3", player)
    assert "2 events" in said
    assert f"{player} operation 3" in said
    assert len(await asyncio.to_thread(events, stand, player)) == before + 2


async def test_what_went_to_the_archive_is_told_and_the_rest_is_as_it_was(
    stand: WalletStand, line: Line, technician: Technician
) -> None:
    player = await line.new_player()
    await line.done(bet(player, "after", EUR))
    before = [record.value for record in await asyncio.to_thread(events, stand, player)]
    async with line.pool.acquire() as owner, owner.transaction():
        await owner.execute(
            "INSERT INTO anchors (player, seq, hash, balances, accounts, month)"
            " SELECT player, seq, hash, '{}', '{}', '2026-01' FROM operations WHERE player = $1 AND seq = 1",
            player,
        )
        await owner.execute("DELETE FROM operations WHERE player = $1 AND seq = 1", player)
    told = await technician.json("republish", "--player", f"key:{player}")
    assert (told["events"], told["archived"], told["broken"]) == (2, 1, [])
    after = [record.value for record in await asyncio.to_thread(events, stand, player)]
    assert after == before + before[1:]
    assert "in the archive only" in await technician.told("republish", "--player", f"key:{player}")
