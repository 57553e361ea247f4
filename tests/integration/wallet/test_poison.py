"""What no gateway of ours would send, forced past it: one dead letter, UNKNOWN to its caller, and the rest commits."""

from __future__ import annotations

import asyncio
import json
import random
import string
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from shared.contracts import Command, Result, codec
from tests.integration.wallet.bench import Bench, addressed, open_bench, replies
from tests.integration.wallet.line import (
    ACCOUNT,
    EUR,
    bet,
    bet_and_win,
    create,
    get_balance,
    operators,
    rollback,
    win,
)
from tests.servers import Servers

LIMIT_S = 60
"""A batch that is tried for ever is a failure, not a hang."""

NUL, LONG = "a\x00b", "".join(random.Random(1).choices(string.ascii_letters, k=9_000))
"""LONG does not fit an index, not even compressed."""


def changed(command: Command, **fields: Any) -> bytes:
    """A record as it is, with fields that its class would not take."""
    return json.dumps({**json.loads(codec.encode(addressed(command, "poison"))), **fields}).encode()


def operators_command(player: str, kind: str, **fields: Any) -> bytes:
    """An operator's command at a provider account, as it is."""
    header = {**operators(player, "poison"), "provider_account": ACCOUNT}
    return changed(
        get_balance(player), **{**header, "command_id": "poison", "kind": kind, "currency": "EUR", "game_id": "riot", **fields}
    )


def poisons(player: str) -> dict[str, bytes]:
    """Records that decode, and fail where they are decided or stored."""
    return {
        "NUL in the id": changed(bet(player, NUL)),
        "NUL in the round": changed(bet(player, "p", round_id=NUL)),
        "NUL in the game": changed(bet(player, "p", game_id=NUL)),
        "NUL in the session of a query": changed(get_balance(player, session_id=NUL)),
        "NUL in the grant": changed(bet(player, "p", grant_id=NUL)),
        "NUL in the provider account": changed(bet(player, "p"), provider_account=NUL),
        "NUL in a rollback's original": changed(rollback(player, "p"), target_external_id=NUL),
        "NUL in a session to be closed": operators_command(player, "close_session", session_id=NUL),
        "a stake beyond 64 bit": changed(bet(player, "p"), stake=2**64),
        "a refused stake beyond the ledger's range": changed(bet(player, "p"), stake=2**63),
        "a stake of a hundred digits": changed(bet(player, "p"), stake=10**100),
        "a win beyond the ledger's range": changed(win(player, "p"), win=2**63),
        "a balance beyond the ledger's range": changed(win(player, "p"), win=2**63 - 1),
        "a negative stake": changed(bet(player, "p"), stake=-1),
        "a negative win": changed(win(player, "p"), win=-1),
        "a negative win with a stake": changed(bet_and_win(player, "p"), win=-1),
        "a refused negative win": changed(bet_and_win(player, "p"), stake=10**12, win=-1),
        "free rounds beyond 32 bit": changed(bet(player, "p"), charge_free_rounds=2**40),
        "a contribution beyond 64 bit": changed(bet(player, "p"), jackpot_contribution=10**30),
        "an expiry beyond 64 bit": operators_command(player, "grant_free_rounds", grant_id="g", count=1, expires_at_ms=10**30),
        "a timeout beyond 32 bit": operators_command(player, "open_session", session_id="s", idle_timeout_s=2**40),
        "an id that fits no index": changed(bet(player, LONG)),
        "a round that fits no index": changed(bet(player, "p", round_id=LONG)),
        "a session that fits no index": operators_command(player, "open_session", session_id=LONG),
        "a grant that fits no index": operators_command(player, "grant_free_rounds", grant_id=LONG, count=1, expires_at_ms=2**50),
        "a rollback's original that fits no index": changed(rollback(player, "p"), target_external_id=LONG),
    }


NAMES = sorted(poisons("p"))
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_for_all(servers: Servers, ledger_template: str) -> AsyncIterator[Bench]:
    url = servers.new_database(ledger_template)
    async with open_bench(url) as opened:
        yield opened
    servers.drop_database(url)


@pytest.fixture
def bench(open_for_all: Bench) -> Bench:
    """One bench for all tests of this module, without the letters of the last one."""
    open_for_all.letters.clear()
    return open_for_all


