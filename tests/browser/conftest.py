"""One stack and one Chromium for all tests of this folder; a fresh page for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from services.backoffice.migrate import upgrade as upgrade_backoffice
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from tests.browser.console import Console, Office
from tests.browser.console_world import World, world
from tests.browser.visit import Place, Visit, opened_place
from tests.operator_api.stand import Stand, stand
from tests.servers import Servers, temporary_folder
from tests.stack_commands import stack_commands

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
WHY_SKIPPED = (
    "no Chromium here: install Debian's package chromium (`apt-get install chromium`); looked for "
    + ", ".join(CHROMIUMS)
    + " in PATH"
)


@pytest.fixture(scope="package")
def chromium() -> str:
    """The browser's program; without one the tests that need it are skipped."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None:
        pytest.skip(WHY_SKIPPED)
    return found


@pytest.fixture(scope="package")
def place(chromium: str) -> Iterator[Place]:
    """The whole stack, as `stakewire up` starts it."""
    del chromium  # without a browser the stack is not needed
    with temporary_folder() as folder, stack_commands(folder / ".run") as start:
        yield opened_place(start, folder / ".run")


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A running browser."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="package")
async def visit(browser: Browser, place: Place) -> AsyncIterator[Visit]:
    """A visitor's page on a desktop; whatever the console says against it fails the test."""
    async with Visit.begun(browser, place) as begun:
        yield begun


@pytest_asyncio.fixture(loop_scope="package")
async def phone(browser: Browser, place: Place) -> AsyncIterator[Visit]:
    """A visitor's page on a phone."""
    size = {"width": 390, "height": 844}
    async with Visit.begun(browser, place, viewport=size, is_mobile=True, has_touch=True) as begun:
        yield begun


@pytest.fixture(scope="package")
def office_url(servers: Servers) -> Iterator[str]:
    """The address of a database with the back office's schemas, as its owner."""
    url = servers.new_database()
    upgrade_operator_api(url)
    upgrade_backoffice(url)
    yield url
    servers.drop_database(url)


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def office(chromium: str, office_url: str) -> AsyncIterator[Office]:
    """The console, served in this process, with a user of each role."""
    del chromium  # without a browser it is not needed
    async with Office.running(office_url) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def console(browser: Browser, office: Office) -> AsyncIterator[Console]:
    """A page on it that an admin has signed in on."""
    async with Console.opened(browser, office) as opened:
        yield opened


@pytest.fixture(scope="package")
def operator_side(chromium: str, servers: Servers) -> Iterator[Stand]:
    """Wallet, operator API and what belongs to them."""
    del chromium
    with stand(servers) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package", scope="package")
async def console_world(operator_side: Stand, servers: Servers) -> AsyncIterator[World]:
    """The console's own pages with a wallet and an operator API behind them, and a player who has played."""
    url = servers.new_database()
    upgrade_operator_api(url)
    upgrade_backoffice(url)
    async with world(url, operator_side) as begun:
        yield begun
    servers.drop_database(url)
