"""Signed rightly, but not readable, or not what the method asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from services.simulator.studios.mascot.faults.bench import Bench, Sent, compact
from services.simulator.studios.mascot.faults.named import Fault, made_so


def _raw(name: str, about: str, body: Callable[[Bench], bytes], content_type: str = "application/json") -> Fault:
    return made_so(name, about, lambda bench: bench.send(body(bench), content_type=content_type))


def _recoded(name: str, about: str, coding: str) -> Fault:
    return _raw(name, about, lambda bench: compact(bench.call()).decode().encode(coding))


def _replaced(name: str, about: str, old: bytes, new: bytes) -> Fault:
    """A text of the compact body in another form: what a JSON library of ours would not write."""
    return _raw(name, about, lambda bench: compact(bench.call()).replace(old, new, 1))


def _envelope(name: str, about: str, **changes: Any) -> Fault:
    return _raw(name, about, lambda bench: compact(bench.call(**changes)))


def _params(name: str, about: str, **changes: Any) -> Fault:
    return _raw(name, about, lambda bench: compact(bench.call(params=bench.params(**changes))))


def _form(bench: Bench) -> bytes:
    return urlencode({"method": "withdrawAndDeposit", **bench.params()}).encode()


def _xml(bench: Bench) -> bytes:
    return f'<?xml version="1.0"?><withdrawAndDeposit><playerName>{bench.player}</playerName></withdrawAndDeposit>'.encode()


def _single_quotes(bench: Bench) -> bytes:
    return compact(bench.call()).replace(b'"', b"'")


def _batch(bench: Bench) -> bytes:
    return compact([bench.call(), bench.call("getBalance")])


def _get_balance_upper(bench: Bench) -> Sent:
    params = {"callerId": bench.casino_id, "playerName": bench.player, "currency": bench.currency}
    return bench.send(bench.call("GetBalance", params))


def _renamed(bench: Bench) -> Sent:
    params = bench.params(playerName=...) | {"player_name": bench.player}
    return bench.send(bench.call(params=params))


def _with(change: Callable[[Bench], dict[str, Any]]) -> Callable[[Bench], Sent]:
    return lambda bench: bench.send(bench.call(params=bench.params(**change(bench))))


FORM_TYPE: Final = "application/x-www-form-urlencoded"
FAULTS: Final = (
    _raw("form_encoded", "sends a form instead of JSON", _form, FORM_TYPE),
    _raw("form_as_json", "sends a form and calls it JSON", _form),
    _raw("xml", "sends XML", _xml, "text/xml"),
    _raw("content_type_text", "calls the JSON text/plain", lambda bench: compact(bench.call()), "text/plain"),
    _raw("content_type_missing", "says nothing of the content", lambda bench: compact(bench.call()), ""),
    _raw("body_empty", "sends no body", lambda _: b""),
    _raw("json_in_string", "sends the JSON as a string within JSON", lambda bench: compact(compact(bench.call()).decode())),
    _raw("json_cut", "the last bytes of the body are missing", lambda bench: compact(bench.call())[:-20]),
    _raw("json_single_quotes", "writes single quotation marks", _single_quotes),
    _raw("json_trailing_comma", "writes a comma behind the last member", lambda bench: compact(bench.call())[:-1] + b",}"),
    _replaced("json_nan", "writes NaN for a number", b'"deposit":0', b'"deposit":NaN'),
    _recoded("body_latin1", "sends Latin-1", "latin-1"),
    _recoded("body_utf16", "sends UTF-16", "utf-16"),
    _recoded("body_bom", "sends a byte order mark first", "utf-8-sig"),
    _raw("batch", "sends a list of calls", _batch),
    _envelope("id_missing", "leaves the id out", id=...),
    _envelope("id_null", "sends null as the id", id=None),
    _envelope("id_fraction", "sends 1.5 as the id", id=1.5),
    _envelope("jsonrpc_missing", "leaves jsonrpc out", jsonrpc=...),
    _envelope("jsonrpc_1", "says jsonrpc 1.0", jsonrpc="1.0"),
    _raw("method_missing", "leaves the method out", lambda bench: compact(bench.call() | {"method": None})),
    _raw("method_misspelt", "calls withdrawAndDepositt", lambda bench: compact(bench.call("withdrawAndDepositt"))),
    made_so("method_upper", "calls GetBalance", _get_balance_upper),
    _raw("method_foreign", "calls authenticate", lambda bench: compact(bench.call("authenticate"))),
    _raw("params_missing", "leaves params out", lambda bench: compact(bench.call() | {"params": None})),
    _raw("params_array", "sends params as a list", lambda bench: compact(bench.call(params=list(bench.params().values())))),
    _raw("params_text", "sends params as a string of JSON", lambda bench: compact(bench.call(params=compact(bench.params()).decode()))),
    _params("param_missing", "leaves the currency out", currency=...),
    made_so("param_renamed", "writes player_name for playerName", _renamed),
    _params("param_type", "sends gameId as a number", gameId=12),
    _params("ref_missing", "leaves the transactionRef out", transactionRef=...),
    _params("ref_empty", "sends an empty transactionRef", transactionRef=""),
    _params("ref_number", "sends the transactionRef as a number", transactionRef=4711),
    made_so(
        "ref_too_long", "sends a transactionRef of 200 letters", _with(lambda bench: {"transactionRef": bench.ref.ljust(200, "x")})
    ),
    _params("text_with_nul", "puts a NUL into the round's id", gameRoundRef="a\0b"),
    _replaced("amount_major_units", "sends 4.50 for 450", b'"withdraw":400', b'"withdraw":4.50'),
    _replaced("amount_fraction", "sends 400.0 for 400", b'"withdraw":400', b'"withdraw":400.0'),
    _replaced("amount_exponent", "sends 4e2 for 400", b'"withdraw":400', b'"withdraw":4e2'),
    _params("amount_text", 'sends "400" for 400', withdraw="400"),
    _params("amount_text_major", 'sends "4.50" for 450', withdraw="4.50"),
    _params("withdraw_negative", "sends a negative withdraw", withdraw=-400),
    _params("deposit_negative", "sends a negative deposit", deposit=-1),
    _params("amount_out_of_range", "sends more than anybody has", withdraw=10**17),
    _params("caller_other", "sends another casino's id", callerId=999),
    made_so(
        "caller_of_other_account", "sends the casino id of another account", _with(lambda bench: {"callerId": bench.other.casino_id})
    ),
    made_so("caller_text", "sends callerId as a string", _with(lambda bench: {"callerId": str(bench.casino_id)})),
    made_so("currency_lower", "writes eur", _with(lambda bench: {"currency": bench.currency.lower()})),
    _params("currency_unknown", "plays in a currency that was not agreed", currency="XTS"),
    _params("currency_of_others", "plays in dollars as a player of euros", currency="USD"),
    made_so(
        "player_without_currency", "leaves the currency off the player's name",
        _with(lambda bench: {"playerName": bench.player.partition("_")[0]}),
    ),
    made_so("player_upper", "writes the player's name in capitals", _with(lambda bench: {"playerName": bench.player.upper()})),
    _params("player_operators_id", "sends a name of its own", playerName="lucky11"),
    _params("player_unknown", "names a player who was never set", playerName="aaaaaaaaaaaaaaaa_EUR", sessionAlternativeId=...),
    made_so(
        "player_of_other_brand", "names a player of a brand that the account does not serve",
        _with(lambda bench: {"playerName": bench.foreign_player, "sessionAlternativeId": ...}),
    ),
    made_so(
        "session_unknown", "names a session that there never was",
        _with(lambda bench: {"sessionAlternativeId": bench.player.partition("_")[0] + ".neverWasThere0000000"}),
    ),
    made_so(
        "session_of_other_player", "names a session of somebody else",
        _with(lambda bench: {"sessionAlternativeId": bench.foreign_session}),
    ),
    made_so("session_ended", "stakes in a session that has ended", _with(lambda bench: {"sessionAlternativeId": bench.ended_session})),
    _params("game_unknown", "names a game that the catalogue does not have", gameId="no-such-game"),
)  # fmt: skip
