"""The catalogue's calls as Mascot sends them, and Mascot's eye on the answers. Signs by itself, from the document."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import struct
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
from pydantic import BaseModel, ConfigDict

from shared.scenarios import Call
from tests.scenarios.driver import Request, WireAnswer
from tests.scenarios.world import World

METHODS = {
    "balance": "getBalance",
    "bet": "withdrawAndDeposit",
    "win": "withdrawAndDeposit",
    "bet_and_win": "withdrawAndDeposit",
    "end_round": "withdrawAndDeposit",
    "rollback": "rollbackTransaction",
    "promo_win": "collectBonusReward",
}
CLOCK_S = {"stale": -310, "future": 310, "old-in-window": -240, "early-in-window": 240}
MASK64 = 2**64 - 1
UNREAD = frozenset({403, 404, 405, 413})
"""Statuses whose bodies the document does not describe."""


class SendAs(BaseModel):
    """How a step may be sent otherwise. Values of `params` and `envelope` are JSON texts as they go over the wire."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    params: dict[str, str] = {}
    without: tuple[str, ...] = ()
    envelope: dict[str, str] = {}
    without_envelope: tuple[str, ...] = ()
    body: str | None = None
    body_hex: str = ""
    cut: int = 0
    append: str = ""
    wrap: tuple[str, str] = ("", "")
    pad_to: int = 0
    indent: int = 0
    headers: dict[str, str] = {}
    http_method: str = "POST"
    path: str = ""
    nonce: str | None = None
    timestamp: str | None = None


@dataclass(frozen=True)
class MascotSide:
    """What Mascot knows of us: our casino id, the keys by id, and which accounts use certificates instead."""

    casino_id: int
    keys: dict[str, bytes]
    key_id: str
    second_key_id: str
    certificate_accounts: frozenset[str]


