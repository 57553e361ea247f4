"""The CSV: all games that pass, each once, and no cell that a spreadsheet would calculate."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalogue.routes.export import cell, csv_lines
from tests.catalogue_api.conftest import MASCOT
from tests.catalogue_api.stand import Stand, facts
from tests.operator_api.api import Api


def exported(api: Api, query: str = "") -> list[dict[str, str]]:
    answer = api.call("GET", f"/v1/games.csv{query}")
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "games.csv" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text, newline=""), strict=True))


def test_all_games_of_the_brand(api: Api) -> None:
    rows = exported(api, "?provider_account=mascot")
    assert sorted(row["game_id"] for row in rows) == sorted(game.game_id for game in MASCOT)
    canon = next(row for row in rows if row["game_id"] == "canon")
    assert (canon["name"], canon["languages"], canon["state"]) == ("Cañón del Águila", "es|en", "live")
    assert "hidden" not in {row["game_id"] for row in exported(api)}


def test_the_filters_of_the_list_hold(api: Api) -> None:
    assert [row["game_id"] for row in exported(api, "?studio=NetEnt")] == ["starburst"]
    assert exported(api, "?studio=none") == []
    assert api.call("GET", "/v1/games.csv?limit=3").problem == "invalid-request"


def test_formulas_become_texts(api: Api) -> None:
    row = next(row for row in exported(api, "?provider_account=mascot") if row["game_id"] == "formula")
    assert (row["name"], row["studio"], row["lines"]) == ("'=1+1", "'@studio", "'-5")


def test_more_games_than_one_read(api: Api, running: Stand) -> None:
    many = [facts(f"m-{number:04}", name=f"Same {number % 3}") for number in range(1_203)]
    running.sync("moving", *many)
    rows = exported(api, "?provider_account=moving&state=live")
    assert sorted(row["game_id"] for row in rows) == [game.game_id for game in many]
    running.sync("moving", facts("few"))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_what_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == "'" + text


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30), min_size=1))
def test_any_text_comes_back_from_the_file(texts: list[str]) -> None:
    (row,) = csv.reader(io.StringIO(csv_lines([texts]), newline=""), strict=True)
    assert row == [cell(text) for text in texts]
    assert not any(each[:1] in set("=+-@\t\r\n") and each for each in row)
