"""Syncs of a provider's list: what is added, changed, withdrawn and returned; what is doubtful; what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web

from services.catalogue.errors import AccountNotFoundError, NotConfirmableError, SyncFailedError, SyncUnderWayError
from services.catalogue.sync.store import Sync, SyncStore
from services.catalogue.sync.syncer import Syncer
from shared.contracts import OffRule
from tests.integration.catalogue.conftest import settings
from tests.integration.catalogue.stand import ACCOUNT, TESTER, Stand, counts, listed
from tests.unit.providers.mascot.provider_side import Call, status

TEN = [f"game{number}" for number in range(10)]


async def test_a_first_list_is_added_whole(stand: Stand) -> None:
    tags = ["FR", "PC", "NoD", "egypt"]
    sync = await stand.sync("riot", listed("desk", Name="Desk", Tags=tags, LinesCount="243-3125w", Description="Pearls"))
    assert (sync.result, sync.asked_by, counts(sync)) == ("ok", TESTER, (2, 0, 0, 0, 0))
    desk = (await stand.games())["desk"]
    assert (desk.provider_account, desk.name, desk.state, desk.studio) == (ACCOUNT, "Desk", "live", "Mascot Gaming")
    assert (desk.devices, desk.features, desk.tags, desk.lines) == (("desktop",), ("free_rounds",), ("egypt",), "243-3125w")
    assert desk.images == {"cover": "https://images.example/desk.svg"}
    assert set(desk.currencies) == {"EUR", "JPY", "BTC"}
    assert desk.version > 0
    assert desk.first_seen_ms == desk.changed_at_ms > 0
    assert [change for change, _, _ in await stand.history("desk")] == ["added"]


async def test_the_same_list_in_another_order_changes_nothing(stand: Stand) -> None:
    await stand.sync("riot", "aurora")
    before = await stand.games()
    sync = await stand.sync("aurora", "riot")
    assert (sync.result, counts(sync)) == ("ok", (0, 0, 0, 0, 2))
    assert await stand.games() == before


async def test_changed_fields_are_kept_as_history(stand: Stand) -> None:
    await stand.sync("riot", "aurora")
    before = await stand.games()
    sync = await stand.sync(listed("riot", Name="Riot II", LinesCount=30), "aurora")
    after = await stand.games()
    assert counts(sync) == (0, 1, 0, 0, 1)
    assert after["aurora"] == before["aurora"]
    riot = after["riot"]
    assert (riot.name, riot.lines) == ("Riot II", "30")
    assert riot.version > before["riot"].version
    assert riot.source_hash != before["riot"].source_hash
    assert riot.first_seen_ms == before["riot"].first_seen_ms
    change, former, record = (await stand.history("riot"))[-1]
    assert (change, former) == ("changed", {"name": "Riot", "lines": "25"})
    assert (record["name"], record["lines"], record["section"]) == ("Riot II", "30", "mascot")


async def test_a_game_that_is_listed_no_more_is_withdrawn_and_comes_back(stand: Stand) -> None:
    await stand.sync(*TEN)
    version = (await stand.games())["game0"].version
    gone = await stand.sync(*TEN[1:])
    withdrawn = (await stand.games())["game0"]
    assert (gone.result, counts(gone)) == ("ok", (0, 0, 0, 1, 9))
    assert (withdrawn.state, withdrawn.name) == ("withdrawn", "Game0")
    assert withdrawn.version > version
    again = await stand.sync(*TEN[1:])
    assert counts(again) == (0, 0, 0, 0, 9)
    back = await stand.sync(listed("game0", Name="Zero"), *TEN[1:])
    game = (await stand.games())["game0"]
    assert (back.result, counts(back)) == ("ok", (0, 0, 1, 0, 9))
    assert (game.state, game.name) == ("live", "Zero")
    assert [change for change, _, _ in await stand.history("game0")] == ["added", "withdrawn", "returned"]


async def test_an_empty_list_withdraws_nothing(stand: Stand) -> None:
    await stand.sync("riot", "aurora")
    sync = await stand.sync()
    assert (sync.result, sync.waiting, counts(sync)) == ("alarm", True, (0, 0, 0, 0, 0))
    assert "the list is empty" in sync.cause
    assert await stand.live() == {"riot", "aurora"}


async def test_a_much_shrunk_list_changes_nothing_until_it_is_confirmed(stand: Stand) -> None:
    await stand.sync(*TEN)
    before = await stand.games()
    sync = await stand.sync(*TEN[:5], listed("game5", Name="Otherwise"), "new")
    assert (sync.result, sync.waiting, counts(sync)[:4]) == ("alarm", True, (0, 0, 0, 0))
    assert "4 of 10" in sync.cause
    assert f"confirm sync {sync.id}" in sync.cause
    assert await stand.games() == before
    confirmed = await stand.syncer.confirm(sync.id, "key:key_test", reason="the contract was changed")
    assert (confirmed.result, confirmed.waiting, counts(confirmed)) == ("confirmed", False, (1, 1, 0, 4, 5))
    assert confirmed.confirmed_by == "key:key_test"
    assert await stand.live() == {*TEN[:6], "new"}
    audit = await stand.pool.fetchrow(
        "SELECT actor, action, subject, reason, after ->> 'withdrawn' AS withdrawn FROM operator.audit"
    )
    assert tuple(audit) == ("key:key_test", "catalogue.sync_confirmed", f"sync:{sync.id}", "the contract was changed", "4")
    with pytest.raises(NotConfirmableError, match="waits for no confirmation"):
        await stand.syncer.confirm(sync.id, "key:key_test")


async def test_thirty_percent_less_is_believed_and_more_is_not(stand: Stand) -> None:
    await stand.sync(*TEN)
    assert (await stand.sync(*TEN[:7])).result == "ok"
    assert (await stand.sync(*TEN[:4])).result == "alarm"  # 3 of 7


async def test_the_same_doubtful_list_again_leaves_the_first_alarm_waiting(stand: Stand) -> None:
    await stand.sync(*TEN)
    first = await stand.sync(*TEN[:2])
    second = await stand.sync(*TEN[:2])
    assert (second.result, second.waiting) == ("alarm", False)
    assert f"confirm sync {first.id}" in second.cause
    await stand.syncer.confirm(first.id, TESTER)
    assert await stand.live() == set(TEN[:2])


async def test_another_doubtful_list_takes_the_place_of_the_first(stand: Stand) -> None:
    await stand.sync(*TEN)
    first = await stand.sync(*TEN[:2])
    second = await stand.sync(*TEN[:3])
    assert second.waiting
    with pytest.raises(NotConfirmableError, match="only the newest"):
        await stand.syncer.confirm(first.id, TESTER)
    await stand.syncer.confirm(second.id, TESTER)
    assert await stand.live() == set(TEN[:3])


async def test_a_whole_list_ends_an_alarm(stand: Stand) -> None:
    await stand.sync(*TEN)
    alarm = await stand.sync(*TEN[:2])
    assert (await stand.sync(*TEN)).result == "ok"
    with pytest.raises(NotConfirmableError):
        await stand.syncer.confirm(alarm.id, TESTER)
    assert await stand.live() == set(TEN)


async def test_what_came_between_alarm_and_confirmation_is_kept_in_mind(stand: Stand) -> None:
    """The list that is confirmed is compared with the games as they are then: nothing is added or withdrawn twice."""
    await stand.sync(*TEN)
    alarm = await stand.sync(*TEN[:3])
    await stand.pool.execute("UPDATE catalogue.games SET state = 'withdrawn', version = version + 1 WHERE game_id = 'game9'")
    confirmed = await stand.syncer.confirm(alarm.id, TESTER)
    assert counts(confirmed) == (0, 0, 0, 6, 3)


async def test_bad_records_are_counted_and_their_games_stay(stand: Stand) -> None:
    await stand.sync(*TEN)
    bad = [{"Id": "game0", "Name": 5}, {"Name": "no id"}, "no record", listed("game1"), listed("x" * 200)]
    sync = await stand.sync(*TEN[1:], *[each if isinstance(each, dict) else {"Id": None} for each in bad])
    assert (sync.result, sync.skipped, counts(sync)) == ("ok", 5, (0, 0, 0, 0, 10))
    assert sync.cause
    assert await stand.live() == set(TEN)


async def test_a_record_that_is_too_large_is_a_bad_one(stand: Stand) -> None:
    large = listed("large", Tags=[f"{number} {'é' * 4_000}" for number in range(20)])
    sync = await stand.sync("riot", large)
    assert (sync.result, sync.skipped, counts(sync)) == ("ok", 1, (1, 0, 0, 0, 0))
    assert "'large'" in sync.cause
    assert await stand.live() == {"riot"}


async def test_the_overlay_survives_syncs(stand: Stand) -> None:
    await stand.sync("riot", "aurora", "desk")
    await stand.pool.execute(
        "INSERT INTO catalogue.overlays (provider_account, game_id, name, image, tags, position, off, changed_by)"
        " VALUES ($1, 'riot', 'Uproar', 'https://own.example/uproar.png', '{hot,FR}', 3, $2, 'key:k')",
        ACCOUNT,
        '[{"brand": "main", "country": "DE"}]',
    )
    await stand.pool.execute("UPDATE catalogue.games SET version = version + 1 WHERE game_id = 'riot'")
    await stand.sync(listed("riot", Name="Riot II", Tags=["FR", "wild"]), "aurora", "desk")
    riot = (await stand.games())["riot"]
    assert (riot.name, riot.tags) == ("Uproar", ("wild", "hot", "FR"))
    assert riot.images == {"cover": "https://own.example/uproar.png"}
    assert riot.off == (OffRule(brand="main", country="DE"),)
    await stand.sync("aurora", "desk", "new")
    await stand.sync(listed("riot", Name="Riot III"), "aurora", "desk", "new")
    assert (await stand.games())["riot"].name == "Uproar"
    row = await stand.pool.fetchrow(
        "SELECT position, search, record ->> 'name' AS told FROM catalogue.games WHERE game_id = 'riot'"
    )
    assert tuple(row) == (3, "uproar riot iii mascot gaming hot fr", "Riot III")


async def test_a_provider_that_does_not_answer_changes_nothing(stand: Stand) -> None:
    await stand.sync("riot")
    stand.provider.tell("Game.List", status(503, "away"))
    with pytest.raises(SyncFailedError) as failed:
        await stand.syncer.sync(ACCOUNT, TESTER)
    noted = await stand.syncer.store.get(failed.value.sync_id)
    assert noted is not None
    assert (noted.result, noted.finished_at is not None, "503" in noted.cause) == ("failed", True, True)
    assert await stand.live() == {"riot"}


async def test_a_provider_that_is_silent_is_given_up(stand: Stand) -> None:
    syncer = Syncer(stand.syncer.store, stand.syncer._clients, settings(sync_limit_s=1))
    stand.provider.tell("Game.List", stand.provider.silence)
    with pytest.raises(SyncFailedError, match="longer than 1 s"):
        await syncer.sync(ACCOUNT, TESTER)
    [noted] = await stand.syncer.store.list()
    assert noted.result == "failed"
    assert (await stand.sync("riot")).result == "ok"  # the lock was given back


async def test_an_unknown_account_is_told_of(stand: Stand) -> None:
    with pytest.raises(AccountNotFoundError, match="mascot-demo"):
        await stand.syncer.sync("other", TESTER)
    with pytest.raises(AccountNotFoundError):
        await stand.syncer.begin("other", TESTER)


async def test_two_processes_do_not_sync_one_account_at_once(stand: Stand) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(call: Call) -> web.StreamResponse:
        asked.set()
        await go_on.wait()
        return call.result({"Games": [listed("riot")]})

    stand.provider.tell("Game.List", slowly)
    other = Syncer(SyncStore(stand.pool), stand.syncer._clients, settings())
    sync_id = await stand.syncer.begin(ACCOUNT, TESTER)
    await asyncio.wait_for(asked.wait(), 30)
    with pytest.raises(SyncUnderWayError):
        await other.sync(ACCOUNT, "another")
    with pytest.raises(SyncUnderWayError):
        await stand.syncer.begin(ACCOUNT, "the same")
    running = await other.store.get(sync_id)
    assert running is not None
    assert running.result == "running"
    go_on.set()
    await _ended(stand, sync_id)
    assert stand.provider.methods() == ["Game.List"]
    assert len(await stand.syncer.store.list()) == 1


async def test_replicas_share_one_interval(stand: Stand) -> None:
    stand.lists("riot")
    clients = stand.syncer._clients
    replicas = [Syncer(SyncStore(stand.pool), clients, settings(sync_interval_s=3_600)) for _ in range(3)]
    for replica in replicas:
        await replica.start()
    try:
        await _until(stand, lambda syncs: any(sync.result == "ok" for sync in syncs))
        for replica in replicas:
            assert await replica._sync(ACCOUNT, "interval", only_if_due=True) is None
    finally:
        for replica in replicas:
            await replica.stop()
    assert [sync.result for sync in await stand.syncer.store.list()] == ["ok"]
    assert stand.provider.methods() == ["Game.List"]


async def test_the_interval_brings_what_the_provider_changes_and_a_failure_is_tried_again(stand: Stand) -> None:
    stand.provider.tell("Game.List", status(503, "away"))
    syncer = Syncer(SyncStore(stand.pool), stand.syncer._clients, settings(sync_interval_s=1, sync_retry_s=0.1))
    await syncer.start()
    try:
        await _until(stand, lambda syncs: any(sync.result == "failed" for sync in syncs))
        assert syncer.unread == [ACCOUNT]
        stand.lists("riot")
        await _until(stand, lambda syncs: any(sync.added == 1 for sync in syncs))
        stand.lists("riot", "aurora")
        await _until(stand, lambda syncs: sum(sync.added for sync in syncs) == 2)
        assert syncer.unread == []
    finally:
        await syncer.stop()


async def test_a_sync_whose_process_died_is_noted_by_the_next(stand: Stand) -> None:
    await stand.pool.execute("INSERT INTO catalogue.syncs (provider_account, asked_by) VALUES ($1, 'dead')", ACCOUNT)
    await stand.sync("riot")
    assert [sync.result for sync in await stand.syncer.store.list()] == ["ok", "failed"]


async def test_a_stop_amid_a_sync_leaves_the_games_as_they_were(stand: Stand) -> None:
    await stand.sync("riot")
    stand.provider.tell("Game.List", stand.provider.silence)
    sync_id = await stand.syncer.begin(ACCOUNT, TESTER)
    await stand.syncer.stop()
    noted = await stand.syncer.store.get(sync_id)
    assert noted is not None
    assert noted.result == "failed"
    assert await stand.live() == {"riot"}
    assert (await stand.sync("riot")).result == "ok"


async def test_the_revision_changes_with_the_games_and_only_then(stand: Stand) -> None:
    async def revision() -> int:
        return int(await stand.pool.fetchval("SELECT revision FROM catalogue.revision"))

    await stand.sync("riot")
    first = await revision()
    await stand.sync("riot")
    assert await revision() == first
    await stand.sync(listed("riot", Name="Riot II"))
    assert await revision() > first


async def _ended(stand: Stand, sync_id: int) -> None:
    await _until(stand, lambda syncs: any(sync.id == sync_id and sync.result == "ok" for sync in syncs))


async def _until(stand: Stand, holds: Callable[[list[Sync]], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds(await stand.syncer.store.list()):  # noqa: ASYNC110 - a state, not an event
            await asyncio.sleep(0.05)
