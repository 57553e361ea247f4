"""Whatever is sent, the dialect answers in its own words: thousands of mutated requests, never an exception."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts import codec
from shared.contracts.commands import Bet, BetAndWin, Win
from shared.contracts.replies import RESULTS, Reply
from shared.money import MAX_UNITS
from shared.providers.dialect import Callback, Refusal, Stamp, Verified
from shared.providers.mascot import signature
from shared.providers.mascot.callbacks import MascotCall
from shared.providers.mascot.dialect import MascotDialect
from tests.unit.providers.conftest import mascot_account

DIALECT = MascotDialect(mascot_account())
STAMP = Stamp("r.1", "g", 0)
HEADERS = {b"content-type": b"application/json"}
VERIFIED = Verified("main", 1, 1_790_000_000)
CODES = {-32700, -32600, -32601, -32602, 1, 2, 3, 4, 5, 6, 7, 8}
VALID: dict[str, Any] = {
    "jsonrpc": "2.0",
    "method": "withdrawAndDeposit",
    "id": 0,
    "params": {
        "callerId": 7,
        "playerName": "k5x2mdp7q3ra4zte_EUR",
        "withdraw": 400,
        "deposit": 200,
        "currency": "EUR",
        "transactionRef": "1:UOwGgNHPgq3OkqRE",
        "gameRoundRef": "1wawxl:39",
        "gameId": "riot",
        "reason": "GAME_PLAY_FINAL",
        "sessionId": "qx9sgvvpihtrlug",
        "spinDetails": {"betType": "spin", "winType": "standart"},
    },
}
BODY = json.dumps(VALID).encode()

nasty = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=300),
    st.sampled_from(
        ["", "\0", "\ud800", "a" * 200, "💰", "EUR", "k5x2mdp7q3ra4zte_EUR", "withdrawAndDeposit", "getBalance", "2.0"]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def check(body: bytes) -> None:
    """The body is answered: well-formed, with a code of the table, and a command only within the limits."""
    parsed = DIALECT.parse(Callback(HEADERS, body), STAMP)
    if isinstance(parsed, Refusal):
        answer = DIALECT.refuse(parsed, VERIFIED)
        assert parsed.code in CODES
    else:
        if parsed.command is not None:
            encoded = codec.encode(parsed.command)
            assert codec.decode_command(encoded) == parsed.command
        if isinstance(parsed.command, Bet | Win | BetAndWin):
            assert 0 <= getattr(parsed.command, "stake", 0) <= MAX_UNITS
            assert 0 <= getattr(parsed.command, "win", 0) <= MAX_UNITS
            assert 1 <= len(parsed.command.external_id.encode()) <= 128
            assert "\0" not in parsed.command.external_id
        answer = DIALECT.render(parsed, Reply(command_id="r.1", caller="g", result="OK"), VERIFIED)
    decoded = json.loads(answer.body)
    assert answer.status == 200
    assert set(decoded) in ({"jsonrpc", "result", "id"}, {"jsonrpc", "error", "id"})
    assert type(decoded["id"]) in {int, str, type(None)}


@given(st.binary(max_size=400))
def test_any_bytes(body: bytes) -> None:
    check(body)


@settings(max_examples=400)
@given(st.data())
def test_any_bytes_changed_in_a_valid_request(data: st.DataObject) -> None:
    body = bytearray(BODY)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body) - 1))
        body[position] = data.draw(st.integers(0, 255))
    check(bytes(body))


@given(st.integers(0, len(BODY)), st.integers(0, len(BODY)), st.binary(max_size=20))
def test_pieces_cut_out_and_put_in(start: int, end: int, piece: bytes) -> None:
    check(BODY[: min(start, end)] + piece + BODY[max(start, end) :])


@settings(max_examples=400)
@given(
    st.sampled_from(
        [*sorted(VALID["params"]), "bonusId", "chargeFreerounds", "freeround", "sessionAlternativeId", "depositAmount"]
    ),
    nasty,
)
def test_any_value_in_any_parameter(name: str, value: object) -> None:
    changed = {**VALID, "params": {**VALID["params"], name: value}}
    for method in DIALECT.methods:
        check(json.dumps({**changed, "method": method}).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(["jsonrpc", "method", "id", "params"]), nasty)
def test_any_value_in_the_envelope(name: str, value: object) -> None:
    check(json.dumps({**VALID, name: value}).encode("utf-8", "surrogatepass"))


@given(nasty)
def test_any_json_document(value: object) -> None:
    check(json.dumps(value).encode("utf-8", "surrogatepass"))


@given(
    st.dictionaries(
        st.sampled_from([signature.SUBJECT, signature.NONCE, signature.TIMESTAMP, signature.SIGNATURE, b"content-type", b"other"]),
        st.one_of(st.binary(max_size=100), st.sampled_from([b"casino:7", b"1790000000", b"1", b"main=" + b"0" * 64])),
    )
)
def test_any_headers(headers: dict[bytes, bytes]) -> None:
    outcome = DIALECT.verify(Callback(headers, BODY), 1_790_000_000)
    assert isinstance(outcome, Refusal)
    assert DIALECT.refuse(outcome, None).status == 401


@given(
    st.one_of(st.sampled_from(sorted(RESULTS)), st.text(max_size=20)),
    st.integers(-(10**15), 10**15),
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.integers(-1, 10**6),
    st.booleans(),
)
def test_any_reply_is_rendered(result: str, balance: int, text: str, left: int, replayed: bool) -> None:  # noqa: FBT001 - drawn
    for method in DIALECT.methods:
        params = {**VALID["params"], "bonusId": "b", "chargeFreerounds": 1, "depositAmount": 1}
        call = DIALECT.parse(Callback(HEADERS, json.dumps({**VALID, "method": method, "params": params}).encode()), STAMP)
        assert isinstance(call, MascotCall)
        reply = Reply(
            command_id="r.1",
            caller="g",
            result=result,
            balance=balance,
            balance_now=balance,
            transaction_id=text,
            limit=text,
            free_rounds_left=left,
            replayed=replayed,
        )
        decoded = json.loads(DIALECT.render(call, reply, VERIFIED).body)
        assert ("error" in decoded) == (result != "OK")
