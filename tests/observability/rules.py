"""The rules, their tests and the dashboards, as they lie in the repository."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

CHECKOUT: Final = Path(__file__).parents[2]
PROMETHEUS: Final = CHECKOUT / "deploy" / "prometheus"
CONFIGURATION: Final = PROMETHEUS / "prometheus.yml"
RULES: Final = sorted((PROMETHEUS / "rules").glob("*.yml"))
TESTS: Final = sorted((PROMETHEUS / "tests").glob("*.yml"))
DASHBOARDS: Final = sorted((CHECKOUT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RUNBOOK: Final = CHECKOUT / "docs" / "alerts.md"
METRICS: Final = CHECKOUT / "docs" / "metrics.md"


@functools.cache
def read(path: Path) -> Any:
    """A YAML file; not to be changed."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@functools.cache
def rules() -> list[dict[str, Any]]:
    """All rules, recording and alerting."""
    return [rule for path in RULES for group in read(path)["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The alert rules by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recorded() -> set[str]:
    """What the recording rules make."""
    return {rule["record"] for rule in rules() if "record" in rule}


def dashboards() -> dict[str, dict[str, Any]]:
    """The dashboards by file name."""
    return {path.name: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS}


def questions(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(where, PromQL) of a dashboard: its panels, its variables, its annotations."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield f"{board['title']} / {panel['title']}", target["expr"]
    for variable in board.get("templating", {}).get("list", ()):
        # label_values(<PromQL>, <label>)
        expr, _, _ = variable["query"]["query"].removeprefix("label_values(").rpartition(",")
        yield f"{board['title']} / ${variable['name']}", expr
    for mark in board["annotations"]["list"]:
        yield f"{board['title']} / {mark['name']}", mark["expr"]


def everything_asked() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of all rules and dashboards."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for board in dashboards().values():
        yield from questions(board)
