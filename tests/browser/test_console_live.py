"""The live board in a browser: it moves, says when it cannot, pauses, and is there for keyboards, phones and screen readers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from services.backoffice.migrate import upgrade as upgrade_backoffice
from services.backoffice.operator import OperatorApi
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from tests.browser.console import PHONE, Console
from tests.browser.console_desk import EVIL, Desk, opened_desk
from tests.servers import Servers

pytestmark = pytest.mark.asyncio(loop_scope="package")
LIMIT_MS = 30_000


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def desk(chromium: str, servers: Servers) -> AsyncIterator[Desk]:
    """The pages, without an operator API."""
    del chromium
    url = await asyncio.to_thread(servers.new_database)
    await asyncio.to_thread(upgrade_operator_api, url)
    await asyncio.to_thread(upgrade_backoffice, url)
    async with opened_desk(url, OperatorApi("", {})) as opened:
        yield opened
    await asyncio.to_thread(servers.drop_database, url)


async def state(page: Page, name: str) -> None:
    await expect(page.locator("#live-state")).to_have_text(name, timeout=LIMIT_MS)


async def count(page: Page) -> int:
    text = await page.locator("#live-results tr", has_text="OK").locator(".num").first.inner_text()
    return int(text.replace(",", ""))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_board_moves_and_is_tidy(browser: Browser, desk: Desk, scheme: str) -> None:
    async with Console.opened(browser, desk.office, "viewer", color_scheme=scheme) as console:
        await desk.beat()
        page = await console.open("/live")
        await state(page, "live")
        await expect(page.locator("#live-results")).to_contain_text("OK")
        before = await count(page)
        await desk.beat()
        await page.wait_for_function(
            "(before) => Number(document.querySelector('#live-results .num').textContent.replace(/,/g, '')) > before", arg=before
        )
        await expect(page.locator("#live-lag")).to_contain_text("wallet.events")
        await expect(page.locator("#tile-behind .tile-value")).to_have_text("3")
        await expect(page.locator("#rate-plot canvas")).to_be_visible()
        await expect(page.locator("#live-wins")).to_contain_text("350 ×")  # noqa: RUF001  # as people write it
        await expect(page.locator("#live-quarter")).to_contain_text(EVIL)
        await page.get_by_text("The last half minute as a table").click()
        await expect(page.locator("#live-seconds tr")).to_have_count(30)
        await console.fits()
        await console.accessible()


async def test_pause_holds_the_board_still_and_goes_on_with_the_newest(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        await desk.beat()
        page = await console.open("/live")
        await state(page, "live")
        await expect(page.locator("#live-results")).to_contain_text("OK")
        await page.get_by_role("button", name="Pause").focus()
        await page.keyboard.press("Enter")
        await state(page, "paused")
        before = await count(page)
        looks = desk.hub._number
        await desk.beat()
        async with asyncio.timeout(30):
            while desk.hub._number < looks + 4:
                assert desk.hub.viewers, "the page holds its stream while it is paused"
                await asyncio.sleep(0.05)
        assert await count(page) == before
        await page.get_by_role("button", name="Go on").click()
        await state(page, "live")
        assert await count(page) > before


async def test_a_broken_stream_is_told_and_comes_back(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        page = await console.open("/live")
        await state(page, "live")
        await page.context.set_offline(True)
        for viewer in list(desk.hub._viewers):
            viewer.end("stopped")
        await state(page, "connection lost")
        await expect(page.locator("#live-words")).to_contain_text("What is shown is old")
        await page.context.set_offline(False)
        await state(page, "live")
        console.complaints.clear()  # the browser tells of the connections that failed


async def test_the_board_ends_with_the_sign_in(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "support") as console:
        page = await console.open("/live")
        await state(page, "live")
        await desk.office.frame.sign_ins.close_all("support")
        await state(page, "ended")
        await expect(page.locator("#live-words")).to_contain_text("not signed in any more")


async def test_nobody_gets_the_stream_who_has_not_signed_in(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "") as console:
        answer = await console.page.request.get(f"{desk.office.url}/live/stream", max_redirects=0)
        assert answer.status in {303, 401}
        assert "event-stream" not in answer.headers.get("content-type", "")


async def test_the_board_on_a_phone(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer", viewport=PHONE, is_mobile=True, has_touch=True) as console:
        page = await console.open("/live")
        await state(page, "live")
        await console.fits()
        await console.accessible()
