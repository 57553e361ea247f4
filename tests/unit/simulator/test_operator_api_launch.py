"""Launched sessions: what the page shows, and that a spin is one real signed call whose unknown outcome is rolled back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from services.simulator.studios.mascot.operator_api import launched as module
from services.simulator.studios.mascot.operator_api.page import decimal
from services.simulator.studios.mascot.paytable import RIOT
from tests.unit.simulator.desk import PLAYER, Answer, Desk, desk_at
from tests.unit.simulator.operator import CASINO_ID, Account, Operator, error, serving, signed_answer
from tests.unit.simulator.waiting import until

KEY_OF_PLAYER = PLAYER.partition("_")[0]


@asynccontextmanager
async def launched_at(folder: Path, balance: int = 100_000) -> AsyncIterator[tuple[Desk, Operator, Account]]:
    """A desk, and the operator that its callbacks reach, with one player who has money and three free rounds."""
    operator = Operator()
    account = operator.accounts[KEY_OF_PLAYER] = Account(balance=balance, free_rounds={"spring": 3})
    async with serving(operator) as url, desk_at(folder, url) as desk:
        await desk.player()
        await desk.done("Bonus.Set", {"Id": "spring"})
        yield desk, operator, account


async def page_of(desk: Desk, session: str) -> tuple[int, str]:
    answer = await desk.send("GET", f"/mascot/launch/{session}")
    return answer.status, answer.body.decode()


async def spin(desk: Desk, session: str, **request: Any) -> Any:
    answer = await desk.post(f"/mascot/launch/{session}/spin", request)
    assert answer.status == 200, answer
    return answer.json


class Tags(HTMLParser):
    """Which tags are open, and all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in {"meta", "link", "img", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# --- the page ------------------------------------------------------------------------------------------------------------


async def test_the_page_shows_the_session_and_the_balance_that_the_operator_told(tmp_path: Path) -> None:
    async with launched_at(tmp_path, balance=123_456) as (desk, operator, _):
        session = await desk.session(AlternativeId="ours-1", Params={"language": "de"})

        status, html = await page_of(desk, session)

        assert status == 200
        for text in (">Riot</h1>", PLAYER, "1234.56 EUR", "<dd>de</dd>", session, '<dd class="open">Open</dd>'):
            assert text in html
        assert "Free rounds" not in html
        common = {"callerId": CASINO_ID, "playerName": PLAYER, "gameId": "riot"}
        asked = common | {"sessionId": session, "sessionAlternativeId": "ours-1", "currency": "EUR"}
        assert operator.calls == [("getBalance", asked)]


async def test_the_page_tells_the_free_rounds_of_a_bonus(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, operator, _):
        session = await desk.session(BonusId="spring")

        _, html = await page_of(desk, session)

        assert "Free rounds left: <b>3</b>" in html
        assert operator.calls[0][1]["bonusId"] == "spring"
        assert "sessionAlternativeId" not in operator.calls[0][1]


async def test_a_demo_shows_its_own_balance_and_calls_nobody(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, operator, _):
        demo = {"GameId": "riot", "BankGroupId": "main_EUR", "StartBalance": 5_000}
        session = (await desk.done("Session.CreateDemo", demo))["SessionId"]

        _, html = await page_of(desk, session)
        played = await spin(desk, session, bet=100)
        _, after = await page_of(desk, session)

        assert "50.00 EUR" in html
        assert "demo, no wallet" in html
        balance = 5_000 - 100 + played["outcome"]["win"]
        assert played["outcome"]["balance"] == balance
        assert f"{played['outcome']['transaction_ref']}" in after
        assert (played["request"], played["answer"]) == (None, None)
        assert f"{decimal(balance, 2)} EUR" in after
        assert (await spin(desk, session, bet=10**9))["outcome"] | {"win": 0, "transaction_ref": ""} == {
            "state": "refused", "code": 1, "bet": 10**9, "win": 0, "free_round": False, "transaction_ref": "",
            "balance": balance, "free_rounds_left": None,
        }  # fmt: skip
        assert operator.calls == []


async def test_unknown_and_closed_sessions_say_so_and_call_nobody(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, operator, _):
        session = await desk.session()
        await desk.done("Session.Close", {"SessionId": session})

        status, html = await page_of(desk, session)
        unknown_status, unknown = await page_of(desk, "<script>alert(1)")

        assert (status, unknown_status) == (200, 404)
        assert '<dd class="closed">Closed</dd>' in html
        assert "This session is closed" in html
        assert "There is no session <b>&lt;script&gt;alert(1)</b>" in unknown
        assert operator.calls == []


async def test_an_operator_who_tells_no_balance_is_shown_with_his_words(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, operator, _):
        session = await desk.session()
        operator.before = [signed_answer(error(7)), "lose"]

        _, refused = await page_of(desk, session)
        _, lost = await page_of(desk, session)

        assert "error 7 (error 7)" in refused
        assert "the connection failed" in lost


async def test_the_page_holds_nothing_foreign_and_is_well_formed(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, _, _):
        await desk.player('"><img src=x onerror=alert(1)>')
        hostile = await desk.session('"><img src=x onerror=alert(1)>', Params={"home_url": "javascript:alert(1)"})
        good = await desk.session(Params={"home_url": "https://casino.example/?a=1&b=%22", "home_url_target": "_self"})

        for session in (hostile, good, "unknown"):
            answer = await desk.send("GET", f"/mascot/launch/{session}")
            html = answer.body.decode()
            tags = Tags()
            tags.feed(html)

            assert tags.open == []
            assert not {name for name, _ in tags.attributes if name.startswith("on") or name in {"style", "srcset"}}
            assert "<style" not in html
            sources = [value for name, value in tags.attributes if name == "src"]
            assert html.count("<script") == sum(str(value).endswith(".js") for value in sources)
            links = {str(value) for name, value in tags.attributes if name in {"href", "src"}}
            foreign = {link for link in links if not link.startswith(("../covers/", "../scenes/", "../symbols/", "../assets/"))}
            assert foreign <= {"https://casino.example/?a=1&b=%22"}
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            for link in links - foreign:
                served = await desk.send("GET", f"/mascot/{link.removeprefix('../')}")
                assert served.status == 200, link
            assert answer.headers["cache-control"] == "no-store"
        assert 'target="_self"' in (await page_of(desk, good))[1]


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [(0, 2, "0.00"), (5, 2, "0.05"), (-5, 2, "-0.05"), (12345, 2, "123.45"), (7, 0, "7"), (1, 8, "0.00000001")],
)
def test_minor_units_are_shown_with_their_point(minor: int, digits: int, text: str) -> None:
    assert decimal(minor, digits) == text


