"""The lobby's demo player: made once, given play money when he is nearly broke, launched into games.

All of it goes through the operator API, whose Idempotency-Keys make each step safe to repeat: two replicas of the lobby,
or one that died half-way, give a gift once, because it goes by the day and its number.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Literal, Protocol
from urllib.parse import quote

import structlog

from services.catalogue.lobby import problems as p
from services.catalogue.lobby.operator import Answer, OperatorApi
from services.catalogue.lobby.settings import HOW_TO_PLAY, LobbySettings
from shared.web.problems import Problem

log = structlog.get_logger(__name__)

EXISTS: Final = "player-exists"
DEMO_BALANCE: Final = "1000.00"
Device = Literal["desktop", "mobile"]


class Calls(Protocol):
    """The operator API (`OperatorApi`)."""

    async def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, *, idempotency_key: str = "") -> Answer:
        """One request; Problem where it does not succeed."""
        ...


@dataclass(frozen=True, slots=True)
class Purse:
    """What the player has: `balance` is an exact decimal string in major units."""

    player_id: str
    balance: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A game to open. `key` names the intended launch, so that a repetition goes on with it; `return_url` leads back."""

    provider_account: str
    game_id: str
    demo: bool
    device: Device
    key: str
    return_url: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A launched game. `free_rounds` is how many free rounds wait in it."""

    launch_url: str
    free_rounds: int = 0


class DemoPlayer:
    """One for the process. `today` is the day in UTC that gifts are counted by."""

    def __init__(
        self, api: Calls, settings: LobbySettings, *, today: Callable[[], date] = lambda: datetime.now(UTC).date()
    ) -> None:
        self._api = api
        self._settings = settings
        self._today = today
        self._turn = asyncio.Lock()
        self._exists = False
        self._path = f"/v1/players/{quote(settings.player, safe='')}"

    async def purse(self) -> Purse:
        """What he has, after a gift where that was too little. Raises Problem."""
        await self._ensure()
        balance = await self._balance()
        if self._is_enough(balance):
            return self._purse(balance)
        async with self._turn:
            return self._purse(await self._give())

    async def open(self, order: Order) -> Opened:
        """Launches a game for him, with free rounds where he has some for it; a demo without him. Raises Problem."""
        facts: dict[str, Any] = {
            "provider_account": order.provider_account,
            "game_id": order.game_id,
            "currency": self._settings.currency,
            "language": self._settings.language,
            "device": order.device,
            "return_url": order.return_url,
        }
        if order.demo:
            return _opened(await self._api.call("POST", "/v1/sessions/demo", facts | {"start_balance": DEMO_BALANCE}))
        await self.purse()
        grant = await self._free_rounds(order)
        facts["player_id"] = self._settings.player
        if grant is not None:
            facts["free_round_grant"] = grant["grant_id"]
        # A grant used up in between makes another request of it, which must not come under the first one's key.
        key = f"lobby-{order.key}" + (f"-{str(grant['grant_id'])[-12:]}" if grant else "")
        answer = await self._api.call("POST", "/v1/sessions", facts, idempotency_key=key)
        return _opened(answer, int(grant["remaining"]) if grant else 0)

    async def _ensure(self) -> None:
        if self._exists:
            return
        settings = self._settings
        facts = {"player_id": settings.player, "currency": settings.currency, "language": settings.language, "test": True}
        try:
            await self._api.call("POST", "/v1/players", facts | ({"country": settings.country} if settings.country else {}))
        except Problem as problem:
            # Made with other facts before: he is taken as he is.
            if problem.facts.get("cause") != EXISTS:
                raise
        self._exists = True

    async def _balance(self) -> str:
        answer = await self._api.call("GET", self._path)
        for account in answer.content["accounts"]:
            if account["currency"] == self._settings.currency:
                return str(account["balance"])
        raise Problem(p.OPERATOR_REFUSED, f"the player {self._settings.player} has no account in {self._settings.currency}")

    async def _give(self) -> str:
        """Gifts of the day by their number, until he has enough or had them all. One that was given before moves nothing."""
        settings, day = self._settings, self._today()
        balance = await self._balance()
        for number in range(1, settings.gifts_a_day_max + 1):
            if self._is_enough(balance):
                break
            body = {"amount": settings.gift, "currency": settings.currency}
            answer = await self._api.call("POST", f"{self._path}/deposits", body, idempotency_key=f"lobby-gift-{day}-{number}")
            if not answer.replayed:
                log.info("the demo player was given play money", amount=settings.gift, currency=settings.currency, number=number)
                return str(answer.content["balance"])
            balance = await self._balance()
        return balance

    async def _free_rounds(self, order: Order) -> dict[str, Any] | None:
        """Free rounds that he has for this game; of several those that end first."""
        page = await self._api.call("GET", f"{self._path}/free-rounds?limit=100")
        usable = [
            grant
            for grant in page.content["free_rounds"]
            if grant["state"] == "active"
            and grant["provider_account"] == order.provider_account
            and grant["currency"] == self._settings.currency
            and order.game_id in grant["game_ids"]
        ]
        return min(usable, key=lambda grant: str(grant["expires_at"]), default=None)

    def _is_enough(self, balance: str) -> bool:
        return Decimal(balance) >= Decimal(self._settings.gift_below)

    def _purse(self, balance: str) -> Purse:
        return Purse(self._settings.player, balance, self._settings.currency)


@asynccontextmanager
async def demo_player(settings: LobbySettings) -> AsyncIterator[DemoPlayer | None]:
    """The demo player with a client of his own; None where playing is not turned on. SettingsError for a key that is not there."""
    key = settings.operator_key()
    if key is None:
        log.info("the lobby only shows games", how_to_play=HOW_TO_PLAY)
        yield None
        return
    api = OperatorApi(settings.operator_api_url, key)
    await api.start()
    try:
        yield DemoPlayer(api, settings)
    finally:
        await api.close()


def _opened(answer: Answer, free_rounds: int = 0) -> Opened:
    url = answer.content.get("launch_url")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Problem(p.OPERATOR_AWAY, "the operator API answered the launch without an address")
    return Opened(url, free_rounds)