def sign(key: bytes, nonce: int, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over the nonce as 8 bytes, the timestamp as 4 (both big-endian) and the raw body, in lower-case hex."""
    return hmac.new(key, struct.pack(">QI", nonce & MASK64, timestamp & 0xFFFFFFFF) + body, hashlib.sha256).hexdigest()


def minor(amount: str) -> str:
    """A decimal amount in minor units, as JSON."""
    units = Decimal(amount).scaleb(2)
    assert units == units.to_integral_value(), f"{amount} does not fit minor units; send it by send = ..."
    return str(int(units))


def text(value: str) -> str:
    """A JSON string, not ASCII only."""
    return json.dumps(value, ensure_ascii=False)


class MascotDriver:
    """Speaks Mascot's Seamless API v2 with a gateway. `urls` are gateways by state of the game: "live" and "off"."""

    dialect = "mascot"

    def __init__(self, http: aiohttp.ClientSession | None, urls: dict[str, str], side: MascotSide) -> None:
        self._http = http
        self._urls = urls
        self._side = side

    def make(self, call: Call, world: World, send_as: dict[str, Any], same_nonce_as: Request | None = None) -> Request:
        """The signed request of a call."""
        send = SendAs.model_validate(send_as)
        world.count += 1
        rpc_id = send.envelope.get("id", str(world.count) if world.count % 2 else f'"r-{world.count}"')
        body = self._body(call, world, send, rpc_id)
        headers = {"Content-Type": "application/json"}
        facts: dict[str, Any] = {"id": rpc_id}
        if world.account in self._side.certificate_accounts:
            if call.tamper != "no-certificate":
                headers["X-Client-Verify"] = "FAILED:self-signed" if call.tamper == "wrong-certificate" else "SUCCESS"
        else:
            signed, facts["nonce"], facts["timestamp"], facts["key_id"] = self._signed(call, send, body, same_nonce_as)
            headers |= signed
        for name, value in send.headers.items():
            headers[name] = value
        if call.tamper == "body-changed":
            body = body.replace(b"0", b"1", 1)
        return Request(
            call=call,
            account=world.account,
            game_off=world.game_off,
            http_method=send.http_method,
            path=send.path or f"/callbacks/{world.account}",
            headers={name: value for name, value in headers.items() if value or name.startswith("X-")},
            body=body,
            facts=facts,
        )

    async def send(self, request: Request) -> WireAnswer:
        """Sends a request to the gateway that has the game in the scenario's state."""
        assert self._http is not None, "this driver has no connection"
        url = self._urls["off" if request.game_off else "live"] + request.path
        skip = [] if "Content-Type" in request.headers else ["Content-Type"]
        async with self._http.request(
            request.http_method, url, data=request.body, headers=request.headers, skip_auto_headers=skip
        ) as response:
            body = await response.read()
            return self.read(response.status, {name.lower(): value for name, value in response.headers.items()}, body, request)

    def read(self, http: int, headers: dict[str, str], body: bytes, request: Request) -> WireAnswer:
        """Checks frame, id, message and signature of an answer; gives the keys of the result, or the error's code."""
        if http in UNREAD:
            return WireAnswer(http, {})
        assert headers.get("content-type", "").split(";")[0] == "application/json", f"content type of {http}: {headers}"
        answer = json.loads(body)
        assert answer["jsonrpc"] == "2.0"
        if http == 200:
            self._check_signature(headers, body, request)
        if "error" in answer:
            assert answer.keys() == {"jsonrpc", "id", "error"}, answer
            error = answer["error"]
            assert type(error["code"]) is int, answer
            assert isinstance(error["message"], str), answer
            assert error["message"], answer
            self._check_error_id(http, error["code"], answer["id"], request)
            if http == 401:
                assert "x-signature" not in headers, "an answer to an unproven caller is signed"
            return WireAnswer(http, {"error": error["code"]})
        assert answer.keys() == {"jsonrpc", "id", "result"}, answer
        assert same(answer["id"], wire_id(request)), f"id {answer['id']!r} is not the request's {request.facts['id']}"
        assert isinstance(answer["result"], dict), answer
        return WireAnswer(http, answer["result"], answer["result"].get("transactionId", ""))

    def _check_error_id(self, http: int, code: int, answered: object, request: Request) -> None:
        wanted = wire_id(request)
        if http == 401 or code == -32700 or (answered is None and code == -32600):
            # JSON-RPC 2.0: null where the id could not be found out, or was not looked for.
            assert answered is None, f"id {answered!r} where none could be known"
        else:
            assert same(answered, wanted), f"id {answered!r} is not the request's {wanted!r}"

    def _check_signature(self, headers: dict[str, str], body: bytes, request: Request) -> None:
        if "nonce" not in request.facts:
            assert "x-signature" not in headers, "signed, though the account uses certificates"
            return
        nonce, timestamp, key_id = request.facts["nonce"], request.facts["timestamp"], request.facts["key_id"]
        assert headers.get("x-subject") == f"casino:{self._side.casino_id}", headers
        assert headers.get("x-nonce") == str(nonce), headers
        assert headers.get("x-timestamp") == str(timestamp), headers
        assert headers.get("x-signature") == f"{key_id}={sign(self._side.keys[key_id], nonce, timestamp, body)}", headers

    def _signed(self, call: Call, send: SendAs, body: bytes, same_nonce_as: Request | None) -> tuple[dict[str, str], int, int, str]:
        nonce = secrets.randbits(63)
        if send.nonce == "above-2^63":
            nonce |= 2**63
        if same_nonce_as is not None:
            nonce = same_nonce_as.facts["nonce"]
        timestamp = int(time.time()) + CLOCK_S.get(call.tamper, 0)
        nonce_text, timestamp_text = str(nonce), str(timestamp)
        if send.nonce is not None and send.nonce != "above-2^63":
            nonce_text, nonce = send.nonce, number(send.nonce)
        if send.timestamp is not None:
            timestamp_text, timestamp = send.timestamp, number(send.timestamp)
        key_id = self._side.second_key_id if call.tamper == "second-key" else self._side.key_id
        key = secrets.token_bytes(16) if call.tamper == "wrong-key" else self._side.keys[key_id]
        signature = sign(key, nonce, timestamp, body)
        headers = {
            "X-Subject": f"casino:{self._side.casino_id}" if call.tamper != "other-merchant" else "casino:999",
            "X-Nonce": nonce_text if call.tamper != "nonce-changed" else str(nonce ^ 1),
            "X-Timestamp": timestamp_text if call.tamper != "timestamp-changed" else str(timestamp - 1),
            "X-Signature": f"{key_id if call.tamper != 'unknown-key' else 'nobody'}={signature}",
        }
        if call.tamper == "no-key-id":
            headers["X-Signature"] = signature
        gone = {"unsigned": "X-Signature", "no-nonce": "X-Nonce", "no-timestamp": "X-Timestamp", "no-merchant": "X-Subject"}
        headers.pop(gone.get(call.tamper, ""), None)
        return headers, nonce, timestamp, key_id

    def _body(self, call: Call, world: World, send: SendAs, rpc_id: str) -> bytes:
        if send.body is not None:
            return send.body.encode()
        if send.body_hex:
            return bytes.fromhex(send.body_hex)
        params = self._params(call, world)
        params |= {name: replaced(value, world) for name, value in send.params.items()}
        inner = joined({name: value for name, value in params.items() if name not in send.without})
        envelope = {"jsonrpc": '"2.0"', "method": text(METHODS[call.do]), "params": inner, "id": rpc_id} | send.envelope
        written = joined({name: value for name, value in envelope.items() if name not in send.without_envelope})
        if send.indent:
            written = json.dumps(json.loads(written), indent=send.indent, ensure_ascii=False)
        written = send.wrap[0] + written + send.wrap[1] + send.append
        body = written.encode()
        body = body[: len(body) - send.cut]
        return body.ljust(send.pad_to, b" ")

    def _params(self, call: Call, world: World) -> dict[str, str]:
        params = {"callerId": str(self._side.casino_id), "playerName": text(world.provider_player_id(call))}
        if call.tx:
            params["transactionRef"] = text(world.external_id(call))
        if call.do != "rollback":
            params["currency"] = text(call.currency or call.purse or world.currency)
        if call.do == "promo_win":
            params |= {"depositAmount": minor(call.win or "0"), "bonusId": '"weekly-prize"'}
        elif call.do not in {"balance", "rollback"}:
            params |= money(call)
        if call.do not in {"balance", "promo_win"} and call.round:
            params["gameRoundRef"] = text(world.round_id(call.round))
        return params | self._place(call, world) | free_rounds(call, world)

    def _place(self, call: Call, world: World) -> dict[str, str]:
        """Game and session; a prize belongs to no game."""
        session = world.session_of(call)
        params = {"sessionAlternativeId": text(session.ours)} if session.ours else {}
        if call.do != "promo_win":
            params["gameId"] = text(call.game)
            if session.providers:
                params["sessionId"] = text(session.providers)
        return params


def money(call: Call) -> dict[str, str]:
    """The parameters of withdrawAndDeposit that are about money and round."""
    return {
        "withdraw": minor(call.stake or "0"),
        "deposit": minor(call.win or "0"),
        "reason": text("GAME_PLAY_FINAL" if call.final or call.do == "end_round" else "GAME_PLAY"),
        "spinDetails": '{"betType":"spin","winType":"standart"}',
        "source": '"game"',
    }


def free_rounds(call: Call, world: World) -> dict[str, str]:
    """The parameters about free rounds, where the call has any."""
    params = {"bonusId": text(world.players[call.player].grant_id)} if call.bonus else {}
    if call.charge is not None:
        params["chargeFreerounds"] = str(call.charge)
    if call.free_round:
        params["freeround"] = "true"
    return params


def joined(fields: dict[str, str]) -> str:
    """A JSON object of fields that are JSON already."""
    return "{" + ",".join(f"{text(name)}:{value}" for name, value in fields.items()) + "}"


def replaced(value: str, world: World) -> str:
    """A value of `send` with its two words for what the data cannot know replaced."""
    player = world.players.get("player")
    return value.replace("$bonus-of-player", player.grant_id if player else "").replace("$129-letters", "x" * 129)


def number(value: str) -> int:
    """What a careless signer would make of a header that is no number."""
    try:
        return int(value)
    except ValueError:
        return 0


def wire_id(request: Request) -> object:
    """The id of the request as JSON knows it, None where it is none that must be echoed."""
    value = json.loads(request.facts["id"])
    return value if isinstance(value, str) or type(value) is int else None


def same(left: object, right: object) -> bool:
    """Equal, and of the same JSON type: 1 is neither 1.0 nor true."""
    return type(left) is type(right) and left == right