# --- spins ---------------------------------------------------------------------------------------------------------------


async def test_a_spin_is_one_signed_call_of_the_session(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, operator, account):
        session = await desk.session(AlternativeId="ours-1")

        played = await spin(desk, session, bet=200)

        (method, params), win = operator.calls[0], played["outcome"]["win"]
        assert len(operator.calls) == 1
        assert method == "withdrawAndDeposit"
        assert (played["request"]["method"], played["request"]["params"]) == (method, params)
        assert params | {"transactionRef": "", "gameRoundRef": ""} == {
            "callerId": CASINO_ID, "playerName": PLAYER, "gameId": "riot", "sessionId": session, "sessionAlternativeId": "ours-1",
            "withdraw": 200, "deposit": win, "currency": "EUR", "transactionRef": "", "gameRoundRef": "", "reason": "GAME_PLAY_FINAL",
            "spinDetails": {"betType": "spin", "winType": "standart"},
        }  # fmt: skip
        assert played["answer"]["kind"] == "success"
        assert played["outcome"]["state"] == "done"
        assert played["outcome"]["balance"] == account.balance == 100_000 - 200 + win
        assert {RIOT.win_at(stop, 200) for stop in range(RIOT.total_weight)} >= {win}
        again = await spin(desk, session, bet=200)
        assert again["outcome"]["transaction_ref"] != played["outcome"]["transaction_ref"]
        token = (await desk.done("History.GetToken", {"SessionId": session, "ExpiryInSeconds": 60}))["Token"]
        spins = (await desk.send("GET", f"/mascot/history/{token}")).json["spins"]
        assert [item["ref"] for item in spins] == [item["outcome"]["transaction_ref"] for item in (again, played)]


async def test_free_rounds_charge_the_bonus_and_not_the_balance(tmp_path: Path) -> None:
    async with launched_at(tmp_path, balance=0) as (desk, operator, account):
        session = await desk.session(BonusId="spring", Params={"freeround_bet": 40})

        played = [await spin(desk, session, free_round=True) for _ in range(3)]
        beyond = await spin(desk, session, bet=1_000_000, free_round=True)

        assert [item["outcome"]["free_rounds_left"] for item in played] == [2, 1, 0]
        assert all(item["outcome"]["bet"] == 40 and item["answer"]["result"]["freeroundWasCharged"] for item in played)
        assert account.balance == sum(item["outcome"]["win"] for item in played)
        for _, params in operator.calls:
            assert (params["chargeFreerounds"], params["bonusId"]) == (1, "spring")
        assert (beyond["outcome"]["state"], beyond["outcome"]["code"]) == ("refused", 1)


