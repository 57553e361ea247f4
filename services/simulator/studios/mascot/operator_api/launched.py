"""A launched session on the studio's side: the balance the operator tells, single spins, and the rollback of unknown ones.

Its spins are no part of the books' comparison: their players are the operator's own, whose money the simulator did not put in.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from services.simulator.errors import SimulatorError
from services.simulator.studios.mascot.answers import GET_BALANCE, INSUFFICIENT_FUNDS, ROLLBACK, Outcome
from services.simulator.studios.mascot.operator_api.store import SENT, UNKNOWN, Session, Spin, Store
from services.simulator.studios.mascot.paytable import RIOT
from services.simulator.studios.mascot.studio import MascotStudio

log = structlog.get_logger(__name__)

BET_MAX: Final = 10**12
ROLLBACKS_AT_ONCE: Final = 32
DONE: Final = "done"
REFUSED: Final = "refused"
ROLLED_BACK: Final = "rolled_back"
MONEY: Final = "withdrawAndDeposit"


class NotPlayableError(SimulatorError):
    """The session cannot be played, or not like that."""


class Told(Struct, frozen=True):
    """What the operator told of a session's money: `problem` in words where he told nothing usable."""

    balance: int | None
    free_rounds_left: int | None = None
    problem: str = ""


class LaunchedSessions:
    """Plays launched sessions over the wires of the studios, by provider account."""

    def __init__(self, store: Store, studios: Mapping[str, MascotStudio]) -> None:
        self._store = store
        self._studios = studios
        self._rng = random.SystemRandom()
        self._limit = asyncio.Semaphore(ROLLBACKS_AT_ONCE)
        self._rollbacks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Takes up the rollbacks that a process before this one left open."""
        for spin in self._store.open_spins():
            session = self._store.session(spin.session_id)
            if session is not None and session.provider_account in self._studios:
                self._roll_back(session, spin)

    async def close(self) -> None:
        """Stops trying; what is open stays in the file."""
        for task in self._rollbacks:
            task.cancel()
        await asyncio.gather(*self._rollbacks, return_exceptions=True)

    async def ask(self, session: Session) -> Told:
        """What a session has: a demo its own balance, any other what one real getBalance is answered with."""
        if session.demo:
            return Told(session.demo_balance)
        outcome, _ = await self._call(session, GET_BALANCE, self._params(session) | {"currency": session.currency})
        if outcome.kind != "success":
            return Told(None, problem=_said(outcome))
        return Told(outcome.result["balance"], outcome.result.get("freeroundsLeft"), outcome.problem)

    async def spin(self, session: Session, bet: int, *, free_round: bool) -> dict[str, Any]:
        """One spin of `bet` minor units; request, answer and outcome as they go to the caller.

        Raises NotPlayableError for a closed session, a bet that the paytable does not take, and a free round without a bonus.
        """
        if session.closed_ms is not None:
            raise NotPlayableError(f"session {session.session_id} is closed; launch the game again")
        if bet < 1:
            raise NotPlayableError(
                "the spin needs a bet in minor units; only free rounds of a session with freeround_bet have their own"
            )
        if bet % RIOT.stake_step:
            raise NotPlayableError(f"a bet of {bet} does not fit the paytable; it must be a multiple of {RIOT.stake_step}")
        if free_round and not session.bonus_id:
            raise NotPlayableError(f"session {session.session_id} has no bonus; create it with BonusId to play free rounds")
        spin = Spin(
            session_id=session.session_id,
            ref=f"{secrets.token_urlsafe(12)}:{session.session_id}",
            round_ref=f"{secrets.token_hex(6)}:{session.session_id}",
            bet=bet,
            win=RIOT.draw(self._rng, bet),
            free_round=free_round,
            state=SENT,
            code=0,
            played_ms=int(time.time() * 1000),
        )
        return self._demo_spin(session, spin) if session.demo else await self._real_spin(session, spin)

    def _demo_spin(self, session: Session, spin: Spin) -> dict[str, Any]:
        enough = session.demo_balance >= spin.bet
        balance = session.demo_balance + spin.win - spin.bet if enough else session.demo_balance
        if enough:
            self._store.put_demo_balance(session.session_id, balance)
        ended = msgspec.structs.replace(spin, state=DONE if enough else REFUSED, code=0 if enough else INSUFFICIENT_FUNDS)
        return {"request": None, "answer": None, "outcome": _outcome(ended, balance, None)}

    async def _real_spin(self, session: Session, spin: Spin) -> dict[str, Any]:
        # On the file first: after a kill it is known that its outcome is not, and it is rolled back.
        spin = self._store.add_spin(spin)
        outcome, request = await self._call(session, MONEY, self._money_params(session, spin))
        states = {"success": DONE, "refused": REFUSED, "unknown": UNKNOWN}
        spin = msgspec.structs.replace(spin, state=states[outcome.kind], code=outcome.code)
        self._store.save_spin(spin)
        if spin.state == UNKNOWN:
            self._roll_back(session, spin)
        shown = _outcome(spin, outcome.result.get("newBalance"), outcome.result.get("freeroundsLeft"))
        return {"request": request, "answer": msgspec.to_builtins(outcome), "outcome": shown}

    # --- rollbacks ---------------------------------------------------------------------------------------------------

    def _roll_back(self, session: Session, spin: Spin) -> None:
        task = asyncio.get_running_loop().create_task(self._keep_rolling_back(session, spin), name=f"rollback {spin.ref}")
        self._rollbacks.add(task)
        task.add_done_callback(self._rollbacks.discard)

    async def _keep_rolling_back(self, session: Session, spin: Spin) -> None:
        """Mascot's rollback cycle: again and again until it is answered `{}`."""
        back_off = self._studios[session.provider_account].target.back_off
        params = self._params(session) | {"transactionRef": spin.ref, "gameRoundRef": spin.round_ref}
        attempt = 0
        while True:
            async with self._limit:
                outcome, _ = await self._call(session, ROLLBACK, params)
            if outcome.kind == "success":
                self._store.save_spin(msgspec.structs.replace(spin, state=ROLLED_BACK))
                return
            attempt += 1
            if attempt == 1:
                log.warning("a launched spin cannot be rolled back yet", ref=spin.ref, answer=_said(outcome))
            await asyncio.sleep(back_off.after(attempt, self._rng))

    # --- calls -------------------------------------------------------------------------------------------------------

    async def _call(self, session: Session, method: str, params: dict[str, Any]) -> tuple[Outcome, dict[str, Any]]:
        studio = self._studios[session.provider_account]
        call = studio.wire.prepare(method, params)
        return await studio.wire.send(call, studio.background), {"method": method, "params": params, "id": call.id}

    def _params(self, session: Session) -> dict[str, Any]:
        """The parameters that all calls of a session have in common."""
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

    def _money_params(self, session: Session, spin: Spin) -> dict[str, Any]:
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
        return params


def _said(outcome: Outcome) -> str:
    """A refusal or an unknown outcome in words."""
    return f"error {outcome.code} ({outcome.text})" if outcome.code else outcome.text


def _outcome(spin: Spin, balance: int | None, free_rounds_left: int | None) -> dict[str, Any]:
    return {
        "state": spin.state,
        "code": spin.code,
        "bet": spin.bet,
        "win": spin.win,
        "free_round": spin.free_round,
        "transaction_ref": spin.ref,
        "balance": balance,
        "free_rounds_left": free_rounds_left,
    }
