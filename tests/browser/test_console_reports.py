"""Reports in the browser: two dimensions, the chart, corridors, rollbacks behind a line, files, on desktop and phone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from services.backoffice.migrate import upgrade as upgrade_backoffice
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from tests.browser.console import PHONE, Console, Office
from tests.browser.lives import office_with_lives
from tests.servers import Servers

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.fixture(scope="module")
def lives_url(chromium: str, servers: Servers) -> Iterator[str]:
    del chromium  # without a browser it is not needed
    url = servers.new_database()
    upgrade_operator_api(url)
    upgrade_backoffice(url)
    yield url
    servers.drop_database(url)


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def lived(lives_url: str) -> AsyncIterator[Office]:
    async with office_with_lives(lives_url) as (opened, _):
        yield opened


async def test_a_report_with_its_totals_chart_and_file(browser: Browser, lived: Office) -> None:
    async with Console.opened(browser, lived) as console:
        page = await console.open("/reports")
        await console.heading("Reports")
        await expect(page.get_by_text("Europe/Malta, from 06:00")).to_be_visible()
        await expect(page.get_by_text("Total EUR")).to_be_visible()
        await expect(page.get_by_text("Total USD")).to_be_visible()
        await expect(page.locator(".chart canvas")).to_have_count(2)
        await console.accessible()
        await console.fits()
        await page.get_by_label("By", exact=True).select_option("game")
        await page.get_by_label("Across").select_option("country")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("rowheader", name="Riot at Night").first).to_be_visible()
        await expect(page.locator("svg.bar").first).to_be_visible()
        async with page.expect_download() as downloading:
            await page.get_by_role("link", name="CSV file").click()
        text = (await (await downloading.value).path()).read_text()
        assert text.startswith("game,country,game_name,currency,stake")


async def test_a_line_opens_to_its_rollbacks(browser: Browser, lived: Office) -> None:
    async with Console.opened(browser, lived) as console:
        page = await console.open("/reports?by=day&currency=EUR")
        await page.locator("tbody a[href^='/reports/rollbacks']").click()
        await console.heading("Rollbacks")
        await expect(page.get_by_text("another day", exact=True)).to_be_visible()
        await console.accessible()
        await page.get_by_role("link", name="Reports").first.click()
        await console.heading("Reports")


async def test_what_cannot_be_is_said_beside_the_filters(browser: Browser, lived: Office) -> None:
    async with Console.opened(browser, lived) as console:
        page = await console.open("/reports?first=2026-02-30")
        await expect(page.get_by_role("alert").filter(has_text="first")).to_be_visible()
        page = await console.open("/reports?first=2000-01-01")
        await expect(page.get_by_role("alert").filter(has_text="400")).to_be_visible()
        await console.accessible()
        page = await console.open("/reports?section=none-such")
        await expect(page.get_by_text("Nothing was played")).to_be_visible()
        console.complaints = [each for each in console.complaints if "422" not in each]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_reports_on_a_phone(browser: Browser, lived: Office, scheme: str) -> None:
    async with Console.opened(browser, lived, viewport=PHONE, is_mobile=True, has_touch=True, color_scheme=scheme) as console:
        for path in ("/reports?by=game&across=day", "/reports/rollbacks"):
            await console.open(path)
            await console.fits()
            await console.accessible()


async def test_a_viewer_gets_no_files(browser: Browser, lived: Office) -> None:
    async with Console.opened(browser, lived, "viewer") as console:
        page = await console.open("/reports")
        await expect(page.get_by_text("Total EUR")).to_be_visible()
        await expect(page.get_by_role("link", name="CSV file")).to_have_count(0)
