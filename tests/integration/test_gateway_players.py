"""`stakewire players`, `deposit`, `withdraw`, `balance`, `sessions`, `free-rounds`: what they send, and what they tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from services.cli import players
from shared.contracts import (
    ActivateSession,
    CloseSession,
    Command,
    CreatePlayer,
    Deposit,
    GetBalance,
    GrantFreeRounds,
    OpenSession,
    Withdraw,
)
from shared.contracts.replies import Reply, Result
from shared.identity import player_key
from shared.kafka.admin import apply_topics
from shared.kafka.topics import COMMANDS, REPLIES, TopicNames
from tests.integration.gateway_responder import Responder, ok, responding

ALICE = player_key("main", "alice")


@pytest.fixture
async def responder(kafka_bootstrap_servers: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Responder]:
    apply_topics(kafka_bootstrap_servers, TopicNames(topic_prefix), topics=(COMMANDS, REPLIES))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap_servers)
    monkeypatch.setenv("STAKEWIRE_TOPIC_PREFIX", topic_prefix)
    async with responding(kafka_bootstrap_servers, topic_prefix) as running:
        yield running


async def run(*arguments: str) -> Outcome:
    app = typer.Typer()
    players.register(app)
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))


async def told(*arguments: str) -> dict[str, Any]:
    outcome = await run(*arguments, "--json")
    assert outcome.exit_code == 0, outcome.output
    content: dict[str, Any] = json.loads(outcome.stdout)
    return content


async def test_create_player(responder: Responder) -> None:
    content = await told("players", "create", "alice", "-c", "EUR", "-c", "USD", "--country", "MT", "--test")
    (command,) = responder.commands
    assert isinstance(command, CreatePlayer)
    assert (command.player, command.brand, command.operator_player_id) == (ALICE, "main", "alice")
    assert (command.currencies, command.country, command.test) == (("EUR", "USD"), "MT", True)
    assert (command.provider_account, command.namespace) == ("operator", "operator")
    assert content["provider_player_ids"] == f"{ALICE}_EUR, {ALICE}_USD"


async def test_money(responder: Responder) -> None:
    content = await told("deposit", "alice", "100.05", "--idempotency-key", "d1")
    await told("withdraw", f"key:{ALICE}", "0.5", "--currency", "EUR")
    await told("balance", "alice")
    deposit, withdraw, balance = responder.commands
    assert isinstance(deposit, Deposit)
    assert (deposit.amount, deposit.currency, deposit.external_id, deposit.player) == (10_005_000, "EUR", "d1", ALICE)
    assert isinstance(withdraw, Withdraw)
    assert (withdraw.amount, withdraw.player, len(withdraw.external_id)) == (50_000, ALICE, 32)
    assert isinstance(balance, GetBalance)
    assert (content["balance"], content["currency"], content["idempotency_key"]) == ("98.00000", "EUR", "d1")


async def test_sessions(responder: Responder) -> None:
    session = (await told("sessions", "open", "alice", "-a", "mascot-demo", "-g", "riot"))["session_id"]
    await told("sessions", "activate", session, "-a", "mascot-demo", "--provider-session", "qx9")
    await told("sessions", "close", session, "-a", "mascot-demo", "--reason", "enough")
    opened, activated, closed = responder.commands
    assert isinstance(opened, OpenSession)
    assert session.startswith(f"{ALICE}.")
    assert (opened.session_id, opened.provider_account, opened.game_id) == (session, "mascot-demo", "riot")
    assert isinstance(activated, ActivateSession)
    assert (activated.session_id, activated.player, activated.provider_session_id) == (session, ALICE, "qx9")
    assert isinstance(closed, CloseSession)
    assert (closed.session_id, closed.reason) == (session, "enough")


async def test_free_rounds(responder: Responder) -> None:
    content = await told("free-rounds", "grant", "alice", "-a", "mascot-demo", "--count", "10", "-g", "riot", "--stake", "0.20")
    (command,) = responder.commands
    assert isinstance(command, GrantFreeRounds)
    assert (command.count, command.game_ids, command.stake, command.provider_account) == (10, ("riot",), 20_000, "mascot-demo")
    assert content["grant_id"] == command.grant_id


async def test_refusal_is_told_with_its_meaning_and_exit_code_1(responder: Responder) -> None:
    def refuse(command: Command) -> Reply:
        return replace(ok(command), result=Result.INSUFFICIENT_FUNDS, transaction_id="")

    responder.answering = refuse
    outcome = await run("withdraw", "alice", "1000000")
    assert outcome.exit_code == 1
    assert "has not that much money" in outcome.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deposit", "alice", "1,50"), "expected a plain decimal"),
        (("deposit", "alice", "0.000001"), "more than the 5 digits"),
        (("deposit", "alice", "-1"), "No such option"),
        (("deposit", "alice", "1", "--currency", "euro"), "currency 'euro' is not known"),
        (("balance", "key:alice"), "is no player key"),
        (("sessions", "close", "nonsense", "-a", "mascot-demo"), "is no session id of ours"),
        (("players", "create", "alice", "-c", "XX"), "currency 'XX' is not known"),
    ],
)
async def test_wrong_arguments_are_told_before_anything_is_sent(arguments: tuple[str, ...], said: str) -> None:
    outcome = await run(*arguments)
    assert outcome.exit_code == 2
    assert said in " ".join(outcome.output.replace("│", " ").split())
