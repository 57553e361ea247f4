"""The back office on the whole stack: its numbers against the wallet's own tables, its projections made anew, its end."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families
from psycopg.rows import dict_row

from deploy.local.parts import services
from deploy.local.processes import Processes
from deploy.local.settings import load_stack_settings
from services.cli.simulator import Play, Simulator
from shared.kafka.topics import CALLBACKS, EVENTS
from shared.money import parse_decimal
from shared.providers.mascot.signature import mac_keys, sign
from tests.integration.backoffice.test_reports_as_the_ledger import QUERIES, grouped
from tests.operator_api.api import Api
from tests.servers import temporary_folder
from tests.stack_commands import StartCommand, finish, stack_commands
from tests.waiting import wait_until

PART = "backoffice"
ROUNDS = 300
ACCOUNT = "mascot-demo"
MADE_OF_EVENTS = ("operations", "rounds", "player_days", "players", "balances")
CALLBACKS_AND_COUNTS = ("callbacks", "finding_hours", "pulse")
MONEY = {
    "stake": "stake",
    "win": "win",
    "ggr": "ggr",
    "free": "free_round_wins",
    "promo": "promo_paid",
    "jackpot": "jackpot_paid",
    "nominal": "nominal_stake",
    "contribution": "jackpot_contribution",
    "stake_undone": "rolled_back_stakes",
    "win_undone": "rolled_back_wins",
}
"""Names of the sums -> names in a report's lines."""


@dataclass(frozen=True)
class Place:
    """The running stack, the back office's API with the demo's key, and the database as its owner."""

    start: StartCommand
    run_dir: Path
    content: dict[str, Any]

    @property
    def office(self) -> Api:
        """The back office."""
        return self._api("backoffice")

    @property
    def operator(self) -> Api:
        """The operator API."""
        return self._api("operator_api")

    @property
    def simulator(self) -> Simulator:
        """The studio."""
        return Simulator(self.content["simulator"])

    def _api(self, name: str) -> Api:
        port = urlsplit(self.content[name]).port
        assert port is not None
        return Api(port, self.content["operator_api_key"])

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What the database holds."""
        with psycopg.connect(self.content["database_url"], row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def count(self, table: str) -> int:
        """The number of a table's rows."""
        return int(self.rows(f"SELECT count(*) AS found FROM {table}")[0]["found"])  # noqa: S608  # names of our own

    def dump(self, *names: str) -> dict[str, list[str]]:
        """Projections as they are, row for row, in order."""
        return {
            name: [row["told"] for row in self.rows(f"SELECT t::text AS told FROM projections.{name} AS t ORDER BY 1")]  # noqa: S608
            for name in names
        }

    def standing(self) -> dict[str, Any]:
        """How far the projections are."""
        told: dict[str, Any] = json.loads(finish(self.start("backoffice", "status", "--json")))
        assert not told["fork"]
        return told

    def metric(self, name: str) -> float:
        """A number that the back office tells of itself."""
        families = text_string_to_metric_families(self.office.call("GET", "/metrics").text)
        return next(sample.value for family in families for sample in family.samples if sample.name == name)

    def wait_until_caught_up(self) -> None:
        """Until every operation of the ledger and every archived callback is in the projections."""

        def caught_up() -> bool:
            told = self.standing()
            return (
                not told["waiting"]
                and all(each["read"] == each["there"] for each in told["topics"])
                and self.count("projections.operations") == self.count("public.operations")
            )

        wait_until(caught_up, "the projections have caught up")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A stack on which the demo was played, a prize was paid, and a round with a win was voided."""
    with temporary_folder() as folder, stack_commands(folder / ".run") as start:
        assert "operations: agree" in finish(start("demo", "--rounds", str(ROUNDS), "--rollback-share", "0.1", "--seed", "1"))
        made = Place(start, folder / ".run", json.loads((folder / ".run" / "stack.json").read_text()))
        correct(made)
        made.wait_until_caught_up()
        yield made


def correct(place: Place) -> None:
    """What the demo's studio does not do: a prize, and a round that is taken back with its win."""
    chosen = place.rows(
        "SELECT c.external_id, r.round_id FROM public.rounds AS r JOIN public.operations AS c ON c.player = r.player AND c.seq = 1 "
        "WHERE r.win > 0 AND r.stake > r.win ORDER BY r.round_id LIMIT 1"
    )[0]
    player_id = chosen["external_id"].removeprefix("create-")
    prize = {"amount": "25.00", "currency": "EUR", "class": "cashback"}
    place.operator.post(f"/v1/players/{player_id}/promotions", prize, key="a-prize")
    path = f"/v1/players/{player_id}/rounds/{ACCOUNT}/{quote(chosen['round_id'], safe='')}/void"
    place.operator.post(path, {"reason": "the game was faulty"}, key="a-void", status=200)


