"""What people do with a wallet behind the console: a round is looked at, settled, voided; a request is seen by the doctor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from pydantic import SecretStr

from services.backoffice.migrate import upgrade as upgrade_backoffice
from services.backoffice.operator import OperatorApi
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from tests.browser.console import Console
from tests.browser.console_desk import Desk, opened_desk
from tests.integration.backoffice.stand import EUR, Story
from tests.operator_api.api import Api
from tests.operator_api.stand import Stand
from tests.servers import Servers

pytestmark = pytest.mark.asyncio(loop_scope="package")
ACCOUNT = "mascot"
REQUEST = (
    "POST /callbacks/mascot HTTP/1.1\nContent-Type: application/json\nX-Subject: casino:11\nX-Nonce: 1\nX-Timestamp: 1790000000\n"
    'X-Signature: main=00\n\n{"jsonrpc":"2.0","method":"getBalance","params":{"callerId":11},"id":1}'
)


@dataclass
class Behind:
    """The pages with an operator API behind them, and a round that was really played."""

    desk: Desk
    api: Api
    player_id: str
    story: Story
    round_id: str

    @property
    def round(self) -> str:
        return f"/watch/rounds/{self.story.player}/{ACCOUNT}/{self.round_id}"


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def behind(operator_side: Stand, servers: Servers) -> AsyncIterator[Behind]:
    """A player with one round, in the wallet and in the projections."""
    api = await asyncio.to_thread(operator_side.api)
    player_id, session_id, operation = await asyncio.to_thread(_played, operator_side, api)
    url = await asyncio.to_thread(servers.new_database)
    await asyncio.to_thread(upgrade_operator_api, url)
    await asyncio.to_thread(upgrade_backoffice, url)
    operator = OperatorApi(f"http://127.0.0.1:{api.port}", {"main": SecretStr(api.token or "")})
    await operator.start()
    async with opened_desk(url, operator) as desk:
        story = Story(player_id, account=ACCOUNT)
        story.deposit(100 * EUR)
        story.bet(operation["round_id"], 5 * EUR, session_id=session_id)
        await desk.seed.stories(story)
        yield Behind(desk, api, player_id, story, operation["round_id"])
    await operator.close()
    await asyncio.to_thread(servers.drop_database, url)


def _played(running: Stand, api: Api) -> tuple[str, str, dict[str, str]]:
    player_id = api.player(money="100.00")
    order = {"player_id": player_id, "currency": "EUR", "provider_account": ACCOUNT, "game_id": "riot"}
    session = api.post("/v1/sessions", order)
    running.spin(session["launch_url"], 500)
    return player_id, session["session_id"], api.operations(player_id)[-1]


async def test_a_round_is_looked_at_refused_and_voided(browser: Browser, behind: Behind) -> None:
    async with Console.opened(browser, behind.desk.office, "finance") as console:
        page = await console.open(behind.round)
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await page.get_by_text("Look at it at the provider").click()
        await page.locator("#reason-at-provider").fill("the player asks")
        await page.get_by_role("button", name="Get a link").click()
        link = page.get_by_role("link", name="Open the provider's page of this session")
        shown = await page.request.get(await link.get_attribute("href") or "")
        assert (await shown.json())["game_id"] == "riot"
        await console.accessible()

        for typed, words in (
            ("-1", "The win is not accepted"),
            ("1.234567", "The win is not accepted"),
            ("3.20", "not open any more"),
        ):
            await page.get_by_text("Settle the round", exact=True).click()
            await page.get_by_label("Win in EUR").fill(typed)
            await page.locator("#reason-settle").fill("its win never came")
            await page.get_by_role("button", name="Settle it").click()
            await expect(page.get_by_role("alert").first).to_contain_text(words)

        await page.get_by_text("Void the round", exact=True).click()
        await page.locator("#reason-void").fill("the provider has lost it")
        await page.get_by_role("button", name="Void it").click()
        await expect(page.get_by_text("The round is void.")).to_be_visible()
        assert await asyncio.to_thread(behind.api.balance, behind.player_id) == "100.00"
        rows = await behind.desk.office.pool.fetch(
            "SELECT action, outcome, login, reason FROM office.audit WHERE action LIKE 'round.%' ORDER BY id"
        )
        assert [tuple(row)[:2] for row in rows] == [
            ("round.open_at_provider", "done"),
            ("round.settle", "refused"),
            ("round.settle", "refused"),
            ("round.settle", "refused"),
            ("round.void", "done"),
        ]
        assert tuple(rows[-1])[2:] == ("finance", "the provider has lost it")


@pytest.mark.parametrize("way", ["pasted", "uploaded"])
async def test_the_doctor_says_what_is_wrong_with_a_request(browser: Browser, behind: Behind, way: str) -> None:
    async with Console.opened(browser, behind.desk.office, "viewer") as console:
        page = await console.open("/doctor")
        await page.get_by_label("Provider account").select_option(ACCOUNT)
        if way == "pasted":
            await page.get_by_label("Raw request").fill(REQUEST)
        else:
            files = {"name": "request.txt", "mimeType": "text/plain", "buffer": REQUEST.encode()}
            await page.get_by_label("Or a file with it").set_input_files(files)  # type: ignore[arg-type]  # a TypedDict of playwright's
        await page.get_by_role("button", name="Examine").click()
        await expect(page.get_by_role("heading", name="The gateway would refuse this request")).to_be_visible()
        await expect(page.get_by_role("heading", name="What to do").first).to_be_visible()
        await expect(page.get_by_role("table")).to_contain_text("signature")
        await console.fits()
        await console.accessible()
        assert await behind.desk.office.pool.fetchval("SELECT count(*) FROM office.notes") == 0


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("", "Paste a request"),
        ("<script>alert(1)</script>", "no request line"),
        ("\ud800 half a pair \0 and nul", "no request line"),
        ("x" * 60_000, "at most 45,000 bytes"),
    ],
)
async def test_what_is_no_request_is_told_so(browser: Browser, behind: Behind, pasted: str, words: str) -> None:
    async with Console.opened(browser, behind.desk.office, "viewer") as console:
        page = await console.open("/doctor")
        token = await page.locator("input[name=csrf]").first.get_attribute("value") or ""
        form: dict[str, str | float | bool] = {
            "csrf": token,
            "account": ACCOUNT,
            "pasted": pasted.encode("utf-8", "replace").decode(),
        }
        answer = await page.request.post(f"{behind.desk.office.url}/doctor", form=form)
        text = await answer.text()
        assert answer.status == 400
        assert words in text
        assert "<script>alert" not in text
        nobody = await page.request.post(f"{behind.desk.office.url}/doctor", form=form | {"account": "nobody"})
        assert "Choose the provider account" in await nobody.text()
