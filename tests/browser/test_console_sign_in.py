"""Signing in to the console, and out: the form, the way back, forms' tokens, ended sign-ins, one's own settings."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.browser.console import PASSWORD, PHONE, Console, Office

pytestmark = pytest.mark.asyncio(loop_scope="package")
REFUSED = "Failed to load resource: the server responded with a status of "


async def _sign_in(console: Console, login: str, password: str) -> None:
    await console.page.get_by_label("Login").fill(login)
    await console.page.get_by_label("Password").fill(password)
    await console.page.keyboard.press("Enter")


async def test_who_has_not_signed_in_is_led_to_the_form_and_back(browser: Browser, office: Office) -> None:
    async with Console.opened(browser, office, "") as console:
        page = await console.open("/preferences?from=here")
        await console.heading("Sign in")
        await console.accessible()
        await _sign_in(console, "Viewer", PASSWORD)
        await console.heading("Settings")
        assert page.url.endswith("/preferences?from=here")
        cookies = {each.get("name", ""): each for each in await page.context.cookies()}
        assert cookies["stakewire-console"].get("httpOnly")
        assert cookies["stakewire-console"].get("sameSite") == "Lax"
        await page.get_by_role("button", name="Sign out", exact=True).click()
        await console.heading("Sign in")
        await console.open("/preferences")
        await console.heading("Sign in")


async def test_a_wrong_password_is_told_and_says_nothing_of_the_login(browser: Browser, office: Office) -> None:
    async with Console.opened(browser, office, "") as console:
        await console.open("/sign-in")
        for login in ("viewer", "nobody-at-all"):
            await _sign_in(console, login, "not the password")
            await expect(console.page.get_by_role("alert")).to_have_text("Login or password are not right.")
            await expect(console.page.get_by_label("Login")).to_have_value(login)
        assert console.complaints == [f"{REFUSED}401 (Unauthorized)"] * 2
        console.complaints.clear()


async def test_a_form_whose_token_is_wrong_does_nothing(browser: Browser, office: Office) -> None:
    async with Console.opened(browser, office) as console:
        page = await console.open("/preferences")
        await page.evaluate("document.querySelectorAll('[name=csrf]').forEach((field) => { field.value = 'forged'; })")
        await page.get_by_role("button", name="Sign out everywhere").click()
        await console.heading("You may not do this")
        await console.accessible()
        await console.open("/preferences")
        await console.heading("Settings")
        assert console.complaints == [f"{REFUSED}403 (Forbidden)"]
        console.complaints.clear()


async def test_a_sign_in_that_has_ended_leads_to_the_form(browser: Browser, office: Office) -> None:
    async with Console.opened(browser, office, "support") as console:
        await console.open("/preferences")
        await office.pool.execute("UPDATE office.sign_ins SET seen_at = now() - interval '2 hours' WHERE login = 'support'")
        await console.open("/preferences")
        await console.heading("Sign in")
        await _sign_in(console, "support", PASSWORD)
        await console.heading("Settings")


async def test_signing_out_everywhere_ends_the_other_browsers_too(browser: Browser, office: Office) -> None:
    async with Console.opened(browser, office, "finance") as one, Console.opened(browser, office, "finance") as other:
        await one.open("/preferences")
        await one.page.get_by_role("button", name="Sign out everywhere").click()
        await one.heading("Sign in")
        await other.open("/preferences")
        await other.heading("Sign in")


async def test_zone_and_colours_are_kept(console: Console) -> None:
    page = await console.open("/preferences")
    await page.get_by_label("Time zone").select_option("Europe/Malta")
    await page.get_by_label("Colours").select_option("dark")
    await page.get_by_role("button", name="Keep").click()
    await expect(page.get_by_role("status")).to_have_text("Kept for this browser.")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.locator(".me")).to_contain_text("Europe/Malta")
    await page.reload()
    await expect(page.get_by_role("status")).to_have_count(0)


async def test_settings_on_a_phone_and_by_keyboard(browser: Browser, office: Office) -> None:
    async with Console.opened(browser, office, viewport=PHONE, is_mobile=True, has_touch=True) as console:
        page = await console.open("/preferences")
        await console.fits()
        await console.accessible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("main")).to_be_focused()
        await expect(page.get_by_role("navigation", name="Console")).to_be_hidden()
        await page.get_by_role("button", name="Menu").click()
        await expect(page.get_by_role("navigation", name="Console")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("button", name="Menu")).to_be_focused()
