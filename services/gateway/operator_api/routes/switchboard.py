"""Brands and provider accounts with their health, the switches that open and close them, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import asyncpg
from fastapi import APIRouter
from pydantic import Field

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import Desk
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.routes.players import STATUS_OF, Player, set_status
from services.gateway.operator_api.values import (
    AccountPath,
    BrandPath,
    GamePath,
    Input,
    Output,
    PageSize,
    PlayerIdPath,
    SeqCursor,
    Why,
    when,
)
from services.gateway.switches import SwitchControl, SwitchKey
from shared.access import AuditEntry, read_audit
from shared.contracts import SwitchSet, SwitchState
from shared.providers.credentials import CertificateAge, certificate_ages, key_ages
from shared.providers.registry import certificates_of
from shared.settings import ProviderAccount
from shared.web.callers import Administers, Caller, Reads
from shared.web.documented import Problems


class SetSwitch(Input):
    """Where a switch is to stand. drain: no launches and no new rounds. off: no launches and no stakes."""

    state: SwitchState
    reason: Why


class Switch(Output):
    """A switch. An empty field stands for all: of brands, of provider accounts, of games."""

    brand: str
    provider_account: str
    game_id: str
    state: SwitchState
    reason: str
    changed_at: datetime
    published: bool = Field(default=True, description="False while Kafka is away: kept, and in force elsewhere once it is back.")


class Switches(Output):
    """The switches that matter for a brand; what is not listed is live."""

    switches: list[Switch]


class BrandShown(Output):
    """A brand."""

    brand: str
    time_zone: str
    gaming_day_start: str
    currencies: list[str]
    state: SwitchState


class Brands(Output):
    """The brands that a key may act for."""

    brands: list[BrandShown]


class Health(Output):
    """How the calls to the provider go. `not-configured`: there is no address to call."""

    status: Literal["ok", "failing", "unknown", "not-configured"]
    last_ok_at: datetime | None = None
    last_ok_latency_ms: float | None = None
    last_failure_at: datetime | None = None
    cause: str | None = None
    advice: str | None = None
    games: int = Field(default=0, description="How many games the catalogue has of it; withdrawn ones do not count.")


class KeyShown(Output):
    """A key for signatures, without the key."""

    key_id: str
    since: datetime | None = Field(default=None, description="When its file was written last; null where it has none.")


class CertificateShown(Output):
    """A certificate of the settings."""

    setting: str = Field(examples=["operator_api_certificate"])
    subject: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = Field(default=None, description="It is of no use any more from then on.")
    problem: str | None = Field(default=None, description="Why nothing is known of it.")


class AccountShown(Output):
    """A provider account, without its secrets."""

    provider_account: str
    dialect: str
    brands: list[str]
    currencies: list[str]
    key_ids: list[str] = Field(description="Ids of the keys for signatures; never the keys.")
    keys: list[KeyShown] = Field(description="The same keys with their age.")
    certificates: list[CertificateShown]
    callback_url: str | None = Field(default=None, description="Where the provider sends its callbacks, if the settings tell.")
    state: SwitchState
    health: Health


class Accounts(Output):
    """The provider accounts that serve the key's brand."""

    provider_accounts: list[AccountShown]


class AuditShown(Output):
    """Who changed what, when and why."""

    id: int
    at: datetime
    brand: str
    actor: str
    action: str
    subject: str
    before: Any = None
    after: Any = None
    reason: str
    request_id: str


class Audit(Output):
    """A page of the audit log, newest first."""

    entries: list[AuditShown]
    next: str | None = None


def routes(desk: Desk, estate: Estate, games: GameOffer, switches: SwitchControl, pool: asyncpg.Pool) -> APIRouter:
    """The routes of brands, provider accounts, switches and the audit log."""
    router = APIRouter(prefix="/v1", tags=["Brands, providers, switches"])

    @router.get("/brands", summary="List the brands", responses=Problems.documented(p.BRAND_FORBIDDEN))
    async def brands(caller: Reads) -> Brands:
        """The brand of the key, and whether it is open."""
        brand = estate.brand(caller.brand)
        shown = BrandShown(
            brand=brand.brand,
            time_zone=brand.time_zone,
            gaming_day_start=brand.gaming_day_start,
            currencies=list(brand.currencies),
            state=estate.board.state_of(brand.brand, "", ""),
        )
        return Brands(brands=[shown])

    @router.get("/provider-accounts", summary="List the provider accounts", responses=Problems.documented())
    async def accounts(caller: Reads) -> Accounts:
        """Those that serve the brand, with the state of their switches and how the calls to them go."""
        return Accounts(provider_accounts=[_account(estate, games, caller, each) for each in estate.accounts(caller.brand)])

    @router.get(
        "/provider-accounts/{provider_account}",
        summary="Show a provider account",
        responses=Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.BRAND_FORBIDDEN),
    )
    async def account(provider_account: AccountPath, caller: Reads) -> AccountShown:
        """One provider account."""
        return _account(estate, games, caller, estate.account(caller.brand, provider_account))

    @router.get("/switches", summary="List the switches", responses=Problems.documented())
    async def listed(caller: Reads) -> Switches:
        """All that were ever set for the brand or for everybody."""
        return Switches(switches=[_switch(each) for each in estate.board if each.brand in ("", caller.brand)])

    _add_switches(router, desk, estate, switches)

    @router.get("/audit", summary="Read the audit log", responses=Problems.documented())
    async def audit(caller: Administers, limit: PageSize = 50, cursor: SeqCursor = "") -> Audit:
        """Changes made by hand that concern the brand, newest first."""
        entries = await read_audit(pool, brand=caller.brand, before_id=int(cursor or 0), limit=limit)
        more = str(entries[-1].entry_id) if len(entries) == limit else None
        return Audit(entries=[_entry(each) for each in entries], next=more)

    return router


