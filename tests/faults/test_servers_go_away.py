"""PostgreSQL and Kafka are killed and started again under play: every outcome becomes known, and the books agree."""

from __future__ import annotations

import asyncio

import pytest

from services.wallet.audit.verify import verify
from services.wallet.ledger.migrate import upgrade
from tests.faults.story import ROUNDS, assert_balances, tell
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.line import open_line
from tests.integration.wallet.stand import wallet_stand
from tests.servers import LocalServers


@pytest.mark.parametrize("what", ["postgres", "kafka"])
async def test_killed_and_started_again(what: str, own_servers: LocalServers) -> None:
    url = own_servers.postgres.create_database(f"ledger_{what}")
    upgrade(url)
    server = own_servers.postgres if what == "postgres" else own_servers.kafka
    with wallet_stand(url, own_servers.kafka.bootstrap_servers) as stand:
        stand.start()
        async with open_line(stand) as line:
            stories = []
            for _ in range(ROUNDS):
                told = await tell(line, 3)
                playing = [asyncio.create_task(story.play(line)) for story in told]
                await asyncio.wait(playing, return_when=asyncio.FIRST_COMPLETED, timeout=0.3)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
                await asyncio.gather(*playing)
                stories += told
            for story in stories:
                await story.again(line)
            await assert_balances(line, stories)
            await asyncio.to_thread(stand.stop)
            await assert_books(stand.database_url, stand.kafka_bootstrap_servers, stand.names)
            report = await verify(stand.database_url)
            assert report.agree, report.problems
