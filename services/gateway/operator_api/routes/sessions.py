"""Game sessions: launched, shown, listed, closed; and demo sessions, which the wallet never hears of."""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, status
from pydantic import Field

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import SYSTEM, Desk, key_of
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.failures import ANY, problem_of
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.launches import Launcher, LaunchOrder, close_at_provider
from services.gateway.operator_api.values import (
    AMOUNT_PATTERN,
    AccountName,
    AmountText,
    Country,
    CurrencyCode,
    Cursor,
    GameId,
    IdempotencyKey,
    Input,
    IpAddress,
    KeyedId,
    Language,
    Output,
    PageSize,
    PlayerId,
    PlayerIdPath,
    SessionIdPath,
    WebAddress,
    example,
    player_of,
    required,
    shown,
    units_of,
    when,
)
from shared.contracts import (
    CloseSession,
    GetSession,
    ListSessions,
    SessionPage,
    SessionView,
    Withdraw,
)
from shared.identity import provider_player_id
from shared.providers.client import DemoRequest, HistoryPages, ProviderError, ProviderNotOffered
from shared.web.callers import Administers, Caller, Plays, Reads
from shared.web.documented import Problems
from shared.web.problems import Problem

_PROVIDER = (
    p.PROVIDER_ACCOUNT_NOT_FOUND,
    p.PROVIDER_NOT_CONFIGURED,
    p.PROVIDER_UNREACHABLE,
    p.PROVIDER_TIMEOUT,
    p.PROVIDER_REFUSED,
    p.PROVIDER_ANSWER_INVALID,
    p.GAME_NOT_FOUND,
    p.GAME_NOT_AVAILABLE,
    p.GAME_NOT_SUITABLE,
    p.WRONG_CURRENCY,
)
Device = Literal["desktop", "mobile"]
TransferOut = Annotated[
    str | None,
    Query(
        pattern=rf"^all$|{AMOUNT_PATTERN}",
        description='What to take back to your cash once the session is closed: "all", or a decimal string in major units.',
        examples=["all"],
    ),
]


class NewSession(Input):
    """A game to launch for a player."""

    model_config = example(
        player_id="alice",
        currency="EUR",
        provider_account="mascot-demo",
        game_id="riot",
        language="en",
        device="desktop",
        return_url="https://casino.example/lobby",
    )

    player_id: PlayerId
    currency: CurrencyCode
    provider_account: AccountName
    game_id: GameId
    language: Language | None = Field(
        default=None, description="The player's own if left out; the provider's default where it has none such."
    )
    device: Device | None = None
    return_url: WebAddress | None = Field(default=None, description="Where the game leads when it is left.")
    deposit_url: WebAddress | None = Field(
        default=None, description="Where the game leads for a deposit, if the provider knows such a link."
    )
    ip: IpAddress | None = Field(default=None, description="The player's address.")
    free_round_grant: KeyedId | None = Field(default=None, description="Free rounds to be played in this session.")
    transfer_in: AmountText | None = Field(
        default=None, description="Deposited for the session, once it stands. Needs an Idempotency-Key and the scope `money`."
    )


class NewDemo(Input):
    """A game to show without money."""

    model_config = example(provider_account="mascot-demo", game_id="riot", currency="EUR", start_balance="1000.00")

    provider_account: AccountName
    game_id: GameId
    currency: CurrencyCode
    country: Country | None = Field(default=None, description="Where it is to be shown: games that are off there are refused.")
    language: Language | None = None
    device: Device | None = None
    return_url: WebAddress | None = None
    ip: IpAddress | None = None
    start_balance: AmountText | None = None


class LaunchedSession(Output):
    """A session that can be played: lead the player's browser to `launch_url`."""

    session_id: str
    launch_url: str
    provider_player_id: str
    expires_at: datetime = Field(description="When it ends if nothing is played; each stake moves it on.")


class LaunchedDemo(Output):
    """A demo session."""

    launch_url: str
    provider_session_id: str


class Session(Output):
    """A session as the wallet has it."""

    session_id: str
    player_key: str
    provider_player_id: str
    provider_account: str
    game_id: str
    currency: str
    status: str = Field(description="pending, active, superseded (by a newer one), closed or expired", examples=["active"])
    opened_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    device: str | None = None
    language: str | None = None
    free_round_grant: str | None = None
    close_reason: str | None = None
    bets: int | None = Field(
        default=None,
        description="Bets of the session, less what was rolled back. Told of one session, not in lists.",
        examples=[42],
    )
    staked: str | None = Field(default=None, description="What they cost, as `bets`.", examples=["21.00"])
    won: str | None = Field(default=None, description="What was won in it, as `bets`.", examples=["19.50"])


class Sessions(Output):
    """A page of sessions, newest first."""

    sessions: list[Session]
    next: str | None = None


class TransferredOut(Output):
    """What was taken back to the operator's cash."""

    operation_id: str
    amount: str
    balance: str
    currency: str


class ClosedSession(Output):
    """A session that has ended. `provider_closed` tells whether the provider has confirmed the end of its side."""

    session_id: str
    status: str = "closed"
    provider_closed: bool
    transfer_out: TransferredOut | None = None


