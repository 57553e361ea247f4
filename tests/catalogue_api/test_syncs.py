"""Syncs over the API: run now, listed, doubtful lists confirmed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.catalogue_api.stand import Stand, facts
from tests.operator_api.api import Api

GAMES = [facts(f"s-{number}") for number in range(10)]


@pytest.fixture(autouse=True)
def ten_games(running: Stand) -> Iterator[None]:
    running.sync("moving", *GAMES)
    yield
    running.providers["moving"].gate.set()


def test_a_sync_tells_what_it_changed(running: Stand, api: Api) -> None:
    done = running.asked("moving", *GAMES[:-1], facts("s-9", name="Other"), facts("s-10"))
    assert (done["result"], done["added"], done["changed"], done["withdrawn"], done["unchanged"]) == ("ok", 1, 1, 0, 9)
    assert done["asked_by"].startswith("key:")
    assert done["finished_at"] is not None
    assert api.get("/v1/syncs?provider_account=moving&limit=1")["syncs"] == [done]


def test_one_at_a_time_and_seen_while_it_runs(running: Stand, api: Api) -> None:
    provider = running.providers["moving"]
    provider.gate.clear()
    begun = api.post("/v1/syncs", {"provider_account": "moving"}, status=202)
    assert api.get(f"/v1/syncs/{begun['id']}")["result"] == "running"
    second = api.call("POST", "/v1/syncs", {"provider_account": "moving"})
    assert (second.status, second.problem) == (409, "sync-under-way")
    provider.gate.set()
    assert running.finished(api, begun["id"])["result"] == "ok"


def test_a_provider_that_is_down_changes_nothing(running: Stand, api: Api) -> None:
    provider = running.providers["moving"]
    provider.games = None
    begun = api.post("/v1/syncs", {"provider_account": "moving"}, status=202)
    done = running.finished(api, begun["id"])
    assert (done["result"], "does not answer" in done["cause"]) == ("failed", True)
    assert len(api.get("/v1/games?provider_account=moving&state=live")["games"]) == len(GAMES)


@pytest.mark.parametrize("left", [0, 3])
def test_a_doubtful_list_waits_for_its_confirmation(running: Stand, api: Api, left: int) -> None:
    alarm = running.asked("moving", *GAMES[:left])
    assert (alarm["result"], alarm["waiting"], alarm["withdrawn"]) == ("alarm", True, 0)
    assert len(api.get("/v1/games?provider_account=moving&state=live")["games"]) == len(GAMES)
    done = api.post(f"/v1/syncs/{alarm['id']}/confirm", {"reason": "they said so"}, status=200)
    assert (done["result"], done["waiting"], done["withdrawn"]) == ("confirmed", False, len(GAMES) - left)
    assert done["confirmed_by"].startswith("key:")
    assert len(api.get("/v1/games?provider_account=moving&state=live")["games"]) == left
    again = api.call("POST", f"/v1/syncs/{alarm['id']}/confirm", {})
    assert (again.status, again.problem) == (409, "sync-not-waiting")
    (line,) = running.audit(f"sync:{alarm['id']}")
    assert (line[1], line[2], line[5]) == (done["confirmed_by"], "main", "they said so")


def test_pages_and_other_brands(running: Stand, api: Api) -> None:
    other = running.api(brand="second")
    whole = api.get("/v1/syncs?limit=100")["syncs"]
    assert {sync["provider_account"] for sync in whole} == {"mascot", "moving", "dollars"}
    found, cursor = [], ""
    while True:
        page = api.get(f"/v1/syncs?limit=2&cursor={cursor}")
        found += page["syncs"]
        cursor = page["next"] or ""
        if not cursor:
            break
    assert found == whole
    mine = next(sync["id"] for sync in whole if sync["provider_account"] == "moving")
    assert other.call("GET", f"/v1/syncs/{mine}").problem == "sync-not-found"
    assert other.call("POST", f"/v1/syncs/{mine}/confirm", {}).problem == "sync-not-found"
    assert other.call("POST", "/v1/syncs", {"provider_account": "moving"}).problem == "provider-account-not-found"
    assert other.call("GET", "/v1/syncs?provider_account=moving").problem == "provider-account-not-found"
    assert {sync["provider_account"] for sync in other.get("/v1/syncs")["syncs"]} == {"mascot", "elsewhere"}
