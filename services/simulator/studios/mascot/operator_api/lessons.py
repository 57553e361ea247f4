"""Misbehaviour of a spin on purpose, with what a wallet must make of it: for people who learn the protocol.

twice             the same bet under the same transactionRef a second time: one transaction, one move
timeout_rollback  the answer to the bet is thrown away as if it had come too late; the bet is rolled back
rollback_first    the rollback comes before its bet: it is remembered, and the late bet is refused
wrong_signature   the bet is signed for other bytes: it stays outside

The balance is asked before and after each, so that one sees what moved. What ends unknown is left to the rollback cycle.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from services.simulator.studios.mascot.answers import NOT_DONE, UNKNOWN, Outcome, SignedCall
from services.simulator.studios.mascot.operator_api import store as states
from services.simulator.studios.mascot.operator_api.calls import SessionCalls
from services.simulator.studios.mascot.operator_api.store import Session, Spin
from services.simulator.studios.mascot.signature import SIGNATURE
from services.simulator.studios.mascot.wire import Exchange

Mode = Literal["normal", "twice", "timeout_rollback", "rollback_first", "wrong_signature"]
UNAUTHORIZED: Final = 401

EXPECTED: Final[dict[str, str]] = {
    "twice": "The second answer repeats the first one with the same transactionId, and the money moves once.",
    "timeout_rollback": "The rollback is answered {} and undoes stake and win together: the balance is what it was before.",
    "rollback_first": "The rollback of the unknown bet is answered {} and remembered; the bet that comes later is refused "
    "with error 7 (or 8, by the account's setting), and nothing moves.",
    "wrong_signature": "HTTP 401 with a JSON-RPC error, before anything is read or looked up; nothing moves.",
}
"""What a right wallet does, in a sentence."""


class Lesson(Struct, frozen=True):
    """What a misbehaviour came to: the spin as it stands now, all that crossed the wire, and the verdict.

    Balances are in minor units as getBalance told them, None where it told none.
    """

    spin: Spin
    exchanges: list[Exchange]
    notes: list[str]
    came: str
    as_expected: bool
    before: int | None
    after: int | None
    free_rounds_left: int | None

    def shown(self, mode: str) -> dict[str, Any]:
        """The verdict as it goes to the page."""
        return {
            "mode": mode,
            "expected": EXPECTED[mode],
            "came": self.came,
            "as_expected": self.as_expected,
            "balance_before": self.before,
            "balance_after": self.after,
        }


class Lessons:
    """Plays misbehaviours of one session's spin over its wire."""

    def __init__(self, calls: SessionCalls) -> None:
        self._calls = calls

    async def play(self, session: Session, spin: Spin, mode: Mode) -> Lesson:
        """Plays one; the spin that comes back has its new state, `unknown` where the caller has to roll it back."""
        lessons = {
            "twice": self._twice,
            "timeout_rollback": self._timeout_rollback,
            "rollback_first": self._rollback_first,
            "wrong_signature": self._wrong_signature,
        }
        talk = _Talk(self._calls, session)
        before = await talk.balance("the balance before")
        played = await lessons[mode](talk, spin)
        after = await talk.balance("the balance after")
        told_before, told_after = before.result.get("balance"), after.result.get("balance")
        moved = told_after - told_before if told_before is not None and told_after is not None else None
        return Lesson(
            spin=played.spin,
            exchanges=talk.exchanges,
            notes=talk.notes,
            came=played.came + _moved_text(moved, played.moves),
            as_expected=played.right and moved == played.moves,
            before=told_before,
            after=told_after,
            free_rounds_left=after.result.get("freeroundsLeft"),
        )

    async def _twice(self, talk: _Talk, spin: Spin) -> _Played:
        first = (await talk.say(self._calls.money(talk.session, spin), "the bet")).outcome
        second = (await talk.say(self._calls.money(talk.session, spin), "the same bet again, same transactionRef")).outcome
        same = (first.kind, first.code, first.result.get("transactionId")) == (
            second.kind,
            second.code,
            second.result.get("transactionId"),
        )
        kinds = {first.kind, second.kind}
        taken = next((outcome for outcome in (first, second) if outcome.kind == "success"), None)
        state = states.DONE if taken else states.UNKNOWN if "unknown" in kinds else states.REFUSED
        moves = _moves(spin, taken) if taken else 0
        came = f"First: {said(first)}. Second: {said(second)}."
        return _Played(_as(spin, state, (taken or second).code), came, right=same and "unknown" not in kinds, moves=moves)

    async def _timeout_rollback(self, talk: _Talk, spin: Spin) -> _Played:
        await talk.say(self._calls.money(talk.session, spin), "the bet; its answer is thrown away as if it had come too late")
        undone = (await talk.say(self._calls.rollback(talk.session, spin), "the rollback of that bet")).outcome
        right = undone.kind == "success"
        state = states.ROLLED_BACK if right else states.UNKNOWN
        return _Played(_as(spin, state, undone.code), f"The rollback: {said(undone)}.", right=right, moves=0)

    async def _rollback_first(self, talk: _Talk, spin: Spin) -> _Played:
        undone = (await talk.say(self._calls.rollback(talk.session, spin), "the rollback of a bet that was never sent")).outcome
        if undone.kind != "success":
            came = f"The rollback: {said(undone)}. The bet was not sent."
            return _Played(_as(spin, states.UNKNOWN, undone.code), came, right=False, moves=0)
        bet = (await talk.say(self._calls.money(talk.session, spin), "the bet itself, too late")).outcome
        refused = bet.code in {NOT_DONE, UNKNOWN} and not bet.problem
        # Whatever else the operator made of the late bet is undone by another rollback.
        state = states.ROLLED_BACK if refused else states.UNKNOWN
        came = f"The rollback: {said(undone)}. The late bet: {said(bet)}."
        return _Played(_as(spin, state, bet.code), came, right=refused, moves=0)

    async def _wrong_signature(self, talk: _Talk, spin: Spin) -> _Played:
        exchange = await talk.say(_spoiled(self._calls.money(talk.session, spin)), "the bet, signed for other bytes")
        outside = exchange.status == UNAUTHORIZED
        came = "HTTP 401: the call stayed outside." if outside else f"The bet: {said(exchange.outcome)}."
        return _Played(_as(spin, states.REFUSED if outside else states.UNKNOWN, 0), came, right=outside, moves=0)