def units(told: str) -> int:
    """A report's amount; everything here is in euros."""
    return parse_decimal(told, "EUR")


def of_report(place: Place, first: str, last: str, *dimensions: str) -> dict[tuple[str, ...], dict[str, int]]:
    """A report of the API as numbers by key; lines in which nothing happened are left out."""
    by, across = (*dimensions, "", "")[:2]
    asked = urlencode({"first": first, "last": last, "by": by, "across": across, "test": "true"})
    report = place.office.get(f"/v1/reports?{asked}")
    found = {}
    for line in report["lines"]:
        assert line["currency"] == "EUR"
        numbers = {ours: units(line[theirs]) for ours, theirs in MONEY.items()}
        numbers |= {name: line[name] for name in ("bets", "rounds", "players")}
        assert units(line["ngr"]) == numbers["ggr"] - numbers["free"] - numbers["promo"] - numbers["jackpot"]
        found[*(line["keys"][each] for each in dimensions), "EUR"] = numbers
    return {key: numbers for key, numbers in found.items() if any(numbers.values())}


def assert_reports_are_the_ledgers(place: Place) -> dict[str, int]:
    """Every number of every report is a sum over the wallet's tables; returns the sums of all."""
    cells = place.rows(QUERIES["cells"])
    days = [cell["gaming_day"].isoformat() for cell in cells]
    asked: list[tuple[str, ...]] = [(), ("day",), ("game",), ("day", "game"), ("player",), ("game", "player")]
    for dimensions in asked:
        assert of_report(place, min(days), max(days), *dimensions) == grouped(cells, dimensions), dimensions
    return grouped(cells, ())["EUR",]


def assert_histories_are_the_ledgers(place: Place) -> None:
    """Every player's history, page by page, has his operations and no other ones."""
    for player in [row["player"] for row in place.rows("SELECT player FROM public.players ORDER BY player")]:
        told: list[tuple[object, ...]] = []
        cursor = ""
        while True:
            page = place.office.get(f"/v1/history/players/{player}/operations?limit=40&cursor={cursor}")
            told += [
                (each["operation"], each["kind"], each["status"], each["external_id"], units(each["balance_after"]))
                for each in page["operations"]
            ]
            cursor = page["older"] or ""
            if not cursor:
                break
        recorded = place.rows(
            "SELECT seq, kind, status, external_id, balance_after FROM public.operations WHERE player = %s ORDER BY seq DESC",
            player,
        )
        assert told == [tuple(row.values()) for row in recorded]


def assert_every_callback_is_there_once(place: Place) -> None:
    """As many callbacks are kept, and counted second by second, as the gateway has archived."""

    def archived() -> int:
        return next(int(each["there"]) for each in place.standing()["topics"] if each["topic"] == CALLBACKS.name)

    # The gateway archives behind its answers: the last records may just be coming.
    wait_until(lambda: place.count("projections.callbacks") == archived(), "as many callbacks are kept as were archived")
    counted = (
        "SELECT (SELECT count(*) FROM projections.callbacks) AS kept, (SELECT sum(count)::bigint FROM projections.pulse) AS counted"
    )
    (found,) = place.rows(counted)
    assert found["kept"] == found["counted"] > 0
    assert place.rows("SELECT request_id FROM projections.callbacks GROUP BY 1 HAVING count(*) > 1") == []


def test_reports_and_histories_are_the_ledgers(place: Place) -> None:
    sums = assert_reports_are_the_ledgers(place)
    assert sums["rounds"] == ROUNDS
    assert all(sums[name] > 0 for name in ("stake", "win", "stake_undone", "win_undone", "free", "promo", "nominal"))
    assert_histories_are_the_ledgers(place)
    assert_every_callback_is_there_once(place)


