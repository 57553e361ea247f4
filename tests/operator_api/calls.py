"""Calls of a provider as its dialect hands them to the wallet: for what the simulator's games never do."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from shared.contracts import Bet, Command, Reply, Win
from shared.kafka.topics import TopicNames
from shared.money import parse_decimal
from shared.requester import Requester
from tests.operator_api.stand import Stand


def ask(running: Stand, *commands: Command) -> list[Reply]:
    """The wallet's replies to commands, in order."""

    async def asked() -> list[Reply]:
        requester = Requester(
            running.kafka_bootstrap_servers, TopicNames(running.topic_prefix), instance_id=f"tests-{secrets.token_hex(4)}"
        )
        await requester.start()
        try:
            return [await requester.ask(command) for command in commands]
        finally:
            await requester.stop()

    return asyncio.run(asked())


def call(player: str, round_id: str, **fields: Any) -> dict[str, Any]:
    """What a call in EUR of the account `mascot` carries. `player` is the player key."""
    return {
        "command_id": "", "player": player, "provider_account": "mascot", "namespace": "tx", "external_id": secrets.token_hex(8),
        "currency": "EUR", "player_currency": "EUR", "game_id": "riot", "game_state": "live", "deadline_ms": 60_000,
        "round_id": round_id, **fields,
    }  # fmt: skip


def bet(player: str, round_id: str, stake: str, **fields: Any) -> Bet:
    """A stake that leaves its round open."""
    return Bet(**call(player, round_id, **fields), stake=parse_decimal(stake, "EUR"))


def win(player: str, round_id: str, amount: str, **fields: Any) -> Win:
    """A win in a round."""
    return Win(**call(player, round_id, **fields), win=parse_decimal(amount, "EUR"))
