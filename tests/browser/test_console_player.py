"""A player on the console: found by any id, shown as the wallet has him, and changed by those who may."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.console import Console
from tests.browser.console_world import EVIL, World

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def _act(console: Console, name: str, button: str, reason: str, **fields: str) -> None:
    """Opens an action, fills its form, confirms."""
    page = console.page
    form = page.locator("details.action", has=page.get_by_text(name, exact=True))
    await form.locator("summary").click()
    for label, value in fields.items():
        field = form.get_by_label(label, exact=True)
        await (field.select_option(value) if await field.evaluate("node => node.tagName === 'SELECT'") else field.fill(value))
    await form.get_by_label("Reason").fill(reason)
    page.once("dialog", lambda dialog: dialog.accept())
    await form.get_by_role("button", name=button).click()


async def _last_deed(world: World) -> dict[str, Any]:
    row = await world.office.pool.fetchrow("SELECT * FROM office.audit WHERE action <> 'sign_in' ORDER BY id DESC LIMIT 1")
    assert row is not None
    return dict(row)


@pytest.mark.parametrize("kind", ["own id", "key", "provider's id", "session", "operation"])
async def test_a_player_is_found_by_any_id(browser: Browser, console_world: World, kind: str) -> None:
    key = console_world.story.player
    words = {
        "own id": console_world.player_id,
        "key": key,
        "provider's id": f"{key}_EUR",
        "session": f"{key}.Xk3v9QwLmN0aZr7TbY1c",
        "operation": f"{key}-3",
    }[kind]
    async with Console.opened(browser, console_world.office, "viewer") as console:
        page = await console.open("/players")
        await page.get_by_role("searchbox").fill(words)
        await page.keyboard.press("Enter")
        await console.heading(console_world.player_id)


async def test_transactions_and_rounds_are_found_by_their_ids(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "viewer") as console:
        page = await console.open("/players?q=1-3-win")
        await expect(page.get_by_role("table").get_by_text("1-3-win")).to_be_visible()
        await console.open("/players?q=1-3")
        await expect(page.get_by_role("row")).to_have_count(3)
        await page.get_by_role("link", name=console_world.story.player).first.click()
        await console.heading(console_world.player_id)


async def test_what_is_not_there_and_what_is_meant_badly_is_told_as_text(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "viewer") as console:
        page = await console.open("/players")
        await page.get_by_role("searchbox").fill(EVIL)
        await page.keyboard.press("Enter")
        await expect(page.get_by_text(f"Nothing is known of {EVIL}")).to_be_visible()
        assert await console_world.office.pool.fetchval("SELECT count(*) FROM office.users") >= 4


async def test_support_blocks_and_unblocks_with_a_reason_that_everybody_finds_again(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "support") as console:
        page = await console.open(console_world.player)
        await _act(console, "Block the player", "Block", EVIL)
        await expect(page.get_by_role("status")).to_have_text("The player is blocked.")
        await expect(page.locator(".head").get_by_text("blocked")).to_be_visible()
        deed = await _last_deed(console_world)
        assert (deed["login"], deed["action"], deed["outcome"], deed["reason"]) == ("support", "player.block", "done", EVIL)
        assert deed["object"] == f"player:{console_world.story.player}"
        await expect(page.get_by_text(f": {EVIL}")).to_be_visible()
        await _act(console, "Let the player play again", "Unblock", "it was a mistake")
        await expect(page.locator(".head").get_by_text("active")).to_be_visible()
    assert console_world.api is not None
    details = console_world.api.operations(console_world.player_id)[-1]["details"]
    assert details["author"].endswith("/support")


async def test_an_exclusion_is_set_and_lifted(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "support") as console:
        page = await console.open(console_world.player)
        await _act(console, "Exclude the player", "Exclude", "asked by the player", For="7")
        await expect(page.get_by_role("status")).to_have_text("The player is excluded for a week.")
        await expect(page.locator(".head").get_by_text("excluded")).to_be_visible()
        await _act(console, "Lift the exclusion", "Lift it", "typed for the wrong player")
        await expect(page.get_by_role("status")).to_have_text("The exclusion is lifted.")
        await expect(page.locator(".head").get_by_text("excluded")).to_have_count(0)


async def test_finance_corrects_a_balance_to_the_last_digit(browser: Browser, console_world: World) -> None:
    before = Decimal(console_world.balance())
    async with Console.opened(browser, console_world.office, "finance") as console:
        page = await console.open(console_world.player)
        await _act(console, "Correct the balance", "Book the correction", "win was not paid", Amount="0.00003")
        await expect(page.get_by_role("status")).to_have_text("0.00003 EUR given to the player.")
        assert Decimal(console_world.balance()) == before + Decimal("0.00003")
        await _act(console, "Correct the balance", "Book the correction", "paid twice", Direction="take", Amount="0.00003")
        await expect(page.get_by_role("status")).to_have_text("0.00003 EUR taken from the player.")
        await _act(console, "Correct the balance", "Book the correction", "too much", Direction="take", Amount="999999")
        await expect(page.get_by_role("alert")).to_contain_text("The player has not that much money")
        assert (await _last_deed(console_world))["outcome"] == "refused"
        await _act(console, "Correct the balance", "Book the correction", "typing mistake", Amount="1e3")
        await expect(page.get_by_role("alert")).to_contain_text("'1e3' is not an amount")
        assert (await _last_deed(console_world))["outcome"] == "refused"
    assert Decimal(console_world.balance()) == before


async def test_a_form_that_is_sent_twice_moves_money_once(browser: Browser, console_world: World) -> None:
    before = Decimal(console_world.balance())
    async with Console.opened(browser, console_world.office, "finance") as console:
        page = await console.open(console_world.player)
        script = """async (path) => {
          const form = document.querySelector("form[action$='/adjust']");
          const body = new URLSearchParams(new FormData(form));
          for (const [name, value] of [["amount", "2.50"], ["reason", "twice"]]) body.set(name, value);
          const send = () => fetch(form.action, { method: "POST", body, redirect: "manual" });
          await Promise.all([send(), send()]);
        }"""
        await page.evaluate(script)
    assert Decimal(console_world.balance()) == before + Decimal("2.50")


async def test_viewers_see_no_actions_and_are_refused_when_they_try(browser: Browser, console_world: World) -> None:
    before = console_world.balance()
    for login, may_not in (("viewer", "block"), ("viewer", "adjust"), ("support", "adjust")):
        async with Console.opened(browser, console_world.office, login) as console:
            page = await console.open(console_world.player)
            await expect(page.locator(f"form[action$='/{may_not}']")).to_have_count(0)
            script = """async (path) => {
              const body = new URLSearchParams({ csrf: JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRF-Token"],
                amount: "5", currency: "EUR", direction: "give", reason: "because" });
              return (await fetch(path, { method: "POST", body })).status;
            }"""
            assert await page.evaluate(script, f"{console_world.player}/{may_not}") == 403
            console.complaints.clear()
    assert console_world.balance() == before


async def test_notes_are_kept_and_shown_as_text(browser: Browser, console_world: World) -> None:
    async with Console.opened(browser, console_world.office, "support") as console:
        page = await console.open(console_world.player)
        await page.get_by_label("New note").fill(EVIL)
        await page.get_by_role("button", name="Keep note").click()
        await expect(page.locator("#notes").get_by_text(EVIL)).to_be_visible()


async def test_a_session_is_closed(browser: Browser, console_world: World) -> None:
    assert console_world.api is not None
    order = {"player_id": console_world.player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"}
    console_world.api.post("/v1/sessions", order)
    async with Console.opened(browser, console_world.office, "support") as console:
        page = await console.open(console_world.player)
        sessions = page.locator("section", has=page.get_by_role("heading", name="Sessions"))
        await sessions.get_by_text("Close", exact=True).click()
        await sessions.get_by_label("Reason").fill("asked by the player")
        page.once("dialog", lambda dialog: dialog.accept())
        await sessions.get_by_role("button", name="Close session").click()
        await expect(page.get_by_role("status")).to_have_text("The session is closed.")
        await expect(sessions.get_by_text("closed", exact=True)).to_be_visible()
