"""The pages of history and reports without a browser: the API's numbers, texts as texts, refusals as pages."""

from __future__ import annotations

import csv
import http.client
import io
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from urllib.parse import quote

import pytest

from shared.identity import player_key
from tests.backoffice_api.stand import BEGAN, DAY, NASTY, Stand
from tests.operator_api.api import Answer, Api

ALICE = player_key("main", "alice")
DORA = player_key("main", "dora")
_CELL = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


class Person:
    """Somebody who has signed in, without a browser."""

    def __init__(self, running: Stand, role: str = "finance") -> None:
        self._port = running.port
        self._cookie = running.cookies[role]

    def get(self, path: str, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", path, headers={"Cookie": self._cookie, **headers})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode())
        finally:
            connection.close()

    def rows(self, path: str, part: str = "tbody") -> list[list[str]]:
        """The cells of a page's table as texts."""
        answer = self.get(path)
        assert answer.status == 200, answer
        body = re.search(rf"<{part}[^>]*>(.*?)</{part}>", answer.text, re.DOTALL)
        assert body is not None
        lines = body[1].split("</tr>")
        found = [[" ".join(unescape(_TAG.sub(" ", cell)).split()) for cell in _CELL.findall(line)] for line in lines]
        return [cells for cells in found if any(cells)]


@pytest.fixture
def person(running: Stand) -> Person:
    return Person(running)


def number(text: str) -> Decimal:
    """What a cell of money says."""
    return Decimal(text.replace(",", "").split()[0])


@pytest.mark.parametrize(
    "asked",
    [
        "by=game", "by=day&across=game", "by=player&test=true", "by=brand", "by=tag", "by=section&across=currency",
        "by=studio&section=slots", "by=month&collection=best", "by=country&currency=USD", f"by=game&first={DAY}&last={DAY}",
    ],
)  # fmt: skip
def test_file_and_api_tell_the_same_numbers(api: Api, asked: str) -> None:
    told = api.get(f"/v1/reports?{asked}")
    file = list(csv.DictReader(io.StringIO(api.call("GET", f"/v1/reports.csv?{asked}").text)))
    dimensions = told["dimensions"]
    of_file = {(*(row[each].removeprefix("'") for each in dimensions), row["currency"]): row for row in file[: len(told["lines"])]}
    assert len(of_file) == len(told["lines"]) > 0
    for line in told["lines"]:
        row = of_file[*(line["keys"][each] for each in dimensions), line["currency"]]
        for name in ("stake", "win", "ggr", "ngr", "free_round_wins", "promo_paid", "jackpot_paid", "jackpot_contribution", "rtp"):
            assert row[name] == (line[name] or ""), name
        assert (int(row["rounds"]), int(row["players"]), int(row["bets"])) == (line["rounds"], line["players"], line["bets"])
    totals = file[len(told["lines"]) :]
    assert [(row["currency"], row["ggr"]) for row in totals] == [(line["currency"], line["ggr"]) for line in told["totals"]]


@pytest.mark.parametrize("asked", ["by=game&country=MT", "by=day&across=currency", "by=player", "by=section&test=true"])
def test_the_page_shows_the_numbers_of_its_own_file(person: Person, asked: str) -> None:
    file = list(csv.DictReader(io.StringIO(person.get(f"/reports.csv?{asked}").text)))
    rows = person.rows(f"/reports?{asked}")
    shown = [[number(cell) for cell in row[-11:-7]] for row in rows]
    assert shown == [[Decimal(row[name]) for name in ("stake", "win", "ggr", "ngr")] for row in file[: len(rows)]]
    feet = person.rows(f"/reports?{asked}", "tfoot")
    assert [number(row[-9]) for row in feet] == [Decimal(row["ggr"]) for row in file[len(rows) :]]
    assert file[len(rows)][next(iter(file[0]))] == "total"


def test_the_page_of_one_player_tells_what_the_api_tells_of_him(api: Api, person: Person) -> None:
    rows = person.rows(f"/reports?by=currency&player={DORA}")
    (line,) = api.get(f"/v1/reports?by=currency&player={DORA}")["lines"]
    assert [number(cell) for cell in rows[0][-11:-7]] == [Decimal(line[name]) for name in ("stake", "win", "ggr", "ngr")]


def test_a_line_leads_to_its_rollbacks(person: Person) -> None:
    page = person.get(f"/reports?by=day&player={ALICE}").text
    day = (BEGAN + timedelta(days=2)).date().isoformat()
    (link,) = {unescape(each) for each in re.findall(r'href="(/reports/rollbacks\?[^"]*)"', page) if f"first={day}" in each}
    rows = person.rows(link)
    assert len(rows) == 3
    assert rows[0][6].endswith("bet")
    assert "another day" in rows[0][7]


def test_a_history_and_what_it_opens_to(person: Person) -> None:
    rows = person.rows(f"/players/{ALICE}/history")
    assert len(rows) == 50
    assert rows[0][0] == "many-59"
    more = re.search(r'href="([^"]*)" rel="next"', person.get(f"/players/{ALICE}/history").text)
    assert more is not None
    assert person.rows(unescape(more[1]))[0][0] == "many-9"
    rows = person.rows(f"/players/{ALICE}/history?show=operations&kind=bet&first={DAY}&last={DAY}")
    assert [row[4] for row in rows] == ["r2", "r1"]
    rows = person.rows(f"/players/{ALICE}/rounds/mascot-demo/r1")
    assert [row[2].split()[0] for row in rows] == ["bet", "win", "rollback", "rollback"]
    page = person.get(f"/operations/{ALICE}/3").text
    assert "provider:mascot-demo" in page
    assert f'href="/callbacks/{quote("q/1", safe="")}"' in page
    assert person.get("/callbacks/q%2F1").status == 200
    assert person.get("/callbacks/q2").text.count("Advice") == 1


def test_texts_from_outside_are_texts(person: Person) -> None:
    paths = [
        f"/players/{ALICE}/history?show=operations&game_id={quote('=nasty')}",
        f"/players/{ALICE}/rounds/mascot-demo/{quote(NASTY, safe='')}",
        "/callbacks/q2",
        "/callbacks/q%2F1",
        "/reports?by=studio&across=game",
        f"/reports?section={quote(NASTY)}&by={quote(NASTY)}",
        f"/players/{ALICE}/history?first={quote(NASTY)}&game_id={quote(NASTY)}",
    ]
    for path in paths:
        page = person.get(path).text
        assert "<script>alert" not in page, path
        assert "&lt;script&gt;alert" in page or "%3Cscript%3E" in page, path


@pytest.mark.parametrize(
    "path",
    [
        "/reports?first=2026-02-30",
        "/reports?first=2026-03-02&last=2026-03-01",
        "/reports?first=2001-01-01&last=2026-03-01",
        "/reports?by=x",
        "/reports?section=a%00b",
        "/reports?what=x",
        "/reports.csv?first=2026-02-30",
        "/reports/rollbacks?cursor=AAAA",
        "/reports/rollbacks?first=x",
        f"/players/{ALICE}/history?first=2026-02-30",
        f"/players/{ALICE}/history?first=2026-03-02&last=2026-03-01",
        f"/players/{ALICE}/history?first=2000-01-01",
        f"/players/{ALICE}/history?first=0001-01-01",
        f"/players/{ALICE}/history?last=9999-12-31",
        f"/players/{ALICE}/history?show=operations&amount_min=5",
        f"/players/{ALICE}/history?amount_min=x&currency=EUR",
        f"/players/{ALICE}/history?tag={'x' * 500}",
        f"/players/{ALICE}/history?cursor=AAAA",
        f"/players/{ALICE}/history?cursor=%00",
        f"/players/{ALICE}/history.csv?first=2000-01-01",
        f"/operations/{ALICE}/0",
        f"/operations/{ALICE}/x",
        "/players/nobody/history",
        "/callbacks/a%00b",
        f"/players/{ALICE}/rounds/mascot-demo/a%00b",
    ],
)
def test_what_makes_no_sense_is_a_page_that_says_so(person: Person, path: str) -> None:
    answer = person.get(path)
    assert answer.status == 422, answer.text[:2_000]
    assert answer.headers["content-type"].startswith("text/html")
    assert 'class="flash bad"' in answer.text or 'class="error' in answer.text


@pytest.mark.parametrize(
    "path",
    [f"/players/{'a' * 16}/history", f"/operations/{ALICE}/5000", f"/players/{ALICE}/rounds/mascot-demo/none", "/callbacks/none"],
)
def test_what_is_not_there_is_a_page_that_says_so(person: Person, path: str) -> None:
    answer = person.get(path)
    assert answer.status == 404
    assert 'class="error' in answer.text


def test_files_are_for_finance(running: Stand, person: Person) -> None:
    viewer = Person(running, "viewer")
    for path in ("/reports.csv", f"/players/{ALICE}/history.csv"):
        assert viewer.get(path).status == 403
        assert person.get(path).headers["content-type"].startswith("text/csv")
    assert "CSV file" not in viewer.get("/reports").text
    assert "CSV file" in person.get("/reports").text


def test_days_of_a_history_are_those_of_the_zone_of_who_looks(person: Person) -> None:
    # The first operations are of 09:00 UTC: in Auckland that is the evening of the same day, in Honolulu the day before.
    path = f"/players/{ALICE}/history?show=operations&kind=deposit&first={DAY}&last={DAY}"
    assert len(person.rows(path)) == 1
    answer = person.get(path, Cookie=f"{person._cookie}; stakewire-zone=Pacific/Honolulu")
    assert "No operations here" in answer.text


def test_an_empty_report_says_so(person: Person) -> None:
    assert "Nothing was played" in person.get("/reports?section=none-such").text
    assert "Nothing was undone" in person.get("/reports/rollbacks?section=none-such").text
