"""Watch lists, and what people do about a stuck round: look at it at the provider, void it, settle it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, HTTPException, Path, Query, Request, Response

from services.backoffice.console.acting import Acting, Order, ReasonMissing, new_order, order_or_new, reason_of
from services.backoffice.console.frame import Finance, Frame, SignedIn, Viewer
from services.backoffice.findings.accounts import AccountBook
from services.backoffice.findings.watch import LISTS, CursorInvalid, Line, Watch, WatchFilter
from services.backoffice.operator import OperatorApi, OperatorError
from shared.errors import MoneyError
from shared.money import parse_decimal

KeyPath = Annotated[str, Path(pattern=r"^[a-z2-7]{16}$")]
AccountPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
RoundPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9][!-.0-~]{0,127}$")]
Text = Annotated[str, Form(max_length=1_000)]
OrderKey = Annotated[str, Query(max_length=100)]
ROUND: Final = "/watch/rounds/{player}/{account}/{round_id}"
LINK_VALID_S: Final = 600


@dataclass(frozen=True, slots=True)
class WatchDesk:
    """What the routes work with."""

    frame: Frame
    watch: Watch
    accounts: AccountBook
    operator: OperatorApi
    acting: Acting
    stuck_after_h: int


def routes(frame: Frame, watch: Watch, accounts: AccountBook, operator: OperatorApi, *, stuck_after_h: int) -> APIRouter:
    """The routes of watch lists."""
    desk = WatchDesk(frame, watch, accounts, operator, Acting(frame, operator), stuck_after_h)
    router = APIRouter(include_in_schema=False)
    _add_lists(router, desk)
    _add_round(router, desk)
    return router


def _add_lists(router: APIRouter, desk: WatchDesk) -> None:
    @router.get("/watch")
    async def index(request: Request, who: Viewer) -> Response:
        """All lists."""
        del who
        stuck = sum((await desk.watch.stuck()).values())
        return desk.frame.page(
            request, "watch.html", title="Watch lists", lists=LISTS.values(), stuck=stuck, hours=desk.stuck_after_h
        )

    @router.get("/watch/{name}")
    async def listed(
        request: Request,
        who: Viewer,
        name: str,
        account: Annotated[str, Query(max_length=100)] = "",
        test: Annotated[str, Query(max_length=5)] = "",
        cursor: Annotated[str, Query(max_length=400)] = "",
    ) -> Response:
        """One list, page by page."""
        del who
        if name not in LISTS:
            raise HTTPException(404, "there is no such watch list")
        names = await desk.accounts.names()
        if account and account not in names:
            raise HTTPException(404, "there is no such provider account")
        try:
            page = await desk.watch.page(name, WatchFilter(account=account, test=bool(test)), cursor=cursor)
        except CursorInvalid as error:
            raise HTTPException(400, str(error)) from error
        kept = {"account": account, "test": test}
        url = f"/watch/{name}?" + urlencode({each: value for each, value in kept.items() if value})
        return desk.frame.page(
            request,
            "watch_list.html",
            title=LISTS[name].title,
            list=LISTS[name],
            lists=LISTS.values(),
            lines=page.lines,
            accounts=names,
            account=account,
            test=bool(test),
            since=desk.watch.since(name),
            hours=desk.stuck_after_h,
            next_url=f"{url}&cursor={page.next}" if page.next else "",
            first_url=url if cursor else "",
        )


def _add_round(router: APIRouter, desk: WatchDesk) -> None:
    @router.get(ROUND)
    async def page(
        request: Request, who: Viewer, player: KeyPath, account: AccountPath, round_id: RoundPath, order: OrderKey = ""
    ) -> Response:
        """A round, and what may be done about it."""
        del who
        return await _round_page(desk, request, await _found(desk, player, account, round_id), order)

    @router.post(ROUND + "/void")
    async def void(
        request: Request,
        who: Finance,
        player: KeyPath,
        account: AccountPath,
        round_id: RoundPath,
        reason: Text = "",
        order: Text = "",
    ) -> Response:
        """Undoes everything in it and keeps it void."""
        line = await _found(desk, player, account, round_id)
        return await _end(desk, request, who, line, "void", reason, order, {}, "The round is void.")

    @router.post(ROUND + "/settle")
    async def settle(
        request: Request,
        who: Finance,
        player: KeyPath,
        account: AccountPath,
        round_id: RoundPath,
        reason: Text = "",
        order: Text = "",
        win: Text = "",
    ) -> Response:
        """Ends it with a win that is typed as decimal text and sent as it is, never as a float."""
        line = await _found(desk, player, account, round_id)
        typed = win.strip()
        try:
            _check_win(typed, line.currency)
        except MoneyError as error:
            return await desk.acting.refused(
                request, who, _order(line, "settle", "", reason[:200], "", None, ""), f"The win is not accepted: {error}."
            )
        done = f"The round is settled with a win of {typed} {line.currency}."
        return await _end(desk, request, who, line, "settle", reason, order, {"win": typed}, done)

    @router.post(ROUND + "/at-provider")
    async def at_provider(
        request: Request, who: Finance, player: KeyPath, account: AccountPath, round_id: RoundPath, reason: Text = ""
    ) -> Response:
        """A link to the provider's own page of the session, where its dialect has one."""
        line = await _found(desk, player, account, round_id)
        return await _open_at_provider(desk, request, who, line, reason)


