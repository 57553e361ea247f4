"""A stack that runs and has played a demo: every metric that is asked for is there, and Prometheus can answer everything."""

import contextlib
import copy
import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.parts import is_ready
from deploy.local.ports import Ports, free_ports
from deploy.local.settings import running_base_port
from tests.observability import rules
from tests.observability.promql import metrics_in
from tests.stack_commands import finish, stack_commands
from tests.waiting import wait_until

PROMETHEUS = shutil.which("prometheus")
BUILT_IN = {"up", "ALERTS"}
"""Made by Prometheus itself."""
ONLY_WITH_A_STANDBY = {"stakewire_database_standby_behind_bytes", "stakewire_database_standby_behind_seconds"}
"""A stack of one machine has none: the family is declared and empty."""
OFTEN = "2s"
LIMIT_S = 180.0
MAY_BE_EMPTY = ("> 0", "!=", "standby_behind", "ALERTS")
"""Panels that show only what goes wrong show nothing while all goes well."""


def answer_of(address: str, path: str) -> str:
    """The body of a page; it must be there."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == http.client.OK, (path, body)
    return body


class Live:
    """A running stack: its ports, and what its metrics pages say."""

    def __init__(self, ports: Ports) -> None:
        self.addresses = {
            "gateway": f"127.0.0.1:{ports.callbacks}",
            "operator-api": f"127.0.0.1:{ports.operator_api}",
            "catalogue": f"127.0.0.1:{ports.catalogue}",
            "backoffice": f"127.0.0.1:{ports.backoffice}",
            "simulator": f"127.0.0.1:{ports.simulator}",
            "wallet": f"127.0.0.1:{ports.wallet(1)}",
        }

    def families(self) -> dict[str, list[Any]]:
        """Service -> the families of its page."""
        pages = {job: answer_of(address, "/metrics") for job, address in self.addresses.items()}
        return {job: list(text_string_to_metric_families(page)) for job, page in pages.items()}


class Asked:
    """Prometheus' HTTP interface."""

    def __init__(self, address: str) -> None:
        self._address = address

    def ready(self) -> bool:
        """Whether it answers questions."""
        host, _, port = self._address.partition(":")
        return is_ready(host, int(port), "/-/ready")

    def query(self, expr: str) -> list[Any]:
        """The series of an expression now."""
        result: list[Any] = self._get("/query?" + urlencode({"query": expr}))["result"]
        return result

    def names(self) -> set[str]:
        """The names of all series."""
        return set(self._get("/label/__name__/values"))

    def groups(self) -> list[dict[str, Any]]:
        """The groups of rules with their state."""
        found: list[dict[str, Any]] = self._get("/rules")["groups"]
        return found

    def _get(self, path: str) -> Any:
        return json.loads(answer_of(self._address, f"/api/v1{path}"))["data"]


@contextlib.contextmanager
def prometheus(folder: Path, live: Live) -> Iterator[Asked]:
    """Our configuration and rules in a Prometheus of its own; only where targets are found is another."""
    assert PROMETHEUS is not None
    address = f"127.0.0.1:{free_ports(1)[0]}"
    configuration = copy.deepcopy(rules.read(rules.CONFIGURATION))
    configuration["global"].update(scrape_interval=OFTEN, scrape_timeout=OFTEN, evaluation_interval=OFTEN)
    configuration["rule_files"] = [str(path) for path in rules.RULES]
    for job in configuration["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [live.addresses.get(job["job_name"], address)]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        asked = Asked(address)
        try:
            wait_until(lambda: child.poll() is not None or asked.ready(), "Prometheus answers", LIMIT_S)
            assert child.poll() is None, (folder / "log").read_text()
            yield asked
        finally:
            child.terminate()
            child.wait(60)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, Asked | None]]:
    """A stack after a demo, watched by Prometheus meanwhile where there is one."""
    folder = tmp_path_factory.mktemp("observed")
    with stack_commands(folder / "run") as start:
        # Providers are called while Prometheus looks on; in minutes they would be called seldom.
        finish(start("up", STAKEWIRE_OPERATOR_PROBE_EVERY_S="2"))
        base = running_base_port(folder / "run")
        assert base is not None
        live = Live(Ports(base))
        if PROMETHEUS is None:
            finish(start("demo", "--rounds", "200"))
            yield live, None
            return
        with prometheus(folder, live) as asked:
            # From the first sample on, so that the rates of what is counted from now on are there.
            wait_until(lambda: len(asked.query("up == 1")) == len(live.addresses) + 1, "all targets are read", LIMIT_S)
            finish(start("demo", "--rounds", "200"))
            yield live, asked