def delete_first_halves(place: Place, topic: str) -> int:
    """Deletes the older half of each partition's records; returns how many."""
    servers = {"bootstrap.servers": place.content["kafka_bootstrap_servers"]}
    consumer = Consumer({**servers, "group.id": "a-look"})
    try:
        ranges = {number: consumer.get_watermark_offsets(TopicPartition(topic, number)) for number in range(EVENTS.partitions)}
    finally:
        consumer.close()
    halves = {number: (begin, begin + (end - begin) // 2) for number, (begin, end) in ranges.items()}
    wanted = [TopicPartition(topic, number, until) for number, (begin, until) in halves.items() if until > begin]
    admin = AdminClient(servers)  # kept: its calls end with it
    for deleted in admin.delete_records(wanted).values():
        deleted.result(timeout=30)
    return sum(until - begin for begin, until in halves.values())


def test_a_rebuild_gives_the_same_tables_when_the_topic_has_lost_its_beginning(place: Place) -> None:
    before = place.dump(*MADE_OF_EVENTS, *CALLBACKS_AND_COUNTS)
    fetched = place.metric("stakewire_backoffice_fetched_events_total")
    deleted = delete_first_halves(place, EVENTS.name)
    assert deleted > ROUNDS / 2
    assert "are taken in" in finish(place.start("backoffice", "rebuild", "--yes", "--wait", "--keep-callbacks"))
    assert place.dump(*MADE_OF_EVENTS, *CALLBACKS_AND_COUNTS) == before
    assert place.count("projections.waiting") == 0
    assert place.metric("stakewire_backoffice_fetched_events_total") - fetched >= deleted


def test_a_back_office_killed_while_bets_run_loses_and_doubles_nothing(place: Place) -> None:
    before = place.count("projections.operations")
    play_id = place.simulator.start(Play(rounds=300))
    wait_until(lambda: place.count("projections.operations") > before + 60, "bets are taken in")
    assert Processes(place.run_dir).kill(PART)
    assert not place.simulator.state(play_id).is_over
    assert f"started: {PART}\n" in finish(place.start("up"))
    wait_until(lambda: place.simulator.state(play_id).is_over, "all rounds are played", limit_s=180)
    assert place.simulator.state(play_id).state == "finished"
    place.wait_until_caught_up()
    assert_reports_are_the_ledgers(place)
    assert_histories_are_the_ledgers(place)
    assert_every_callback_is_there_once(place)


def test_a_broken_request_becomes_a_finding(place: Place) -> None:
    (exchange,) = json.loads(finish(place.start("account", "fault", "body_indented_2", "--json")))["exchanges"]
    query = "SELECT finding, finding_facts, response_status FROM projections.callbacks WHERE request_id = %s"
    wait_until(lambda: place.rows(query, exchange["request_id"]), "the callback is in the projections")
    (found,) = place.rows(query, exchange["request_id"])
    assert (found["finding"], found["response_status"]) == ("body_spacing", exchange["status"])
    assert json.loads(found["finding_facts"])["advice"]
    counted = "SELECT sum(count)::bigint AS counted FROM projections.finding_hours WHERE finding = 'body_spacing' AND last_request_id = %s"
    assert place.rows(counted, exchange["request_id"]) == [{"counted": 1}]


def test_the_doctor_answers_the_consoles_key(place: Place) -> None:
    secrets = {name: secret.encode() for name, secret in place.content["provider_accounts"][ACCOUNT]["keys"].items()}
    content = {
        "jsonrpc": "2.0",
        "method": "getBalance",
        "params": {"callerId": 1, "playerName": "nobody_EUR", "currency": "EUR"},
        "id": 1,
    }
    key = next(iter(mac_keys(secrets).values()))
    headers = dict(sign(key, b"casino:1", time.time_ns(), int(time.time()), json.dumps(content, indent=2).encode()))
    request = {
        "headers": {"content-type": "application/json"} | {name.decode(): value.decode() for name, value in headers.items()},
        "body": msgspec.json.encode(content).decode(),
    }
    told = place.operator.post(f"/v1/provider-accounts/{ACCOUNT}/diagnosis", {"request": request}, status=http.client.OK)
    assert not told["accepted"]
    assert told["findings"][0]["code"] == "body_spacing"


def sign_in(visitor: httpx.Client, place: Place) -> None:
    """Signs in to the console as the demo's administrator."""
    token = re.search(r'name="csrf" value="([^"]+)"', visitor.get("/sign-in").text)
    assert token is not None
    form = {"csrf": token[1], "login": place.content["console_login"], "password": place.content["console_password"]}
    assert visitor.post("/sign-in", data=form).status_code == http.client.SEE_OTHER


def test_it_is_ready_and_ends_in_time_while_somebody_watches_the_live_board(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {each["name"]: each["state"] for each in json.loads(finish(place.start("status", "--json")))}
    assert parts[PART] == "ready"
    monkeypatch.setenv("STAKEWIRE_RUN_DIR", str(place.run_dir))
    limit_s = next(each.stop_timeout_s for each in services(load_stack_settings()) if each.name == PART)
    log = Processes(place.run_dir).log_file(PART)
    told_before = log.read_text().count("backoffice has stopped")
    with httpx.Client(base_url=place.content["backoffice"], timeout=30) as visitor:
        sign_in(visitor, place)
        with visitor.stream("GET", "/live/stream") as stream:
            lines = stream.iter_lines()
            assert any(line == "event: whole" for line in lines)
            down = place.start("down")
            assert [json.loads(data)["why"] for event, data in events_of(lines) if event == "over"] == ["stopped"]
    stopped = re.search(rf"([0-9.]+) s +{PART}: stopped", finish(down))
    assert stopped is not None
    assert float(stopped[1]) < limit_s
    assert log.read_text().count("backoffice has stopped") == told_before + 1


def events_of(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Events of a stream until its end: name and data."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, value
