"""One stack and one Chromium for all tests of this folder; a fresh page for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.visit import Place, Visit, opened_place
from tests.servers import temporary_folder
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