def _add_switches(router: APIRouter, desk: Desk, estate: Estate, switches: SwitchControl) -> None:
    async def turn(caller: Caller, body: SetSwitch, account: str = "", game: str = "") -> Switch:
        done = await switches.set(
            SwitchKey(caller.brand, account, game),
            body.state,
            reason=body.reason,
            actor=f"key:{caller.author}",
            request_id=caller.request_id,
        )
        estate.board.apply(done.switch)
        return _switch(done.switch, published=done.published)

    @router.put(
        "/brands/{brand}/switch", summary="Switch a brand", responses=Problems.documented(p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN)
    )
    async def brand(brand: BrandPath, body: SetSwitch, caller: Administers) -> Switch:
        """Everything of the brand."""
        estate.must_be_own(caller, brand)
        return await turn(caller, body)

    @router.put(
        "/provider-accounts/{provider_account}/switch",
        summary="Switch a provider account",
        responses=Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN),
    )
    async def account(provider_account: AccountPath, body: SetSwitch, caller: Administers) -> Switch:
        """A provider account, for the key's brand."""
        return await turn(caller, body, estate.account(caller.brand, provider_account).name)

    @router.put(
        "/provider-accounts/{provider_account}/games/{game_id}/switch",
        summary="Switch a game",
        responses=Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN),
    )
    async def game(provider_account: AccountPath, game_id: GamePath, body: SetSwitch, caller: Administers) -> Switch:
        """One game of a provider account, for the key's brand."""
        return await turn(caller, body, estate.account(caller.brand, provider_account).name, game_id)

    @router.put(
        "/players/{player_id}/switch",
        summary="Switch a player",
        responses=Problems.documented(p.PLAYER_NOT_FOUND, p.OUTCOME_UNKNOWN),
    )
    async def player(player_id: PlayerIdPath, body: SetSwitch, caller: Administers) -> Player:
        """Live = active, drain = draining (open rounds may be finished), off = blocked."""
        return await set_status(desk, estate, caller, player_id, STATUS_OF[body.state], body.reason)


def _account(estate: Estate, games: GameOffer, caller: Caller, account: ProviderAccount) -> AccountShown:
    return AccountShown(
        provider_account=account.name,
        dialect=account.dialect,
        brands=[caller.brand],
        currencies=sorted({entry.mapping.currency for entry in account.currencies.values()}),
        key_ids=sorted(account.keys),
        keys=[KeyShown(key_id=each.key_id, since=each.since) for each in key_ages(account)],
        certificates=[_certificate(each) for each in certificate_ages(certificates_of(account))],
        callback_url=estate.callback_url(account),
        state=estate.board.state_of(caller.brand, account.name, ""),
        health=_health(estate, games, account.name),
    )


def _certificate(age: CertificateAge) -> CertificateShown:
    return CertificateShown(
        setting=age.setting,
        subject=age.subject,
        not_before=age.not_before,
        not_after=age.not_after,
        problem=age.problem or None,
    )


def _health(estate: Estate, games: GameOffer, account: str) -> Health:
    client = estate.client_if_any(account)
    if client is None:
        return Health(status="not-configured", advice=p.PROVIDER_NOT_CONFIGURED.advice)
    health = client.health
    if not health.last_ok_at_ms and not health.last_failure_at_ms:
        return Health(status="unknown", games=games.listed(account))
    return Health(
        status="ok" if health.ok else "failing",
        last_ok_at=when(health.last_ok_at_ms) if health.last_ok_at_ms else None,
        last_ok_latency_ms=round(health.last_ok_latency_ms, 1) if health.last_ok_at_ms else None,
        last_failure_at=when(health.last_failure_at_ms) if health.last_failure_at_ms else None,
        cause=health.cause or None,
        advice=health.advice or None,
        games=games.listed(account),
    )


def _switch(switch: SwitchSet, *, published: bool = True) -> Switch:
    return Switch(
        published=published,
        brand=switch.brand,
        provider_account=switch.provider_account,
        game_id=switch.game_id,
        state=switch.state,
        reason=switch.reason,
        changed_at=when(switch.changed_at_ms),
    )


def _entry(entry: AuditEntry) -> AuditShown:
    change = entry.change
    return AuditShown(
        id=entry.entry_id,
        at=entry.at,
        brand=change.brand,
        actor=change.actor,
        action=change.action,
        subject=change.subject,
        before=change.before,
        after=change.after,
        reason=change.reason,
        request_id=change.request_id,
    )
