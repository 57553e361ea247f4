"""Changes of players and rounds that a person orders on a page: by the operator API, and always with a line of the audit log.

Refused attempts, and those that nobody knows the outcome of, are lines too. What the operator API did is in its own audit
log besides, under the key's id and the person.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response

from services.backoffice.console.frame import Frame
from services.backoffice.console.who import SignedIn
from services.backoffice.operator import Answer, OperatorApi, OperatorError, OutcomeUnknown

REASON_CHARS_MAX: Final = 200
_ORDER: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


def new_order() -> str:
    """An Idempotency-Key for a form: made with the page, so that the form sent twice does its work once."""
    return f"console-{secrets.token_urlsafe(18)}"


def order_or_new(told: str) -> str:
    """The form's key; a new one where it is none of ours."""
    return told if _ORDER.fullmatch(told) else new_order()


class ReasonMissing(ValueError):
    """A change by hand is not done without a reason."""


def reason_of(text: str) -> str:
    """The reason that somebody gave; ReasonMissing where there is none, or none that can be kept."""
    reason = " ".join(text.split())
    if not reason:
        raise ReasonMissing("Give a reason: it is kept for ever.")
    if len(reason) > REASON_CHARS_MAX or not reason.isprintable():
        raise ReasonMissing(f"A reason has at most {REASON_CHARS_MAX} printable characters.")
    return reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person wants done. `subject` as in `office.notes`, `action` as the audit log names it.

    `done` is told to him when it is done; `back` is the page he sees then.
    """

    action: str
    subject: str
    brand: str
    method: str
    path: str
    body: Mapping[str, Any] | None
    reason: str
    order: str
    back: str
    done: str
    before: str = ""
    after: str = ""


class Acting:
    """One for the process."""

    def __init__(self, frame: Frame, operator: OperatorApi) -> None:
        self._frame = frame
        self._operator = operator

    async def carry_out(self, request: Request, who: SignedIn, order: Order) -> Response:
        """Does it, notes it, and leads back to the page with what came of it."""
        try:
            answer = await self._operator.change(
                order.brand, order.method, order.path, order.body, acting=who.login, idempotency_key=order.order
            )
        except OperatorError as error:
            return await self.failed(request, who, order, error)
        await self._note(request, who, order, "done")
        return self._frame.redirect(request, order.back, told=_told(order, answer))

    async def failed(self, request: Request, who: SignedIn, order: Order, error: OperatorError) -> Response:
        """Notes what the operator API did not do, and leads back with its words.

        Where nobody knows the outcome, the page's forms keep the order's key: the same form once more does it once.
        """
        await self._note(request, who, order, error.outcome, str(error))
        back, words = order.back, f"{error} {error.advice}".strip()
        if isinstance(error, OutcomeUnknown):
            back += f"?order={order.order}"
        return self._frame.redirect(request, back, told=words, kind="bad")

    async def refused(self, request: Request, who: SignedIn, order: Order, why: str) -> Response:
        """Notes what was not even asked for (no reason, an amount that is none), and leads back with the words."""
        await self._note(request, who, order, "refused", why)
        return self._frame.redirect(request, order.back, told=why, kind="bad")

    async def _note(self, request: Request, who: SignedIn, order: Order, outcome: str, why: str = "") -> None:
        after = f"{order.after} ({why})" if order.after and why else order.after or why
        more = {"before": order.before, "after": after, "reason": order.reason, "outcome": outcome}
        await self._frame.note(request, who, order.action, order.subject, **more)


def _told(order: Order, answer: Answer) -> str:
    return f"{order.done} It had been done before; nothing was done twice." if answer.replayed else order.done