async def test_a_paid_spin_in_a_session_with_a_bonus_charges_no_free_round(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, operator, account):
        session = await desk.session(BonusId="spring")

        await spin(desk, session, bet=20)

        assert not {"bonusId", "chargeFreerounds"} & operator.calls[0][1].keys()
        assert account.free_rounds["spring"] == 3


async def test_a_refused_spin_is_told_and_starts_no_rollback(tmp_path: Path) -> None:
    async with launched_at(tmp_path, balance=10) as (desk, operator, account):
        session = await desk.session()

        played = await spin(desk, session, bet=20)

        assert (played["outcome"]["state"], played["outcome"]["code"]) == ("refused", 1)
        assert account.balance == 10
        assert desk.simulator.desk.store.open_spins() == []
        assert [method for method, _ in operator.calls] == ["withdrawAndDeposit"]


@pytest.mark.parametrize("answer", ["late", "lose", signed_answer(error(8))])
async def test_a_spin_whose_outcome_is_unknown_is_rolled_back_until_that_is_answered(tmp_path: Path, answer: Any) -> None:
    async with launched_at(tmp_path) as (desk, operator, account):
        session = await desk.session()
        operator.before = [answer, "lose", signed_answer(error(8))]

        played = await spin(desk, session, bet=200)

        assert (played["outcome"]["state"], played["answer"]["kind"]) == ("unknown", "unknown")
        await until(lambda: not desk.simulator.desk.store.open_spins(), "the spin is rolled back")
        assert account.balance == 100_000
        rollbacks = [params for method, params in operator.calls if method == "rollbackTransaction"]
        assert len(rollbacks) == 3
        assert {params["transactionRef"] for params in rollbacks} == {played["outcome"]["transaction_ref"]}
        assert desk.simulator.desk.store.spins_of(session, 9)[0].state == "rolled_back"


async def test_a_spin_that_was_on_its_way_is_rolled_back_after_a_restart(tmp_path: Path) -> None:
    operator = Operator()
    account = operator.accounts[KEY_OF_PLAYER] = Account(balance=1_000)
    async with serving(operator) as url:
        async with desk_at(tmp_path) as desk:  # callbacks go nowhere
            await desk.player()
            session = await desk.session()
            played = await spin(desk, session, bet=20)
            await desk.done("Session.Close", {"SessionId": session})
            desk.simulator.desk.store._db.execute("UPDATE spins SET state = 'sent'")

        async with desk_at(tmp_path, url) as desk:
            await until(lambda: not desk.simulator.desk.store.open_spins(), "the spin is rolled back")

    assert [(method, params["transactionRef"]) for method, params in operator.calls] == [
        ("rollbackTransaction", played["outcome"]["transaction_ref"])
    ]
    assert account.balance == 1_000


async def refused_spin(desk: Desk, session: str, request: dict[str, Any]) -> Answer:
    return await desk.post(f"/mascot/launch/{session}/spin", request)


async def test_what_cannot_be_spun_is_refused_without_a_call(tmp_path: Path) -> None:
    async with launched_at(tmp_path) as (desk, operator, _):
        closed = await desk.session()
        session = await desk.session()

        for request in ({"bet": 0}, {"bet": -2}, {"bet": 2.5}, {"bet": "20"}, {"bet": module.BET_MAX + 1}, {"bet": 20, "x": 1}, {}):
            assert (request, (await refused_spin(desk, session, request)).status) == (request, 422)
        assert "multiple of 2" in (await refused_spin(desk, session, {"bet": 21})).json["detail"]
        assert "BonusId" in (await refused_spin(desk, session, {"bet": 20, "free_round": True})).json["detail"]
        assert (await refused_spin(desk, closed, {"bet": 20})).status == 409
        assert (await refused_spin(desk, "nosuch", {"bet": 20})).status == 404
        assert operator.calls == []


async def test_unanswered_rollbacks_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.studios.mascot.operator_api.store.SPINS_MAX", 1)
    async with desk_at(tmp_path) as desk:  # callbacks go nowhere
        await desk.player()
        session = await desk.session()
        await spin(desk, session, bet=20)

        assert (await refused_spin(desk, session, {"bet": 20})).status == 503
