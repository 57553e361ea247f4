"""The same histories in memory, through one wallet process, and through two of which one is restarted meanwhile.

How a stream is cut into batches, and how it is spread over processes, changes no answer and no stored operation. The
histories are those of tests/model, without what hangs on the clock. STAKEWIRE_HISTORIES says how many, of 200 commands each.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Any

import asyncpg
import pytest

from shared.contracts import Command, Reply
from tests.integration.wallet.books import LEFT_OUT, assert_books
from tests.integration.wallet.line import PATIENCE_MS, Line, open_line
from tests.integration.wallet.stand import CONFIG, WalletStand, wallet_stand
from tests.model.commands import Dice, Writer
from tests.model.duel import DAYS, differs, told
from tests.model.wallet import ModelWallet
from tests.servers import Servers
from tests.unit.wallet.memory import MemoryLedger

HISTORIES = int(os.environ.get("STAKEWIRE_HISTORIES", "10"))
LENGTH = 200
UNDER_WAY_MAX = 20
"""Of more histories not all that comes after the restart is sent at once: a caller may wait for so many commands only."""
AHEAD_MS = 30 * 60_000
"""Moments in the commands lie so far ahead that none of them comes while the test runs."""
COLUMNS = (
    "player", "seq", "provider_account", "namespace", "external_id", "kind", "status", "result", "limit", "currency", "stake",
    "win", "nominal_stake", "round_id", "closes_round", "game_id", "session_id", "grant_id", "free_rounds_asked",
    "free_rounds_charged", "free_rounds_left", "target_seq", "balance_after", "movements",
)  # fmt: skip
"""What is compared of an operation: everything but times, gaming days, hashes, and details (which tell times)."""

History = list[Command]


def write(number: int, run: str, now_ms: int) -> History:
    """One history, with players of its own."""
    random, writer = Random(number), Writer(f"-{number}-{run}")
    made = writer.opening(now_ms)
    kinds = [kind for kind in writer.kinds if kind != "balance"] + ["bet", "win", "spin", "undo", "again", "balance"]
    made += [writer.write(random.choice(kinds), Dice(random.randbytes(80)), now_ms) for _ in range(LENGTH)]
    return [replace(command, command_id="", deadline_ms=PATIENCE_MS) for command in made]


@pytest.fixture(scope="module")
def histories() -> list[History]:
    """All of them. The numbers are the seeds."""
    run, now_ms = secrets.token_hex(3), int(time.time() * 1_000) + AHEAD_MS
    return [write(number, run, now_ms) for number in range(HISTORIES)]


@pytest.fixture(scope="module")
def in_memory(histories: list[History]) -> tuple[list[list[dict[str, Any]]], dict[str, Any]]:
    """Each history in one cut, and the model's word for it: the answers, and what is stored then."""
    ledger, model, now_ms, answers = MemoryLedger(DAYS), ModelWallet(), int(time.time() * 1_000), []
    for history in histories:
        replies = ledger.apply([(command, False) for command in history], now_ms)
        for command, reply in zip(history, replies, strict=True):
            answer = model.handle(command, now_ms, expired=False)
            assert reply.result == answer.result, differs(command, reply, answer)
        answers.append([told(reply) for reply in replies])
    operations = {
        (event["player"], event["seq"]): _compared(event) for events in ledger.events.values() for event in map(json.loads, events)
    }
    return answers, {"balances": ledger.balances, "operations": operations}


@asynccontextmanager
async def stand_of(servers: Servers, template: str, *names: str) -> AsyncIterator[Line]:
    """Wallets on a ledger of their own, whose gaming day is far from its end."""
    url = servers.new_database(template)
    try:
        with wallet_stand(url, servers.kafka_bootstrap_servers) as stand:
            start = time.strftime("%H:%M", time.gmtime(time.time() - 2 * 3_600))
            config = CONFIG.replace("[brands.main]\n", f'[brands.main]\ngaming_day_start = "{start}"\n')
            (stand.folder / "stakewire.toml").write_text(config, encoding="utf-8")
            for name in names:
                stand.start(name)
            async with open_line(stand) as line:
                yield line
            assert stand.trouble() == []
    finally:
        servers.drop_database(url)


