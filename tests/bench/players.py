"""Players for the bench: made through the wallet, as an operator makes them, each with money and an active session."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts import ActivateSession, Command, CreatePlayer, Deposit, OpenSession, Result
from shared.identity import new_keyed_id, player_key, provider_player_id
from shared.kafka.topics import TopicNames
from shared.money import parse_decimal
from shared.requester import Requester

BRAND: Final = "main"
CURRENCY: Final = "EUR"
GAME: Final = "riot"
ACCOUNT: Final = "bench"
OPERATOR: Final = "operator"
BALANCE: Final = "1000000.00"
"""More than a run can lose: no callback is refused for funds."""

DEADLINE_MS: Final = 60_000
AT_ONCE: Final = 200
SESSION_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class BenchPlayer:
    """A player as the operator (`operators_id`) and the provider (`name`) know it."""

    operators_id: str
    key: str
    name: str
    session: str


async def make_players(kafka_bootstrap_servers: str, topic_prefix: str, count: int) -> list[BenchPlayer]:
    """Makes `count` players through a running wallet; raises where one is not answered OK."""
    requester = Requester(kafka_bootstrap_servers, TopicNames(topic_prefix), instance_id="bench-set-up")
    await requester.start()
    at_once = asyncio.Semaphore(AT_ONCE)

    async def make(number: int) -> BenchPlayer:
        async with at_once:
            return await _make(requester, number)

    try:
        return await asyncio.gather(*(make(number) for number in range(count)))
    finally:
        await requester.stop()


async def _make(requester: Requester, number: int) -> BenchPlayer:
    operators_id = f"bench-{number}"
    key = player_key(BRAND, operators_id)
    session = new_keyed_id(key)

    def header(step: str, account: str) -> dict[str, Any]:
        return {
            "command_id": "",
            "player": key,
            "provider_account": account,
            "namespace": OPERATOR,
            "external_id": f"{operators_id}-{step}",
            "deadline_ms": DEADLINE_MS,
        }

    steps: list[Command] = [
        CreatePlayer(**header("create", OPERATOR), brand=BRAND, operator_player_id=operators_id, currencies=(CURRENCY,)),
        Deposit(**header("deposit", OPERATOR), currency=CURRENCY, amount=parse_decimal(BALANCE, CURRENCY)),
        OpenSession(
            **header("open", ACCOUNT),
            session_id=session,
            currency=CURRENCY,
            game_id=GAME,
            game_state="live",
            idle_timeout_s=SESSION_S,
            absolute_timeout_s=SESSION_S,
        ),
        ActivateSession(**header("activate", ACCOUNT), session_id=session, provider_session_id=f"p-{number}"),
    ]
    for command in steps:
        reply = await requester.ask(command)
        if reply.result != Result.OK:
            raise RuntimeError(f"{command.kind} of the bench's set-up was answered {reply.result} ({reply.detail}), expected OK")
    return BenchPlayer(operators_id, key, provider_player_id(key, CURRENCY), session)