class HistoryWanted(Input):
    """For how long the link is to be valid."""

    model_config = example(valid_s=600)

    valid_s: int = Field(default=600, ge=60, le=3_600)


class HistoryLink(Output):
    """Where a browser sees what the provider has of the session: a secret of the player's."""

    url: str
    valid_s: int


def routes(desk: Desk, estate: Estate, games: GameOffer, launcher: Launcher) -> APIRouter:
    """The routes of sessions."""
    router = APIRouter(tags=["Sessions"])
    _add_launching(router, launcher)
    _add_demos(router, estate, games)
    _add_reading(router, desk)
    _add_closing(router, desk, estate)
    _add_history(router, desk, estate)
    return router


def _add_launching(router: APIRouter, launcher: Launcher) -> None:
    @router.post(
        "/v1/sessions",
        status_code=status.HTTP_201_CREATED,
        summary="Launch a game",
        responses=Problems.documented(
            *_PROVIDER,
            p.PLAYER_NOT_FOUND,
            p.PLAYER_BLOCKED,
            p.PLAYER_EXCLUDED,
            p.LIMIT_EXCEEDED,
            p.GRANT_NOT_FOUND,
            p.GRANT_NOT_USABLE,
            p.INVALID_AMOUNT,
            p.IDEMPOTENCY_KEY_MISSING,
            p.IDEMPOTENCY_CONFLICT,
            p.LAUNCH_IN_PROGRESS,
            p.SESSION_ENDED,
            p.OUTCOME_UNKNOWN,
        ),
    )
    async def launch(body: NewSession, caller: Plays, idempotency_key: IdempotencyKey = None) -> LaunchedSession:
        """Opens a session here and at the provider. The player's session before it ends; open rounds may be finished.

        With an Idempotency-Key a repetition gets the same session, and a launch that failed half-way is finished.
        """
        if body.transfer_in is not None:
            caller.must_have("money", "transfer_in")
            required(idempotency_key)
        if idempotency_key is not None:
            required(idempotency_key, "the request")
        order = LaunchOrder(
            brand=caller.brand,
            launch_key=idempotency_key or f"request:{secrets.token_hex(16)}",
            body_sha256=body.digest(),
            player=key_of(caller.brand, body.player_id),
            currency=body.currency,
            provider_account=body.provider_account,
            game_id=body.game_id,
            language=body.language or "",
            device=body.device or "",
            return_url=body.return_url or "",
            deposit_url=body.deposit_url or "",
            ip=body.ip or "",
            grant_id=body.free_round_grant or "",
            transfer_in=units_of(body.transfer_in, body.currency) if body.transfer_in else 0,
        )
        answer = await launcher.launch(order)
        return LaunchedSession(
            session_id=answer.session_id,
            launch_url=answer.launch_url,
            provider_player_id=answer.provider_player_id,
            expires_at=when(answer.expires_at_ms),
        )


def _add_demos(router: APIRouter, estate: Estate, games: GameOffer) -> None:
    @router.post(
        "/v1/sessions/demo",
        status_code=status.HTTP_201_CREATED,
        summary="Launch a demo",
        responses=Problems.documented(*_PROVIDER, p.INVALID_AMOUNT),
    )
    async def demo(body: NewDemo, caller: Plays) -> LaunchedDemo:
        """Opens a session without money: no calls to the wallet follow."""
        account = estate.account(caller.brand, body.provider_account)
        estate.must_map(account, body.currency)
        client = estate.client(account)
        games.must_be_launchable(
            caller.brand,
            account,
            body.game_id,
            currency=body.currency,
            country=body.country or "",
            device=body.device or "",
            demo=True,
        )
        request = DemoRequest(
            brand=caller.brand,
            currency=body.currency,
            game_id=body.game_id,
            language=body.language or "",
            device=body.device or "",
            ip=body.ip or "",
            return_url=body.return_url or "",
            start_balance=units_of(body.start_balance, body.currency, zero=True) if body.start_balance else None,
        )
        try:
            launched = await client.demo(request)
        except ProviderError as error:
            raise problem_of(error) from error
        return LaunchedDemo(launch_url=launched.launch_url, provider_session_id=launched.provider_session_id)


def _add_reading(router: APIRouter, desk: Desk) -> None:
    @router.get(
        "/v1/sessions/{session_id}",
        summary="Show a session",
        responses=Problems.documented(p.SESSION_NOT_FOUND, p.PLAYER_NOT_FOUND),
    )
    async def show(session_id: SessionIdPath, caller: Reads) -> Session:
        """The session as the wallet has it, with what was played in it: what a reality check shows to the player."""
        player = player_of(session_id)
        view = await desk.see(SessionView, GetSession(**desk.query(caller.brand, player), session_id=session_id))
        return _session(player, view)

    @router.get(
        "/v1/players/{player_id}/sessions",
        summary="List a player's sessions",
        responses=Problems.documented(p.PLAYER_NOT_FOUND, p.PAGE_INVALID),
    )
    async def listed(player_id: PlayerIdPath, caller: Reads, limit: PageSize = 50, cursor: Cursor = "") -> Sessions:
        """Newest first."""
        player = key_of(caller.brand, player_id)
        query = ListSessions(**desk.query(caller.brand, player), before=cursor, limit=limit)
        page = await desk.see(SessionPage, query, but={"BAD_REQUEST": p.PAGE_INVALID})
        return Sessions(sessions=[_session(player, view) for view in page.sessions], next=page.next or None)