async def test_one_wallet_answers_as_in_memory(
    servers: Servers, ledger_template: str, histories: list[History], in_memory: tuple[Any, Any]
) -> None:
    answers, stored = in_memory
    async with stand_of(servers, ledger_template, "wallet") as line:
        for history, expected in zip(histories, answers, strict=True):
            asked = await asyncio.gather(*(line.ask(command) for command in history))
            _compare(history, asked, expected)
        assert await _stored(line.stand) == stored
        await assert_books(line.stand.database_url, line.stand.kafka_bootstrap_servers, line.stand.names)


async def test_two_wallets_and_a_restart_answer_as_in_memory(
    servers: Servers, ledger_template: str, histories: list[History], in_memory: tuple[Any, Any]
) -> None:
    answers, stored = in_memory
    async with stand_of(servers, ledger_template, "one", "other") as line:
        asked: list[list[asyncio.Task[Reply]]] = [[] for _ in histories]
        restart: asyncio.Task[None] | None = None
        for step in range(0, max(map(len, histories)), 20):
            for tasks, history in zip(asked, histories, strict=True):
                tasks += [asyncio.create_task(line.ask(command)) for command in history[step : step + 20]]
            if step == LENGTH // 2:
                restart = asyncio.create_task(asyncio.to_thread(_restart, line.stand, "one"))
            elif step < LENGTH // 2 or HISTORIES > UNDER_WAY_MAX:
                await asyncio.gather(*(task for tasks in asked for task in tasks))
        assert restart is not None
        for tasks, history, expected in zip(asked, histories, answers, strict=True):
            _compare(history, await asyncio.gather(*tasks), expected)
        await restart
        assert await _stored(line.stand) == stored
        await assert_books(line.stand.database_url, line.stand.kafka_bootstrap_servers, line.stand.names)


def _restart(stand: WalletStand, name: str) -> None:
    """In an orderly way: what was begun is answered, its partitions go to the other and come back."""
    stand.stop(name)
    stand.start(name)


def _compare(history: History, replies: list[Reply], expected: list[dict[str, Any]]) -> None:
    for command, reply, answer in zip(history, replies, expected, strict=True):
        assert told(reply) == answer, f"{command}: {told(reply)} instead of {answer}"


def _compared(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event[name] for name in COLUMNS if name in event}


async def _stored(stand: WalletStand) -> dict[str, Any]:
    """Balances and operations of the database, as the ledger in memory has them."""
    connection = await asyncpg.connect(stand.database_url)
    try:
        balances = {(row["player"], row["currency"]): row["balance"] for row in await connection.fetch("SELECT * FROM balances")}
        movements: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in await connection.fetch("SELECT * FROM movements ORDER BY player, seq, n"):
            fields = ("debit_account", "credit_account", "amount", "currency", "balance_after")
            movements.setdefault((row["player"], row["seq"]), []).append({name: row[name] for name in fields})
        operations = {}
        for row in await connection.fetch("SELECT * FROM operations"):
            place = (row["player"], row["seq"])
            operations[place] = _row(dict(row), movements.get(place, []))
    finally:
        await connection.close()
    return {"balances": balances, "operations": operations}


def _row(row: dict[str, Any], movements: list[dict[str, Any]]) -> dict[str, Any]:
    """A row as its event tells it: what is at its default is left out."""
    values = {**row, "limit": row["limit_name"], "movements": movements}
    told_ = {name: values[name] for name in COLUMNS if values[name] is not None}
    return {name: value for name, value in told_.items() if name not in LEFT_OUT or value != LEFT_OUT[name]}
