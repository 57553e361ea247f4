"""The whole console on the running stack: every page after some play, light, dark and on a phone; and a live board that moves."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
import psycopg
import pytest
from playwright.async_api import Browser, Page, expect

from services.cli.simulator import Play, Simulator
from tests.browser.console import DESKTOP, PHONE, accessible, fits
from tests.browser.visit import WAIT_MS, Place

pytestmark = pytest.mark.asyncio(loop_scope="package")

LIMIT_S: Final = 60
LOOKS: Final[dict[str, dict[str, Any]]] = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "is_mobile": True, "has_touch": True},
}
PLAIN: Final = (
    "/", "/players", "/games", "/reports", "/reports?by=game&across=day", "/reports?provider_account={account}&currency=EUR",
    "/reports?first=2025-01-01&last=2025-01-02", "/reports/rollbacks", "/watch", "/integrations", "/integrations/{account}",
    "/findings", "/alerts", "/doctor", "/users", "/audit", "/preferences",
)  # fmt: skip
"""Pages that need no address of what was played."""

WRONG: Final = {"/reports?first=2026-02-30": HTTPStatus.UNPROCESSABLE_ENTITY, "/nowhere": HTTPStatus.NOT_FOUND}
NEWEST: Final = """
SELECT r.player, r.provider_account, r.round_id, r.game_id, r.last_seq, c.request_id, c.finding
FROM projections.rounds r, projections.callbacks c
WHERE c.finding <> '' AND EXISTS (SELECT FROM projections.finding_hours h WHERE h.finding = c.finding)
ORDER BY r.opened_at DESC, c.received_at DESC LIMIT 1
"""
PASTED: Final = (
    'POST /callbacks/{account} HTTP/1.1\nContent-Type: application/json\n\n{{"jsonrpc":"2.0","method":"getBalance","id":1}}'
)


@dataclass
class Whole:
    """A person's page on the stack's console."""

    page: Page
    place: Place
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def opened(cls, browser: Browser, place: Place, look: str) -> AsyncIterator[Whole]:
        """A fresh browser; what it says against a page fails the test at its end."""
        context = await browser.new_context(reduced_motion="reduce", **LOOKS[look])
        context.set_default_timeout(WAIT_MS)
        try:
            begun = cls(await context.new_page(), place)
            begun.page.on("console", lambda message: begun.complaints.append(message.text) if message.type == "error" else None)
            begun.page.on("pageerror", lambda error: begun.complaints.append(str(error)))
            yield begun
        finally:
            await context.close()
        assert not begun.complaints

    async def open(self, path: str, status: int = HTTPStatus.OK) -> None:
        """Opens a page."""
        answer = await self.page.goto(self.place.stack["backoffice"].rstrip("/") + path)
        assert answer is not None
        assert answer.status == status, path

    async def tidy(self) -> None:
        """Nothing of the open page stands in anybody's way."""
        await expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        await fits(self.page)
        await accessible(self.page)

    async def sign_in(self) -> None:
        """By the form, with what the stack's file says."""
        await self.open("/sign-in")
        await self.tidy()
        await self.page.get_by_label("Login").fill(self.place.stack["console_login"])
        await self.page.get_by_label("Password").fill(self.place.stack["console_password"])
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("heading", level=1)).to_have_text("Overview")

    async def state(self, name: str) -> None:
        """The live board's own word for how it is."""
        await expect(self.page.locator("#live-state")).to_have_text(name)


