"""Collections are read from the catalogue when it answers, and kept when it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web
from pydantic import SecretStr

from services.backoffice.reports.collections import Collections
from services.backoffice.reports.store import Reports

KEYS = {"main": SecretStr("key-of-main"), "second": SecretStr("key-of-second")}
TOLD: dict[str, dict[str, Any]] = {
    "best": {"title": "Best", "games": [{"provider_account": "a", "game_id": "g1"}, {"provider_account": "a", "game_id": "g2"}]},
    "a b/c": {"title": "Odd", "games": [{"provider_account": "a", "game_id": "g1"}]},
}


class Catalogue:
    """The catalogue's two routes as its documentation has them; `broken` makes an answer of its own."""

    def __init__(self) -> None:
        self.told = dict(TOLD)
        self.broken: Callable[[], Awaitable[web.Response]] | None = None
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """One request."""
        if self.broken is not None:
            return await self.broken()
        if request.headers.get("Authorization") != "Bearer key-of-main":
            return web.json_response({"collections": []})
        name = request.match_info.get("name")
        if name is None:
            return web.json_response(
                {"collections": [{"collection_id": each, "title": told["title"]} for each, told in self.told.items()]}
            )
        return web.json_response({"collection_id": name, **self.told[name]})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Served on a free port."""
        app = web.Application()
        app.router.add_get("/v1/collections", self.answer)
        app.router.add_get("/v1/collections/{name:.+}", self.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield
        await runner.cleanup()


async def members(pool: asyncpg.Pool) -> list[tuple[str, ...]]:
    """What is kept."""
    rows = await pool.fetch("SELECT * FROM projections.collections ORDER BY brand, collection_id, game_id")
    return [tuple(row) for row in rows]


async def test_collections_are_read_and_replaced(backoffice_pool: asyncpg.Pool) -> None:
    catalogue = Catalogue()
    async with catalogue.running(), aiohttp.ClientSession() as session:
        known = Collections(backoffice_pool, catalogue.url, KEYS)
        assert known.state("main").why == "they are not read yet"
        assert await known.read(session, "main")
        assert await members(backoffice_pool) == [
            ("main", "a b/c", "Odd", "a", "g1"),
            ("main", "best", "Best", "a", "g1"),
            ("main", "best", "Best", "a", "g2"),
        ]
        assert known.state("main").why == ""
        assert known.state(None).why, "the other brand's are not read yet"
        assert (await Reports(backoffice_pool).choices("main")).collections == (("a b/c", "Odd"), ("best", "Best"))
        del catalogue.told["best"]
        assert await known.read(session, "main")
        assert [row[1] for row in await members(backoffice_pool)] == ["a b/c"]
        assert await known.read(session, "second")
        assert known.state(None).why == ""


async def _status() -> web.Response:
    return web.json_response({"collections": []}, status=503)


async def _no_json() -> web.Response:
    return web.Response(text="<html>")


async def _other() -> web.Response:
    return web.json_response({"collections": [{"collection_id": "x\x00y"}]})


async def _list() -> web.Response:
    return web.json_response([1, 2])


@pytest.mark.parametrize("broken", [_status, _no_json, _other, _list])
async def test_while_the_catalogue_answers_nonsense_the_last_ones_are_kept(
    backoffice_pool: asyncpg.Pool, broken: Callable[[], Awaitable[web.Response]]
) -> None:
    catalogue = Catalogue()
    async with catalogue.running(), aiohttp.ClientSession() as session:
        known = Collections(backoffice_pool, catalogue.url, KEYS)
        assert await known.read(session, "main")
        before, read_at = await members(backoffice_pool), known.state("main").read_at
        catalogue.broken = broken
        assert not await known.read(session, "main")
        assert await members(backoffice_pool) == before
        assert known.state("main").read_at == read_at
        assert known.state("main").why.startswith("the catalogue")
        catalogue.broken = None
        assert await known.read(session, "main")


async def test_while_the_catalogue_is_away_the_last_ones_are_kept(backoffice_pool: asyncpg.Pool) -> None:
    catalogue = Catalogue()
    async with aiohttp.ClientSession() as session:
        async with catalogue.running():
            known = Collections(backoffice_pool, catalogue.url, KEYS)
            assert await known.read(session, "main")
        assert not await known.read(session, "main")
        assert known.state("main").why == "the catalogue does not answer"
        assert len(await members(backoffice_pool)) == 3


async def test_without_a_catalogue_or_a_key_there_are_none(backoffice_pool: asyncpg.Pool) -> None:
    without = Collections(backoffice_pool, "", {})
    assert without.state(None).why == without.state("main").why == "no catalogue is configured"
    await without.run()
    assert Collections(backoffice_pool, "http://x", {}).state("main").why == "there is no key of the operator API for this brand"
