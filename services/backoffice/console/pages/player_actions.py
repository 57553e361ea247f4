"""What people do to a player: block, exclude, correct his balance, end a session. All through the operator API, with reasons."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Request, Response

from services.backoffice.console.acting import Order, ReasonMissing, order_or_new, reason_of
from services.backoffice.console.frame import Finance, SignedIn, Support
from services.backoffice.office.directory import PlayerRow
from services.backoffice.operator import OperatorError
from shared.errors import MoneyError
from shared.money import parse_decimal

if TYPE_CHECKING:
    from services.backoffice.console.pages.players import PlayersDesk

KeyPath = Annotated[str, Path(pattern=r"^[a-z2-7]{16}$")]
SessionPath = Annotated[str, Path(pattern=r"^[a-z2-7]{16}\.[A-Za-z0-9_-]{8,64}$")]
Text = Annotated[str, Form(max_length=1_000)]
PERIODS: Final = {"1": "a day", "7": "a week", "30": "30 days", "182": "half a year", "365": "a year", "for-good": "for good"}
ERASED: Final = "His personal data were erased: nothing can be done to him any more."


def add(router: APIRouter, desk: PlayersDesk) -> None:
    """Adds the routes of actions."""
    _add_blocks(router, desk)
    _add_exclusions(router, desk)
    _add_money(router, desk)
    _add_sessions(router, desk)


def _add_blocks(router: APIRouter, desk: PlayersDesk) -> None:
    @router.post("/players/{key}/block")
    async def block(request: Request, who: Support, key: KeyPath, reason: Text = "", order: Text = "") -> Response:
        """No launches and no stakes from now on."""
        told = {"action": "player.block", "after": "blocked", "done": "The player is blocked."}
        return await _change(desk, request, who, key, "POST", "block", reason, order, told)

    @router.post("/players/{key}/unblock")
    async def unblock(request: Request, who: Support, key: KeyPath, reason: Text = "", order: Text = "") -> Response:
        """He may play again."""
        told = {"action": "player.unblock", "after": "active", "done": "The player may play again."}
        return await _change(desk, request, who, key, "POST", "unblock", reason, order, told)


def _add_exclusions(router: APIRouter, desk: PlayersDesk) -> None:
    @router.post("/players/{key}/exclude")
    async def exclude(
        request: Request, who: Support, key: KeyPath, reason: Text = "", order: Text = "", period: Text = ""
    ) -> Response:
        """Keeps him from playing for a while, or for good."""
        words = PERIODS.get(period)
        told = {"action": "player.exclude", "after": words or period[:40], "done": f"The player is excluded for {words}."}
        if period == "for-good":
            told["done"] = "The player is excluded for good."
        if words is None:
            return await _refused(desk, request, who, key, told, reason, "Choose how long he is to be excluded.")
        body = {"for_ever": True} if period == "for-good" else {"days": int(period)}
        return await _change(desk, request, who, key, "POST", "exclusion", reason, order, told, body)

    @router.post("/players/{key}/lift-exclusion")
    async def lift(request: Request, who: Support, key: KeyPath, reason: Text = "", order: Text = "") -> Response:
        """Ends an exclusion by hand."""
        told = {"action": "player.lift_exclusion", "after": "not excluded", "done": "The exclusion is lifted."}
        return await _change(desk, request, who, key, "POST", "exclusion/lift", reason, order, told)


def _add_money(router: APIRouter, desk: PlayersDesk) -> None:
    @router.post("/players/{key}/adjust")
    async def adjust(
        request: Request,
        who: Finance,
        key: KeyPath,
        reason: Text = "",
        order: Text = "",
        amount: Text = "",
        currency: Annotated[str, Form(max_length=12)] = "",
        direction: Text = "",
    ) -> Response:
        """Corrects a balance by an amount that is typed as decimal text and sent as it is, never as a float."""
        typed = amount.strip()
        sign = {"give": "", "take": "-"}.get(direction)
        told = {"action": "player.adjust", "after": f"{sign or ''}{typed[:40]} {currency}", "done": ""}
        try:
            _check_amount(typed, currency, sign)
        except MoneyError as error:
            return await _refused(desk, request, who, key, told, reason, f"The amount is not accepted: {error}.")
        told["done"] = f"{typed} {currency} {'given to' if not sign else 'taken from'} the player."
        body = {"amount": (sign or "") + typed, "currency": currency}
        return await _change(desk, request, who, key, "POST", "adjustments", reason, order, told, body)


def _check_amount(typed: str, currency: str, sign: str | None) -> None:
    """MoneyError where it is no amount to be corrected by."""
    if sign is None:
        raise MoneyError("choose whether to give or to take")
    if parse_decimal(typed, currency) <= 0:
        raise MoneyError("an amount above zero is expected")


def _add_sessions(router: APIRouter, desk: PlayersDesk) -> None:
    @router.post("/players/{key}/sessions/{session_id}/close")
    async def close(
        request: Request, who: Support, key: KeyPath, session_id: SessionPath, reason: Text = "", order: Text = ""
    ) -> Response:
        """Ends a session here and at its provider."""
        told = {"action": "session.close", "after": session_id, "done": "The session is closed."}
        if not session_id.startswith(f"{key}."):
            return await _refused(desk, request, who, key, told, reason, "The session is another player's.")
        return await _change(desk, request, who, key, "DELETE", f"/v1/sessions/{session_id}", reason, order, told)


async def _change(
    desk: PlayersDesk, request: Request, who: SignedIn, key: str, method: str, path: str, reason: str, order: str,
    told: dict[str, str], body: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    """Asks the operator API for a change of a player; `path` below him, or whole with a slash in front."""
    try:
        why = reason_of(reason)
    except ReasonMissing as error:
        return await _refused(desk, request, who, key, told, reason, str(error))
    player = await desk.known(key)
    if not path.startswith("/"):
        try:
            profile = await desk.operator.get(player.brand, f"/v1/player-keys/{key}")
        except OperatorError as error:
            return await desk.acting.failed(request, who, _order(player, method, path, why, order, told, None), error)
        if not profile.get("player_id"):
            return await _refused(desk, request, who, key, told, why, ERASED)
        path = f"/v1/players/{quote(str(profile['player_id']), safe='')}/{path}"
        body = {**(body or {}), "reason": why}
    return await desk.acting.carry_out(request, who, _order(player, method, path, why, order, told, body))


async def _refused(
    desk: PlayersDesk, request: Request, who: SignedIn, key: str, told: dict[str, str], reason: str, why: str
) -> Response:
    player = await desk.known(key)
    return await desk.acting.refused(request, who, _order(player, "", "", reason[:200], "", told, None), why)


def _order(
    player: PlayerRow, method: str, path: str, reason: str, order: str, told: dict[str, str], body: dict[str, Any] | None
) -> Order:
    return Order(
        action=told["action"],
        subject=f"player:{player.player}",
        brand=player.brand,
        method=method,
        path=path,
        body=body,
        reason=reason,
        order=order_or_new(order),
        back=f"/players/{player.player}",
        done=told["done"],
        before=player.status if told["action"] in {"player.block", "player.unblock"} else "",
        after=told["after"],
    )


def is_excluded(player: PlayerRow, now: datetime | None = None) -> bool:
    """Whether events told of an exclusion that is in force."""
    at = now or datetime.now(UTC)
    return player.excluded_until_ms > int(at.timestamp() * 1_000)
