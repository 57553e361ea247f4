"""Rules and alerts: valid, tested both ways, and each with something to do."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.observability import rules
from tests.observability.promql import metrics_in

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (package `prometheus`)")
LIMIT_S = 120


def promtool(*arguments: str | Path) -> None:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_configuration_and_all_rules_are_valid() -> None:
    promtool("check", "config", rules.CONFIGURATION)
    promtool("check", "rules", *rules.RULES)


@needs_promtool
@pytest.mark.parametrize("path", rules.TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_stay_quiet_as_they_should(path: Path) -> None:
    promtool("test", "rules", path)


def expectations() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(alert, expected samples) of all of promtool's tests."""
    for path in rules.TESTS:
        for test in rules.read(path)["tests"]:
            for asked in test["promql_expr_test"]:
                named = re.fullmatch(r'ALERTS\{alertname="(\w+)",alertstate="firing"\}', asked["expr"])
                assert named, asked["expr"]
                assert named[1] == test["name"]
                yield named[1], asked["exp_samples"]


def test_every_alert_is_tested_firing_and_quiet() -> None:
    tested = {(name, bool(samples)) for name, samples in expectations()}
    assert tested == {(name, fires) for name in rules.alerts() for fires in (True, False)}


def test_texts_of_alerts_use_only_labels_that_they_have() -> None:
    known = rules.alerts()
    for name, samples in expectations():
        for sample in samples:
            labels = set(re.findall(r'(\w+)="', sample["labels"]))
            for text in known[name]["annotations"].values():
                assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels, (name, text)


def test_every_alert_says_what_it_is_and_where_to_read_on() -> None:
    for name, alert in rules.alerts().items():
        assert alert["labels"] in ({"severity": "critical"}, {"severity": "warning"}), name
        annotations = alert["annotations"]
        assert set(annotations) == {"summary", "description", "runbook_url"}, name
        assert annotations["runbook_url"] == f"docs/alerts.md#{name.lower()}"
        assert len(annotations["summary"]) < 90, name


def test_the_runbook_has_one_entry_for_each_alert() -> None:
    entries = re.split(r"^### ", rules.RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    titled = {entry.partition("\n")[0].strip(): entry for entry in entries}
    assert len(titled) == len(entries)
    assert set(titled) == set(rules.alerts())
    for name, entry in titled.items():
        for part in ("**Means.**", "**Look.**", "**Do.**"):
            assert entry.count(part) == 1, (name, part)
        assert rules.alerts()[name]["labels"]["severity"] in entry.splitlines()[2], name


def test_recording_rules_come_before_what_asks_for_them() -> None:
    made = rules.recorded()
    for where, expr in rules.everything_asked():
        assert {name for name in metrics_in(expr) if ":" in name} <= made, where
