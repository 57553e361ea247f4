"""A player's history in the browser: filters, more of it, rounds that open down to callbacks, on desktop and phone, and without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from services.backoffice.migrate import upgrade as upgrade_backoffice
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from tests.browser.console import PHONE, Console, Office
from tests.browser.lives import BEGAN, NASTY, office_with_lives
from tests.integration.backoffice.stand import Story
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
async def lives(lives_url: str) -> AsyncIterator[tuple[Office, Story]]:
    async with office_with_lives(lives_url) as opened:
        yield opened


async def test_more_of_a_history_comes_below_and_a_round_opens_in_its_place(browser: Browser, lives: tuple[Office, Story]) -> None:
    office, alice = lives
    async with Console.opened(browser, office) as console:
        page = await console.open(f"/players/{alice.player}/history")
        await console.heading("History")
        await console.accessible()
        rows = page.locator("#rows > tr:not(.opener)")
        await expect(rows).to_have_count(50)
        await page.get_by_role("link", name="Older").click()
        await expect(rows).to_have_count(63)
        await expect(page.get_by_role("link", name="Older")).to_have_count(0)
        await page.get_by_role("link", name="r1", exact=True).click()
        opened = page.locator("td.opened").filter(has_text="Provider account")
        await expect(opened).to_have_count(1)
        await expect(opened.get_by_text("rollback")).to_be_visible()
        await opened.get_by_role("link", name="3", exact=True).first.click()
        await expect(opened.get_by_text("provider:mascot-demo")).to_be_visible()
        await opened.locator("details.callback summary").click()
        await expect(opened.get_by_text(NASTY).first).to_be_visible()
        await console.accessible()
        await console.fits()


async def test_filters_by_keyboard_and_what_is_wrong_is_said_beside_them(browser: Browser, lives: tuple[Office, Story]) -> None:
    office, alice = lives
    async with Console.opened(browser, office) as console:
        page = await console.open(f"/players/{alice.player}/history?show=operations")
        await page.get_by_label("From day").fill(BEGAN.date().isoformat())
        await page.get_by_label("To day").fill(BEGAN.date().isoformat())
        await page.get_by_label("Kind").select_option("bet")
        await page.get_by_role("button", name="Show").press("Enter")
        await expect(page.locator("#rows > tr:not(.opener)")).to_have_count(1)
        await page.get_by_text("Games and amounts").click()
        await page.get_by_label("Amount from").fill("5")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_role("alert").filter(has_text="currency")).to_be_visible()
        await expect(page.get_by_label("Amount from")).to_have_value("5")
        await console.accessible()
        console.complaints = [each for each in console.complaints if "422" not in each]


async def test_a_history_on_a_phone(browser: Browser, lives: tuple[Office, Story]) -> None:
    office, alice = lives
    async with Console.opened(browser, office, viewport=PHONE, is_mobile=True, has_touch=True) as console:
        for path in (
            f"/players/{alice.player}/history",
            f"/players/{alice.player}/rounds/mascot-demo/r1",
            f"/operations/{alice.player}/3",
        ):
            await console.open(path)
            await console.fits()
            await console.accessible()


async def test_a_history_without_scripts(browser: Browser, lives: tuple[Office, Story]) -> None:
    office, alice = lives
    async with Console.opened(browser, office, java_script_enabled=False) as console:
        page = await console.open(f"/players/{alice.player}/history")
        await page.get_by_role("link", name="Older").click()
        await expect(page.locator("#rows > tr:not(.opener)")).to_have_count(13)
        await page.get_by_role("link", name="r1", exact=True).click()
        await console.heading("Round r1")
        await page.get_by_role("link", name="3", exact=True).first.click()
        await console.heading("Operation 3: bet")
        await page.locator("details.callback summary").click()
        await page.get_by_role("link", name="Request q1").click()
        await console.heading("Callback")


async def test_texts_from_outside_stay_texts(browser: Browser, lives: tuple[Office, Story]) -> None:
    office, alice = lives
    async with Console.opened(browser, office) as console:
        page = await console.open(f"/players/{alice.player}/history")
        await page.get_by_role("link", name="Older").click()
        await page.get_by_role("link", name=NASTY).click()
        await expect(page.locator("td.opened").filter(has_text="Provider account")).to_have_count(1)
        page = await console.open("/callbacks/q2")
        await expect(page.get_by_text(NASTY).first).to_be_visible()
        await expect(page.get_by_text("the key id is unknown")).to_be_visible()
        await console.accessible()


async def test_the_dark_is_as_readable(browser: Browser, lives: tuple[Office, Story]) -> None:
    office, alice = lives
    async with Console.opened(browser, office, color_scheme="dark") as console:
        for path in (f"/operations/{alice.player}/3", "/callbacks/q2", f"/players/{alice.player}/history"):
            await console.open(path)
            await console.accessible()
