"""Dashboards: the committed files are what the builders make, and hang together."""

import itertools
import re
from typing import Any

from deploy.grafana.boards import rendered
from tests.observability import rules


def test_the_committed_dashboards_are_what_the_builders_make() -> None:
    made = rendered()
    assert made == rendered(), "two builds differ"
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in rules.DASHBOARDS}
    assert set(on_disk) == set(made), "run `make dashboards`"
    for name, text in made.items():
        assert on_disk[name] == text, f"{name} is not what deploy/grafana makes: run `make dashboards`"


def test_dashboards_ask_the_source_that_is_provisioned() -> None:
    folder = rules.CHECKOUT / "deploy" / "grafana" / "provisioning"
    (source,) = rules.read(folder / "datasources" / "prometheus.yml")["datasources"]
    for name, board in rules.dashboards().items():
        asked = [panel["datasource"] for panel in board["panels"]]
        asked += [each["datasource"] for each in board.get("templating", {}).get("list", ())]
        asked += [each["datasource"] for each in board["annotations"]["list"]]
        assert asked, name
        assert all(each == {"type": source["type"], "uid": source["uid"]} for each in asked), name


def test_dashboards_and_panels_have_names_of_their_own() -> None:
    boards = rules.dashboards()
    assert len({board["uid"] for board in boards.values()}) == len(boards)
    for name, board in boards.items():
        panels = board["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels), name
        assert len({panel["title"] for panel in panels}) == len(panels), name


def test_panels_have_a_unit_a_description_and_a_place_of_their_own() -> None:
    for name, board in rules.dashboards().items():
        for panel in board["panels"]:
            assert panel["fieldConfig"]["defaults"]["unit"], (name, panel["title"])
            assert panel["description"], (name, panel["title"])
        for one, other in itertools.combinations(board["panels"], 2):
            assert not _overlap(one["gridPos"], other["gridPos"]), (name, one["title"], other["title"])


def test_variables_that_are_asked_with_are_there() -> None:
    for name, board in rules.dashboards().items():
        known = {each["name"] for each in board.get("templating", {}).get("list", ())} | {"__range"}
        for where, expr in rules.questions(board):
            assert set(re.findall(r"\$(\w+)", expr)) <= known, (name, where)


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not beside and not above
