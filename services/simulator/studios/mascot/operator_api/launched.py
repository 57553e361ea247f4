"""A launched session on the studio's side: the balance the operator tells, single spins, and the rollback of unknown ones.

Its spins are no part of the books' comparison: their players are the operator's own, whose money the simulator did not put in.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

import msgspec
import structlog
from msgspec import Struct

from services.simulator.errors import SimulatorError
from services.simulator.studios.mascot.answers import INSUFFICIENT_FUNDS
from services.simulator.studios.mascot.operator_api.calls import SessionCalls, request_of
from services.simulator.studios.mascot.operator_api.lessons import Lesson, Lessons, Mode, said
from services.simulator.studios.mascot.operator_api.store import DONE, REFUSED, ROLLED_BACK, SENT, UNKNOWN, Session, Spin, Store
from services.simulator.studios.mascot.paytable import RIOT
from services.simulator.studios.mascot.reels import land
from services.simulator.studios.mascot.studio import MascotStudio

log = structlog.get_logger(__name__)

BET_MAX: Final = 10**12
ROLLBACKS_AT_ONCE: Final = 32


class NotPlayableError(SimulatorError):
    """The session cannot be played, or not like that."""


class Told(Struct, frozen=True):
    """What the operator told of a session's money: `problem` in words where he told nothing usable.

    `exchange` is the call that it came from, as the page shows it; a demo has none.
    """

    balance: int | None
    free_rounds_left: int | None = None
    problem: str = ""
    exchange: dict[str, Any] | None = None


class LaunchedSessions:
    """Plays launched sessions over the wires of the studios, by provider account."""

    def __init__(self, store: Store, studios: Mapping[str, MascotStudio]) -> None:
        self._store = store
        self._studios = studios
        self._calls = SessionCalls(studios)
        self._lessons = Lessons(self._calls)
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
        exchange = await self._calls.send(session, self._calls.balance(session))
        outcome, shown = exchange.outcome, self._calls.shown(session, exchange, "the balance")
        if outcome.kind != "success":
            return Told(None, problem=said(outcome), exchange=shown)
        return Told(outcome.result["balance"], outcome.result.get("freeroundsLeft"), outcome.problem, shown)

    async def spin(self, session: Session, bet: int, *, free_round: bool, mode: Mode = "normal") -> dict[str, Any]:
        """One spin of `bet` minor units, in order or misbehaving; request, answer, outcome, reels and exchanges for the caller.

        Raises NotPlayableError for a closed session, a bet that the paytable does not take, a free round without a bonus,
        and misbehaviour in a demo, which has no wallet.
        """
        _require_playable(session, bet, free_round=free_round, mode=mode)
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
        if session.demo:
            return self._demo_spin(session, spin)
        # On the file first: after a kill it is known that its outcome is not, and it is rolled back.
        spin = self._store.add_spin(spin)
        return await (self._real_spin(session, spin) if mode == "normal" else self._lesson(session, spin, mode))

    def _demo_spin(self, session: Session, spin: Spin) -> dict[str, Any]:
        enough = session.demo_balance >= spin.bet
        balance = session.demo_balance + spin.win - spin.bet if enough else session.demo_balance
        ended = msgspec.structs.replace(spin, state=DONE if enough else REFUSED, code=0 if enough else INSUFFICIENT_FUNDS)
        self._store.add_spin(ended)
        if enough:
            self._store.put_demo_balance(session.session_id, balance)
        return self._result(ended, balance, None)

    async def _real_spin(self, session: Session, spin: Spin) -> dict[str, Any]:
        exchange = await self._calls.send(session, self._calls.money(session, spin))
        outcome = exchange.outcome
        states = {"success": DONE, "refused": REFUSED, "unknown": UNKNOWN}
        spin = self._ended(session, msgspec.structs.replace(spin, state=states[outcome.kind], code=outcome.code))
        result = self._result(spin, outcome.result.get("newBalance"), outcome.result.get("freeroundsLeft"))
        return result | {
            "request": request_of(exchange.call),
            "answer": msgspec.to_builtins(outcome),
            "exchanges": [self._calls.shown(session, exchange, "the bet")],
        }

    async def _lesson(self, session: Session, spin: Spin, mode: Mode) -> dict[str, Any]:
        lesson: Lesson = await self._lessons.play(session, spin, mode)
        spin = self._ended(session, lesson.spin)
        first = lesson.exchanges[1]  # after the balance
        shown = [self._calls.shown(session, *pair) for pair in zip(lesson.exchanges, lesson.notes, strict=True)]
        return self._result(spin, lesson.after, lesson.free_rounds_left) | {
            "request": request_of(first.call),
            "answer": msgspec.to_builtins(first.outcome),
            "exchanges": shown,
            "lesson": lesson.shown(mode),
        }

    def _ended(self, session: Session, spin: Spin) -> Spin:
        """Writes down what became of a spin; one that ended unknown is rolled back from now on."""
        self._store.save_spin(spin)
        if spin.state == UNKNOWN:
            self._roll_back(session, spin)
        return spin

    def _result(self, spin: Spin, balance: int | None, free_rounds_left: int | None) -> dict[str, Any]:
        """What every spin tells. The reels stand only where the round was played."""
        landing = land(self._rng, Fraction(spin.win, spin.bet)) if spin.state == DONE else None
        return {
            "request": None,
            "answer": None,
            "outcome": _outcome(spin, balance, free_rounds_left),
            "reels": msgspec.to_builtins(landing),
            "exchanges": [],
            "lesson": None,
        }

    # --- rollbacks ---------------------------------------------------------------------------------------------------

    def _roll_back(self, session: Session, spin: Spin) -> None:
        task = asyncio.get_running_loop().create_task(self._keep_rolling_back(session, spin), name=f"rollback {spin.ref}")
        self._rollbacks.add(task)
        task.add_done_callback(self._rollbacks.discard)

    async def _keep_rolling_back(self, session: Session, spin: Spin) -> None:
        """Mascot's rollback cycle: again and again until it is answered `{}`."""
        back_off = self._studios[session.provider_account].target.back_off
        attempt = 0
        while True:
            async with self._limit:
                outcome = (await self._calls.send(session, self._calls.rollback(session, spin))).outcome
            if outcome.kind == "success":
                self._store.save_spin(msgspec.structs.replace(spin, state=ROLLED_BACK))
                return
            attempt += 1
            if attempt == 1:
                log.warning("a launched spin cannot be rolled back yet", ref=spin.ref, answer=said(outcome))
            await asyncio.sleep(back_off.after(attempt, self._rng))


def _require_playable(session: Session, bet: int, *, free_round: bool, mode: Mode) -> None:
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
    if session.demo and mode != "normal":
        raise NotPlayableError(f"session {session.session_id} is a demo: it makes no wallet calls, so none can go wrong")


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
