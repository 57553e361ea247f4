"""The short way of a deposit or withdrawal and the route answer alike; here the content type alone chooses between them."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from tests.operator_api.api import Answer, Api
from tests.operator_api.stand import Stand

PLAIN = "application/json"
THOROUGH = "application/json; charset=utf-8"
GOOD = b'{"amount": "1.50", "currency": "EUR"}'


def _send(api: Api, content_type: str, raw: bytes, *, player: str, move: str = "deposits", key: str | None) -> Answer:
    return api.call("POST", f"/v1/players/{player}/{move}", raw=raw, key=key, Content_Type=content_type)


def _told(answer: Answer) -> tuple[int, str, Any]:
    """What an answer says, without what differs between any two."""
    document = answer.json
    return answer.status, answer.headers["content-type"], {name: document[name] for name in document if name != "request_id"}


@pytest.mark.parametrize(
    "raw",
    [
        GOOD[:-1],
        b"",
        b"[]",
        b'{"amount": 1.5, "currency": "EUR"}',
        b'{"amount": "1.5e3", "currency": "EUR"}',
        b'{"amount": "NaN", "currency": "EUR"}',
        b'{"amount": "0", "currency": "EUR"}',
        b'{"amount": "1.123456789", "currency": "EUR"}',
        b'{"amount": "1", "currency": "USD"}',
        b'{"amount": "1", "currency": "eur"}',
        b'{"amount": "1", "currency": "EUR", "more": 1}',
        b'{"amount": "1"}',
        b'{"amount": "1", "currency": "\xff"}',
        b'{"amount": "\\ud800", "currency": "EUR"}',
    ],
)
def test_what_is_not_right_is_told_alike(api: Api, raw: bytes) -> None:
    player = api.player()
    told = [_told(_send(api, each, raw, player=player, key="k")) for each in (PLAIN, THOROUGH)]
    assert told[0] == told[1]
    assert 400 <= told[0][0] < 500
    assert api.balance(player) == "0.00"


def test_who_may_not_is_told_alike(running: Stand, api: Api) -> None:
    player, reader = api.player(), running.api("read")
    for who, whom, move, key in (
        (reader, player, "deposits", "k"),
        (api, player, "deposits", None),
        (api, player, "deposits", "with space"),
        (api, player, "withdrawals", "k"),
        (api, "nobody-here", "deposits", "k"),
        (api, "-not-an-id", "deposits", "k"),
    ):
        told = [_told(_send(who, each, GOOD, player=whom, move=move, key=key)) for each in (PLAIN, THOROUGH)]
        assert told[0] == told[1]
        assert 400 <= told[0][0] < 500


def test_one_key_moves_money_once_whichever_way_it_comes(api: Api) -> None:
    player, key = api.player(), secrets.token_hex(8)
    for move, balance in (("deposits", "1.50"), ("withdrawals", "0.00")):
        first, again = (_send(api, each, GOOD, player=player, move=move, key=key + move) for each in (THOROUGH, PLAIN))
        assert (first.status, again.status) == (201, 201)
        assert first.text == again.text
        assert json.loads(first.text)["balance"] == balance
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert api.balance(player) == balance
