"""Misbehaviour on demand: what an operator's client sees of each fault, and what the studio did all the same."""

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.unit.simulator.desk import PLAIN, Desk, desk_at, sign
from tests.unit.simulator.operator import ACCOUNT, KEY
from tests.unit.simulator.waiting import until

BONUS = {"jsonrpc": "2.0", "method": "Bonus.Set", "params": {"Id": "b"}, "id": 5}
RIGHT = {"jsonrpc": "2.0", "id": 5, "result": {}}


def done(desk: Desk) -> bool:
    """Whether the call did its work."""
    return desk.simulator.desk.store.has_bonus(ACCOUNT, "b")


async def test_a_fault_comes_as_often_as_asked_for_and_goes_away(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Bonus.Set", "error", code=-32603, message="Internal error", times=2)

        answers = [(await desk.post(PLAIN, BONUS)).json for _ in range(3)]

        refusal = {"jsonrpc": "2.0", "id": 5, "error": {"code": -32603, "message": "Internal error"}}
        assert answers == [refusal, refusal, RIGHT]


async def test_an_error_is_signed_like_any_answer_and_nothing_is_done(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Bonus.Set", "error", code=10802, message="BONUS_ID_INVALID")

        answer = await desk.signed(BONUS, nonce=3, timestamp=int(time.time()))

        assert answer.json["error"] == {"code": 10802, "message": "BONUS_ID_INVALID"}
        assert answer.headers["x-signature"] == f"main={sign(KEY, 3, int(answer.headers['x-timestamp']), answer.body)}"
        assert not done(desk)


async def test_down_closes_the_connection_without_a_byte_and_does_nothing(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Bonus.Set", "down")

        with pytest.raises(aiohttp.ClientConnectionError):
            await desk.post(PLAIN, BONUS)

        assert not done(desk)
        assert (await desk.post(PLAIN, BONUS)).json == RIGHT


async def test_rubbish_and_empty_are_http_200_without_an_answer_and_do_nothing(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Bonus.Set", "rubbish")
        rubbish = await desk.post(PLAIN, BONUS)
        await desk.fault("Bonus.Set", "empty")
        empty = await desk.signed(BONUS)

        assert (rubbish.status, rubbish.headers["content-type"].partition(";")[0]) == (200, "text/html")
        assert rubbish.body.startswith(b"<!doctype html>")
        assert (empty.status, empty.body) == (200, b"")
        assert not done(desk)


async def test_late_does_the_work_at_once_and_answers_after_the_delay(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Bonus.Set", "late", delay_s=0.5)
        started = time.monotonic()

        call = asyncio.ensure_future(desk.post(PLAIN, BONUS))
        await until(lambda: done(desk), "the work is done")

        assert not call.done()
        assert (await call).json == RIGHT
        assert time.monotonic() - started >= 0.5


async def test_slow_does_the_work_after_the_delay(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Bonus.Set", "slow", delay_s=0.5)

        call = asyncio.ensure_future(desk.post(PLAIN, BONUS))
        await until(lambda: not desk.simulator.desk.faults.shown(), "the call has come")

        assert not done(desk)
        assert (await call).json == RIGHT
        assert done(desk)


async def test_a_wrong_id_is_another_of_the_same_kind_and_well_signed(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for call_id, other in ((5, 4), ("x", "another")):
            await desk.fault("Bonus.Set", "wrong_id")
            answer = await desk.signed(BONUS | {"id": call_id}, nonce=7 + len(str(other)))

            assert answer.json == RIGHT | {"id": other}
            nonce, timestamp = int(answer.headers["x-nonce"]), int(answer.headers["x-timestamp"])
            assert answer.headers["x-signature"] == f"main={sign(KEY, nonce, timestamp, answer.body)}"
        assert done(desk)


async def test_a_wrong_signature_does_not_fit_the_right_answer(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Bonus.Set", "wrong_signature")

        answer = await desk.signed(BONUS, nonce=7)

        assert answer.json == RIGHT
        assert answer.headers["x-signature"] != f"main={sign(KEY, 7, int(answer.headers['x-timestamp']), answer.body)}"
        assert done(desk)


async def test_a_fault_is_for_its_method_or_for_all_and_only_for_authentic_calls(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.fault("Session.List", "empty", times=None)
        await desk.fault("*", "error", message="everything", times=1)

        assert (await desk.signed(BONUS, key=b"wrong")).status == 401
        assert (await desk.post(PLAIN, BONUS | {"method": "Session.List", "params": {}})).body == b""
        assert (await desk.post(PLAIN, BONUS)).json["error"]["message"] == "everything"
        assert (await desk.post(PLAIN, BONUS)).json == RIGHT


async def test_faults_are_shown_counted_and_taken_away(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        asked = {"method": "Bonus.Set", "fault": "error", "delay_s": 0, "times": 3, "code": 7, "message": "no"}
        await desk.post("/mascot/faults", asked, "PUT")
        await desk.post(PLAIN, BONUS)

        assert (await desk.send("GET", "/mascot/faults")).json == {"faults": [asked | {"times": 2}]}
        assert (await desk.send("DELETE", "/mascot/faults")).json == {"faults": []}
        assert (await desk.post(PLAIN, BONUS)).json == RIGHT


async def test_what_is_no_fault_is_refused(tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"method": "No.Such"},
        {"fault": "sleepy"},
        {"delay_s": -1},
        {"delay_s": 121},
        {"delay_s": "1"},
        {"times": 0},
        {"times": 1_000_001},
        {"code": "7"},
        {"message": "x" * 501},
        {"surplus": 1},
    ]
    async with desk_at(tmp_path) as desk:
        for change in wrong:
            asked = {"method": "Bonus.Set", "fault": "slow"} | change
            assert (change, (await desk.post("/mascot/faults", asked, "PUT")).status) == (change, 422)
        assert (await desk.send("GET", "/mascot/faults")).json == {"faults": []}