class _Played(Struct, frozen=True):
    """A misbehaviour without its balances; `moves` is what they must differ by."""

    spin: Spin
    came: str
    right: bool
    moves: int


class _Talk:
    """The calls of one lesson, in their order."""

    def __init__(self, calls: SessionCalls, session: Session) -> None:
        self._calls = calls
        self.session = session
        self.exchanges: list[Exchange] = []
        self.notes: list[str] = []

    async def say(self, call: SignedCall, note: str) -> Exchange:
        """Sends one call."""
        exchange = await self._calls.send(self.session, call)
        self.exchanges.append(exchange)
        self.notes.append(note)
        return exchange

    async def balance(self, note: str) -> Outcome:
        """Asks for the balance; an outcome without result where it was not told."""
        outcome = (await self.say(self._calls.balance(self.session), note)).outcome
        return outcome if outcome.kind == "success" else Outcome(outcome.kind, code=outcome.code, text=outcome.text)


def said(outcome: Outcome) -> str:
    """An outcome in words."""
    if outcome.kind == "success":
        transaction = outcome.result.get("transactionId")
        return f"success, transaction {transaction}" if transaction else "success"
    return f"error {outcome.code} ({outcome.text})" if outcome.code else outcome.text


def _spoiled(call: SignedCall) -> SignedCall:
    """The call with the last digit of its signature changed."""
    signature = call.headers[SIGNATURE]
    wrong = signature[:-1] + ("0" if signature[-1] != "0" else "1")
    return msgspec.structs.replace(call, headers=call.headers | {SIGNATURE: wrong})


def _moves(spin: Spin, taken: Outcome) -> int:
    """What a bet that was taken once moves; one that a free round paid for takes no stake."""
    return spin.win if taken.result.get("freeroundWasCharged") else spin.win - spin.bet


def _moved_text(moved: int | None, expected: int) -> str:
    if moved is None:
        return " The balance was not told, so it cannot be compared."
    if moved == expected:
        return " The balance moved as it should." if expected else " The balance did not move."
    return f" The balance moved by {moved} minor units where {expected} are right."


def _as(spin: Spin, state: str, code: int) -> Spin:
    return msgspec.structs.replace(spin, state=state, code=code)