def _add_closing(router: APIRouter, desk: Desk, estate: Estate) -> None:
    @router.delete(
        "/v1/sessions/{session_id}",
        summary="Close a session",
        responses=Problems.documented(
            p.SESSION_NOT_FOUND,
            p.PLAYER_NOT_FOUND,
            p.INSUFFICIENT_FUNDS,
            p.INVALID_AMOUNT,
            p.IDEMPOTENCY_CONFLICT,
            p.OUTCOME_UNKNOWN,
        ),
    )
    async def close(session_id: SessionIdPath, caller: Plays, transfer_out: TransferOut = None) -> ClosedSession:
        """Ends a session here and at the provider: no stakes any more, wins and rollbacks pass. Safe to repeat.

        `transfer_out` moves money once for a session; it needs the scope `money`.
        """
        if transfer_out is not None:
            caller.must_have("money", "transfer_out")
        player = player_of(session_id)
        view = await desk.see(SessionView, GetSession(**desk.query(caller.brand, player), session_id=session_id))
        units = 0 if transfer_out in (None, "all") else units_of(transfer_out or "", view.currency)
        command = CloseSession(
            **desk.common(caller.brand, player, f"{session_id}:close", account=view.provider_account, namespace=SYSTEM),
            session_id=session_id,
            reason="closed by the operator",
        )
        await desk.ask(command)
        closed = await close_at_provider(estate.client_if_any(view.provider_account), view.provider_session_id)
        out = None
        if transfer_out is not None:
            out = await _transfer_out(desk, caller, view, units)
        return ClosedSession(session_id=session_id, provider_closed=closed, transfer_out=out)


def _add_history(router: APIRouter, desk: Desk, estate: Estate) -> None:
    @router.post(
        "/v1/sessions/{session_id}/history-link",
        summary="Link to the provider's history of a session",
        responses=Problems.documented(p.SESSION_NOT_FOUND, p.PLAYER_NOT_FOUND, p.HISTORY_NOT_OFFERED, *ANY),
    )
    async def history(session_id: SessionIdPath, body: HistoryWanted, caller: Administers) -> HistoryLink:
        """Asks the provider for a page of its own for people, where its dialect and the account's settings have one."""
        view = await desk.see(SessionView, GetSession(**desk.query(caller.brand, player_of(session_id)), session_id=session_id))
        client: object = estate.client_if_any(view.provider_account)
        if not isinstance(client, HistoryPages) or not view.provider_session_id:
            raise Problem(p.HISTORY_NOT_OFFERED, f"the provider account {view.provider_account!r} has no page of this session")
        try:
            url = await client.history_link(view.provider_session_id, body.valid_s)
        except ProviderNotOffered as error:
            raise Problem(p.HISTORY_NOT_OFFERED, str(error), advice=error.advice) from error
        except ProviderError as error:
            raise problem_of(error) from error
        return HistoryLink(url=url, valid_s=body.valid_s)


async def _transfer_out(desk: Desk, caller: Caller, view: SessionView, units: int) -> TransferredOut:
    """Takes `units` (0 = everything) to the operator's cash, once for a session."""
    player = player_of(view.session_id)
    withdrawal = Withdraw(
        **desk.common(caller.brand, player, f"{view.session_id}:transfer-out"),
        currency=view.currency,
        amount=units,
        everything=units == 0,
    )
    reply = await desk.ask(withdrawal)
    booked = await desk.operation_of(caller.brand, player, reply)
    return TransferredOut(
        operation_id=reply.transaction_id,
        amount=shown(booked.stake, view.currency),
        balance=shown(reply.balance, view.currency),
        currency=view.currency,
    )


def _session(player: str, view: SessionView) -> Session:
    ends_at_ms = min(view.last_seen_ms + view.idle_timeout_s * 1_000, view.opened_at_ms + view.absolute_timeout_s * 1_000)
    over = view.status != "closed" and ends_at_ms < int(time.time() * 1_000)
    played = view.bets >= 0
    return Session(
        session_id=view.session_id,
        player_key=player,
        provider_player_id=provider_player_id(player, view.currency),
        provider_account=view.provider_account,
        game_id=view.game_id,
        currency=view.currency,
        status="expired" if over else view.status,
        opened_at=when(view.opened_at_ms),
        last_seen_at=when(view.last_seen_ms),
        expires_at=when(ends_at_ms),
        device=view.device or None,
        language=view.language or None,
        free_round_grant=view.grant_id or None,
        close_reason=view.close_reason or None,
        bets=view.bets if played else None,
        staked=shown(view.staked, view.currency) if played else None,
        won=shown(view.won, view.currency) if played else None,
    )
