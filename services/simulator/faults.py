"""Sends broken requests on demand: so that a technician sees what each fault looks like on the operator's side.

Players and sessions are made once for a provider account, under the operator's own rules; nothing else is ever called but the
account's callback address.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Mapping
from typing import Final

import aiohttp
from msgspec import Struct

from services.simulator.cashier import Cashier
from services.simulator.errors import SimulatorError
from services.simulator.studios.mascot.faults import FAULTS, Bench, Mate, Sent
from services.simulator.studios.mascot.signature import new_nonce
from services.simulator.studios.mascot.studio import MascotStudio
from services.simulator.target import Target
from shared.identity import new_keyed_id, player_key, provider_player_id
from shared.settings import ProviderAccount

GAME: Final = "riot"
MONEY_UNITS: Final = 10_000_000
ANSWER_BYTES_MAX: Final = 65_536
ANSWER_S: Final = 15.0


class UnknownFaultError(SimulatorError):
    """There is no such fault, or no such provider account."""


class Exchange(Struct, frozen=True):
    """One request of a fault and its answer. `request_id` finds it on the operator's side; `raw_base64` can be pasted there."""

    request_id: str
    status: int
    answer: str
    raw_base64: str


class FaultDone(Struct, frozen=True):
    """A fault that was sent. The last exchange is the broken one."""

    name: str
    about: str
    account_must_be: str
    exchanges: list[Exchange]


class Seats(Struct, frozen=True):
    """Who plays the faults of an account: names and sessions as the operator gave them."""

    player: str
    session: str
    ended_session: str
    foreign_session: str


class FaultStand:
    """One for the process. Needs `start` before use."""

    def __init__(self, accounts: Mapping[str, ProviderAccount], studios: Mapping[str, MascotStudio]) -> None:
        self._accounts = accounts
        self._studios = studios
        self._seats: dict[str, Seats] = {}
        self._lock = asyncio.Lock()
        self._http: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Makes it ready for calls; connects only when it calls."""
        self._http = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=ANSWER_S), trust_env=False
        )

    async def close(self) -> None:
        """Closes the connections."""
        if self._http is not None:
            await self._http.close()

    async def send(self, name: str, provider_account: str) -> FaultDone:
        """Sends a fault's requests one after another. UnknownFaultError, SetUpError."""
        fault, studio = FAULTS.get(name), self._studios.get(provider_account)
        if fault is None:
            raise UnknownFaultError(f"there is no fault {name!r}; GET /faults lists them")
        if studio is None:
            known = ", ".join(sorted(self._studios)) or "none"
            raise UnknownFaultError(f"provider account {provider_account!r} cannot be played; there are: {known}")
        bench = await self._bench(studio.target)
        exchanges = [await self._exchange(studio.target.callback_url, sent) for sent in fault.make(bench)]
        return FaultDone(fault.name, fault.about, fault.account, exchanges)

    async def _exchange(self, url: str, sent: Sent) -> Exchange:
        assert self._http is not None, "the stand is started"
        skipped = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
        request_id = f"fault-{secrets.token_hex(8)}"
        headers = [*sent.headers, ("X-Request-Id", request_id)]
        request = self._http.request(
            sent.http_method, url + sent.suffix, data=sent.body, headers=headers, skip_auto_headers=skipped, allow_redirects=False
        )
        try:
            async with request as answer:
                body = await answer.content.read(ANSWER_BYTES_MAX)
                status, text = answer.status, body.decode("utf-8", "replace")
        except (TimeoutError, aiohttp.ClientError) as error:
            status, text = 0, f"no answer: {str(error) or type(error).__name__}"
        return Exchange(request_id, status, text, base64.b64encode(as_http(sent, url)).decode())

    async def _bench(self, target: Target) -> Bench:
        account = self._accounts[target.provider_account]
        seats = await self._seats_at(target)
        (_, second), *_ = [*list(account.keys.items())[1:], ("", secrets.token_bytes(32))]
        second_id = next(iter([*account.keys][1:]), "second")
        return Bench(
            provider_account=account.name,
            casino_id=target.casino_id,
            key_id=target.key_id,
            key=target.key,
            second_key_id=second_id,
            second_key=second,
            other=self._mate(account),
            player=seats.player,
            session=seats.session,
            ended_session=seats.ended_session,
            foreign_session=seats.foreign_session,
            foreign_player=provider_player_id(player_key("no-brand-of-yours", "carol"), target.currency),
            currency=target.wire_currency,
            game=GAME,
            now=int(time.time()),
            nonce=new_nonce() | 2**63 | 1,
            ref=f"fault:{secrets.token_hex(8)}",
        )

    def _mate(self, account: ProviderAccount) -> Mate:
        """Another account of the configuration; where there is none, one that nobody knows."""
        for other in self._accounts.values():
            casino_id = other.settings.get("casino_id")
            if other.name != account.name and other.dialect == account.dialect and other.keys and type(casino_id) is int:
                key_id, key = next(iter(other.keys.items()))
                return Mate(other.name, casino_id, key_id, key)
        return Mate("nobody", int(account.settings["casino_id"]) + 1, "main", secrets.token_bytes(32))

    async def _seats_at(self, target: Target) -> Seats:
        async with self._lock:
            seats = self._seats.get(target.provider_account)
            if seats is None:
                seats = self._seats[target.provider_account] = await new_seats(target)
            return seats


async def new_seats(target: Target) -> Seats:
    """A player with money, an ended and an open session, and a session of somebody else. SetUpError where they are not given."""
    cashier = Cashier(target.requester, brand=target.brand, provider_account=target.provider_account, currency=target.currency)
    run = secrets.token_hex(6)
    key, other = [await cashier.create_player(f"fault-{name}-{run}") for name in ("player", "other")]
    await cashier.deposit(key, f"fault-{run}", MONEY_UNITS)
    sessions = []
    for owner in (key, key, other):
        sessions.append(new_keyed_id(owner))
        await cashier.open_session(owner, sessions[-1], secrets.token_hex(8), GAME)
    ended, open_, foreign = sessions
    return Seats(provider_player_id(key, target.currency), open_, ended, foreign)


def as_http(sent: Sent, url: str) -> bytes:
    """A request as its text on the wire."""
    path = "/" + url.split("://", 1)[1].partition("/")[2] + sent.suffix
    lines = [f"{sent.http_method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(sent.body)}", "", ""]).encode("latin-1") + sent.body
