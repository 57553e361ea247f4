"""A running console for browser tests: its database, its application in this process, and pages that have signed in.

`Office` serves whatever routers it is given; `Console` is a person's page on it. What the browser says against a page
(scripts, content security policy, missing files) fails the test at its end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import asyncpg
import uvicorn
from fastapi import APIRouter, FastAPI
from playwright.async_api import Browser, BrowserContext, Page, expect

from services.backoffice.console.frame import Frame
from services.backoffice.console.pages import preferences, signin
from services.backoffice.console.settings import ConsoleSettings
from services.backoffice.migrate import ROLE
from services.backoffice.office.users import add_first
from shared.database import open_pool
from shared.settings import load_settings
from shared.web.documented import Problems, publish
from shared.web.gate import Gate

PASSWORD: Final = "correct horse battery staple"
PEOPLE: Final = ("viewer", "support", "finance", "admin")
"""One user of each role; the login is the role."""

WAIT_MS: Final = 30_000
DESKTOP: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
AXE: Final = Path(__file__).parent / "vendor" / "axe.min.js"
SERIOUS: Final = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.filter((each) => ["serious", "critical"].includes(each.impact))
    .map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).slice(0, 5).join(" | ")}`);
}"""
Routers = Callable[[Frame, asyncpg.Pool], Iterable[APIRouter]]


class NoKeys:
    """No key is valid."""

    async def find(self, token: str) -> None:
        """None."""
        del token


@dataclass
class Office:
    """A running back office: `url`, and connections to its database in its role."""

    url: str
    pool: asyncpg.Pool
    frame: Frame

    @classmethod
    @asynccontextmanager
    async def running(cls, database_url: str, routers: Routers | None = None, **settings: Any) -> AsyncIterator[Self]:
        """Serves the console's frame with `routers` (without: sign-in and one's own settings), and a user of each role."""
        pool = await open_pool(database_url, role=ROLE, application_name="test", size_max=8)
        frame = Frame(pool, load_settings(ConsoleSettings, **settings))
        for login in PEOPLE:
            await add_first(pool, login, login.title(), login, PASSWORD)
        app = FastAPI(docs_url=None, redoc_url=None)
        publish(app, Problems(()))
        given = tuple(routers(frame, pool)) if routers else (signin.routes(frame), preferences.routes(frame))
        for router in given:
            app.include_router(router)
        frame.install(app)
        async with served(Gate(app, NoKeys(), "backoffice")) as url:
            yield cls(url, pool, frame)
        await pool.close()


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """An application on a free port of this process; its address."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, loop="none", lifespan="off", log_config=None, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # signals are the test runner's
    running = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not running.done(), "the server ended before it listened"
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


@dataclass
class Console:
    """A person's page on an office."""

    page: Page
    office: Office
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def opened(cls, browser: Browser, office: Office, login: str = "admin", **options: Any) -> AsyncIterator[Self]:
        """A page in a fresh browser that has signed in as `login` (empty: it has not)."""
        context = await browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce"} | options)
        context.set_default_timeout(WAIT_MS)
        try:
            if login:
                await sign_in_by_cookie(context, office, login)
            begun = cls(await context.new_page(), office)
            begun.page.on("console", lambda message: begun.complaints.append(message.text) if message.type == "error" else None)
            begun.page.on("pageerror", lambda error: begun.complaints.append(str(error)))
            yield begun
        finally:
            await context.close()
        assert not begun.complaints

    async def open(self, path: str) -> Page:
        """Opens a page of the console."""
        await self.page.goto(self.office.url + path)
        return self.page

    async def fits(self) -> None:
        """No page scrolls sideways; tables do so in their own box."""
        await fits(self.page)

    async def accessible(self) -> None:
        """Nothing serious or critical for axe-core."""
        await accessible(self.page)

    async def heading(self, name: str) -> None:
        """The page's first heading."""
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(name)


async def fits(page: Page) -> None:
    """The page does not scroll sideways; its tables do so in their own box."""
    size = page.viewport_size
    assert size is not None
    # On a phone the window grows with what is too wide: its own width would tell nothing.
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"], f"{page.url} is {width} wide"


async def accessible(page: Page) -> None:
    """Nothing serious or critical for axe-core."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    assert await page.evaluate(SERIOUS) == [], page.url


async def sign_in_by_cookie(context: BrowserContext, office: Office, login: str) -> None:
    """Signs in without the form, which has tests of its own."""
    opened = await office.frame.sign_ins.open(login, "127.0.0.1")
    await context.add_cookies([{"name": "stakewire-console", "value": opened.token, "url": office.url}])
