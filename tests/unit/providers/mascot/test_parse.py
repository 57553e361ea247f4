"""Mascot's callbacks as commands: what is read, and which code everything unreadable gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts.commands import Bet, BetAndWin, Command, GameState, GetBalance, PlayCommand, Rollback, Win
from shared.contracts.replies import Result
from shared.providers.dialect import Callback, Refusal, Stamp
from shared.providers.mascot.callbacks import MascotCall
from shared.providers.mascot.dialect import MascotDialect
from shared.settings.accounts import ProviderAccount

STAMP = Stamp("r-1.1", "gateway/1", 5)
PLAYER = "k5x2mdp7q3ra4zte"
JSON = {b"content-type": b"application/json"}
COMMON: dict[str, Any] = {"callerId": 7, "playerName": f"{PLAYER}_EUR"}
MONEY: dict[str, Any] = {**COMMON, "withdraw": 400, "deposit": 200, "currency": "EUR", "transactionRef": "1:abc"}


@pytest.fixture
def dialect(account: Callable[..., ProviderAccount]) -> MascotDialect:
    return MascotDialect(account())


def request(method: object = "withdrawAndDeposit", params: object = MONEY, request_id: object = 0, **extra: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params, "id": request_id, **extra}).encode()


def parse(dialect: MascotDialect, body: bytes, headers: dict[bytes, bytes] = JSON) -> MascotCall | Refusal:
    return dialect.parse(Callback(headers, body), STAMP)


def command_of(dialect: MascotDialect, method: str, params: dict[str, Any]) -> Command:
    call = parse(dialect, request(method, params))
    assert isinstance(call, MascotCall), call
    assert call.command is not None
    return call.command


def refusal_of(dialect: MascotDialect, body: bytes, headers: dict[bytes, bytes] = JSON) -> tuple[int, bytes]:
    refusal = parse(dialect, body, headers)
    assert isinstance(refusal, Refusal), refusal
    return refusal.code, refusal.echo


# --- the four methods --------------------------------------------------------------------------------------------------


def test_get_balance(dialect: MascotDialect) -> None:
    params = {**COMMON, "currency": "EUR", "gameId": "riot", "sessionId": "s1", "sessionAlternativeId": "ours", "bonusId": "b1"}
    assert command_of(dialect, "getBalance", params) == GetBalance(
        command_id="r-1.1",
        caller="gateway/1",
        reply_partition=5,
        player=PLAYER,
        provider_account="mascot-demo",
        namespace="",
        external_id="",
        brands=("main",),
        currency="EUR",
        wire_currency="EUR",
        player_currency="EUR",
        game_id="riot",
        session_id="ours",
        provider_session_id="s1",
        grant_id="b1",
    )


def test_withdraw_and_deposit_with_both_legs(dialect: MascotDialect) -> None:
    params = {
        **MONEY,
        "gameRoundRef": "1wawxl:39",
        "gameId": "riot",
        "reason": "GAME_PLAY_FINAL",
        "sessionId": "qx9sgvvpihtrlug",
        "spinDetails": {"betType": "spin", "winType": "standart"},
        "source": "somewhere",
    }
    assert command_of(dialect, "withdrawAndDeposit", params) == BetAndWin(
        command_id="r-1.1",
        caller="gateway/1",
        reply_partition=5,
        player=PLAYER,
        provider_account="mascot-demo",
        namespace="tx",
        external_id="1:abc",
        brands=("main",),
        currency="EUR",
        wire_currency="EUR",
        player_currency="EUR",
        game_id="riot",
        provider_session_id="qx9sgvvpihtrlug",
        round_id="1wawxl:39",
        closes_round=True,
        stake=400_000,
        win=200_000,
    )


@pytest.mark.parametrize(
    ("withdraw", "deposit", "charge", "expected"),
    [
        (400, 0, None, Bet),
        (400, 0, 1, Bet),
        (0, 200, None, Win),
        (0, 200, 0, Win),
        (0, 200, 1, BetAndWin),
        (400, 200, None, BetAndWin),
        (0, 0, None, BetAndWin),
        (0, 0, 1, BetAndWin),
    ],
)
def test_kind_of_command_follows_the_legs(
    dialect: MascotDialect, withdraw: int, deposit: int, charge: int | None, expected: type
) -> None:
    params = {**MONEY, "withdraw": withdraw, "deposit": deposit} | ({} if charge is None else {"chargeFreerounds": charge})
    command = command_of(dialect, "withdrawAndDeposit", params)
    assert type(command) is expected
    assert isinstance(command, Bet | Win | BetAndWin)
    assert command.charge_free_rounds == (charge or 0)
    assert getattr(command, "stake", 0) == withdraw * 1_000
    assert getattr(command, "win", 0) == deposit * 1_000


def test_rollback_has_no_id_of_its_own_and_names_the_original(dialect: MascotDialect) -> None:
    command = command_of(dialect, "rollbackTransaction", {**COMMON, "transactionRef": "1:abc", "gameRoundRef": "r1"})
    assert isinstance(command, Rollback)
    assert (command.namespace, command.external_id) == ("undo", "1:abc")
    assert (command.target_namespace, command.target_external_id) == ("tx", "1:abc")
    assert (command.round_id, command.player_currency, command.overspent) == ("r1", "EUR", "overdraft")


def test_collect_bonus_reward_is_a_promotional_win(dialect: MascotDialect) -> None:
    params = {**COMMON, "depositAmount": 5_000, "currency": "EUR", "transactionRef": "b:1", "bonusId": f"{PLAYER}.0123456789"}
    command = command_of(dialect, "collectBonusReward", params)
    assert isinstance(command, Win)
    assert (command.win, command.promo_class, command.external_id, command.namespace) == (5_000_000, "bonus_reward", "b:1", "tx")
    assert command.grant_id == f"{PLAYER}.0123456789"


def test_without_a_round_the_transaction_is_the_round(dialect: MascotDialect) -> None:
    for params in (MONEY, {**MONEY, "gameRoundRef": None}, {**MONEY, "gameRoundRef": ""}):
        command = command_of(dialect, "withdrawAndDeposit", params)
        assert isinstance(command, BetAndWin)
        assert command.round_id == "1:abc"


@pytest.mark.parametrize(("reason", "closes"), [("GAME_PLAY_FINAL", True), ("GAME_PLAY", False), (None, False), ("OTHER", False)])
def test_only_game_play_final_closes_the_round(dialect: MascotDialect, reason: str | None, closes: bool) -> None:  # noqa: FBT001 - a table
    command = command_of(dialect, "withdrawAndDeposit", {**MONEY, "reason": reason})
    assert isinstance(command, BetAndWin)
    assert command.closes_round is closes


def test_free_round_fields_are_passed_on(dialect: MascotDialect) -> None:
    params = {**MONEY, "deposit": 0, "bonusId": "b1", "freeround": True, "chargeFreerounds": 2}
    command = command_of(dialect, "withdrawAndDeposit", params)
    assert isinstance(command, Bet)
    assert (command.grant_id, command.free_round, command.charge_free_rounds) == ("b1", True, 2)
    assert (command.free_round_stake, command.free_round_exhausted) == ("as_sent", "debit")


@pytest.mark.parametrize(
    ("currency", "wire", "units"), [("JPY", 400, 40_000_000), ("mBTC", 400_000_000, 400_000), ("EUR", 1, 1_000)]
)
def test_amounts_follow_the_currency_map(dialect: MascotDialect, currency: str, wire: int, units: int) -> None:
    params = {**MONEY, "withdraw": wire, "deposit": 0, "currency": currency}
    command = command_of(dialect, "withdrawAndDeposit", params)
    assert isinstance(command, Bet)
    assert command.stake == units
    assert command.wire_currency == currency


def test_unmapped_currency_goes_to_the_wallet_which_looks_first_whether_the_key_is_stored(dialect: MascotDialect) -> None:
    command = command_of(dialect, "withdrawAndDeposit", {**MONEY, "currency": "XTS"})
    assert isinstance(command, BetAndWin)
    assert (command.currency, command.wire_currency, command.stake, command.win) == ("", "XTS", 400, 200)


@pytest.mark.parametrize(
    ("games", "expected"), [({}, "unknown"), ({"riot": "off"}, "off"), ({"riot": "live"}, "live"), ({"x": "off"}, "unknown")]
)
def test_state_of_the_game_travels_with_the_command(
    account: Callable[..., ProviderAccount], games: dict[str, str], expected: str
) -> None:
    command = command_of(MascotDialect(account(games=games)), "withdrawAndDeposit", {**MONEY, "gameId": "riot"})
    assert isinstance(command, BetAndWin)
    assert command.game_state == expected


def test_settings_of_the_account_travel_with_the_command(account: Callable[..., ProviderAccount]) -> None:
    changed = MascotDialect(
        account(
            session_required=True,
            compare_round=False,
            compare_game=False,
            free_round_exhausted="refuse",
            deadline_ms=2_500,
            overspent="refuse",
        )
    )
    command = command_of(changed, "withdrawAndDeposit", MONEY)
    assert isinstance(command, BetAndWin)
    assert (command.session_required, command.compare_round, command.compare_game) == (True, False, False)
    assert (command.free_round_exhausted, command.deadline_ms) == ("refuse", 2_500)
    rollback = command_of(changed, "rollbackTransaction", {**COMMON, "transactionRef": "x"})
    assert isinstance(rollback, Rollback)
    assert rollback.overspent == "refuse"


def test_player_who_is_not_ours_is_answered_without_a_command(dialect: MascotDialect) -> None:
    for name in ("", "player1", "k5x2mdp7q3ra4zte", "K5X2MDP7Q3RA4ZTE_EUR", f"{PLAYER}_", "Zoë_EUR", "'; DROP TABLE players; --"):
        call = parse(dialect, request(params={**MONEY, "playerName": name}))
        assert isinstance(call, MascotCall)
        assert (call.command, call.result) == (None, Result.PLAYER_NOT_FOUND)


def test_scripts_and_unicode_in_ids_are_only_text(dialect: MascotDialect) -> None:
    for text in ("'; DROP TABLE operations; --", "<script>alert(1)</script>", "ß→😀", "a" * 128, "é" * 64):
        command = command_of(dialect, "withdrawAndDeposit", {**MONEY, "transactionRef": text})
        assert command.external_id == text


# --- the envelope ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_id", [0, 1, -1, 2**63 - 1, -(2**63), 2**63, 2**64 - 1, "", "a-1", "0", "null", 'q"\\/', "Zoë", "\0"]
)
def test_id_is_echoed_exactly(dialect: MascotDialect, request_id: object) -> None:
    call = parse(dialect, request(request_id=request_id))
    assert isinstance(call, MascotCall)
    echoed = json.loads(call.echo)
    assert echoed == request_id
    assert type(echoed) is type(request_id)
    assert refusal_of(dialect, request("nope", request_id=request_id)) == (-32601, call.echo)


@pytest.mark.parametrize(
    "request_id", [b"null", b"1.0", b"1e2", b"true", b"{}", b"[]", b"18446744073709551616", b"-9223372036854775809"]
)
def test_id_that_is_no_integer_of_64_bits_or_string_is_an_invalid_request(dialect: MascotDialect, request_id: bytes) -> None:
    body = b'{"jsonrpc":"2.0","method":"getBalance","params":{},"id":' + request_id + b"}"
    assert refusal_of(dialect, body) == (-32600, b"null")


def test_id_of_thousands_of_digits_is_an_invalid_request(dialect: MascotDialect) -> None:
    body = b'{"jsonrpc":"2.0","method":"getBalance","params":{},"id":' + b"9" * 4_000 + b"}"
    assert refusal_of(dialect, body) == (-32600, b"null")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (-32700, b"null")),
        (b" ", (-32700, b"null")),
        (b"{", (-32700, b"null")),
        (b"{}x", (-32700, b"null")),
        (b"{'a':1}", (-32700, b"null")),
        (b'{"a":1,}', (-32700, b"null")),
        (b'{"id":NaN}', (-32700, b"null")),
        (b'{"id":01}', (-32700, b"null")),
        (b"\xef\xbb\xbf{}", (-32700, b"null")),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', (-32700, b"null")),
        (b'{"jsonrpc":"2.0","id":1,"\xff":1}', (-32700, b"null")),
        (b'{"jsonrpc":"2.0","id":1,"method":"a\nb"}', (-32700, b"null")),
        (b"[" * 60_000, (-32700, b"null")),
        (b"[1,2", (-32700, b"null")),
        (b'{"params":' + b"[" * 30_000 + b"]" * 30_000 + b"}", (-32700, b"null")),
        (b'{"id":' + b"[" * 30_000 + b"]" * 30_000 + b"}", (-32700, b"null")),
        (b"[]", (-32600, b"null")),
        (b"null", (-32600, b"null")),
        (b"1", (-32600, b"null")),
        (b'"x"', (-32600, b"null")),
        (b"{}", (-32600, b"null")),
        (b'[{"jsonrpc":"2.0","method":"getBalance","params":{},"id":1}]', (-32600, b"null")),
        (b'{"method":"getBalance","id":1}', (-32600, b"1")),
        (b'{"jsonrpc":"1.0","method":"getBalance","id":1}', (-32600, b"1")),
        (b'{"jsonrpc":2.0,"method":"getBalance","id":1}', (-32600, b"1")),
        (b'{"jsonrpc":"2.0","id":1}', (-32600, b"1")),
        (b'{"jsonrpc":"2.0","method":1,"id":"a"}', (-32600, b'"a"')),
        (b'{"jsonrpc":"2.0","method":"getBalance"}', (-32600, b"null")),
        (b'{"jsonrpc":"2.0","method":"getBalance","id":"\\ud800"}', (-32600, b"null")),
        (b'{"jsonrpc":"2.0","method":"","id":1}', (-32601, b"1")),
        (b'{"jsonrpc":"2.0","method":"GetBalance","id":1}', (-32601, b"1")),
        (b'{"jsonrpc":"2.0","method":"getBalance\\u0000","id":1}', (-32601, b"1")),
        (b'{"jsonrpc":"2.0","method":"getBalance","id":1}', (-32602, b"1")),
        (b'{"jsonrpc":"2.0","method":"getBalance","params":null,"id":1}', (-32602, b"1")),
        (b'{"jsonrpc":"2.0","method":"getBalance","params":[],"id":1}', (-32602, b"1")),
        (b'{"jsonrpc":"2.0","method":"getBalance","params":[7,"x","EUR"],"id":1}', (-32602, b"1")),
        (b'{"jsonrpc":"2.0","method":"getBalance","params":{"a":"\\udc00"},"id":1}', (-32602, b"1")),
        (b'{"jsonrpc":"2.0","method":"getBalance","params":{"a":' + b"[" * 500 + b"]" * 500 + b'},"id":1}', (-32602, b"1")),
    ],
)
def test_unreadable_request_gets_the_code_of_json_rpc(dialect: MascotDialect, body: bytes, expected: tuple[int, bytes]) -> None:
    assert refusal_of(dialect, body) == expected


def test_escapes_white_space_and_unknown_fields_change_nothing(dialect: MascotDialect) -> None:
    body = (
        request(more={"deep": [1, 2.5, None]})
        .replace(b"withdrawAndDeposit", rb"withdraw\u0041ndDeposit")
        .replace(b",", b" ,\r\n\t")
    )
    assert isinstance(parse(dialect, body), MascotCall)


@pytest.mark.parametrize("content_type", [b"application/json", b"application/json; charset=utf-8", b"Application/JSON ; x=y"])
def test_content_type_json_is_accepted(dialect: MascotDialect, content_type: bytes) -> None:
    assert isinstance(parse(dialect, request(), {b"content-type": content_type}), MascotCall)


@pytest.mark.parametrize(
    "content_type", [None, b"", b"text/plain", b"application/x-www-form-urlencoded", b"application/jsonp", b"json"]
)
def test_other_content_types_are_refused(dialect: MascotDialect, content_type: bytes | None) -> None:
    headers = {} if content_type is None else {b"content-type": content_type}
    refusal = parse(dialect, request(), headers)
    assert isinstance(refusal, Refusal)
    assert (refusal.cause, refusal.code) == ("content_type", -32600)


# --- the parameters ----------------------------------------------------------------------------------------------------

WRONG_INTEGERS: list[object] = [None, True, False, "400", 4.5, 400.0, 1e2, [], {}, ""]
WRONG_STRINGS: list[object] = [1, 1.5, True, [], {}]


@pytest.mark.parametrize("value", WRONG_INTEGERS)
@pytest.mark.parametrize("name", ["withdraw", "deposit", "callerId"])
def test_only_json_integers_are_amounts(dialect: MascotDialect, name: str, value: object) -> None:
    assert refusal_of(dialect, request(params={**MONEY, name: value})) == (-32602, b"0")


@pytest.mark.parametrize("token", [b"4e2", b"4E2", b"400.0", b"400.00", b"-0.0", b"1e400", b"9" * 5_000])
def test_floats_that_look_like_integers_are_refused(dialect: MascotDialect, token: bytes) -> None:
    assert refusal_of(dialect, request().replace(b'"withdraw": 400', b'"withdraw": ' + token)) == (-32602, b"0")


@pytest.mark.parametrize("name", ["callerId", "playerName", "withdraw", "deposit", "currency", "transactionRef"])
def test_missing_parameter(dialect: MascotDialect, name: str) -> None:
    assert refusal_of(dialect, request(params={key: value for key, value in MONEY.items() if key != name})) == (-32602, b"0")


@pytest.mark.parametrize("value", WRONG_STRINGS)
@pytest.mark.parametrize(
    "name",
    [
        "playerName",
        "currency",
        "transactionRef",
        "gameRoundRef",
        "gameId",
        "sessionId",
        "sessionAlternativeId",
        "bonusId",
        "reason",
    ],
)
def test_wrong_type_of_text(dialect: MascotDialect, name: str, value: object) -> None:
    assert refusal_of(dialect, request(params={**MONEY, name: value})) == (-32602, b"0")


@pytest.mark.parametrize("text", ["a" * 129, "é" * 65, "😀" * 33, "a\0b", "\0"])
@pytest.mark.parametrize(
    "name", ["playerName", "currency", "transactionRef", "gameRoundRef", "gameId", "sessionId", "sessionAlternativeId", "bonusId"]
)
def test_text_that_cannot_be_kept_is_refused(dialect: MascotDialect, name: str, text: str) -> None:
    for ascii_only in (True, False):
        body = json.dumps(
            {"jsonrpc": "2.0", "method": "withdrawAndDeposit", "id": 0, "params": {**MONEY, name: text}}, ensure_ascii=ascii_only
        )
        assert refusal_of(dialect, body.encode()) == (-32602, b"0")


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udfff", b"a\\ud83d", b"\\ude00\\ud83d"])
def test_unpaired_surrogates_are_refused(dialect: MascotDialect, escape: bytes) -> None:
    assert refusal_of(dialect, request().replace(b"1:abc", escape)) == (-32602, b"0")


def test_empty_transaction_ref_is_refused(dialect: MascotDialect) -> None:
    assert refusal_of(dialect, request(params={**MONEY, "transactionRef": ""})) == (-32602, b"0")
    assert refusal_of(dialect, request("rollbackTransaction", {**COMMON, "transactionRef": ""})) == (-32602, b"0")


@pytest.mark.parametrize("caller", [0, 8, -7, 2**70])
def test_another_casino_is_refused(dialect: MascotDialect, caller: int) -> None:
    assert refusal_of(dialect, request(params={**MONEY, "callerId": caller})) == (-32602, b"0")


@pytest.mark.parametrize(
    ("withdraw", "deposit", "code"), [(-1, 0, 4), (0, -1, 3), (-1, -1, 4), (-(2**70), 0, 4), (400, -(2**70), 3), (-1, 2**70, 4)]
)
def test_negative_amounts_have_codes_of_their_own(dialect: MascotDialect, withdraw: int, deposit: int, code: int) -> None:
    assert refusal_of(dialect, request(params={**MONEY, "withdraw": withdraw, "deposit": deposit})) == (code, b"0")


def test_negative_bonus_reward(dialect: MascotDialect) -> None:
    params = {**COMMON, "depositAmount": -1, "currency": "EUR", "transactionRef": "b:1"}
    assert refusal_of(dialect, request("collectBonusReward", params)) == (3, b"0")


@pytest.mark.parametrize("amount", [10**12 + 1, 10**15, 2**63 - 1, 2**63, 2**64, 10**40])
@pytest.mark.parametrize("currency", ["EUR", "XTS"])
def test_amounts_out_of_range_are_refused(dialect: MascotDialect, amount: int, currency: str) -> None:
    too_much = amount if currency == "EUR" else amount + 10**15
    assert refusal_of(dialect, request(params={**MONEY, "withdraw": too_much, "currency": currency})) == (-32602, b"0")


def test_amounts_that_do_not_fit_exactly_are_refused(dialect: MascotDialect) -> None:
    assert refusal_of(dialect, request(params={**MONEY, "withdraw": 400_000_001, "currency": "mBTC"})) == (-32602, b"0")


@pytest.mark.parametrize("value", [-1, 2**31, 2**70, 1.0, "1", True])
def test_charge_must_be_a_count(dialect: MascotDialect, value: object) -> None:
    assert refusal_of(dialect, request(params={**MONEY, "chargeFreerounds": value})) == (-32602, b"0")


@pytest.mark.parametrize("value", [0, 1, "true", []])
def test_freeround_must_be_a_boolean(dialect: MascotDialect, value: object) -> None:
    assert refusal_of(dialect, request(params={**MONEY, "freeround": value})) == (-32602, b"0")


def test_null_in_an_optional_field_is_as_if_it_were_not_there(dialect: MascotDialect) -> None:
    optional = ["gameRoundRef", "gameId", "sessionId", "sessionAlternativeId", "bonusId", "reason", "chargeFreerounds", "freeround"]
    with_nulls = command_of(dialect, "withdrawAndDeposit", {**MONEY, **dict.fromkeys(optional)})
    assert with_nulls == command_of(dialect, "withdrawAndDeposit", MONEY)


def test_the_last_of_two_equal_names_counts_as_in_every_common_parser(dialect: MascotDialect) -> None:
    body = request().replace(b'"withdraw": 400', b'"withdraw": 1, "withdraw": 400')
    call = parse(dialect, body)
    assert isinstance(call, MascotCall)
    assert isinstance(call.command, BetAndWin)
    assert call.command.stake == 400_000


def test_bonus_reward_can_be_switched_off(account: Callable[..., ProviderAccount]) -> None:
    dialect = MascotDialect(account(collect_bonus_reward="refuse"))
    params = {**COMMON, "depositAmount": 1, "currency": "EUR", "transactionRef": "b:1"}
    assert refusal_of(dialect, request("collectBonusReward", params)) == (-32601, b"0")
    assert "collectBonusReward" not in dialect.methods


class SwitchedGames:
    """The states as an operator's switches would give them."""

    def of(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        return ("off", {"main": "stopped"}) if game_id == "riot" else ("unknown", {})


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getBalance", {**COMMON, "currency": "EUR"}),
        ("withdrawAndDeposit", MONEY),
        ("rollbackTransaction", {**COMMON, "transactionRef": "t1"}),
        ("collectBonusReward", {**COMMON, "depositAmount": 5, "currency": "EUR", "transactionRef": "t2"}),
    ],
)
def test_every_command_carries_the_state_of_its_game_by_brand(
    account: Callable[..., ProviderAccount], method: str, params: dict[str, Any]
) -> None:
    dialect = MascotDialect(account(games={"riot": "live"}), SwitchedGames())
    switched = command_of(dialect, method, {**params, "gameId": "riot"})
    assert isinstance(switched, PlayCommand)
    assert (switched.game_state, switched.brand_states) == ("off", {"main": "stopped"})
    other = command_of(dialect, method, params)
    assert isinstance(other, PlayCommand)
    assert (other.game_state, other.brand_states) == ("unknown", {})
