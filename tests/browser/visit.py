"""A visit to the lobby: what tests do on the page, and where they look up what is true behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
from playwright.async_api import Browser, FrameLocator, Locator, Page, expect

from shared.identity import player_key
from shared.money import scale_of
from tests.operator_api.api import Api
from tests.stack_commands import StartCommand, finish

PLAYER = "demo"
CURRENCY = "EUR"
WAIT_MS = 30_000
DESKTOP = {"width": 1280, "height": 860}


@dataclass(frozen=True)
class Place:
    """The running stack: its addresses, its operator API, its ledger; `stack` is what `stack.json` tells of it."""

    start: StartCommand
    lobby: str
    database_url: str
    operator: Api
    account: str
    stack: Mapping[str, Any] = field(repr=False)

    def told_balance(self) -> Decimal:
        """The demo player's balance as the operator API tells it."""
        return Decimal(self.operator.balance(PLAYER, CURRENCY))

    def ledger_balance(self) -> Decimal:
        """The same in the wallet's tables."""
        query = "SELECT balance FROM balances WHERE player = %s AND currency = %s"
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(query, (player_key("main", PLAYER), CURRENCY)).fetchone()
        assert row is not None
        return Decimal(row[0]).scaleb(-scale_of(CURRENCY))

    def operations(self) -> list[dict[str, Any]]:
        """All operations of the demo player, oldest first."""
        return self.operator.operations(PLAYER)

    def verified(self) -> str:
        """What `stakewire verify` says; fails where an invariant does not hold."""
        return finish(self.start("verify"))


def opened_place(start: StartCommand, run_dir: Path) -> Place:
    """Starts the stack."""
    output = finish(start("up"))
    content = json.loads((run_dir / "stack.json").read_text())
    addresses = [line.split() for line in output.splitlines() if line.startswith("  ")]
    assert addresses[0] == ["lobby", content["lobby"]], "the lobby is what a newcomer opens: it comes first"
    port = urlsplit(content["operator_api"]).port
    assert port is not None
    account = next(iter(content["provider_accounts"]))
    return Place(start, content["lobby"], content["database_url"], Api(port, content["operator_api_key"]), account, content)


@dataclass
class Visit:
    """A page on the lobby. `complaints` collects errors of the console, of scripts, and of what could not be loaded."""

    page: Page
    place: Place
    complaints: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def begun(cls, browser: Browser, place: Place, **options: Any) -> AsyncIterator[Self]:
        """A new visitor, who sees the games; what the browser complained of fails the test at its end."""
        context = await browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce"} | options)
        context.set_default_timeout(WAIT_MS)
        page = await context.new_page()
        begun = cls(page, place)
        page.on("console", lambda message: begun.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: begun.complaints.append(str(error)))
        try:
            await begun.come()
            yield begun
        finally:
            await context.close()
        assert not begun.complaints

    async def come(self) -> None:
        """Opens the lobby and waits for its games and the balance."""
        await self.page.goto(self.place.lobby)
        await expect(self.tiles().first).to_be_visible(timeout=WAIT_MS)
        await expect(self.page.locator("#balance")).not_to_have_text("...", timeout=WAIT_MS)

    # --- the lobby -------------------------------------------------------------------------------------------------------

    def tiles(self) -> Locator:
        """The tiles of the list."""
        return self.page.locator("#grid .tile")

    def tile(self, name: str) -> Locator:
        """The tile of a game in the list."""
        return self.tiles().filter(has=self.page.get_by_role("heading", name=name, exact=True))

    async def names(self) -> list[str]:
        """The names of the games in the list, as far as they are drawn."""
        return await self.tiles().locator("h3").all_text_contents()

    async def search(self, words: str) -> None:
        """Types words into the search."""
        await self.page.get_by_role("searchbox", name="Search games").fill(words)

    async def lobby_balance(self) -> Decimal:
        """What the lobby's header shows."""
        return amount(await self.page.locator("#balance").inner_text())

    # --- the game --------------------------------------------------------------------------------------------------------

    async def open(self, name: str, *, demo: bool = False) -> None:
        """Finds a game and opens it."""
        await self.search(name)
        await self.tile(name).get_by_role("button", name=f"Demo of {name}" if demo else f"Play {name}").click()
        await expect(self.game().locator('[data-ready="true"]')).to_be_visible(timeout=WAIT_MS)

    def game(self) -> FrameLocator:
        """The game on the stage."""
        return self.page.frame_locator("#stage iframe")

    def part(self, name: str) -> Locator:
        """A part of the game."""
        return self.game().get_by_test_id(name)

    async def spin(self) -> None:
        """One spin, until the reels have landed."""
        await self.part("spin").click()
        await self.rested()

    async def rested(self) -> None:
        """Waits until the game takes a spin again."""
        await expect(self.part("live")).not_to_contain_text("Spinning", timeout=WAIT_MS)
        await expect(self.game().locator('[data-phase="idle"]')).to_be_visible(timeout=WAIT_MS)

    async def game_balance(self) -> Decimal:
        """What the game shows."""
        return amount(await self.part("balance").inner_text())

    async def win(self) -> Decimal:
        """What the last spin has won."""
        return amount(await self.part("win").inner_text())

    async def leave(self) -> None:
        """Back to the lobby."""
        await self.page.get_by_role("button", name="Back to the games").click()
        await expect(self.page.locator("#stage")).to_be_hidden()

    async def balances_agree(self) -> Decimal:
        """The one balance that game, lobby, operator API and ledger all show."""
        expected = self.place.ledger_balance()
        assert self.place.told_balance() == expected
        assert await self.game_balance() == expected
        await until(self.lobby_balance, expected, "the lobby shows the balance of the ledger")
        return expected


async def settles(page: Page, script: str, expected: object) -> None:
    """Waits until a script finds what is expected: a page may still be drawing."""
    await until(lambda: page.evaluate(script), expected, script.partition("\n")[0])


async def until(ask: Callable[[], Awaitable[object]], expected: object, what: str) -> None:
    """Waits until a page shows what is expected."""
    found = await ask()
    for _ in range(WAIT_MS // 100):
        if found == expected:
            return
        await asyncio.sleep(0.1)
        found = await ask()
    raise AssertionError(f"{what}: {found} instead of {expected}")


def amount(text: str) -> Decimal:
    """A sum as a page writes it, such as €1,000.00 or 12.50 EUR."""
    return Decimal("".join(letter for letter in text if letter.isdigit() or letter in ".-"))
