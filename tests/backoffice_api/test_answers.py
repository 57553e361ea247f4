"""What the API tells, who may ask, and what becomes of requests that make no sense."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from shared.identity import player_key
from tests.backoffice_api.stand import BEGAN, DAY, NASTY, Stand
from tests.backoffice_api.test_schema import ROUTES
from tests.operator_api.api import Api

ALICE = player_key("main", "alice")
HISTORY = "/v1/history/players/alice"
BAD_TEXTS = (NASTY, "a\x00b", "\ud7ff\u202e", "x" * 3_000, "'--", "%", "${7*7}", "{{7*7}}", "../../etc/passwd", "\r\nX: y")


def test_every_route_asks_for_the_scope_read(running: Stand) -> None:
    for path in ROUTES:
        filled = path.replace("{player}", "alice").replace("{provider_account}/{round_id}", "a/b").replace("{operation}", "1")
        for scope in ("play", "money", "admin"):
            answer = running.api(scope).call("GET", filled)
            assert (answer.status, answer.problem) == (403, "scope-missing"), path
        assert Api(running.port).call("GET", filled).problem == "unauthenticated"


def test_a_key_sees_the_players_of_its_brand(running: Stand, api: Api) -> None:
    second = running.api(brand="second")
    assert second.get("/v1/history/players/alice/rounds")["player"] == player_key("second", "alice")
    assert second.call("GET", f"/v1/history/players/{ALICE}/rounds").problem == "player-not-found"
    assert second.call("GET", "/v1/history/players/dora/operations/1").problem == "player-not-found"
    assert [line["currency"] for line in second.get("/v1/reports")["totals"]] == ["EUR"]
    assert len(second.get("/v1/reports/rollbacks")["rollbacks"]) == 1
    assert len(api.get("/v1/reports/rollbacks")["rollbacks"]) == 3


def test_a_history_down_to_callbacks_and_movements(api: Api) -> None:
    page = api.get(f"{HISTORY}/rounds?limit=5")
    assert [each["round_id"] for each in page["rounds"]] == [f"many-{number}" for number in range(59, 54, -1)]
    assert page["newer"] is None
    second = api.get(f"{HISTORY}/rounds?limit=5&cursor={page['older']}")
    assert second["rounds"][0]["round_id"] == "many-54"
    assert api.get(f"{HISTORY}/rounds?limit=5&cursor={second['newer']}")["rounds"] == page["rounds"]
    opened = api.get(f"{HISTORY}/rounds/mascot-demo/r1")
    assert [each["kind"] for each in opened["operations"]] == ["bet", "win", "rollback", "rollback"]
    assert opened["round"]["stake"] == "5.00"
    bet = api.get(f"{HISTORY}/operations/{opened['operations'][0]['operation']}")
    assert bet["movements"] == [
        {
            "debit_account": "player",
            "credit_account": "provider:mascot-demo",
            "currency": "EUR",
            "amount": "5.00",
            "balance_after": "995.00",
        }
    ]
    assert [each["request_id"] for each in bet["callbacks"]] == ["q/1"]
    assert NASTY in bet["callbacks"][0]["request_body"]
    assert api.get(f"{HISTORY}/rounds/mascot-demo/{quote('a/b c', safe='')}")["round"]["round_id"] == "a/b c"
    assert api.get(f"{HISTORY}/rounds/mascot-demo/{quote(NASTY, safe='')}")["round"]["game_name"] == f"={NASTY}"


def test_a_report_says_its_days_zone_and_how_well_collections_are_known(api: Api) -> None:
    report = api.get(f"/v1/reports?first={DAY}&last={DAY}&by=game")
    assert (report["first"], report["last"], report["time_zone"]) == (DAY, DAY, "Europe/Malta, from 06:00")
    assert report["collections"] == {"read_at": None, "why_not": "no catalogue is configured"}
    lines = {(line["keys"]["game"], line["currency"]): line for line in report["lines"]}
    assert set(lines) == {("mascot-demo/riot", "EUR"), ("mascot-demo/table", "EUR"), ("mascot-demo/riot", "USD")}
    assert lines["mascot-demo/riot", "EUR"]["ggr"] == "-7.00"
    assert lines["mascot-demo/table", "EUR"]["names"] == {"game": "Table"}
    assert lines["mascot-demo/table", "EUR"]["rtp_theoretical_high"] == "0.990000"


def test_the_rollbacks_of_a_report_in_pages(api: Api) -> None:
    first = api.get("/v1/reports/rollbacks?limit=2")
    rest = api.get(f"/v1/reports/rollbacks?limit=2&cursor={first['next']}")
    found = [*first["rollbacks"], *rest["rollbacks"]]
    assert len({each["operation"] for each in found}) == 3
    assert rest["next"] is None
    assert (found[0]["original_kind"], found[0]["original_gaming_day"]) == ("bet", DAY)
    assert found[0]["gaming_day"] != DAY


def test_files_hold_no_formula(api: Api) -> None:
    answer = api.call("GET", f"{HISTORY}/operations.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    cells = [cell for line in answer.text.splitlines()[1:] for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    assert "'=nasty" in answer.text
    assert len(answer.text.strip().split("\r\n")) == 1 + api.get(f"{HISTORY}/operations?limit=1")["operations"][0]["operation"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/v1/reports?first=2026-02-30", "invalid-request"),
        ("/v1/reports?first=2026-13-01", "invalid-request"),
        ("/v1/reports?first=soon", "invalid-request"),
        ("/v1/reports?first=2026-03-02&last=2026-03-01", "range-refused"),
        ("/v1/reports?first=2001-01-01&last=2026-03-01", "range-refused"),
        ("/v1/reports?first=0001-01-01&last=9999-12-31", "range-refused"),
        ("/v1/reports?last=0001-01-01", "range-refused"),
        ("/v1/reports?by=nothing-of-ours", "invalid-request"),
        ("/v1/reports?by=day&by=player&across=x", "invalid-request"),
        ("/v1/reports?what=1", "invalid-request"),
        ("/v1/reports?player=alice", "invalid-request"),
        ("/v1/reports?section=a%00b", "invalid-request"),
        ("/v1/reports/rollbacks?cursor=AAAA", "cursor-invalid"),
        ("/v1/reports/rollbacks?cursor=WyIyMDMwLTAxLTAxIiwgIngiLCAxXQ", "cursor-invalid"),
        ("/v1/reports/rollbacks?cursor=%3Cscript%3E", "invalid-request"),
        (f"{HISTORY}/rounds?since=2026-02-30T00:00:00Z", "invalid-request"),
        (f"{HISTORY}/rounds?since=2026-02-01T00:00:00", "invalid-request"),
        (f"{HISTORY}/rounds?since=2026-02-02T00:00:00Z&until=2026-02-01T00:00:00Z", "range-refused"),
        (f"{HISTORY}/rounds?since=2020-01-01T00:00:00Z", "range-refused"),
        (f"{HISTORY}/operations.csv?since=2020-01-01T00:00:00Z", "range-refused"),
        (f"{HISTORY}/rounds?limit=0", "invalid-request"),
        (f"{HISTORY}/rounds?limit=1000000", "invalid-request"),
        (f"{HISTORY}/rounds?cursor=AAAA", "cursor-invalid"),
        (f"{HISTORY}/rounds?kind=bet", "invalid-request"),
        (f"{HISTORY}/operations?status=nope", "invalid-request"),
        (f"{HISTORY}/operations?amount_min=5", "amount-refused"),
        (f"{HISTORY}/operations?amount_min=-5&currency=EUR", "invalid-request"),
        (f"{HISTORY}/operations?amount_min=1e5&currency=EUR", "invalid-request"),
        (f"{HISTORY}/operations/0", "invalid-request"),
        (f"{HISTORY}/operations/99999999999999999999", "invalid-request"),
        (f"{HISTORY}/operations/5000", "operation-not-found"),
        (f"{HISTORY}/rounds/mascot-demo/none", "round-not-found"),
        (f"{HISTORY}/rounds/Mascot/none", "invalid-request"),
        ("/v1/history/players/nobody/rounds", "player-not-found"),
        (f"/v1/history/players/{'x' * 400}/rounds", "invalid-request"),
        ("/v1/history/players/a%00b/rounds", "invalid-request"),
    ],
)
def test_what_makes_no_sense_is_told_so(api: Api, path: str, problem: str) -> None:
    answer = api.call("GET", path)
    assert answer.problem == problem, answer.text
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("text", BAD_TEXTS, ids=range(len(BAD_TEXTS)))
def test_no_text_in_any_place_is_more_than_a_text(api: Api, text: str) -> None:
    told = quote(text, safe="")
    names = (
        "provider_account",
        "game_id",
        "section",
        "studio",
        "tag",
        "collection",
        "currency",
        "cursor",
        "since",
        "until",
        "kind",
    )
    paths = [f"{HISTORY}/operations?{name}={told}" for name in (*names, "status", "amount_min", "limit", told)]
    paths += [f"/v1/reports?{name}={told}" for name in (*names, "by", "across", "first", "last", "player", "country", "test")]
    paths += [f"/v1/history/players/{told}/rounds", f"{HISTORY}/rounds/mascot-demo/{told}", f"{HISTORY}/rounds/{told}/r1"]
    paths += [f"{HISTORY}/operations/{told}", f"/v1/reports/rollbacks?cursor={told}"]
    for path in paths:
        answer = api.call("GET", path)
        assert answer.status < 500, (path, answer)
        if answer.status != 200:
            assert answer.problem
    assert api.get("/v1/reports")["totals"], "everything is still there"


def test_the_moments_of_a_range_are_what_is_told(api: Api) -> None:
    since, until = BEGAN.strftime("%Y-%m-%dT%H:%M:%SZ"), BEGAN.strftime("%Y-%m-%dT23:00:00Z")
    page = api.get(f"{HISTORY}/operations?since={since}&until={until}&kind=bet")
    assert (page["since"], page["until"]) == (since, until)
    assert [each["round_id"] for each in page["operations"]] == ["r2", "r1"]
