"""What an operator lays over a game: shown, recorded, published, and still there after every sync."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts import GameRecord, OffRule, codec
from shared.kafka.topics import GAMES
from tests.catalogue_api.stand import Stand, facts, wait_for
from tests.operator_api.api import Api

PATH = "/v1/games/moving/laid/overlay"
WHOLE: dict[str, Any] = {
    "name": "Ours",
    "image": "https://casino.example/ours.png",
    "tags": ["exclusive", "hot"],
    "rtp": ["96.5", "94.1"],
    "position": 3,
    "off": [{"country": "DE"}, {"country": "SE", "currency": "USD"}],
}


@pytest.fixture(autouse=True)
def bare(running: Stand, api: Api) -> None:
    """A game without an overlay."""
    running.sync("moving", facts("laid", name="Theirs", tags=("FR",), images={"cover": "https://p.example/c.png"}), facts("other"))
    assert api.call("PUT", PATH, {}).status == 200


def put(api: Api, body: dict[str, Any]) -> Any:
    answer = api.call("PUT", PATH, body)
    assert answer.status == 200, answer
    return answer.json


def on_topic(running: Stand, game_id: str) -> GameRecord | None:
    """The newest record of a game on the topic."""

    async def read() -> GameRecord | None:
        partition = TopicPartition(running.names.of(GAMES), 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=running.kafka_bootstrap_servers, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            end = (await consumer.end_offsets([partition]))[partition]
            newest = None
            while await consumer.position(partition) < end:
                for records in (await consumer.getmany(partition, timeout_ms=500)).values():
                    found = [codec.decode_game(record.value) for record in records if record.key == f"moving|{game_id}".encode()]
                    newest = found[-1] if found else newest
            return newest
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_it_lies_over_the_game(api: Api) -> None:
    shown = put(api, WHOLE)
    assert (shown["name"], shown["provider_name"]) == ("Ours", "Theirs")
    assert (shown["tags"], shown["position"]) == (["FR", "exclusive", "hot"], 3)
    assert shown["images"] == {"cover": "https://casino.example/ours.png"}
    assert shown["rtp"] == shown["overlay"]["rtp"] == ["96.5", "94.1"]
    assert shown["overlay"]["off"] == [{"country": "DE", "currency": None}, {"country": "SE", "currency": "USD"}]
    assert shown["overlay"]["changed_by"].startswith("key:")
    assert api.get("/v1/games/moving/laid") == shown
    for query in ("q=ours", "q=theirs", "tag=hot", "rtp_min=96.5", "rtp_max=94.1"):
        found = api.get(f"/v1/games?provider_account=moving&state=live&{query}")["games"]
        assert [game["game_id"] for game in found] == ["laid"], query
    assert api.get("/v1/games?provider_account=moving&state=live&sort=position")["games"][0]["game_id"] == "laid"


def test_what_is_left_out_is_the_provider_s_again(api: Api) -> None:
    put(api, WHOLE)
    shown = put(api, {"tags": ["hot"]})
    assert (shown["name"], shown["position"], shown["tags"]) == ("Theirs", None, ["FR", "hot"])
    assert shown["overlay"]["off"] == []
    assert put(api, {})["overlay"] is None


def test_it_survives_syncs_and_withdrawal(api: Api, running: Stand) -> None:
    put(api, WHOLE)
    running.sync("moving", facts("laid", name="Renamed", tags=("new",)), facts("other"))
    shown = api.get("/v1/games/moving/laid")
    assert (shown["name"], shown["provider_name"], shown["tags"]) == ("Ours", "Renamed", ["new", "exclusive", "hot"])
    running.sync("moving", facts("other"))
    assert api.get("/v1/games/moving/laid")["state"] == "withdrawn"
    running.sync("moving", facts("laid", name="Back"), facts("other"))
    back = api.get("/v1/games/moving/laid")
    assert (back["state"], back["name"], back["overlay"]["position"]) == ("live", "Ours", 3)


def test_each_change_is_recorded_once_with_before_and_after(api: Api, running: Stand) -> None:
    version = api.get("/v1/games/moving/laid")["version"]
    before = len(running.audit("game:moving|laid"))
    first = put(api, {"name": "One", "reason": "for a test"})
    assert put(api, {"name": "One", "reason": "again"}) == first
    second = put(api, {"name": "Two", "position": 0})
    lines = running.audit("game:moving|laid")
    assert len(lines) == before + 2
    (action, actor, brand, was, now, reason), (_, _, _, nothing, one, why) = lines[0], lines[1]
    assert (action, brand, reason, why) == ("overlay.set", "main", "", "for a test")
    assert actor == second["overlay"]["changed_by"]
    assert (nothing, one["name"], was["name"]) == (None, "One", "One")
    assert (now["name"], now["position"], now["off"]) == ("Two", 0, [])
    assert version < first["version"] < second["version"]


def test_it_is_published(api: Api, running: Stand) -> None:
    shown = put(api, WHOLE)
    record = wait_for(lambda: on_topic(running, "laid"), lambda found: found is not None and found.version == shown["version"])
    assert (record.name, record.tags) == ("Ours", ("FR", "exclusive", "hot"))
    assert record.off == (OffRule(brand="main", country="DE"), OffRule(brand="main", country="SE", currency="USD"))
    assert record.rtp == ("96.5", "94.1")


@pytest.mark.parametrize("rtp", ["0", "0.0", "200.1", "96,5", "96.5 %", "-1", "1e2"])
def test_an_rtp_that_is_none_is_refused(api: Api, rtp: str) -> None:
    assert api.call("PUT", PATH, {"rtp": [rtp]}).status == 422


def test_a_brand_sets_its_own_rules_and_leaves_those_of_others(running: Stand, api: Api) -> None:
    other = running.api(brand="second")
    path = "/v1/games/mascot/twin-00/overlay"
    assert api.call("PUT", path, {"off": [{"country": "DE"}]}).status == 200
    answer = other.call("PUT", path, {"off": [{}]})
    assert answer.json["overlay"]["off"] == [{"country": None, "currency": None}]
    assert api.get("/v1/games/mascot/twin-00")["overlay"]["off"] == [{"country": "DE", "currency": None}]
    assert api.call("PUT", path, {}).json["overlay"]["off"] == []
    assert other.get("/v1/games/mascot/twin-00")["overlay"]["off"] == [{"country": None, "currency": None}]
    assert other.call("PUT", path, {}).json["overlay"] is None
    assert other.call("PUT", "/v1/games/moving/laid/overlay", {}).problem == "provider-account-not-found"


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "\t"},
        {"name": "x" * 201},
        {"image": "javascript:alert(1)"},
        {"image": "ftp://casino.example/x"},
        {"tags": [""]},
        {"tags": ["x"] * 21},
        {"position": -1},
        {"position": "3"},
        {"position": 1.5},
        {"off": [{"country": "Germany"}]},
        {"off": [{"brand": "second"}]},
        {"off": {}},
        {"colour": "red"},
        {"reason": "a\nb"},
        [],
    ],
)
def test_overlays_that_cannot_be(api: Api, body: Any) -> None:
    answer = api.call("PUT", PATH, body)
    assert (answer.status, answer.problem) == (422, "invalid-request")


def test_games_that_are_not_there(api: Api) -> None:
    assert api.call("PUT", "/v1/games/moving/none/overlay", {"name": "x"}).problem == "game-not-found"
    assert api.call("PUT", "/v1/games/none/laid/overlay", {"name": "x"}).problem == "provider-account-not-found"
