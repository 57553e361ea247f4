"""The console's other pages: games, provider account, users, audit log, overview; and all of them for eyes, thumbs and keyboards."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.console import PASSWORD, PHONE, Console
from tests.browser.console_world import ACCOUNT, EVIL, World

pytestmark = pytest.mark.asyncio(loop_scope="package")
PAGES = ("/", "/players", "/players?q=1-3", "/players?q=nobody", "/games", "/games?q=zzz", f"/games/{ACCOUNT}/riot",
         f"/games/{ACCOUNT}/evil", f"/integrations/{ACCOUNT}", "/users", "/audit", "/audit?action=player", "/preferences")  # fmt: skip
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": PHONE, "is_mobile": True, "has_touch": True},
}
FAILED = "Failed to load resource: the server responded with a status of "


@pytest.mark.parametrize("look", LOOKS)
async def test_every_page_can_be_read_by_everybody(browser: Browser, console_world: World, look: str) -> None:
    async with Console.opened(browser, console_world.office, **LOOKS[look]) as console:
        for path in (*PAGES, console_world.player):
            await console.open(path)
            await expect(console.page.get_by_role("heading", level=1)).to_have_count(1)
            await console.fits()
            await console.accessible()


async def test_games_are_filtered_and_paged(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "viewer") as console:
        page = await console.open("/games")
        rows = page.locator("tbody tr")
        await expect(rows).to_have_count(50)
        await page.get_by_role("link", name="Next page").click()
        await expect(page.get_by_role("link", name="Game 050", exact=True)).to_be_visible()
        await page.get_by_role("link", name="Next page").click()
        await expect(rows).to_have_count(22)
        await expect(page.get_by_role("link", name="Next page")).to_have_count(0)
        await page.get_by_label("Section").select_option("slots")
        await page.get_by_label("State").select_option("live")
        await page.get_by_role("button", name="Show").click()
        await expect(rows).to_have_count(1)
        await page.get_by_role("link", name="Riot", exact=True).click()
        await console.heading("Riot")


async def test_a_games_page_tells_what_it_earned(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "viewer") as console:
        page = await console.open(f"/games/{ACCOUNT}/riot")
        figures = page.get_by_role("region", name="Figures of 30 days")
        await expect(figures.get_by_role("row", name="Stakes")).to_contain_text("24.00 EUR")
        await expect(figures.get_by_role("row", name="Rounds 12")).to_contain_text("12")
        await expect(figures.get_by_role("row", name="Theoretical RTP")).to_contain_text("94.00 % to 95.10 %")
        await expect(page.get_by_role("region", name="Last rounds of the game").locator("tbody tr")).to_have_count(12)
        await console.open(f"/games/{ACCOUNT}/evil")
        await console.heading(EVIL)
        await console.open(f"/games/{ACCOUNT}/no-such-game")
        await console.heading("There is nothing here")
        assert console.complaints == [f"{FAILED}404 (Not Found)"]
        console.complaints.clear()


async def test_an_accounts_page_tells_its_set_up_and_health(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "viewer") as console:
        page = await console.open(f"/integrations/{ACCOUNT}")
        await expect(page.get_by_text("healthy")).to_be_visible()
        setup = page.locator("section", has=page.get_by_role("heading", name="Set-up"))
        await expect(setup).to_contain_text("BTC, EUR, USD")
        await expect(setup).to_contain_text(f"/callbacks/{ACCOUNT}")
        await expect(page.get_by_role("row", name="main key for signatures")).to_contain_text("0 days old")
        await console.open("/integrations/nobody")
        await console.heading("There is nothing here")
        console.complaints.clear()


async def test_an_admin_makes_a_user_who_can_sign_in_until_he_is_disabled(browser: Browser, console_world: World) -> None:
    office = console_world.office
    async with Console.opened(browser, office) as console, Console.opened(browser, office, "") as other:
        page = await console.open("/users")
        await page.get_by_label("Login").fill("Bob")
        await page.get_by_label("Name").fill(EVIL)
        await page.get_by_role("button", name="Add user").click()
        password = await page.get_by_role("status").locator("p").first.inner_text()
        await expect(page.get_by_role("cell", name=EVIL)).to_be_visible()
        await other.open("/")
        await other.page.get_by_label("Login").fill("bob")
        await other.page.get_by_label("Password").fill(password)
        await other.page.keyboard.press("Enter")
        await other.heading("Overview")
        await expect(other.page.get_by_role("link", name="Users")).to_have_count(0)
        await other.open("/users")
        await other.heading("You may not do this")
        await page.get_by_label("Role of bob").select_option("admin")
        await page.get_by_role("button", name="Set the role of bob").click()
        await expect(page.get_by_role("status")).to_have_text("bob has the role admin now.")
        await other.open("/users")
        await other.heading("Users")
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="Disable bob").click()
        await expect(page.get_by_role("status")).to_have_text("bob is disabled and signed out.")
        await other.open("/")
        await other.heading("Sign in")
        other.complaints.clear()


async def test_a_login_that_is_taken_or_bad_is_refused_in_words(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office) as console:
        page = await console.open("/users")
        for login, told in (("viewer", "The login 'viewer' is taken."), ("<b>", "A login has 1 to 64")):
            await page.get_by_label("Login").fill(login)
            await page.get_by_role("button", name="Add user").click()
            await expect(page.get_by_role("alert")).to_contain_text(told)


async def test_the_audit_log_is_filtered_and_paged(browser: Browser, console_world: World) -> None:
    office = console_world.office
    await office.pool.executemany(
        "INSERT INTO office.audit (login, action, object, reason) VALUES ('zoe', 'player.block', $1, $2)",
        [(f"player:{number}", EVIL) for number in range(60)],
    )
    async with Console.opened(browser, office) as console:
        page = await console.open("/audit?login=zoe")
        await expect(page.locator("tbody tr")).to_have_count(50)
        await expect(page.get_by_text(EVIL).first).to_be_visible()
        await page.get_by_role("link", name="Next page").click()
        await expect(page.locator("tbody tr")).to_have_count(10)
        await page.get_by_label("Object").fill("player:7")
        await page.get_by_role("button", name="Show").click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        for wrong in (
            "first=yesterday",
            "first=2030-02-31",
            "first=2030-02-02&last=2030-02-01",
            "before=-1",
            "before=x",
            "login=%00",
        ):
            await console.open(f"/audit?{wrong}")
            await console.heading("A value is missing or not acceptable")
        await console.accessible()
        assert all(each.startswith(f"{FAILED}422") for each in console.complaints)
        console.complaints.clear()


async def test_one_changes_ones_password_and_stays_signed_in(browser: Browser, console_world: World) -> None:
    office = console_world.office
    async with Console.opened(browser, office, "viewer") as console:
        page = await console.open("/preferences")
        for old, new, told in (
            ("wrong", "another long password", "The present password is not right."),
            (PASSWORD, "short", "A password has 12 to 128 characters"),
            (PASSWORD, "another long password", "The password is changed."),
            ("another long password", PASSWORD, "The password is changed."),
        ):
            await page.get_by_label("Present password").fill(old)
            await page.get_by_label("New password", exact=True).fill(new)
            await page.get_by_label("New password again").fill(new)
            await page.get_by_role("button", name="Change password").click()
            await expect(page.locator(".flash")).to_contain_text(told)
