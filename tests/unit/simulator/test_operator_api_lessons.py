"""Spins that misbehave on purpose: what crosses the wire, what the verdict is, and that no money is left astray."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.simulator.studios.mascot.operator_api.lessons import EXPECTED
from tests.unit.simulator.desk import PLAYER, Desk, desk_at
from tests.unit.simulator.operator import Account, Operator, error, serving, sign, signed_answer
from tests.unit.simulator.waiting import until

START = 100_000


@asynccontextmanager
async def table(folder: Path) -> AsyncIterator[tuple[Desk, Operator, Account]]:
    """A desk and its operator, with a player who has money and three free rounds."""
    operator = Operator()
    account = operator.accounts[PLAYER.partition("_")[0]] = Account(balance=START, free_rounds={"spring": 3})
    async with serving(operator) as url, desk_at(folder, url) as desk:
        await desk.player()
        await desk.done("Bonus.Set", {"Id": "spring"})
        yield desk, operator, account


async def misbehave(desk: Desk, session: str, mode: str, **more: Any) -> Any:
    answer = await desk.post(f"/mascot/launch/{session}/spin", {"bet": 200, "mode": mode} | more)
    assert answer.status == 200, answer
    return answer.json


def methods(operator: Operator) -> list[str]:
    return [method for method, _ in operator.calls]


def refs(operator: Operator) -> set[str]:
    return {params["transactionRef"] for _, params in operator.calls if "transactionRef" in params}


async def test_sent_twice_moves_once_and_the_second_answer_is_the_first(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        played = await misbehave(desk, await desk.session(), "twice")

        assert methods(operator) == ["getBalance", "withdrawAndDeposit", "withdrawAndDeposit", "getBalance"]
        assert operator.calls[1] == operator.calls[2]
        outcome, lesson = played["outcome"], played["lesson"]
        assert outcome["state"] == "done"
        assert account.balance == outcome["balance"] == START - 200 + outcome["win"]
        assert lesson["as_expected"] is True
        assert (lesson["balance_before"], lesson["balance_after"]) == (START, account.balance)
        assert played["reels"] is not None
        first, second = played["exchanges"][1:3]
        assert first["request"]["headers"]["X-Nonce"] != second["request"]["headers"]["X-Nonce"]
        assert first["answer"]["body"] != second["answer"]["body"], "ids of JSON-RPC differ"
        assert first["outcome"]["result"]["transactionId"] == second["outcome"]["result"]["transactionId"]


async def test_a_free_round_sent_twice_is_charged_once(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, _, account):
        played = await misbehave(desk, await desk.session(BonusId="spring"), "twice", free_round=True)

        assert played["lesson"]["as_expected"] is True
        assert account.free_rounds["spring"] == played["outcome"]["free_rounds_left"] == 2
        assert account.balance == START + played["outcome"]["win"]


async def test_an_operator_without_idempotency_is_found_out(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, _):
        operator.faults = {"no idempotency"}

        played = await misbehave(desk, await desk.session(), "twice")

        assert played["lesson"]["as_expected"] is False


async def test_a_bet_that_timed_out_is_rolled_back(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        session = await desk.session()

        played = await misbehave(desk, session, "timeout_rollback")

        assert methods(operator) == ["getBalance", "withdrawAndDeposit", "rollbackTransaction", "getBalance"]
        assert refs(operator) == {played["outcome"]["transaction_ref"]}
        assert played["outcome"]["state"] == "rolled_back"
        assert account.balance == START
        assert (played["lesson"]["as_expected"], played["reels"]) == (True, None)
        assert desk.simulator.desk.store.spins_of(session, 1)[0].state == "rolled_back"


async def test_a_rollback_that_undoes_nothing_is_found_out(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, _):
        operator.faults = {"rollback without undoing"}
        session = await desk.session()

        for _ in range(5):
            played = await misbehave(desk, session, "timeout_rollback")

            # A win of exactly the stake moves nothing, undone or not.
            assert played["lesson"]["as_expected"] is (played["outcome"]["win"] == 200)


async def test_a_rollback_that_is_not_answered_is_repeated_until_it_is(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        session = await desk.session()
        operator.before = [None, None, "lose", None, signed_answer(error(8))]

        played = await misbehave(desk, session, "timeout_rollback")

        assert (played["outcome"]["state"], played["lesson"]["as_expected"]) == ("unknown", False)
        await until(lambda: not desk.simulator.desk.store.open_spins(), "the spin is rolled back")
        assert account.balance == START


async def test_a_bet_that_comes_after_its_rollback_is_refused(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        played = await misbehave(desk, await desk.session(), "rollback_first")

        assert methods(operator) == ["getBalance", "rollbackTransaction", "withdrawAndDeposit", "getBalance"]
        assert refs(operator) == {played["outcome"]["transaction_ref"]}
        assert (played["outcome"]["state"], played["outcome"]["code"]) == ("rolled_back", 7)
        assert (played["lesson"]["as_expected"], account.balance) == (True, START)


async def test_error_8_is_a_refusal_of_the_late_bet_too(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        operator.before = [None, None, signed_answer(error(8))]

        played = await misbehave(desk, await desk.session(), "rollback_first")

        assert (played["outcome"]["state"], played["outcome"]["code"]) == ("rolled_back", 8)
        assert (played["lesson"]["as_expected"], account.balance) == (True, START)


async def test_a_late_bet_that_is_taken_is_found_out_and_undone(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        operator.faults = {"late bet taken"}
        session = await desk.session()

        played = await misbehave(desk, session, "rollback_first")

        assert (played["outcome"]["state"], played["lesson"]["as_expected"]) == ("unknown", False)
        await until(lambda: not desk.simulator.desk.store.open_spins(), "the late bet is rolled back")
        assert account.balance == START


async def test_no_bet_follows_a_first_rollback_whose_outcome_is_unknown(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        operator.before = [None, "lose"]

        played = await misbehave(desk, await desk.session(), "rollback_first")

        assert "withdrawAndDeposit" not in methods(operator)
        assert (played["outcome"]["state"], played["lesson"]["as_expected"]) == ("unknown", False)
        await until(lambda: not desk.simulator.desk.store.open_spins(), "the rollback is answered")
        assert account.balance == START


async def test_a_wrong_signature_stays_outside(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        session = await desk.session()

        played = await misbehave(desk, session, "wrong_signature")

        assert len(operator.outside) == 1
        assert methods(operator) == ["getBalance", "getBalance"]
        assert (played["outcome"]["state"], played["outcome"]["code"]) == ("refused", 0)
        assert (played["lesson"]["as_expected"], account.balance) == (True, START)
        assert played["exchanges"][1]["answer"]["status"] == 401
        assert desk.simulator.desk.store.open_spins() == []


async def test_a_wrong_signature_that_nobody_notices_is_found_out_and_undone(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        operator.faults = {"signature unread"}
        session = await desk.session()

        played = await misbehave(desk, session, "wrong_signature")

        assert (played["outcome"]["state"], played["lesson"]["as_expected"]) == ("unknown", False)
        await until(lambda: not desk.simulator.desk.store.open_spins(), "the bet is rolled back")
        assert account.balance == START


@pytest.mark.parametrize("mode", list(EXPECTED))
async def test_each_tells_what_is_expected_and_what_came_even_without_an_answer(tmp_path: Path, mode: str) -> None:
    async with table(tmp_path) as (desk, operator, account):
        session = await desk.session()
        operator.before = ["lose"] * 4

        played = await misbehave(desk, session, mode)

        lesson = played["lesson"]
        assert (lesson["mode"], lesson["expected"], lesson["as_expected"]) == (mode, EXPECTED[mode], False)
        assert (lesson["balance_before"], lesson["balance_after"]) == (None, None)
        assert "balance was not told" in lesson["came"]
        assert played["outcome"]["balance"] is None
        await until(lambda: not desk.simulator.desk.store.open_spins(), "nothing stays open")
        assert account.balance == START


async def test_all_that_crossed_the_wire_is_shown_byte_for_byte_and_no_key(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, _, _):
        answer = await desk.post(f"/mascot/launch/{await desk.session()}/spin", {"bet": 200, "mode": "normal"})
        played = answer.json

        [exchange] = played["exchanges"]
        headers, body = exchange["request"]["headers"], exchange["request"]["body"]
        assert headers["X-Signature"] == sign(int(headers["X-Nonce"]), int(headers["X-Timestamp"]), body.encode())
        answered = {name.lower(): value for name, value in exchange["answer"]["headers"].items()}
        again = sign(int(headers["X-Nonce"]), int(headers["X-Timestamp"]), exchange["answer"]["body"].encode())
        assert answered["x-signature"] == again
        assert (exchange["answer"]["status"], exchange["outcome"]["kind"], exchange["method"]) == (
            200,
            "success",
            "withdrawAndDeposit",
        )
        assert exchange["took_ms"] > 0
        assert played["lesson"] is None
        assert b"a-key-of-the-tests" not in answer.body


async def test_a_demo_plays_with_its_own_balance_and_cannot_misbehave(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, _):
        demo = {"GameId": "riot", "BankGroupId": "main_EUR", "StartBalance": 10_000}
        session = (await desk.done("Session.CreateDemo", demo))["SessionId"]

        played = await misbehave(desk, session, "normal")
        refused = [await desk.post(f"/mascot/launch/{session}/spin", {"bet": 200, "mode": mode}) for mode in EXPECTED]
        told = (await desk.post(f"/mascot/launch/{session}/balance", {})).json

        balance = 10_000 - 200 + played["outcome"]["win"]
        assert played["reels"] is not None
        assert [answer.status for answer in refused] == [422] * 4
        assert "demo" in refused[0].json["detail"]
        assert (told["balance"], told["exchanges"]) == (balance, [])
        assert [item["transaction_ref"] for item in told["rounds"]] == [played["outcome"]["transaction_ref"]]
        assert operator.calls == []


async def test_the_balance_is_asked_anew_with_the_rounds_as_they_stand(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, account):
        session = await desk.session()
        await misbehave(desk, session, "timeout_rollback")
        account.balance = 777
        operator.before = [None, signed_answer(error(7))]

        told = (await desk.post(f"/mascot/launch/{session}/balance", {})).json
        silent = (await desk.post(f"/mascot/launch/{session}/balance", {})).json
        await desk.done("Session.Close", {"SessionId": session})

        assert (told["balance"], told["problem"], told["rounds"][0]["state"]) == (777, "", "rolled_back")
        assert told["exchanges"][0]["method"] == "getBalance"
        assert (silent["balance"], silent["problem"]) == (None, "error 7 (error 7)")
        assert (await desk.post(f"/mascot/launch/{session}/balance", {})).status == 409
        assert (await desk.post("/mascot/launch/nosuch/balance", {})).status == 404


async def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    async with table(tmp_path) as (desk, operator, _):
        answer = await desk.post(f"/mascot/launch/{await desk.session()}/spin", {"bet": 200, "mode": "thrice"})

        assert answer.status == 422
        assert operator.calls == []
