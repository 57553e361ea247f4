"""Covers, scenes and symbols: well-formed, different, the same at every call, harmless, kept by browsers."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from services.simulator.studios.mascot.art.cover import cover, scene
from services.simulator.studios.mascot.art.creatures import MOTIFS
from services.simulator.studios.mascot.art.symbols import SYMBOLS, names_of, symbol
from services.simulator.studios.mascot.art.themes import theme_of
from services.simulator.studios.mascot.operator_api.games import Game, load_games
from services.simulator.studios.mascot.operator_api.page import bets_of
from services.simulator.studios.mascot.paytable import RIOT
from tests.unit.simulator.desk import desk_at

GAMES = load_games()
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {
    "svg",
    "title",
    "defs",
    "linearGradient",
    "radialGradient",
    "stop",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "polygon",
    "text",
}


def checked(picture: bytes) -> ET.Element:
    """A picture's root, once it is certain that it holds shapes only and refers to nothing but its own gradients."""
    root = ET.fromstring(picture)  # noqa: S314  # our own bytes
    ids = {node.get("id") for node in root.iter() if node.get("id")}
    for node in root.iter():
        assert node.tag.removeprefix(SVG) in SHAPES
        for name, value in node.attrib.items():
            assert not name.startswith("on")
            assert name not in {"style", "href"}
            if "url(" in value:
                assert value.removeprefix("url(#").removesuffix(")") in ids
    return root


def test_every_game_has_a_well_formed_cover_with_its_title() -> None:
    for game in GAMES.values():
        root = checked(cover(game.id, game.name))

        assert (root.get("width"), root.get("height")) == ("300", "400")
        title = root.find(f"{SVG}title")
        assert title is not None
        assert title.text == game.name
        words = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
        assert words == game.name.upper()


def test_no_two_games_look_alike_even_without_their_titles() -> None:
    covers = [cover(game.id, "") for game in GAMES.values()]

    assert len(set(covers)) == len(GAMES) >= 80
    assert len({theme_of(game).motif for game in GAMES}) >= 40
    assert len({theme_of(game).palette.name for game in GAMES}) >= 12


def test_a_cover_follows_from_the_id_alone() -> None:
    cover.cache_clear()
    first = cover("riot", "Riot")
    cover.cache_clear()

    assert cover("riot", "Riot") == first
    assert cover("riot2", "Riot") != first


@pytest.mark.parametrize("name", ["</title><script>alert(1)</script>", "A & B", '"', "", "a " * 200, "Ünïcode 水"])
def test_any_name_makes_a_well_formed_cover(name: str) -> None:
    checked(cover("any", name))


def test_every_game_has_eight_different_symbols_with_names_and_a_scene() -> None:
    for game_id in GAMES:
        pictures = {name: symbol(game_id, name) for name in SYMBOLS}

        for picture in pictures.values():
            checked(picture)
        assert len(set(pictures.values())) == len(SYMBOLS)
        assert len(set(names_of(game_id).values())) == len(SYMBOLS) == len(names_of(game_id))
        checked(scene(game_id))


def test_every_drawing_is_well_formed() -> None:
    for motif in MOTIFS.values():
        ET.fromstring(f"<svg>{motif}</svg>")  # noqa: S314  # our own text


def test_every_game_offers_stakes_that_the_paytable_takes() -> None:
    for game in GAMES.values():
        bets = bets_of(game)

        assert len(bets) >= 4
        assert all(bet % RIOT.stake_step == 0 for bet in bets)
        assert {bet % game.base_bet for bet in bets} == {0}


def test_a_game_whose_own_stakes_do_not_fit_has_common_ones() -> None:
    odd = Game(
        id="odd", name="Odd", description="", section_id="x", type="slots", tags=(), format="html", lines_count="1", base_bet=3,
        settings={"Denominations": [1, 3]},
    )  # fmt: skip

    assert bets_of(odd) == bets_of(None) == [20, 40, 100, 200, 500, 1000]


def test_the_list_of_games_is_long_and_varied() -> None:
    games = list(GAMES.values())

    assert len(games) >= 80
    assert len({game.name for game in games}) == len(games)
    assert len({game.section_id for game in games}) >= 6
    assert {"slots", "keno", "bingo", "dice", "roulette", "cards", "poker", "scratch"} <= {game.type for game in games}
    assert {"25", "243-3125w", "cluster", ""} <= {game.lines_count for game in games}
    for tag in ("FR", "NoD", "PC", "mobile"):
        assert sum(tag in game.tags for game in games) >= 5
    assert GAMES["riot"].lines_count == "25"


async def test_pictures_are_served_as_nothing_but_pictures_and_kept(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for path in ("/mascot/covers/riot.svg", "/mascot/scenes/riot.svg", "/mascot/symbols/riot/top.svg"):
            answer = await desk.send("GET", path)
            again = await desk.send("GET", path, headers={"If-None-Match": answer.headers["etag"]})
            other = await desk.send("GET", path, headers={"If-None-Match": '"another"'})

            assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"] == "default-src 'none'"
            assert answer.headers["cache-control"] == "public, max-age=86400"
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", answer.headers["etag"])
            assert (other.status, other.body) == (200, answer.body)


async def test_what_is_not_listed_has_no_picture(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for path in (
            "covers/no_game.svg",
            "covers/riot.png",
            "covers/%3Cscript%3E.svg",
            "covers/..%2Friot.svg",
            "scenes/no_game.svg",
            "symbols/riot/none.svg",
            "symbols/no_game/top.svg",
            "assets/none.js",
            "assets/..%2Fpage.py",
        ):
            assert (path, (await desk.send("GET", f"/mascot/{path}")).status) == (path, 404)


async def test_scripts_and_styles_have_their_types_and_name_nothing_foreign(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for name in ("game.js", "reels.js", "wire.js", "sound.js", "game.css"):
            answer = await desk.send("GET", f"/mascot/assets/{name}")
            again = await desk.send("GET", f"/mascot/assets/{name}", headers={"If-None-Match": answer.headers["etag"]})

            wanted = "text/javascript; charset=utf-8" if name.endswith("js") else "text/css; charset=utf-8"
            assert (answer.status, answer.headers["content-type"], again.status) == (200, wanted, 304)
            assert answer.headers["x-content-type-options"] == "nosniff"
            text = answer.body.decode()
            for foreign in ("http:", "https:", "//cdn", "innerHTML", "eval(", "@import", "url("):
                assert foreign not in text, (name, foreign)
