"""The wallet's replies in Mascot's words: every code, every field, and answers that sign with the request's own nonce."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.replies import RESULTS, Reply, Result
from shared.providers.dialect import Answer, Callback, Refusal, Stamp, Verified
from shared.providers.mascot import signature
from shared.providers.mascot.callbacks import MascotCall
from shared.providers.mascot.dialect import MascotDialect
from shared.settings.accounts import ProviderAccount

PLAYER = "k5x2mdp7q3ra4zte"
VERIFIED = Verified("next", 2**64 - 1, 1_790_000_000)


def call(dialect: MascotDialect, method: str = "withdrawAndDeposit", request_id: object = 1, **params: Any) -> MascotCall:
    common = {"callerId": 7, "playerName": f"{PLAYER}_EUR", "currency": "EUR", "transactionRef": "t", "withdraw": 1, "deposit": 0}
    common["depositAmount"] = 1
    body = json.dumps({"jsonrpc": "2.0", "method": method, "id": request_id, "params": common | params}).encode()
    parsed = dialect.parse(Callback({b"content-type": b"application/json"}, body), Stamp("c.1", "g", 0))
    assert isinstance(parsed, MascotCall)
    return parsed


def reply(result: str = Result.OK, **fields: Any) -> Reply:
    return Reply(command_id="c.1", caller="g", result=result, **fields)


def content(answer: Answer) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(answer.body)
    assert decoded["jsonrpc"] == "2.0"
    assert ("result" in decoded) != ("error" in decoded)
    return decoded


@pytest.fixture
def dialect(account: Callable[..., ProviderAccount]) -> MascotDialect:
    return MascotDialect(account())


CODES = {
    Result.INSUFFICIENT_FUNDS: 1,
    Result.WRONG_CURRENCY: 2,
    Result.LIMIT_EXCEEDED: 5,
    Result.PLAYER_NOT_FOUND: 7,
    Result.PLAYER_BLOCKED: 7,
    Result.TOKEN_UNKNOWN: 7,
    Result.TOKEN_EXPIRED: 7,
    Result.GAME_FORBIDDEN: 7,
    Result.ORIGINAL_NOT_FOUND: 7,
    Result.ORIGINAL_CANCELLED: 7,
    Result.ORIGINAL_SETTLED: 7,
    Result.DUPLICATE_DIFFERENT: 7,
    Result.NOT_DONE: 7,
    Result.UNKNOWN: 8,
    Result.BAD_REQUEST: -32602,
}


def test_every_result_has_its_code() -> None:
    assert set(CODES) == RESULTS - {Result.OK}


@pytest.mark.parametrize(("result", "code"), CODES.items())
@pytest.mark.parametrize("method", ["getBalance", "withdrawAndDeposit", "rollbackTransaction", "collectBonusReward"])
def test_code_of_a_result(dialect: MascotDialect, method: str, result: str, code: int) -> None:
    error = content(dialect.render(call(dialect, method), reply(result, balance=5), VERIFIED))["error"]
    assert error["code"] == code
    assert isinstance(error["message"], str)
    assert error["message"]


@pytest.mark.parametrize(("limit", "code"), [("stake", 6), ("loss", 5), ("wager", 5), ("time", 5), ("exclusion", 5), ("", 5)])
def test_stake_limit_has_a_code_of_its_own(dialect: MascotDialect, limit: str, code: int) -> None:
    assert content(dialect.render(call(dialect), reply(Result.LIMIT_EXCEEDED, limit=limit), VERIFIED))["error"]["code"] == code


def test_result_of_a_newer_wallet_is_an_unknown_outcome(dialect: MascotDialect) -> None:
    assert content(dialect.render(call(dialect), reply("SOMETHING_NEW"), VERIFIED))["error"]["code"] == 8


def test_late_bet_code_is_a_setting(account: Callable[..., ProviderAccount]) -> None:
    dialect = MascotDialect(account(late_bet_code=8))
    assert content(dialect.render(call(dialect), reply(Result.ORIGINAL_CANCELLED), VERIFIED))["error"]["code"] == 8


def test_money_call(dialect: MascotDialect) -> None:
    answer = dialect.render(call(dialect), reply(balance=9_800_999, transaction_id=f"{PLAYER}-12"), VERIFIED)
    assert answer.status == 200
    assert content(answer) == {"jsonrpc": "2.0", "id": 1, "result": {"newBalance": 9800, "transactionId": f"{PLAYER}-12"}}


def test_balance(dialect: MascotDialect) -> None:
    assert content(dialect.render(call(dialect, "getBalance"), reply(balance=10_000_000), VERIFIED))["result"] == {
        "balance": 10_000
    }


def test_rollback_answers_an_empty_object(dialect: MascotDialect) -> None:
    rollback = call(dialect, "rollbackTransaction", bonusId="b")
    answer = dialect.render(rollback, reply(balance=1, transaction_id="x-1", free_rounds_left=3), VERIFIED)
    assert answer.body == b'{"jsonrpc":"2.0","result":{},"id":1}'


def test_bonus_reward_is_answered_as_a_money_call(dialect: MascotDialect) -> None:
    answer = dialect.render(call(dialect, "collectBonusReward"), reply(balance=1_000, transaction_id="x-1"), VERIFIED)
    assert content(answer)["result"] == {"newBalance": 1, "transactionId": "x-1"}


def test_reported_balance_is_truncated_never_rounded_up(dialect: MascotDialect) -> None:
    for units, wire in ((999, 0), (1_999, 1), (0, 0), (-1, -1), (-1_000, -1)):
        assert content(dialect.render(call(dialect, "getBalance"), reply(balance=units), VERIFIED))["result"]["balance"] == wire


@pytest.mark.parametrize("method", ["getBalance", "withdrawAndDeposit", "collectBonusReward"])
@pytest.mark.parametrize(("bonus", "left", "shown"), [("b1", 4, 4), ("b1", 0, 0), ("b1", -1, None), (None, 4, None)])
def test_free_rounds_left_only_of_a_bonus_that_was_named_and_is_known(
    dialect: MascotDialect, method: str, bonus: str | None, left: int, shown: int | None
) -> None:
    answer = dialect.render(call(dialect, method, bonusId=bonus), reply(free_rounds_left=left), VERIFIED)
    assert content(answer)["result"].get("freeroundsLeft") == shown


@pytest.mark.parametrize(("asked", "charged", "shown"), [(1, 1, True), (1, 0, False), (0, 0, False), (None, 0, None)])
def test_freeround_was_charged_only_where_it_was_asked(
    dialect: MascotDialect,
    asked: int | None,
    charged: int,
    shown: bool | None,  # noqa: FBT001 - a table
) -> None:
    answer = dialect.render(call(dialect, chargeFreerounds=asked), reply(free_rounds_charged=charged), VERIFIED)
    assert content(answer)["result"].get("freeroundWasCharged") is shown


@pytest.mark.parametrize(("setting", "shown"), [("stored", 1), ("current", 2)])
def test_balance_of_a_repeated_call_is_a_setting(account: Callable[..., ProviderAccount], setting: str, shown: int) -> None:
    dialect = MascotDialect(account(replay_balance=setting))
    repeated = reply(balance=1_000, balance_now=2_000, replayed=True)
    assert content(dialect.render(call(dialect), repeated, VERIFIED))["result"]["newBalance"] == shown


@pytest.mark.parametrize("request_id", [0, -5, 2**64 - 1, "a-1", "", 'quote " and \\'])
def test_id_is_echoed_in_results_and_errors(dialect: MascotDialect, request_id: object) -> None:
    for result in (Result.OK, Result.UNKNOWN, Result.INSUFFICIENT_FUNDS):
        answered = content(dialect.render(call(dialect, request_id=request_id), reply(result), VERIFIED))
        assert answered["id"] == request_id
        assert type(answered["id"]) is type(request_id)


def signed_with(answer: Answer, key: bytes) -> bool:
    headers = dict(answer.headers)
    mac = signature.MacKey("next", key).mac(VERIFIED_NONCE, VERIFIED.timestamp, answer.body)
    return headers.get(b"x-signature") == b"next=" + mac and headers[b"x-subject"] == b"casino:7"


VERIFIED_NONCE = 2**64 - 1


def test_answer_is_signed_with_the_nonce_and_timestamp_and_key_of_the_request(dialect: MascotDialect) -> None:
    for result in (Result.OK, Result.UNKNOWN):
        answer = dialect.render(call(dialect), reply(result), VERIFIED)
        headers = dict(answer.headers)
        assert (headers[b"x-nonce"], headers[b"x-timestamp"]) == (b"18446744073709551615", b"1790000000")
        assert signed_with(answer, b"demo-key-2")
        assert headers[b"content-length"] == b"%d" % len(answer.body)


def test_syntax_errors_of_a_verified_caller_are_signed_and_http_200(dialect: MascotDialect) -> None:
    answer = dialect.refuse(Refusal("syntax", "bad", -32602, b'"a-1"'), VERIFIED)
    assert (answer.status, content(answer)["error"]["code"], content(answer)["id"]) == (200, -32602, "a-1")
    assert signed_with(answer, b"demo-key-2")


def test_wrong_content_type_is_415(dialect: MascotDialect) -> None:
    answer = dialect.refuse(Refusal("content_type", "json please", -32600), VERIFIED)
    assert (answer.status, content(answer)["error"]["code"], content(answer)["id"]) == (415, -32600, None)


def test_failed_authentication_is_an_unsigned_json_rpc_error(dialect: MascotDialect) -> None:
    answer = dialect.refuse(Refusal("authentication", "signature not accepted"), None)
    assert answer.status == 401
    assert content(answer) == {"jsonrpc": "2.0", "error": {"code": -32600, "message": "signature not accepted"}, "id": None}
    assert b"x-signature" not in dict(answer.headers)


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_status_of_a_failed_authentication_is_a_setting(account: Callable[..., ProviderAccount], status: int) -> None:
    dialect = MascotDialect(account(auth_failure_status=status))
    assert dialect.refuse(Refusal("authentication", "x"), None).status == status


@pytest.mark.parametrize(("cause", "status"), [("address", 403), ("size", 413)])
def test_refusals_before_verification_are_unsigned(dialect: MascotDialect, cause: Any, status: int) -> None:
    answer = dialect.refuse(Refusal(cause, "no"), None)
    assert (answer.status, content(answer)["error"]["code"]) == (status, -32600)
    assert b"x-signature" not in dict(answer.headers)


def test_fault_of_ours_is_an_unknown_outcome_never_a_500(dialect: MascotDialect) -> None:
    answer = dialect.refuse(Refusal("internal", "outcome unknown"), None)
    assert (answer.status, content(answer)["error"]["code"]) == (200, 8)


def test_archived_headers_hold_no_secret(dialect: MascotDialect) -> None:
    kept = dialect.redact(
        {
            b"x-signature": b"main=" + b"a" * 64,
            b"x-nonce": b"1",
            b"authorization": b"Basic c2VjcmV0",
            b"cookie": b"session=secret",
            b"user-agent": b"mascot",
            b"ssl-client-cert": b"-----BEGIN",
        }
    )
    assert kept == {"x-signature": "main", "x-nonce": "1", "user-agent": "mascot"}


@pytest.mark.parametrize("value", [b"a" * 64, b"a" * 64 + b"=main", b"", b"unknown=" + b"a" * 64])
def test_of_a_signature_only_a_key_id_of_ours_is_archived(dialect: MascotDialect, value: bytes) -> None:
    assert dialect.redact({b"x-signature": value}) == {}
