"""A running wallet: raw records on its topic, parallel callers, what it tells the world."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from shared.contracts import Bet, Result, codec
from shared.identity import partition_of
from shared.kafka.topics import COMMANDS, MAX_RECORD_BYTES
from tests.integration.wallet.line import EUR, Line, bet, win
from tests.integration.wallet.topics import read_dead_letters, read_replies

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def answers_to(line: Line, command_ids: set[str]) -> dict[str, list[str]]:
    """Results by command id of all replies on the topic, once each of these has one."""
    async with asyncio.timeout(60):
        while True:
            replies = await asyncio.to_thread(read_replies, line.stand.kafka_bootstrap_servers, line.stand.names)
            found: dict[str, list[str]] = {}
            for reply in replies:
                found.setdefault(reply.command_id, []).append(reply.result)
            if command_ids <= found.keys():
                return found


def raw(line: Line, command: Bet, command_id: str, **fields: Any) -> bytes:
    """A command addressed to this line, with fields that its class would not take."""
    return json.dumps({**json.loads(codec.encode(line.addressed(command, command_id))), **fields}).encode()


async def test_rubbish_between_good_commands(line: Line) -> None:
    player = await line.new_player(partition=3)
    key, ref = player.encode(), line.names.ref()
    rubbish = {
        "garbage": (b"\x00\xff\xfe garbage", key),
        "nothing": (b"", key),
        "another key": (raw(line, bet(player, f"{ref}-k"), f"{ref}-k"), b"another"),
        "no key": (raw(line, bet(player, f"{ref}-n"), f"{ref}-n"), b""),
        "a newer kind": (raw(line, bet(player, f"{ref}-u"), f"{ref}-u", kind="jackpot_spin"), key),
        "NUL": (raw(line, bet(player, f"{ref}-0"), f"{ref}-0", round_id="a\x00b"), key),
        "half a surrogate pair": (raw(line, bet(player, "SPLIT"), f"{ref}-s").replace(b"SPLIT", rb"\ud800"), key),
        "overflow": (raw(line, bet(player, f"{ref}-o"), f"{ref}-o", stake=10**30), key),
    }
    offsets = {}
    await line.send(line.addressed(bet(player, f"{ref}-before"), f"{ref}-before"))
    for name, (value, record_key) in rubbish.items():
        offsets[name] = await line.send_raw(value, key=record_key, partition=3)
    await line.done(bet(player, f"{ref}-after"))

    letters = await asyncio.to_thread(read_dead_letters, line.stand.kafka_bootstrap_servers, line.stand.names)
    mine = {letter.origin_offset: letter for letter in letters if letter.origin_partition == 3}
    assert {name: offset in mine for name, offset in offsets.items()} == dict.fromkeys(rubbish, True)
    assert len([letter for letter in letters if letter.origin_partition == 3]) == len(rubbish)
    assert mine[offsets["another key"]].record_key == "another"
    assert "jackpot_spin" in mine[offsets["a newer kind"]].detail
    unknown = {f"{ref}-{each}" for each in "knu0o"}
    found = await answers_to(line, unknown)
    assert {command_id: found[command_id] for command_id in unknown} == {each: [Result.UNKNOWN] for each in unknown}
    assert await line.balance(player) == 98 * EUR


@pytest.mark.parametrize("field", ["game_id", "command_id", "caller", "wire_currency"])
async def test_a_command_as_large_as_kafka_takes_does_not_stop_the_wallet(field: str, line: Line) -> None:
    player, ref = await line.new_player(), line.names.ref()
    partition = partition_of(player, COMMANDS.partitions)
    command = json.loads(codec.encode(line.addressed(bet(player, ref), ref)))
    # Only what must be said: the event and the reply of such a command are larger than itself.
    said = {**{name: value for name, value in command.items() if value}, field: ""}
    room = MAX_RECORD_BYTES - 250 - len(json.dumps(said))
    huge = json.dumps({**said, field: "x" * room}).encode()
    offset = await line.send_raw(huge, key=player.encode(), partition=partition)
    await line.done(win(player, f"{ref}-after"))
    letters = await asyncio.to_thread(read_dead_letters, line.stand.kafka_bootstrap_servers, line.stand.names)
    (letter,) = [each for each in letters if (each.origin_partition, each.origin_offset) == (partition, offset)]
    assert f"{len(huge)} bytes" in letter.detail
    assert await line.balance(player) == 101 * EUR
