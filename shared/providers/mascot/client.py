"""What we ask of Mascot: bank groups, players, bonuses, sessions and games, over `operator_api`.

A launch is `BankGroup.Set`, `Player.Set`, `Bonus.Set` where there is a bonus, then `Session.Create`; all but the last are
safe to repeat. A created session whose answer is lost is not created again: the error says that it may exist, and the
provider closes it by itself when the player's next one opens.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from shared.errors import MoneyError
from shared.money import MinorUnits
from shared.providers.client import (
    DemoRequest,
    Launched,
    LaunchRequest,
    ProviderAnswerInvalid,
    ProviderGame,
    ProviderHealth,
    ProviderNotOffered,
)
from shared.providers.dialect import text_fits
from shared.providers.facts import Listing
from shared.providers.mascot.endpoint import find_cover_url, find_endpoint, find_history_url
from shared.providers.mascot.games import GameList, read_games, read_listing, wire_language
from shared.providers.mascot.operator_api import ANSWER_BYTES_MAX, LIST_BYTES_MAX, OperatorApi
from shared.providers.mascot.settings import mascot_settings
from shared.settings.accounts import ProviderAccount

LAUNCH_URL_CHARS_MAX: Final = 2_048
TOKEN_EXPIRY_S_MAX: Final = 86_400
_HOST_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)

T = TypeVar("T")


class _Created(msgspec.Struct):
    SessionId: str
    SessionUrl: str = ""


class _Token(msgspec.Struct):
    Token: str


class _Sessions(msgspec.Struct):
    Sessions: list[dict[str, Any]]


class _Transactions(msgspec.Struct):
    Transactions: list[dict[str, Any]]


class MascotClient:
    """Implements `shared.providers.client.ProviderClient`; the further methods are Mascot's own.

    ProviderNotConfigured where the account has no address, SettingsError where its settings are wrong.
    """

    def __init__(self, account: ProviderAccount) -> None:
        self.settings = mascot_settings(account)
        self.api = OperatorApi(find_endpoint(account, self.settings))
        self._account = account.name
        self._currencies = account.currencies
        self._games: dict[str, ProviderGame] = {}

    async def start(self) -> None:
        """Opens the pool of connections; calls nobody. ProviderNotConfigured where certificates cannot be used."""
        await self.api.start()

    async def close(self) -> None:
        """Closes all connections; may be repeated."""
        await self.api.close()

    @property
    def health(self) -> ProviderHealth:
        """How the last calls went."""
        return self.api.monitor.health

    async def launch(self, request: LaunchRequest) -> Launched:
        """Opens a session for money. What is known of the game's tags from the last list is respected.

        Raises:
            ProviderNotOffered: the currency, the free round's stake or the game does not allow it; nothing was sent.
            ProviderError: `may_have_happened` where the session may exist at the provider.
        """
        wire, conversion = self._currency(request.currency)
        self._check_game(request.game_id, device=request.device, free_rounds=bool(request.bonus_id), demo=False)
        params: dict[str, Any] = {"language": wire_language(request.language)}
        if request.return_url:
            params["home_url"] = request.return_url
        if request.free_round_stake:
            params["freeround_bet"] = _exact(conversion, request.free_round_stake, request.currency)
        group = self.bank_group(request.brand, request.currency)
        deadline = self.api.deadline()
        await self._set("BankGroup.Set", deadline, Id=group, Currency=wire)
        await self._set("Player.Set", deadline, Id=request.provider_player_id, BankGroupId=group)
        if request.bonus_id:
            await self._set("Bonus.Set", deadline, Id=request.bonus_id)
        return await self._create(
            "Session.Create",
            deadline,
            PlayerId=request.provider_player_id,
            GameId=request.game_id,
            BonusId=request.bonus_id,
            RestorePolicy=self.settings.restore_policy,
            AlternativeId=request.session_id,
            PlayerIp=request.ip,
            Params=params,
        )

    async def demo(self, request: DemoRequest) -> Launched:
        """Opens a session without money; no callbacks follow, and it knows no way home. Raises as `launch` does."""
        wire, conversion = self._currency(request.currency)
        self._check_game(request.game_id, device=request.device, free_rounds=False, demo=True)
        start = None if request.start_balance is None else _exact(conversion, request.start_balance, request.currency)
        group = self.bank_group(request.brand, request.currency)
        deadline = self.api.deadline()
        await self._set("BankGroup.Set", deadline, Id=group, Currency=wire)
        return await self._create(
            "Session.CreateDemo",
            deadline,
            GameId=request.game_id,
            BankGroupId=group,
            StartBalance=start,
            PlayerIp=request.ip,
            Params={"language": wire_language(request.language)},
        )

    async def close_session(self, provider_session_id: str) -> None:
        """Closes a session of the provider's; safe to repeat."""
        await self._set("Session.Close", None, SessionId=provider_session_id)

    async def games(self, brand: str = "", currency: str = "") -> list[ProviderGame]:
        """The games of this account, as the bank group of a brand and currency has them where both are given."""
        deadline, group = self.api.deadline(), ""
        if brand and currency:
            wire, _ = self._currency(currency)
            group = self.bank_group(brand, currency)
            await self._set("BankGroup.Set", deadline, Id=group, Currency=wire)
        found = await self._ask("Game.List", GameList, deadline, LIST_BYTES_MAX, BankGroupId=group)
        games = read_games(found, self._account)
        listed = {game.game_id: game for game in games}
        self._games = self._games | listed if group else listed
        return games

    async def listing(self) -> Listing:
        """All games of this account as the catalogue keeps them. Raises as `games` does."""
        cover_url = find_cover_url(self._account, self.settings)
        found = await self._ask("Game.List", GameList, self.api.deadline(), LIST_BYTES_MAX)
        currencies = [entry.mapping.currency for entry in self._currencies.values()]
        # In a thread: a long list takes a second, in which the process could do nothing else.
        return await asyncio.to_thread(read_listing, found, currencies, cover_url)

    async def get_session(self, provider_session_id: str) -> dict[str, Any]:
        """One session as the provider has it; its fields are the provider's (unverified)."""
        return await self._ask("Session.Get", dict[str, Any], SessionId=provider_session_id)

    async def list_sessions(
        self,
        *,
        created_from_s: int | None = None,
        created_to_s: int | None = None,
        closed_from_s: int | None = None,
        closed_to_s: int | None = None,
        status: Literal["", "Open", "Closed"] = "",
        player_ids: tuple[str, ...] = (),
        bank_groups: tuple[str, ...] = (),
    ) -> list[dict[str, Any]]:
        """Sessions by the provider's filters, for reconciliation. Times are Unix seconds (unverified), None = any."""
        found = await self._ask(
            "Session.List",
            _Sessions,
            bytes_max=LIST_BYTES_MAX,
            CreateTimeFrom=created_from_s,
            CreateTimeTo=created_to_s,
            CloseTimeFrom=closed_from_s,
            CloseTimeTo=closed_to_s,
            Status=status,
            PlayerIds=list(player_ids),
            BankGroupIds=list(bank_groups),
        )
        return found.Sessions

    async def history_token(self, provider_session_id: str, expiry_s: int) -> str:
        """A token for the provider's page of a session's history. A secret of the player's; valid `expiry_s` seconds."""
        if not 1 <= expiry_s <= TOKEN_EXPIRY_S_MAX:
            raise ProviderNotOffered(f"a token is valid from 1 to {TOKEN_EXPIRY_S_MAX} seconds, not {expiry_s}")
        found = await self._ask("History.GetToken", _Token, SessionId=provider_session_id, ExpiryInSeconds=expiry_s)
        return found.Token

    async def history_link(self, provider_session_id: str, expiry_s: int) -> str:
        """Where the provider shows what was played in a session. A secret of the player's; valid `expiry_s` seconds."""
        template = find_history_url(self._account, self.settings)
        if not template:
            raise ProviderNotOffered(
                f"the provider account {self._account} has no page of a session's history",
                advice=f"set provider_accounts.{self._account}.settings.history_url to the address that the provider gave you",
            )
        link = template.replace("{token}", quote(await self.history_token(provider_session_id, expiry_s), safe=""))
        if not _is_web_address(link):
            raise self._bad_answer("History.GetToken", "the token cannot be part of an address", may_have_happened=False)
        return link

    async def pending_bonus_transactions(self) -> list[dict[str, Any]]:
        """The `collectBonusReward` calls of the last 24 hours that the provider could not get through (unverified shape)."""
        found = await self._ask("Bonus.GetPendingBonusTransactions", _Transactions, bytes_max=LIST_BYTES_MAX)
        return found.Transactions

    def bank_group(self, brand: str, currency: str) -> str:
        """The id of the bank group of a brand's players with accounts in one of our currencies."""
        return self.settings.bank_group.format(brand=brand, currency=currency)

    def _currency(self, currency: str) -> tuple[str, MinorUnits]:
        """The provider's code for one of our currencies: the same code if it is mapped, else the first that maps to it."""
        found = [(wire, entry) for wire, entry in self._currencies.items() if entry.mapping.currency == currency]
        if not found:
            raise ProviderNotOffered(
                f"the provider account {self._account} maps no currency of its provider to {currency}",
                advice=f"add [provider_accounts.{self._account}.currency_map.{currency}], if the contract with the provider has it",
            )
        return next((pair for pair in found if pair[0] == currency), found[0])

    def _check_game(self, game_id: str, *, device: str, free_rounds: bool, demo: bool) -> None:
        game = self._games.get(game_id)
        problem = game.why_not(device=device, free_rounds=free_rounds, demo=demo) if game else ""
        if problem:
            raise ProviderNotOffered(problem, advice="choose a game whose tags in the provider's list allow it")

    async def _set(self, method: str, deadline: float | None, **params: object) -> None:
        """A call without output; whatever result it has is as good as any."""
        await self.api.call(method, params, safe=True, deadline=deadline)

    async def _create(self, method: str, deadline: float, **params: object) -> Launched:
        """Creates a session: the one kind of call that is not made twice unless the first was certainly never sent."""
        given = {**params, "StaticHost": self.settings.static_host, "BaseHost": self.settings.base_host}
        answer = await self.api.call(method, _filled(given), safe=False, deadline=deadline)
        created = self._decoded(method, answer.result, _Created, may_have_happened=True)
        return self._launched(method, created)

    def _launched(self, method: str, created: _Created) -> Launched:
        session_id, base_host = created.SessionId, self.settings.base_host
        if not session_id or not text_fits(session_id):
            raise self._bad_answer(method, "SessionId is empty, too long, or holds what cannot be stored", may_have_happened=True)
        if base_host is None:
            if not _is_web_address(created.SessionUrl):
                raise self._bad_answer(method, "SessionUrl is no http or https address", may_have_happened=True)
            return Launched(provider_session_id=session_id, launch_url=created.SessionUrl)
        if not _HOST_LABEL.fullmatch(session_id):
            raise self._bad_answer(method, "SessionId cannot be part of a host name, as base_host demands", may_have_happened=True)
        return Launched(provider_session_id=session_id, launch_url=f"https://{session_id}.{base_host}/")

    async def _ask(
        self, method: str, kind: type[T], deadline: float | None = None, bytes_max: int = ANSWER_BYTES_MAX, **params: object
    ) -> T:
        """A call that changes nothing, with its result as `kind`."""
        answer = await self.api.call(method, _filled(params), safe=True, deadline=deadline, bytes_max=bytes_max)
        return self._decoded(method, answer.result, kind, may_have_happened=False)

    def _decoded(self, method: str, raw: msgspec.Raw, kind: type[T], *, may_have_happened: bool) -> T:
        try:
            return msgspec.json.decode(raw, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._bad_answer(method, str(error), may_have_happened=may_have_happened) from None

    def _bad_answer(self, method: str, what: str, *, may_have_happened: bool) -> ProviderAnswerInvalid:
        return ProviderAnswerInvalid(
            f"{self.api.endpoint.where} answered {method}, but not as its protocol says: {what}",
            advice="report it to the provider with the time of the call",
            may_have_happened=may_have_happened,
        )


def _filled(params: dict[str, object]) -> dict[str, Any]:
    """The parameters that have a value: an optional one is left out rather than sent empty."""
    return {name: value for name, value in params.items() if value is not None and value not in ("", [])}


def _exact(conversion: MinorUnits, units: int, currency: str) -> int:
    """Our units as the provider's minor units; ProviderNotOffered where they do not fit exactly."""
    minor = conversion.from_units(units)
    try:
        fits = units >= 0 and conversion.to_units(minor) == units
    except MoneyError:
        fits = False
    if not fits:
        raise ProviderNotOffered(
            f"an amount of {units} units of {currency} does not fit the provider's {conversion.mapping.digits} digits;"
            " it is refused, never rounded",
            advice="choose an amount with fewer digits",
        )
    return minor


def _is_web_address(text: str) -> bool:
    """Whether a text is an http or https address with a host that a browser may be sent to."""
    if not text.isascii() or not text.isprintable() or len(text) > LAUNCH_URL_CHARS_MAX or set(text) & set(' "<>\\^`{|}'):
        return False
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None and port != 0
