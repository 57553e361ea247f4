"""`stakewire wallet unfollowed` with a gateway, a wallet that stands still, and a provider who does not come back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_gateway_callbacks import PLAYER, running
from tests.integration.wallet.line import EUR, Line, create, deposit
from tests.integration.wallet.stand import WalletStand
from tests.integration.wallet.technician import Technician

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMIT_S = 60


async def report(technician: Technician, callbacks: int, *, exit_code: int) -> Any:
    """The report, once the archive holds so many UNKNOWNs."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            outcome = await technician.run("wallet", "unfollowed", "--json")
            if f'"callbacks": {callbacks},' in outcome.output:
                return await technician.json("wallet", "unfollowed", exit_code=exit_code)
            await asyncio.sleep(0.1)


async def until_stored(line: Line, external_id: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not await line.pool.fetchval("SELECT count(*) FROM operations WHERE external_id = $1", external_id):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def money(reference: str, *, stake: int = 0, win: int = 0) -> dict[str, Any]:
    return {"withdraw": stake, "deposit": win, "currency": "EUR", "transactionRef": reference, "gameId": "riot"}


async def test_from_unknown_to_followed_up(stand: WalletStand, line: Line, tmp_path: Path) -> None:
    technician = Technician(stand)
    nothing = await technician.json("wallet", "unfollowed")
    assert (nothing["callbacks"], nothing["unknown"], nothing["found"], nothing["unfollowed"]) == (0, 0, 0, [])
    await line.done(create("alice"))
    await line.done(deposit(PLAYER, 100 * EUR))
    async with running(tmp_path, stand.kafka_bootstrap_servers, stand.prefix) as gateway:
        await gateway.until_ready()
        stand.freeze("wallet")
        try:
            # The stake is past its deadline when the wallet wakes up; wins are applied however late.
            for params in (money("b1", stake=400), money("w1", win=700), money("w2", win=900)):
                assert (await (await gateway.call("withdrawAndDeposit", params)).json())["error"]["code"] == 8
        finally:
            stand.thaw("wallet")
        await until_stored(line, "w2")
        found = await report(technician, 3, exit_code=1)
        assert (found["unknown"], found["not_applied"], found["followed_up"], found["found"]) == (3, 1, 0, 2)
        first, second = found["unfollowed"]
        assert (first["player"], first["external_id"], first["amount"], first["currency"]) == (PLAYER, "w1", 7 * EUR, "EUR")
        assert (second["external_id"], first["kind"], first["provider_account"], first["times"]) == ("w2", "win", "mascot-demo", 1)
        assert first["applied_at_ms"] > first["answered_unknown_at_ms"]
        words = await technician.told("wallet", "unfollowed", exit_code=1)
        assert "3 callbacks with money were answered UNKNOWN, 3 transactions" in words
        for line_ in ("moved nothing: 1", "applied, and followed up by the provider: 0", "applied, and nobody followed up: 2"):
            assert line_ in words
        assert "tx/w1" in words
        assert "7.00 EUR" in words
        story = await technician.told("wallet", "explain", "w1", "--player", "alice")
        assert "The win was applied at" in story
        assert "The provider was told UNKNOWN once" in story
        # The provider comes back: once with a repetition, once with a rollback.
        assert "result" in await (await gateway.call("withdrawAndDeposit", money("w1", win=700))).json()
        assert "result" in await (await gateway.call("rollbackTransaction", {"transactionRef": "w2"})).json()
        async with asyncio.timeout(LIMIT_S):
            while (await technician.run("wallet", "unfollowed")).exit_code:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        after = await report(technician, 3, exit_code=0)
        assert (after["unknown"], after["not_applied"], after["followed_up"], after["found"]) == (3, 1, 2, 0)
        assert (await technician.json("wallet", "unfollowed", "--since", "2100-01-01"))["callbacks"] == 0


async def test_bad_input_and_servers_that_are_away(stand: WalletStand) -> None:
    technician = Technician(stand)
    assert "--since 'long ago' is no time" in await technician.refused("wallet", "unfollowed", "--since", "long ago")
    away = await technician.refused("wallet", "unfollowed", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert "is Kafka running and reachable?" in away
    away = await technician.refused("wallet", "unfollowed", DATABASE_URL="postgresql://x:y@127.0.0.1:1/z")
    assert "the ledger could not be read" in away
    assert "is not set and no stack runs" in await technician.refused("wallet", "unfollowed", DATABASE_URL=None)