@pytest.mark.parametrize("name", NAMES)
async def test_one_dead_letter_and_the_rest_of_the_batch_commits(name: str, bench: Bench) -> None:
    one, other = await bench.new_player(), await bench.new_player()
    good = [addressed(bet(one, "a"), "a"), addressed(bet(other, "b"), "b")]
    later = [addressed(win(one, "c"), "c"), addressed(bet(other, "d"), "d")]
    place = bench.next_offset + 2
    batch = bench.take(*good, poisons(other)[name], *later)
    async with asyncio.timeout(LIMIT_S):
        answered = {reply.command_id: reply.result for reply in replies(await bench.apply(batch))}
    assert answered == {"a": Result.OK, "b": Result.OK, "poison": Result.UNKNOWN, "c": Result.OK, "d": Result.OK}
    assert [(letter.offset, letter.cause) for letter in bench.letters] == [(place, "not applicable")]
    assert (await bench.balance(one), await bench.balance(other)) == (100 * EUR, 98 * EUR)
    assert await bench.stored_position() == bench.next_offset


async def test_a_batch_of_nothing_but_poison_passes(bench: Bench) -> None:
    player = await bench.new_player()
    records = list(poisons(player).values())
    first = bench.next_offset
    async with asyncio.timeout(LIMIT_S):
        answered = replies(await bench.apply(bench.take(bet(player, "a"), *records)))
    assert [reply.result for reply in answered] == [Result.UNKNOWN] * len(records)
    assert sorted(letter.offset for letter in bench.letters) == list(range(first + 1, bench.next_offset))
    assert await bench.balance(player) == 99 * EUR
    assert await bench.stored_position() == bench.next_offset


async def test_what_cannot_be_read_at_all_is_answered_where_it_can_be(bench: Bench) -> None:
    player = await bench.new_player()
    unreadable = [
        b"",
        b"rubbish",
        changed(bet(player, "x")).replace(b'"EUR"', rb'"\ud800"', 1),
        changed(bet(player, "x"), stake=0.5),
        changed(bet(player, "x"), kind="jackpot_spin"),
        changed(bet(create("somebody else").player, "x")),
    ]
    first = bench.next_offset
    published = await bench.apply(bench.take(addressed(bet(player, "a"), "a"), *unreadable, addressed(bet(player, "b"), "b")))
    assert {(reply.command_id, reply.result) for reply in replies(published)} == {
        ("a", Result.OK),
        ("b", Result.OK),
        ("poison", Result.UNKNOWN),
    }
    assert [(letter.offset, letter.cause) for letter in bench.letters] == [
        (first + number, "not readable") for number in range(1, len(unreadable) + 1)
    ]
    assert await bench.balance(player) == 98 * EUR
    assert await bench.stored_position() == bench.next_offset


async def test_unreadable_and_poison_together_have_one_letter_each(bench: Bench) -> None:
    player = await bench.new_player()
    batch = bench.take(
        bet(player, "a"), b"rubbish", changed(bet(player, NUL)), b"more", bet(player, "b"), changed(bet(player, NUL))
    )
    async with asyncio.timeout(LIMIT_S):
        await bench.apply(batch)
    offsets = [letter.offset for letter in bench.letters]
    assert sorted(offsets) == [batch[1].offset, batch[2].offset, batch[3].offset, batch[5].offset]
    assert await bench.balance(player) == 98 * EUR


async def test_what_went_to_the_dead_letters_may_come_again_rightly(bench: Bench) -> None:
    player = await bench.new_player()
    async with asyncio.timeout(LIMIT_S):
        await bench.apply(bench.take(changed(bet(player, "a"), stake=2**63)))
    assert [reply.result for reply in await bench.ask(bet(player, "a"))] == [Result.OK]


async def test_markup_and_quotes_in_ids_are_only_ids(bench: Bench) -> None:
    player = await bench.new_player()
    ids = ["'; DROP TABLE players; --", "<script>alert(1)</script>", '","previous_hash":"00', "\\u0000", "é\u2028😀", "{}", " "]
    answered = await bench.ask(*(bet(player, each) for each in ids))
    assert [reply.result for reply in answered] == [Result.OK] * len(ids)
    again = await bench.ask(*(bet(player, each) for each in ids))
    assert [(reply.result, reply.replayed) for reply in again] == [(Result.OK, True)] * len(ids)
    assert await bench.balance(player) == (100 - len(ids)) * EUR