def test_every_metric_that_is_asked_for_is_on_a_page(played: tuple[Live, Asked | None]) -> None:
    live, _ = played
    families = [family for page in live.families().values() for family in page]
    there = {sample.name for family in families for sample in family.samples}
    declared = {family.name for family in families}
    made = rules.recorded() | BUILT_IN
    asked_for = {(where, name) for where, expr in rules.everything_asked() for name in metrics_in(expr) - made}
    assert len(asked_for) > len(rules.rules())
    missing = {(where, name) for where, name in asked_for if name not in there}
    assert {name for _, name in missing} <= ONLY_WITH_A_STANDBY & declared, sorted(missing)


def test_series_of_a_page_stay_few(played: tuple[Live, Asked | None]) -> None:
    live, _ = played
    for job, page in live.families().items():
        assert sum(len(family.samples) for family in page) < 1_000, job


def test_the_list_of_metrics_is_what_the_services_have(played: tuple[Live, Asked | None]) -> None:
    live, _ = played
    there: dict[str, tuple[str, set[str]]] = {}
    for job, page in live.families().items():
        for family in page:
            if family.name.startswith("stakewire_") and not family.name.endswith("_created"):
                suffix = "_total" if family.type == "counter" else ""
                there.setdefault(family.name + suffix, (family.type, set()))[1].add(job)
    told = {}
    for line in rules.METRICS.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `stakewire_"):
            name, kind, services, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            told[name.strip("`").partition("{")[0]] = kind, set(services.split(", "))
    assert told == there


def test_prometheus_has_every_series_and_answers_every_question(played: tuple[Live, Asked | None]) -> None:
    _, asked = played
    if asked is None:
        pytest.skip("prometheus is not installed (package `prometheus`)")
    wanted = {name for _, expr in rules.everything_asked() for name in metrics_in(expr)} | rules.recorded()
    wanted -= ONLY_WITH_A_STANDBY | {"ALERTS"}
    with contextlib.suppress(AssertionError):
        wait_until(lambda: wanted <= asked.names(), "all series are there", LIMIT_S)
    assert not wanted - asked.names()
    for board in rules.dashboards().values():
        for where, expr in rules.questions(board):
            filled = expr.replace("$provider_account", ".*").replace("$instance", ".*").replace("$__range", "1h")
            if any(sign in filled for sign in MAY_BE_EMPTY):
                asked.query(filled)
            else:
                assert asked.query(filled), (where, filled)


def test_rules_have_no_errors_and_a_healthy_stack_no_alerts(played: tuple[Live, Asked | None]) -> None:
    _, asked = played
    if asked is None:
        pytest.skip("prometheus is not installed (package `prometheus`)")

    def all_evaluated() -> bool:
        return all(rule["health"] != "unknown" for group in asked.groups() for rule in group["rules"])

    wait_until(all_evaluated, "all rules are evaluated", LIMIT_S)
    found = [rule for group in asked.groups() for rule in group["rules"]]
    assert {rule["name"] for rule in found} == set(rules.alerts()) | rules.recorded()
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in found if rule["type"] == "alerting" and rule["state"] == "firing"] == []