def until(ask: Callable[[], Any]) -> Any:
    """Waits for an answer that is one."""
    end = time.monotonic() + LIMIT_S
    while not (found := ask()):
        assert time.monotonic() < end, "the stack was too slow"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def played(place: Place) -> list[str]:
    """The addresses of what a short play, and a call that nobody has signed, have left behind."""
    simulator = Simulator(place.stack["simulator"])
    play_id = simulator.start(Play(players=3, rounds=60, rollback_share=0.1, retry_share=0.1, seed=8))
    refused = httpx.post(place.stack["provider_accounts"][place.account]["callback_url"], json={"jsonrpc": "2.0"}, timeout=30)
    assert refused.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
    with psycopg.connect(place.database_url, autocommit=True) as connection:
        until(lambda: simulator.state(play_id).is_over)
        player, account, round_id, game, seq, request, finding = until(lambda: connection.execute(NEWEST).fetchone())
    return [
        f"/players/{player}",
        f"/players/{player}/history",
        f"/players/{player}/history?show=operations",
        f"/players/{player}/rounds/{account}/{quote(round_id, safe='')}",
        f"/operations/{player}/{seq}",
        f"/callbacks/{request}",
        f"/games/{account}/{quote(game, safe='')}",
        f"/findings/{place.account}/{finding}",
    ]


@pytest.mark.parametrize("look", LOOKS)
async def test_every_page_is_there_fits_and_is_accessible(browser: Browser, place: Place, played: list[str], look: str) -> None:
    async with Whole.opened(browser, place, look) as whole:
        await whole.sign_in()
        for path in (*(each.format(account=place.account) for each in PLAIN), *played):
            await whole.open(path)
            await whole.tidy()
        await whole.open("/watch")
        lists = await whole.page.locator("main h2 a").evaluate_all("links => links.map((each) => each.getAttribute('href'))")
        assert len(lists) > 1
        for path in lists:
            await whole.open(path)
            await whole.tidy()
        await whole.open("/live")
        await whole.state("live")
        await whole.tidy()
        assert await tiles_in_a_row(whole.page) == (2 if look == "phone" else 6)


async def tiles_in_a_row(page: Page) -> int:
    """How many of the first tiles stand beside each other."""
    tops = await page.locator(".tiles").first.locator(".tile").evaluate_all("all => all.map((each) => each.offsetTop)")
    return int(tops.count(tops[0]))


@pytest.mark.parametrize("look", LOOKS)
async def test_what_cannot_be_shown_is_told_tidily(browser: Browser, place: Place, look: str) -> None:
    async with Whole.opened(browser, place, look) as whole:
        await whole.sign_in()
        for path, status in WRONG.items():
            await whole.open(path, status)
            await whole.tidy()
            assert [f"status of {status.value}" in each for each in whole.complaints] == [True]
            whole.complaints.clear()


@pytest.mark.parametrize("look", ["light", "phone"])
async def test_the_doctor_examines_what_is_pasted(browser: Browser, place: Place, look: str) -> None:
    async with Whole.opened(browser, place, look) as whole:
        await whole.sign_in()
        await whole.open("/doctor")
        await whole.page.get_by_label("Raw request").fill(PASTED.format(account=place.account))
        await whole.page.get_by_role("button", name="Examine").click()
        await expect(whole.page.get_by_role("heading", name="The gateway would refuse this request")).to_be_visible()
        await whole.tidy()


async def test_the_report_names_play_without_a_game(browser: Browser, place: Place, played: list[str]) -> None:
    del played
    async with Whole.opened(browser, place, "light") as whole:
        await whole.sign_in()
        await whole.open("/reports?by=game")
        games = await whole.page.locator("tbody th a").evaluate_all("links => links.map((each) => each.getAttribute('href'))")
        assert games
        assert not [each for each in games if each.endswith("/")]


@pytest.mark.parametrize("look", ["light", "phone"])
async def test_the_live_board_moves_while_somebody_plays(browser: Browser, place: Place, look: str) -> None:
    simulator = Simulator(place.stack["simulator"])
    async with Whole.opened(browser, place, look) as whole:
        await whole.sign_in()
        await whole.open("/live")
        await whole.state("live")
        await whole.page.evaluate("window.opened = 'once'")
        results = whole.page.locator("#live-results")
        before = await results.inner_text()
        play_id = simulator.start(Play(players=3, rate_per_s=20, seed=9))
        try:
            for _ in range(2):
                await expect(results).not_to_have_text(before, use_inner_text=True)
                before = await results.inner_text()
            await expect(whole.page.locator("#tile-rate .tile-value")).not_to_have_text("0")
        finally:
            simulator.stop(play_id)
        assert await whole.page.evaluate("window.opened") == "once"
