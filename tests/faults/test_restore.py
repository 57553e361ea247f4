"""The database is lost and restored by the scripts of deploy/backup: with its WAL nothing is missing; without, all of it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local.parts import is_ready
from services.simulator.plan import Plan
from services.simulator.play import Play
from services.wallet.audit.verify import verify
from shared.contracts import Deposit, Result
from shared.kafka.event_chain import EventChain, ForkError, Link, head_of
from shared.kafka.topics import TopicNames
from shared.requester import OutcomeUnknownError, Requester, ShedError
from tests.faults.restoring import Casino, open_casino
from tests.integration.test_simulator_stack import HOST, Provider, provider
from tests.integration.wallet.books import assert_books
from tests.integration.wallet.topics import read_events
from tests.servers import LocalServers, temporary_folder
from tests.unit.simulator.waiting import until

PLAN = Plan(players=6, rounds=None, rollback_share=0.1, retry_share=0.1, seed=11, settle_s=90)
AFTERWARDS = 150
"""Callbacks after the backup, at least: what is to be kept, or lost."""


@pytest.fixture
def casino(own_servers: LocalServers) -> Iterator[Casino]:
    with temporary_folder() as folder, open_casino(own_servers, folder) as opened:
        yield opened


async def play_over_a_backup(casino: Casino, running: Play) -> Path:
    """Bets run before, during and after the base backup, which is returned; the play goes on."""
    await until(lambda: running.meter.callbacks > AFTERWARDS // 2, "bets run")
    backup = await asyncio.to_thread(casino.base_backup)
    before = running.meter.callbacks
    await until(lambda: running.meter.callbacks > before + AFTERWARDS, "bets ran after the backup")
    return backup


async def test_with_all_wal_nothing_is_lost(casino: Casino, tmp_path: Path) -> None:
    """The server dies under play; the receiver has each commit that was answered, so the wallet goes on by itself."""
    await asyncio.to_thread(casino.receive_wal, "wal")
    async with provider(casino.stack, tmp_path) as at:
        running = Play(at.studio, PLAN)
        task = asyncio.ensure_future(running.run())
        backup = await play_over_a_backup(casino, running)
        await asyncio.to_thread(casino.lose_the_database)
        casino.stack.processes.stop("wal")
        done = await asyncio.to_thread(casino.restore, backup, "wal")
        assert done.returncode == 0, done.stderr
        assert "verify --full" in done.stderr
        await asyncio.to_thread(casino.start_restored)
        # As before the loss each commit waits for a receiver: of the new timeline, in a folder of its own.
        await asyncio.to_thread(casino.receive_wal, "wal-2")
        before = running.meter.callbacks
        await until(lambda: running.meter.callbacks > before + AFTERWARDS, "bets run again")
        running.stop()
        result = await asyncio.wait_for(task, 180)
        comparison = await at.compare()
    assert (result.state, result.failure, result.problems) == ("stopped", "", [])
    assert comparison.agree, comparison.differences
    assert "lost operations: 0" in await casino.technician.told("wallet", "lost", "--to", str(tmp_path / "lost"), exit_code=0)
    casino.stack.processes.stop("wallet")
    await assert_books(casino.stack.database_url, casino.stack.kafka, TopicNames(casino.stack.prefix))


def refusal(casino: Casino) -> str:
    """What a wallet says of why it is not ready."""
    text = casino.stack.processes.log_file("wallet").read_text(encoding="utf-8")
    return next((line for line in reversed(text.splitlines()) if "the database has lost commits" in line), "")


async def deposit(casino: Casino, player: str, key: str) -> str:
    """1 EUR for a player, asked for until the outcome is known."""
    requester = Requester(casino.stack.kafka, TopicNames(casino.stack.prefix))
    await requester.start()
    try:
        while True:
            command = Deposit(
                command_id="", player=player, provider_account="operator", namespace="operator", external_id=key, currency="EUR",
                amount=100_000, deadline_ms=2_000,
            )  # fmt: skip
            with contextlib.suppress(OutcomeUnknownError, ShedError):
                return (await requester.ask(command)).result
            await asyncio.sleep(0.1)  # the pace of retries
    finally:
        await requester.stop()


def balances(casino: Casino) -> dict[str, int]:
    with psycopg.connect(casino.stack.database_url) as connection:
        return dict(connection.execute("SELECT player, balance FROM balances WHERE currency = 'EUR'").fetchall())


async def lose_everything_after_the_backup(casino: Casino, at: Provider) -> list[str]:
    """A play over a backup that ends in agreement, then a restore without WAL. The players."""
    running = Play(at.studio, PLAN)
    task = asyncio.ensure_future(running.run())
    backup = await play_over_a_backup(casino, running)
    running.stop()
    result = await asyncio.wait_for(task, 180)
    comparison = await at.compare()
    assert (result.problems, result.unresolved, comparison.differences) == ([], 0, [])
    await asyncio.to_thread(casino.lose_the_database)
    done = await asyncio.to_thread(casino.restore, backup)
    assert done.returncode == 0, done.stderr
    assert "new-epoch --restored" in done.stderr
    await asyncio.to_thread(casino.start_restored)
    return running.player_keys


async def assert_refuses(casino: Casino, player: str) -> None:
    """No wallet goes on: neither the one that lived through it nor a fresh one, and nothing of before is taken again."""
    restored = balances(casino)
    for witness in ("this wallet has seen", "was done when Kafka was told"):
        asking = asyncio.create_task(deposit(casino, player, "after"))
        try:
            await until(lambda witness=witness: witness in refusal(casino), f"the wallet refuses: {witness}")
            assert not is_ready(HOST, casino.stack.ports["wallet"])
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        await asyncio.to_thread(casino.stack.processes.stop, "wallet")
        casino.stack.start("wallet")
    await asyncio.to_thread(casino.stack.processes.stop, "wallet")
    assert balances(casino) == restored


async def test_without_the_wal_it_is_told_what_was_lost_and_nothing_is_half_done(casino: Casino, tmp_path: Path) -> None:
    # It remembers all: players may lose more operations than a consumer keeps in memory of each.
    chain = EventChain("restore-test", hashes_kept=100_000)
    async with provider(casino.stack, tmp_path) as at:
        players = await lose_everything_after_the_backup(casino, at)
        names = TopicNames(casino.stack.prefix)
        for record in await asyncio.to_thread(read_events, casino.stack.kafka, names):
            chain.take(head_of(record.value))
        await assert_refuses(casino, players[0])

        file = tmp_path / "lost.jsonl"
        said = await casino.technician.told("wallet", "new-epoch", "--restored", "--lost", str(file), "--yes")
        assert "epoch 2 is open" in said
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        operations = [line for line in lines if line["lost"] == "operation"]
        assert f"lost operations: {len(operations)} of " in said
        assert len(operations) > AFTERWARDS // 2
        # The provider's books and the ledger differ by the listed operations, and by nothing else.
        changes: Counter[str] = Counter()
        for line in operations:
            changes[line["player"]] += line["got"] - line["paid"]
        kept = balances(casino)
        to_units = at.studio.target.conversion.to_units
        assert {player: kept[player] + changes[player] for player in players} == {
            player: to_units(at.books.balance(player)) for player in players
        }
        report = await verify(casino.stack.database_url, full=True)
        assert report.agree, report.problems

        casino.stack.start("wallet")
        casino.stack.wait_ready("wallet")
        assert "events of" in await casino.technician.told("republish", "--all")
        # What is told again passes; the first operation of a player who goes on is the fork.
        await assert_told_again_passes(casino, chain)
        forked = next(line["player"] for line in operations if line["player"] in players)
        assert await deposit(casino, forked, "a new beginning") == Result.OK
        records = await asyncio.to_thread(read_events, casino.stack.kafka, names)
        newest = next(head_of(record.value) for record in reversed(records) if record.key == forked)
        with pytest.raises(ForkError, match=forked):
            chain.take(newest)
        comparison = await at.compare(20)
    assert "fork" in {each.kind for each in comparison.differences if each.player == forked}
    (tmp_path / "fresh").mkdir()
    await assert_others_play(casino, tmp_path / "fresh")
    assert await told_again(casino, tmp_path / "again") == len(operations)


async def assert_told_again_passes(casino: Casino, chain: EventChain) -> None:
    """The republished events of the restored ledger are known."""
    records: list[Any] = await asyncio.to_thread(read_events, casino.stack.kafka, TopicNames(casino.stack.prefix))
    again = EventChain("restore-again")
    links = Counter(again.take(head_of(record.value)) for record in records)
    assert links[Link.GAP] == 0
    assert links[Link.AGAIN] + links[Link.OLD] > 0
    for record in records:
        chain.take(head_of(record.value))


async def assert_others_play(casino: Casino, folder: Path) -> None:
    """New players at a provider with new books: everything is as ever."""
    async with provider(casino.stack, folder) as at:
        result = await Play(at.studio, Plan(players=4, rounds=100, rollback_share=0.1, retry_share=0.1, seed=12)).run()
        comparison = await at.compare()
    assert (result.state, result.problems) == ("finished", [])
    assert comparison.agree, comparison.differences


async def told_again(casino: Casino, file: Path) -> int:
    """The same list after the step, from what it has noted as skipped."""
    found = await casino.technician.json("wallet", "lost", "--to", str(file), exit_code=1)
    assert found["complete"]
    return int(found["operations"])


def test_a_restore_does_not_touch_what_is_there(casino: Casino) -> None:
    backup = casino.base_backup()
    done = casino.restore(backup)
    assert done.returncode == 1
    assert "is not empty" in done.stderr
    (backup / "PG_VERSION").write_text("17\n")
    casino.servers.postgres.stop()
    casino.servers.postgres.data.rename(casino.servers.postgres.home / "kept")
    done = casino.restore(backup)
    assert done.returncode != 0
    assert "checksum mismatch" in done.stderr or "has size" in done.stderr
    (casino.servers.postgres.home / "kept").rename(casino.servers.postgres.data)
    casino.servers.postgres.start()
