"""A launch: OpenSession (pending) -> provider -> ActivateSession -> transfer in, each step safe to repeat.

    lease -> wallet: OpenSession -> provider: Session.Create -> wallet: ActivateSession -> wallet: Deposit -> answer

One launch at a time for a player at a provider account (a lease in the database), so that the order in which sessions
are opened here is the order in which the provider opens them: there the newest wins, and so it does here. Money moves
last and under an id that follows from the launch's key, so that no failure before it leaves money behind, and a
repetition of the request finds the deposit made. A failed launch closes only its own session, and only while that is
still pending: a stake that came through has made it active.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import SYSTEM, Desk
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.failures import problem_of
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.settings import OperatorApiSettings
from services.gateway.operator_api.store import Launch, LaunchStore
from shared.contracts import (
    ActivateSession,
    CloseSession,
    Deposit,
    GetGrant,
    GetPlayer,
    GrantView,
    OpenSession,
    PlayerView,
    Result,
)
from shared.identity import new_keyed_id, provider_player_id
from shared.providers.client import Launched, LaunchRequest, ProviderClient, ProviderError
from shared.settings import ProviderAccount
from shared.web.problems import Problem

log = structlog.get_logger(__name__)

OTHER_CONTENT: Final = "the key was used before for a launch with other content"
LEASE_POLL_S: Final = 0.05
LEASE_POLL_S_MAX: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrder:
    """What is to be launched. `launch_key` is the Idempotency-Key or one of ours; `transfer_in` is in units, 0 = none.

    `body_sha256` tells requests under one key apart.
    """

    brand: str
    launch_key: str
    body_sha256: bytes
    player: str
    currency: str
    provider_account: str
    game_id: str
    language: str = ""
    device: str = ""
    return_url: str = ""
    deposit_url: str = ""
    ip: str = ""
    grant_id: str = ""
    transfer_in: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchAnswer:
    """A session that can be played."""

    session_id: str
    launch_url: str
    provider_player_id: str
    expires_at_ms: int


class Launcher:
    """Runs launches. One for the process; several processes take turns by the leases."""

    def __init__(self, desk: Desk, estate: Estate, games: GameOffer, store: LaunchStore, settings: OperatorApiSettings) -> None:
        self._desk = desk
        self._estate = estate
        self._games = games
        self._store = store
        self._settings = settings

    async def launch(self, order: LaunchOrder) -> LaunchAnswer:
        """Launches, or goes on with what the same launch key has begun. Raises Problem."""
        account = self._estate.account(order.brand, order.provider_account)
        self._estate.must_map(account, order.currency)
        async with self._lease(order):
            launch = await self._store.find(order.brand, order.launch_key)
            if launch is not None and launch.body_sha256 != order.body_sha256:
                raise Problem(p.IDEMPOTENCY_CONFLICT, OTHER_CONTENT)
            if launch is not None and launch.step == "answered":
                return self._answer(order, launch)
            client = self._estate.client(account)
            if launch is not None and launch.step in {"created", "active"}:
                try:
                    return await self._finish(order, client, launch)
                except Problem as problem:
                    if problem.kind not in (p.SESSION_ENDED, p.SESSION_NOT_FOUND):
                        raise
                    log.warning("a launch is begun anew: its session has ended", session=launch.session_id)
            elif launch is not None and launch.step == "opening":
                await self._give_up(order, launch.session_id, "abandoned")
            launch = await self._open(order, account, client)
            return await self._finish(order, client, launch)

    @asynccontextmanager
    async def _lease(self, order: LaunchOrder) -> AsyncIterator[None]:
        """Waits for its turn, at most `launch_wait_s`."""
        holder, delay_s = secrets.token_hex(8), LEASE_POLL_S
        until = time.monotonic() + self._settings.launch_wait_s
        place = (order.player, order.provider_account)
        while not await self._store.take_lease(*place, holder, self._settings.launch_lease_s):
            if time.monotonic() > until:
                raise Problem(
                    p.LAUNCH_IN_PROGRESS,
                    f"another launch of this player at {order.provider_account} has not ended for {self._settings.launch_wait_s:g} s",
                    headers={"Retry-After": "5"},
                )
            await asyncio.sleep(delay_s * random.uniform(0.5, 1))  # noqa: S311  # jitter
            delay_s = min(delay_s * 2, LEASE_POLL_S_MAX)
        try:
            yield
        finally:
            # Also when the request is cancelled: the next launch need not wait for the lease to end by itself.
            await asyncio.shield(self._store.give_back_lease(*place, holder))

    async def _open(self, order: LaunchOrder, account: ProviderAccount, client: ProviderClient) -> Launch:
        """A new attempt up to the provider's answer."""
        player = await self._desk.see(PlayerView, GetPlayer(**self._desk.query(order.brand, order.player)))
        game_state, brand_states = self._games.must_be_launchable(
            order.brand,
            account,
            order.game_id,
            currency=order.currency,
            country=player.country,
            device=order.device,
            free_rounds=bool(order.grant_id),
        )
        grant = await self._grant(order)
        session_id, opened_at_ms = new_keyed_id(order.player), int(time.time() * 1_000)
        begun = await self._store.begin(
            order.brand, order.launch_key, order.body_sha256, order.player, account.name, session_id, opened_at_ms
        )
        if not begun:
            raise Problem(p.IDEMPOTENCY_CONFLICT, OTHER_CONTENT)
        language = order.language or player.language
        opening = OpenSession(
            **self._fields(order, f"{session_id}:open", account.name),
            session_id=session_id,
            currency=order.currency,
            game_id=order.game_id,
            game_state=game_state,
            brand_states=brand_states,
            grant_id=order.grant_id,
            device=order.device,
            language=language,
            idle_timeout_s=self._settings.session_idle_s,
            absolute_timeout_s=self._settings.session_absolute_s,
        )
        await self._desk.ask(opening)
        request = LaunchRequest(
            session_id=session_id,
            provider_player_id=provider_player_id(order.player, order.currency),
            brand=order.brand,
            currency=order.currency,
            game_id=order.game_id,
            language=language,
            device=order.device,
            ip=order.ip,
            return_url=order.return_url,
            deposit_url=order.deposit_url,
            bonus_id=order.grant_id,
            free_round_stake=grant.stake if grant else 0,
        )
        launched = await self._at_provider(order, client, request)
        await self._store.created(order.brand, order.launch_key, session_id, launched.provider_session_id, launched.launch_url)
        return Launch(session_id, "created", launched.provider_session_id, launched.launch_url, opened_at_ms, order.body_sha256)

    async def _at_provider(self, order: LaunchOrder, client: ProviderClient, request: LaunchRequest) -> Launched:
        try:
            return await client.launch(request)
        except ProviderError as error:
            log.warning(
                "a launch failed at the provider",
                account=order.provider_account,
                session=request.session_id,
                cause=str(error),
                may_have_happened=error.may_have_happened,
            )
            await self._give_up(order, request.session_id, "launch failed")
            await self._store.step(order.brand, order.launch_key, request.session_id, "failed")
            raise problem_of(error) from error

    async def _finish(self, order: LaunchOrder, client: ProviderClient, launch: Launch) -> LaunchAnswer:
        """From the provider's answer to ours."""
        key = (order.brand, order.launch_key, launch.session_id)
        if launch.step == "created":
            activation = ActivateSession(
                **self._fields(order, f"{launch.session_id}:activate", order.provider_account),
                session_id=launch.session_id,
                provider_session_id=launch.provider_session_id,
            )
            try:
                await self._desk.ask(activation)
            except Problem as problem:
                if problem.kind is p.SESSION_ENDED:
                    # Overtaken by a newer session, say: a stake of this one must not bring it to life any more.
                    await self._give_up(order, launch.session_id, "overtaken")
                    await self._store.step(*key, "failed")
                    await self._tell_exclusion(order, client, launch)
                raise
            await self._store.step(*key, "active")
        if order.transfer_in:
            await self._transfer_in(order, client, launch)
        await self._store.step(*key, "answered")
        return self._answer(order, launch)

    async def _tell_exclusion(self, order: LaunchOrder, client: ProviderClient, launch: Launch) -> None:
        """Where a session has ended because the player was excluded meanwhile: the provider's side is closed, the reason told.

        What excluded him did not know the provider's session yet. After a newer launch the provider's newer one may
        have the same id, and is left alone.
        """
        player = await self._desk.see(PlayerView, GetPlayer(**self._desk.query(order.brand, order.player)))
        excluded = player.excluded_until_ms > int(time.time() * 1_000)
        if not excluded and player.status != "closed":
            return
        await close_at_provider(client, launch.provider_session_id)
        if excluded:
            raise Problem(p.PLAYER_EXCLUDED, "the player was excluded while the game was launched")
        raise Problem(p.PLAYER_BLOCKED, "the player's account was closed while the game was launched")

    async def _transfer_in(self, order: LaunchOrder, client: ProviderClient, launch: Launch) -> None:
        """The last step, under an id of the launch's key: a repetition of the request moves nothing more."""
        digest = hashlib.sha256(order.launch_key.encode()).hexdigest()
        deposit = Deposit(
            **self._desk.common(order.brand, order.player, f"transfer-in:{digest}"),
            currency=order.currency,
            amount=order.transfer_in,
        )
        try:
            await self._desk.ask(deposit)
        except Problem as problem:
            if problem.kind.status < 500:  # noqa: PLR2004  # a final refusal: without its money the session is of no use
                await self._give_up(order, launch.session_id, "transfer refused", only_pending=False)
                await close_at_provider(client, launch.provider_session_id)
                await self._store.step(order.brand, order.launch_key, launch.session_id, "failed")
            raise

    async def _give_up(self, order: LaunchOrder, session_id: str, reason: str, *, only_pending: bool = True) -> None:
        """Closes a session that came to nothing. What cannot be closed now ends by its idle time."""
        command = CloseSession(
            **self._fields(order, f"{session_id}:give-up", order.provider_account),
            session_id=session_id,
            reason=reason,
            only_pending=only_pending,
        )
        try:
            await self._desk.ask(command)
        except Problem as problem:
            if problem.kind is not p.SESSION_NOT_FOUND:
                log.warning("a failed session could not be closed", session=session_id, cause=problem.detail)

    async def _grant(self, order: LaunchOrder) -> GrantView | None:
        if not order.grant_id:
            return None
        query = GetGrant(**self._desk.query(order.brand, order.player), grant_id=order.grant_id)
        grant = await self._desk.see(GrantView, query, but={Result.ORIGINAL_NOT_FOUND: p.GRANT_NOT_FOUND})
        why_not = _why_not_usable(grant, order)
        if why_not:
            raise Problem(p.GRANT_NOT_USABLE, f"the free rounds {grant.grant_id} {why_not}")
        return grant

    def _fields(self, order: LaunchOrder, external_id: str, account: str) -> dict[str, Any]:
        return self._desk.common(order.brand, order.player, external_id, account=account, namespace=SYSTEM)

    def _answer(self, order: LaunchOrder, launch: Launch) -> LaunchAnswer:
        life_s = min(self._settings.session_idle_s, self._settings.session_absolute_s)
        return LaunchAnswer(
            session_id=launch.session_id,
            launch_url=launch.launch_url,
            provider_player_id=provider_player_id(order.player, order.currency),
            expires_at_ms=launch.opened_at_ms + life_s * 1_000,
        )


async def close_at_provider(client: ProviderClient | None, provider_session_id: str) -> bool:
    """Whether the provider closed its side; one that does not is told in the log and ends by itself."""
    if client is None or not provider_session_id:
        return False
    try:
        await client.close_session(provider_session_id)
    except ProviderError as error:
        log.warning("the provider did not close a session", cause=str(error), advice=error.advice)
        return False
    return True


def _why_not_usable(grant: GrantView, order: LaunchOrder) -> str:
    if grant.provider_account != order.provider_account:
        return f"belong to the provider account {grant.provider_account}"
    if grant.currency != order.currency:
        return f"are in {grant.currency}"
    if grant.game_ids and order.game_id not in grant.game_ids:
        return f"are for {', '.join(grant.game_ids[:5])}"
    if grant.cancelled_at_ms:
        return "were cancelled"
    if grant.expires_at_ms <= int(time.time() * 1_000):
        return "have expired"
    return "are used up" if grant.remaining <= 0 else ""
