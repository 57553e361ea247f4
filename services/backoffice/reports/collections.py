"""The operator's collections of games, read from the catalogue's API now and then, for the sets of games in reports.

Reports never wait for the catalogue: while it is away, the collections are those that were read last, and pages say how old
they are. One key a brand; a brand without a key has no collections here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import asyncpg
import structlog
from pydantic import SecretStr

from shared.database import load_queries
from shared.database.away import DATABASE_AWAY
from shared.errors import StakewireError

log = structlog.get_logger(__name__)

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "reports.sql")
EVERY_S: Final = 60.0
AGAIN_S: Final = 15.0
TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 16_777_216
COLLECTIONS_MAX: Final = 500
"""Of a brand; what is beyond is left out, and said."""

MEMBERS_MAX: Final = 100_000
TEXT_CHARS_MAX: Final = 200
_OK: Final = 200


class CatalogueAwayError(StakewireError):
    """The catalogue did not tell its collections."""


@dataclass(frozen=True, slots=True)
class State:
    """How well the collections are known: when they were read last, and why not since; empty where all is well."""

    read_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Member:
    collection_id: str
    title: str
    provider_account: str
    game_id: str


class Collections:
    """Keeps the collections of all brands that there is a key for. `keys`: brand -> key of the operator API."""

    def __init__(self, pool: asyncpg.Pool, url: str, keys: Mapping[str, SecretStr]) -> None:
        self._pool = pool
        self._url = url.rstrip("/")
        self._keys = dict(keys)
        nothing = State(why="no catalogue is configured" if not url else "there is no key of the operator API for this brand")
        self._nothing = nothing
        self._states = {brand: State(why="they are not read yet") for brand in self._keys} if self._url else {}

    def state(self, brand: str | None) -> State:
        """How well the collections of a brand are known; of all brands, how the worst are."""
        if brand is not None:
            return self._states.get(brand, self._nothing)
        return next((state for state in self._states.values() if state.why), next(iter(self._states.values()), self._nothing))

    async def run(self) -> None:
        """Reads them for ever; what fails is tried again."""
        if not self._states:
            return
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=False
        ) as session:
            while True:
                all_read = True
                for brand in self._keys:
                    all_read = await self.read(session, brand) and all_read
                await asyncio.sleep(EVERY_S if all_read else AGAIN_S)

    async def read(self, session: aiohttp.ClientSession, brand: str) -> bool:
        """Reads those of one brand and keeps them; False, and a reason in its state, where that failed."""
        before = self._states[brand]
        try:
            members = await self._members(session, brand)
            await self._keep(brand, members)
        except CatalogueAwayError as error:
            log.warning("the collections could not be read", brand=brand, cause=str(error))
            self._states[brand] = State(before.read_at, str(error))
            return False
        except DATABASE_AWAY as error:
            log.warning("the collections could not be kept", brand=brand, cause=repr(error))
            self._states[brand] = State(before.read_at, "they could not be kept")
            return False
        self._states[brand] = State(datetime.now(UTC))
        return True

    async def _members(self, session: aiohttp.ClientSession, brand: str) -> list[_Member]:
        listed = _list(await self._get(session, brand, "/v1/collections"), "collections")
        found: list[_Member] = []
        for each in listed[:COLLECTIONS_MAX]:
            name = _text(each, "collection_id")
            content = await self._get(session, brand, f"/v1/collections/{quote(name, safe='')}")
            title = _text(content, "title")
            games = _list(content, "games")
            found += [_Member(name, title, _text(game, "provider_account"), _text(game, "game_id")) for game in games]
        if len(listed) > COLLECTIONS_MAX or len(found) > MEMBERS_MAX:
            log.warning("there are more collections than are kept", brand=brand, collections=len(listed), games=len(found))
        return found[:MEMBERS_MAX]

    async def _get(self, session: aiohttp.ClientSession, brand: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self._keys[brand].get_secret_value()}"}
        try:
            async with session.get(f"{self._url}{path}", headers=headers, allow_redirects=False) as answer:
                body = bytearray()
                async for part in answer.content.iter_any():
                    body += part
                    if len(body) > ANSWER_BYTES_MAX:
                        raise CatalogueAwayError("the catalogue's answer is too long")
                if answer.status != _OK:
                    raise CatalogueAwayError(f"the catalogue answered {answer.status}")
                return json.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise CatalogueAwayError("the catalogue does not answer") from error

    async def _keep(self, brand: str, members: Sequence[_Member]) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(QUERIES["forget_collections"], brand)
            await connection.execute(
                QUERIES["keep_collections"],
                brand,
                [each.collection_id for each in members],
                [each.title for each in members],
                [each.provider_account for each in members],
                [each.game_id for each in members],
            )


def _list(content: Any, name: str) -> list[Any]:
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise CatalogueAwayError(f"the catalogue's answer has no {name}")
    return found


def _text(content: Any, name: str) -> str:
    found = content.get(name) if isinstance(content, dict) else None
    if not isinstance(found, str) or not 0 < len(found) <= TEXT_CHARS_MAX or "\x00" in found:
        raise CatalogueAwayError(f"the catalogue's answer has no {name} that could be kept")
    return found
