"""The lobby's page: finding games, keyboard, states, light and dark, phone, and what people with other senses rely on."""

from __future__ import annotations

import pytest
from playwright.async_api import Route, expect

from tests.browser.hygiene import FAULTS, POOR_CONTRAST
from tests.browser.visit import Visit, settles

pytestmark = pytest.mark.asyncio(loop_scope="package")

LOADED = "images => images.every((image) => image.complete && image.naturalWidth > 0)"
NO_SIDEWAYS = "document.documentElement.scrollWidth <= innerWidth"
FOCUSED = "document.activeElement.getAttribute('aria-label')"


async def test_the_first_page_shows_games_with_covers_and_the_players_money(visit: Visit) -> None:
    assert len(await visit.names()) >= 60
    await visit.page.wait_for_function(
        "[...document.querySelectorAll('.row:first-child .tile img')].slice(0, 6).every((image) => image.naturalWidth > 0)"
    )
    assert await visit.page.locator(".row").count() >= 1
    assert await visit.lobby_balance() > 0
    await settles(visit.page, NO_SIDEWAYS, expected=True)
    assert await visit.page.title() == "Games - Stakewire"


async def test_all_games_come_while_one_scrolls(visit: Visit) -> None:
    told = await visit.page.locator("#results-count").inner_text()
    await visit.page.locator("#end").scroll_into_view_if_needed()
    await expect(visit.tiles()).to_have_count(int(told.split()[0]))


@pytest.mark.parametrize(
    ("words", "name"), [("auror", "Aurora"), ("AURORA", "Aurora"), ("aurroa", "Aurora"), ("alchemsts det", "Alchemist's Debt")]
)
async def test_search_finds_while_one_types_and_forgives_mistakes(visit: Visit, words: str, name: str) -> None:
    await visit.search(words)
    await expect(visit.tile(name)).to_be_visible()
    assert (await visit.names()).index(name) < 5
    await expect(visit.page.get_by_role("heading", name="Found")).to_be_visible()
    await expect(visit.page.locator(".row")).to_have_count(0)


async def test_what_is_not_there_is_told_and_led_out_of(visit: Visit) -> None:
    await visit.search("qqqxxzzz")
    await expect(visit.page.get_by_role("heading", name="No game fits")).to_be_visible()
    await visit.page.get_by_role("button", name="Show all games").click()
    await expect(visit.tiles().first).to_be_visible()
    await expect(visit.page.get_by_role("searchbox")).to_have_value("")


async def test_filters_narrow_together_and_are_cleared_at_once(visit: Visit) -> None:
    all_games = await visit.page.locator("#results-count").inner_text()
    await visit.page.get_by_role("button", name="Slots").click()
    await visit.page.locator("#more > summary").click()
    await visit.page.get_by_label("Section").select_option("adventure")
    await visit.page.get_by_label("Feature").select_option("free_rounds")
    games = await visit.page.evaluate(
        """async () => (await (await fetch("/lobby/games?device=desktop", {headers: {"X-Requested-With": "stakewire-lobby"}})).json())
        .games.filter((game) => game.type === "slots" && game.section === "adventure" && game.features.includes("free_rounds"))
        .map((game) => game.name)"""
    )
    assert games
    assert await visit.names() == games
    await expect(visit.page.locator("#filter-count")).to_have_text("2")
    await visit.page.get_by_role("button", name="Clear all").click()
    await expect(visit.page.locator("#results-count")).to_have_text(all_games)


async def test_the_device_decides_which_games_there_are(visit: Visit) -> None:
    desktop = await visit.page.locator("#results-count").inner_text()
    await visit.page.locator("#more > summary").click()
    await visit.page.get_by_label("Device").select_option("mobile")
    await expect(visit.page.locator("#results-count")).not_to_have_text(desktop)
    await expect(visit.page.locator("#results-count")).to_contain_text("games")


async def test_sorting_by_name(visit: Visit) -> None:
    await visit.page.get_by_label("Sort").select_option("-name")
    names = await visit.names()
    assert names == sorted(names, key=str.casefold, reverse=True)


async def test_the_keyboard_alone_finds_opens_and_comes_back(visit: Visit) -> None:
    page = visit.page
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    await page.keyboard.type("a")
    await page.keyboard.press("Enter")
    first, second = (await visit.names())[:2]
    await settles(page, FOCUSED, f"Play {first}")
    await page.keyboard.press("ArrowRight")
    await settles(page, FOCUSED, f"Play {second}")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("ArrowDown")
    below = await page.evaluate(FOCUSED)
    assert below not in (f"Play {first}", f"Play {second}")
    await page.keyboard.press("ArrowUp")
    await settles(page, FOCUSED, f"Play {first}")
    await page.keyboard.press("Enter")
    await expect(page.locator("#stage")).to_be_visible()
    await expect(visit.game().locator('[data-ready="true"]')).to_be_visible()
    await visit.leave()
    await expect(page.locator(":focus")).to_have_attribute("aria-label", f"Play {first}")


async def test_games_that_cannot_be_loaded_are_told_and_tried_again(visit: Visit) -> None:
    async def broken(route: Route) -> None:
        await route.fulfill(status=503, content_type="application/problem+json", body='{"title": "Not now", "detail": "It rests."}')

    await visit.page.route("**/lobby/games*", broken, times=1)
    await visit.page.reload()
    await expect(visit.page.get_by_role("heading", name="Not now")).to_be_visible()
    visit.complaints.clear()  # the browser tells the 503
    await visit.page.get_by_role("button", name="Try again").click()
    await expect(visit.tiles().first).to_be_visible()


async def test_a_cover_that_is_missing_is_replaced_by_letters(visit: Visit) -> None:
    async def missing(route: Route) -> None:
        await route.abort()

    await visit.page.route("**/covers/aurora.svg", missing)
    await visit.page.reload()
    await visit.search("Aurora")
    await expect(visit.tile("Aurora").locator(".initials")).to_have_text("A")
    visit.complaints.clear()  # the browser tells the missing picture


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_both_schemes_are_readable_and_tidy(visit: Visit, scheme: str) -> None:
    await visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    await visit.page.locator("#more > summary").click()
    await settles(visit.page, FAULTS, [])
    await settles(visit.page, POOR_CONTRAST, [])


async def test_the_chosen_scheme_stays(visit: Visit) -> None:
    ground = "getComputedStyle(document.documentElement).getPropertyValue('--ground').trim()"
    await visit.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    dark = await visit.page.evaluate(ground)
    await visit.page.get_by_role("button", name="Switch between light and dark").click()
    light = await visit.page.evaluate(ground)
    assert light != dark
    await visit.page.reload()
    await settles(visit.page, ground, light)


async def test_a_phone_has_all_of_it_without_scrolling_sideways(phone: Visit) -> None:
    page = phone.page
    await settles(page, NO_SIDEWAYS, expected=True)
    await settles(page, FAULTS, [])
    for button in (phone.tiles().first.get_by_role("button").first, page.get_by_role("button", name="Switch between")):
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 44, "large enough for a finger"
    await page.locator("#more > summary").click()
    await expect(page.get_by_label("Section")).to_be_visible()
    await settles(page, NO_SIDEWAYS, expected=True)


async def test_who_wants_no_motion_gets_none(visit: Visit) -> None:
    moving = "getComputedStyle(document.querySelector('.tile')).transitionDuration"
    assert await visit.page.evaluate(moving) in ("0.001s", "1ms", "0s")
