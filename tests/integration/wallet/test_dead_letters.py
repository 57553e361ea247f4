"""`stakewire dead-letters` on a real wallet: listed, shown without secrets, sent again with one effect or not at all."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from services.wallet.intake import now_ms
from services.wallet.tools.letters import find, retry
from services.wallet.tools.scan import reading
from shared.contracts import Command, DeadLetter, Result, codec
from shared.identity import partition_of
from shared.kafka.topics import COMMANDS, DEAD_LETTERS
from tests.integration.wallet.line import EUR, Line, bet, deposit, get_balance, rollback, win, withdraw
from tests.integration.wallet.stand import WalletStand, wallet_stand
from tests.integration.wallet.technician import Technician
from tests.integration.wallet.topics import read_dead_letters
from tests.servers import Servers

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECRET = "t0p-s3cret-token"


@pytest.fixture(scope="module")
def stand(servers: Servers, ledger_template: str) -> Iterator[WalletStand]:
    """A wallet that gives up held players soon."""
    url = servers.new_database(ledger_template)
    with wallet_stand(url, servers.kafka_bootstrap_servers) as running:
        running.start(wallet_defer_limit_ms=500, wallet_lock_timeout_ms=200)
        yield running
    servers.drop_database(url)


@pytest.fixture(scope="module")
def technician(stand: WalletStand) -> Technician:
    return Technician(stand)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def player(line: Line) -> AsyncIterator[str]:
    yield await line.new_player()


async def buried(line: Line, command: Command | bytes, *, cause: str = "player held", key: str = "") -> str:
    """A dead letter as the wallet writes it; its id."""
    raw = command if isinstance(command, bytes) else codec.encode(command)
    key = key or (command.player if not isinstance(command, bytes) else "")
    letter = DeadLetter(
        cause=cause, detail="for a test", origin_topic=line.stand.names.of(COMMANDS), origin_partition=partition_of(key, 24), origin_offset=7,
        record_key=key, record_base64=base64.b64encode(raw).decode(), at_ms=now_ms(),
    )  # fmt: skip
    partition = partition_of(key, DEAD_LETTERS.partitions)
    future = await line.producer.send(
        line.stand.names.of(DEAD_LETTERS), codec.encode(letter), partition=partition, key=key.encode()
    )
    metadata: Any = await future
    return f"{partition}-{metadata.offset}"


async def letters_of(stand: WalletStand, player: str) -> list[DeadLetter]:
    found = await asyncio.to_thread(read_dead_letters, stand.kafka_bootstrap_servers, stand.names)
    return [letter for letter in found if letter.record_key == player]


async def state(technician: Technician, letter_id: str) -> str:
    listed = await technician.json("dead-letters", "list")
    return next(str(each["state"]) for each in listed["letters"] if each["id"] == letter_id)


async def test_a_win_of_a_held_player_is_buried_and_sent_again_with_one_effect(line: Line, technician: Technician) -> None:
    player = await line.new_player()
    async with line.pool.acquire() as other, other.transaction():
        await other.fetchrow("SELECT 1 FROM players WHERE player = $1 FOR UPDATE", player)
        reply = await line.ask(win(player, "held", 7 * EUR))
        assert (reply.result, reply.detail) == (Result.UNKNOWN, "player held")
    assert await line.balance(player) == 100 * EUR
    (mine,) = [each for each in (await technician.json("dead-letters", "list"))["letters"] if each["player"] == player]
    assert (mine["kind"], mine["cause"], mine["external_ids"], mine["state"]) == ("win", "player held", ["held"], "not stored")
    said = await technician.told("dead-letters", "retry", mine["id"], "--yes")
    assert "OK" in said
    assert "107.00000 EUR" in said
    assert await line.balance(player) == 107 * EUR
    assert "nothing to do: the ledger holds it already (applied as operation 3)" in await technician.told(
        "dead-letters", "retry", mine["id"], "--yes"
    )
    assert await state(technician, mine["id"]) == "applied as operation 3"
    assert await line.balance(player) == 107 * EUR
    assert [row["external_id"] for row in await line.operations(player)].count("held") == 1


async def test_two_technicians_at_once_have_one_effect(line: Line, technician: Technician) -> None:
    player = await line.new_player()
    letter = await buried(line, win(player, "both", 2 * EUR))
    async with reading(line.stand.kafka_bootstrap_servers, line.stand.names, DEAD_LETTERS) as reader:
        opened = await find(reader, letter)
    both = await asyncio.gather(retry(opened, line.ask), retry(opened, line.ask))
    assert sorted((reply.result, reply.replayed) for reply in both) == [("OK", False), ("OK", True)]
    # Without the database it cannot be seen beforehand: the key in the wallet is what counts.
    third = await technician.json("dead-letters", "retry", letter, "--yes", DATABASE_URL=None)
    assert (third["reply"]["result"], third["reply"]["replayed"]) == ("OK", True)
    assert await line.balance(player) == 102 * EUR


async def test_what_expires_is_never_sent_again(stand: WalletStand, line: Line, technician: Technician) -> None:
    player = await line.new_player()
    for command in (bet(player, "stake", EUR), withdraw(player, EUR), get_balance(player)):
        letter = await buried(line, command)
        said = await technician.refused("dead-letters", "retry", letter, "--yes")
        assert f"letter {letter} is not sent again: a {command.kind}" in said
        assert ("UNKNOWN" in said) == (command.kind != "get_balance")
    assert await line.balance(player) == 100 * EUR
    assert len(await line.operations(player)) == 2
    assert len(await letters_of(stand, player)) == 3


async def test_what_cannot_be_read_is_shown_without_its_token_and_not_sent_again(
    line: Line, technician: Technician, player: str
) -> None:
    whole = json.dumps(
        {"kind": "jackpot_spin", "player": player, "token": SECRET, "x": {"api_key": SECRET, "n": [SECRET[:3]]}}
    ).encode()
    cut = b'{"kind":"bet","player":"p","launch_token": "' + SECRET.encode() + b'","stake":'
    for raw in (whole, cut):
        letter = await buried(line, raw, cause="not readable", key=player)
        said = await technician.told("dead-letters", "show", letter)
        assert SECRET not in said
        assert "(not shown)" in said
        assert SECRET not in (await technician.run("dead-letters", "show", letter, "--json")).output
        assert "it cannot be read" in await technician.refused("dead-letters", "retry", letter, "--yes")
    assert SECRET not in await technician.told("dead-letters", "list")


async def test_show_tells_the_command_and_what_the_ledger_holds(line: Line, technician: Technician) -> None:
    player = await line.new_player()
    letter = await buried(line, rollback(player, "r1"))
    shown = await technician.json("dead-letters", "show", letter)
    assert (shown["content"]["kind"], shown["content"]["target_external_id"]) == ("rollback", "r1")
    assert (shown["stored"], shown["letter"]["state"], shown["no_retry"]) == ([], "not stored", "")
    await line.done(rollback(player, "r1"))
    shown = await technician.json("dead-letters", "show", letter)
    assert [(each["kind"], each["status"]) for each in shown["stored"]] == [("rollback", "void")]
    assert "void as operation 3" in await technician.told("dead-letters", "show", letter)
    assert "DATABASE_URL is not set" in await technician.told("dead-letters", "show", letter, DATABASE_URL=None)


async def test_another_operation_under_the_same_id_is_pointed_at(line: Line, technician: Technician) -> None:
    player = await line.new_player()
    letter = await buried(line, win(player, "same", 3 * EUR))
    await line.done(win(player, "same", 4 * EUR))
    said = await technician.told("dead-letters", "retry", letter, "--yes")
    assert "nothing to do" in said
    assert "another one than the letter's win" in said
    assert await line.balance(player) == 104 * EUR


async def test_a_refusal_and_a_second_burial_are_told(line: Line, technician: Technician) -> None:
    player = await line.new_player()
    nobody = await buried(line, win("a" * 16, "w", EUR))
    said = await technician.refused("dead-letters", "retry", nobody, "--yes")
    assert "the wallet answered PLAYER_NOT_FOUND" in said
    poison = await buried(line, win(player, "poison", 2**63 - 1), cause="not applicable")
    assert "it is a new dead letter" in await technician.refused("dead-letters", "retry", poison, "--yes")
    assert await line.balance(player) == 100 * EUR


async def test_the_list_is_newest_first_and_filtered(line: Line, technician: Technician) -> None:
    player = await line.new_player()
    mark = secrets.token_hex(4)
    ids = [await buried(line, deposit(player, EUR, f"{mark}-{number}"), cause=f"cause {mark}") for number in range(5)]
    listed = await technician.json("dead-letters", "list", "--cause", mark.upper())
    assert [each["id"] for each in listed["letters"]] == sorted(ids, key=ids.index, reverse=True)
    times = [each["at_ms"] for each in listed["letters"]]
    assert times == sorted(times, reverse=True)
    few = await technician.json("dead-letters", "list", "--cause", mark, "--limit", "2")
    assert (few["found"], [each["id"] for each in few["letters"]]) == (5, ids[:2:-1])
    assert "3 older ones are not shown" in await technician.told("dead-letters", "list", "--cause", mark, "--limit", "2")
    assert (await technician.json("dead-letters", "list", "--since", "2100-01-01T00:00"))["found"] == 0
    assert "there are no dead letters that fit" in await technician.told("dead-letters", "list", "--cause", f"{mark}-none")
    assert (await technician.json("dead-letters", "list", "--cause", mark, "--since", "1h"))["found"] == 5


async def test_letters_that_are_not_there_and_bad_ids(technician: Technician, line: Line) -> None:
    for wrong in ("17", "x-1", "1-", "-1-2", "1-2-3"):
        assert "expected <partition>-<offset>" in await technician.refused("dead-letters", "show", "--", wrong)
    for gone in ("0-99999999", "3-123456", "77-0"):
        assert f"there is no dead letter {gone}" in await technician.refused("dead-letters", "show", gone)
        assert f"there is no dead letter {gone}" in await technician.refused("dead-letters", "retry", gone, "--yes")
    assert line.producer.available


async def test_nothing_is_sent_without_a_yes_and_servers_that_are_away_are_named(
    line: Line, technician: Technician, player: str
) -> None:
    letter = await buried(line, win(player, "asked", EUR))
    assert await technician.refused("dead-letters", "retry", letter)
    assert await line.pool.fetchval("SELECT count(*) FROM operations WHERE external_id = 'asked'") == 0
    assert "is Kafka running and reachable?" in await technician.refused(
        "dead-letters", "list", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1"
    )
    assert "the ledger could not be read" in await technician.refused(
        "dead-letters", "show", letter, DATABASE_URL="postgresql://x:y@127.0.0.1:1/z"
    )