async def _found(desk: WatchDesk, player: str, account: str, round_id: str) -> Line:
    line = await desk.watch.round(player, account, round_id)
    if line is None:
        raise HTTPException(404, "there is no such round")
    return line


async def _round_page(desk: WatchDesk, request: Request, line: Line, order: str = "", link: str = "") -> Response:
    return desk.frame.page(
        request,
        "watch_round.html",
        title=f"Round {line.round_id}",
        line=line,
        here_url=_url(line),
        order=order_or_new(order) if order else new_order(),
        link=link,
        valid_minutes=LINK_VALID_S // 60,
    )


async def _end(
    desk: WatchDesk, request: Request, who: SignedIn, line: Line, how: str, reason: str, key: str, body: dict[str, Any], done: str
) -> Response:
    try:
        why = reason_of(reason)
    except ReasonMissing as error:
        return await desk.acting.refused(request, who, _order(line, how, "", reason[:200], "", None, ""), str(error))
    try:
        profile = await desk.operator.get(line.brand, f"/v1/player-keys/{line.player}")
    except OperatorError as error:
        return await desk.acting.failed(request, who, _order(line, how, "", why, order_or_new(key), None, ""), error)
    player_id = str(profile.get("player_id") or "")
    if not player_id:
        words = "The player's personal data were erased: his rounds are corrected with the command line."
        return await desk.acting.refused(request, who, _order(line, how, "", why, "", None, ""), words)
    path = f"/v1/players/{quote(player_id, safe='')}/rounds/{line.provider_account}/{quote(line.round_id, safe='')}/{how}"
    order = _order(line, how, path, why, order_or_new(key), {**body, "reason": why}, done)
    return await desk.acting.carry_out(request, who, order)


async def _open_at_provider(desk: WatchDesk, request: Request, who: SignedIn, line: Line, reason: str) -> Response:
    order = _order(line, "open_at_provider", "", reason[:200], "", None, "")
    try:
        why = reason_of(reason)
    except ReasonMissing as error:
        return await desk.acting.refused(request, who, order, str(error))
    if not line.session_id:
        return await desk.acting.refused(request, who, order, "The round names no session: the provider cannot be asked for it.")
    order = _order(
        line, "open_at_provider", f"/v1/sessions/{quote(line.session_id, safe='.')}/history-link", why, new_order(), None, ""
    )
    try:
        answer = await desk.operator.change(
            line.brand, "POST", order.path, {"valid_s": LINK_VALID_S}, acting=who.login, idempotency_key=order.order
        )
    except OperatorError as error:
        return await desk.acting.failed(request, who, order, error)
    await desk.frame.note(request, who, order.action, order.subject, after=line.session_id, reason=why)
    return await _round_page(desk, request, line, link=str(answer.content.get("url", "")))


def _check_win(typed: str, currency: str) -> None:
    """MoneyError where it is no amount of zero or more."""
    if parse_decimal(typed, currency) < 0:
        raise MoneyError("zero or more is expected")


def _url(line: Line) -> str:
    return f"/watch/rounds/{line.player}/{line.provider_account}/{quote(line.round_id, safe='')}"


def _order(line: Line, how: str, path: str, reason: str, key: str, body: dict[str, Any] | None, done: str) -> Order:
    after = f"{line.provider_account}/{line.round_id}" + (f", win {body['win']} {line.currency}" if body and "win" in body else "")
    return Order(
        action=f"round.{how}",
        subject=f"player:{line.player}",
        brand=line.brand,
        method="POST",
        path=path,
        body=body,
        reason=reason,
        order=key,
        back=_url(line),
        done=done,
        before=line.kind,
        after=after,
    )
