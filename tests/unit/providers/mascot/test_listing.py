"""Mascot's list in the words of all providers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from shared.errors import SettingsError
from shared.providers.client import ProviderNotConfigured
from shared.providers.facts import GameFacts, Listing
from shared.providers.mascot.endpoint import find_cover_url
from shared.providers.mascot.games import GameList, read_listing
from shared.providers.mascot.settings import mascot_settings
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.conftest import OpenClient
from tests.unit.providers.mascot.provider_side import ProviderSide

COVERS = "https://images.example/covers/{game_id}.svg"


def read(*records: Any) -> Listing:
    found = msgspec.json.decode(json.dumps({"Games": records}), type=GameList)
    return read_listing(found, ["EUR", "BTC", "EUR"], COVERS)


def test_every_field_has_its_place() -> None:
    listing = read(
        {
            "Id": "mermaids bay",
            "Name": "Mermaid's Bay",
            "Description": "Pearls",
            "SectionId": 12,
            "Type": "slots",
            "Tags": ["FR", "mobile", "sea", "sea", ""],
            "Format": "html",
            "LinesCount": "243-3125w",
            "BaseBet": 25,
        }
    )
    [game] = listing.games
    assert game == GameFacts(
        game_id="mermaids bay",
        name="Mermaid's Bay",
        studio="Mascot Gaming",
        section="12",
        type="slots",
        description="Pearls",
        tags=("sea",),
        devices=("mobile",),
        languages=("de", "en", "es", "fr", "it", "pl", "pt", "ru", "zh"),
        currencies=("BTC", "EUR"),
        lines="243-3125w",
        features=("free_rounds", "demo"),
        images={"cover": "https://images.example/covers/mermaids%20bay.svg"},
    )
    assert (listing.skipped, listing.unreadable) == (0, frozenset())


@pytest.mark.parametrize(
    ("tags", "devices", "features"),
    [
        ([], ("desktop", "mobile"), ("demo",)),
        (["FR"], ("desktop", "mobile"), ("free_rounds", "demo")),
        (["NoD"], ("desktop", "mobile"), ()),
        (["PC"], ("desktop",), ("demo",)),
        (["mobile", "NoD", "FR"], ("mobile",), ("free_rounds",)),
        (["PC", "mobile"], ("desktop", "mobile"), ("demo",)),
    ],
)
def test_tags_become_devices_and_features(tags: list[str], devices: tuple[str, ...], features: tuple[str, ...]) -> None:
    [game] = read({"Id": "riot", "Name": "Riot", "Tags": tags}).games
    assert (game.devices, game.features, game.tags) == (devices, features, ())


def test_bad_records_are_counted_and_named_where_they_can_be() -> None:
    listing = read(
        {"Id": "riot", "Name": "Riot"},
        {"Id": "broken", "Name": 5},
        {"Id": "riot", "Name": "Riot again"},
        {"Name": "no id"},
        "no record",
        {"Id": "x" * 200, "Name": "too long"},
        {"Id": "", "Name": "empty"},
    )
    assert [game.name for game in listing.games] == ["Riot"]
    assert (listing.skipped, listing.unreadable) == (6, frozenset({"broken"}))
    assert "Name" in listing.cause


@pytest.mark.parametrize("rtp", ["", "96,5", "abc", "-1", "1e2", "NaN", "9" * 10])
def test_an_rtp_that_is_no_percentage_is_refused(rtp: str) -> None:
    with pytest.raises(ValueError, match="RTP"):
        GameFacts(game_id="riot", name="Riot", rtp=(rtp,))


async def test_the_client_lists_the_games_of_its_account(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot(cover_url=COVERS)
    [game] = (await client.listing()).games
    assert (game.game_id, game.lines, game.images) == ("riot", "243-3125w", {"cover": "https://images.example/covers/riot.svg"})
    assert game.currencies == ("BTC", "EUR", "JPY")
    assert provider.methods() == ["Game.List"]


@pytest.mark.parametrize(
    "template",
    [
        "covers/{game_id}.svg",
        "ftp://images.example/{game_id}",
        "https://images.example/cover.svg",
        "https://images.example/{game_id}/{game_id}",
        "https://images.example/{game_id}{brand}",
        "https://{game_id}.example/cover.svg",
        "https://user:word@images.example/{game_id}",
        "https://images.example/{game_id} .svg",
        "env:",
        "env:not a name",
    ],
)
def test_a_wrong_template_stops_the_start(template: str) -> None:
    with pytest.raises(SettingsError, match="cover_url"):
        mascot_settings(mascot_account(cover_url=template))


def test_a_template_may_come_from_the_environment_and_its_lack_is_an_error() -> None:
    settings = mascot_settings(mascot_account(cover_url="env:COVERS"))
    assert find_cover_url("mascot-demo", settings, {"COVERS": COVERS}) == COVERS
    for environment in ({}, {"COVERS": "nowhere"}):
        with pytest.raises(ProviderNotConfigured, match="COVERS"):
            find_cover_url("mascot-demo", settings, environment)
    assert find_cover_url("mascot-demo", mascot_settings(mascot_account()), {}) == ""
