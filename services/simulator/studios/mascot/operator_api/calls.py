"""What a launched session says to the operator: its callbacks, built and sent over the wire of its studio. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.simulator.studios.mascot.answers import GET_BALANCE, ROLLBACK, SignedCall
from services.simulator.studios.mascot.operator_api.store import Session, Spin
from services.simulator.studios.mascot.studio import MascotStudio
from services.simulator.studios.mascot.wire import Exchange

MONEY: Final = "withdrawAndDeposit"


class SessionCalls:
    """Callbacks of sessions, over the wires of the studios by provider account."""

    def __init__(self, studios: Mapping[str, MascotStudio]) -> None:
        self._studios = studios

    def balance(self, session: Session) -> SignedCall:
        """A getBalance."""
        return self._signed(session, GET_BALANCE, self._params(session) | {"currency": session.currency})

    def money(self, session: Session, spin: Spin) -> SignedCall:
        """The withdrawAndDeposit of a spin: each call has a nonce and an id of its own, the transactionRef is the spin's."""
        params = self._params(session) | {
            "withdraw": spin.bet,
            "deposit": spin.win,
            "currency": session.currency,
            "transactionRef": spin.ref,
            "gameRoundRef": spin.round_ref,
            "reason": "GAME_PLAY_FINAL",
            "spinDetails": {"betType": "spin", "winType": "standart"},
        }
        if spin.free_round:
            params["chargeFreerounds"] = 1
        elif session.bonus_id:
            del params["bonusId"]
        return self._signed(session, MONEY, params)

    def rollback(self, session: Session, spin: Spin) -> SignedCall:
        """The rollbackTransaction of a spin."""
        return self._signed(session, ROLLBACK, self._params(session) | {"transactionRef": spin.ref, "gameRoundRef": spin.round_ref})

    async def send(self, session: Session, call: SignedCall) -> Exchange:
        """Sends a call of a session."""
        studio = self._studios[session.provider_account]
        return await studio.wire.exchange(call, studio.background)

    def shown(self, session: Session, exchange: Exchange, note: str = "") -> dict[str, Any]:
        """An exchange as people read it: all that crossed the wire, byte for byte, and what the studio makes of it.

        The signature belongs to these bytes alone; the key is nowhere in it.
        """
        call = exchange.call
        answer = None
        if exchange.status:
            answer = {"status": exchange.status, "headers": dict(exchange.headers), "body": _text(exchange.body)}
        return {
            "method": call.method,
            "note": note,
            "request": {
                "url": self._studios[session.provider_account].wire.url,
                "headers": {"Content-Type": "application/json", **call.headers},
                "body": _text(call.body),
            },
            "answer": answer,
            "outcome": msgspec.to_builtins(exchange.outcome),
            "sent_ms": exchange.sent_ms,
            "took_ms": round(exchange.took_s * 1000, 1),
        }

    def _signed(self, session: Session, method: str, params: dict[str, Any]) -> SignedCall:
        return self._studios[session.provider_account].wire.prepare(method, params)

    def _params(self, session: Session) -> dict[str, Any]:
        params: dict[str, Any] = {
            "callerId": self._studios[session.provider_account].wire.casino_id,
            "playerName": session.player_id,
            "gameId": session.game_id,
            "sessionId": session.session_id,
        }
        if session.alternative_id:
            params["sessionAlternativeId"] = session.alternative_id
        if session.bonus_id:
            params["bonusId"] = session.bonus_id
        return params


def request_of(call: SignedCall) -> dict[str, Any]:
    """Method, params and id of a call."""
    content = msgspec.json.decode(call.body)
    return {name: content[name] for name in ("method", "params", "id")}


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
