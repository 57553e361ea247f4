"""Findings, watch lists, health, alerts and the doctor in a browser; and what they do with bad input."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from services.backoffice.migrate import upgrade as upgrade_backoffice
from services.backoffice.operator import OperatorApi
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from tests.browser.console import PHONE, Console
from tests.browser.console_desk import CODE, EVIL, Desk, opened_desk
from tests.integration.backoffice.stand import ACCOUNT, callback, finding
from tests.servers import Servers

pytestmark = pytest.mark.asyncio(loop_scope="package")
PAGES = (
    "/findings",
    f"/findings/{ACCOUNT}/{CODE}",
    f"/findings/{ACCOUNT}/{quote(EVIL, safe='')}",
    f"/findings/{ACCOUNT}/duplicate_different",
    "/watch",
    "/watch/stuck-rounds",
    "/watch/tombstones",
    "/watch/limits",
    "/watch/overdrafts",
    "/integrations",
    "/alerts",
    "/doctor",
)


@pytest_asyncio.fixture(loop_scope="package", scope="module")
async def desk(chromium: str, servers: Servers) -> AsyncIterator[Desk]:
    """The pages, without an operator API."""
    del chromium
    url = await asyncio.to_thread(servers.new_database)
    await asyncio.to_thread(upgrade_operator_api, url)
    await asyncio.to_thread(upgrade_backoffice, url)
    async with opened_desk(url, OperatorApi("", {})) as opened:
        await opened.outbox.bad({"finding:one/two": {"kind": "finding_new", "title": EVIL}})
        yield opened
    await asyncio.to_thread(servers.drop_database, url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_tidy(browser: Browser, desk: Desk, scheme: str) -> None:
    async with Console.opened(browser, desk.office, "admin", color_scheme=scheme) as console:
        for path in PAGES:
            await console.open(path)
            await console.fits()
            await console.accessible()


async def test_every_page_on_a_phone(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer", viewport=PHONE, is_mobile=True, has_touch=True) as console:
        for path in PAGES:
            await console.open(path)
            await console.fits()


async def test_a_finding_is_read_decided_and_comes_back(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "support") as console:
        page = await console.open("/findings")
        row = page.get_by_role("row", name="signature wrong key")
        await expect(row).to_contain_text("open")
        await row.get_by_role("link", name="signature wrong key").click()
        await expect(page.get_by_text("Choose the key by its id.")).to_be_visible()
        await expect(page.get_by_text("mend it").first).to_be_visible()
        await expect(page.get_by_role("img", name="Hour by hour")).to_be_visible()
        await page.locator("#f-state").select_option("resolved")
        await page.get_by_label("A few words").fill("the key was changed")
        await page.get_by_role("button", name="Keep", exact=True).click()
        await expect(page.get_by_text("The finding is marked as resolved.")).to_be_visible()
        await expect(page.locator("#notes")).to_contain_text("the key was changed")
        await page.get_by_label("New note").fill(EVIL)
        await page.get_by_role("button", name="Keep note").click()
        await expect(page.locator("#notes")).to_contain_text(EVIL)
        await desk.seed.callbacks(callback(**finding(CODE)))
        await page.reload()
        await expect(page.get_by_text("came back")).to_be_visible()
        audit = await desk.office.pool.fetch("SELECT login, action, before, after FROM office.audit WHERE action = 'finding.state'")
        assert [tuple(row) for row in audit] == [("support", "finding.state", "open", "resolved")]


async def test_a_viewer_reads_and_decides_nothing(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        page = await console.open(f"/findings/{ACCOUNT}/{CODE}")
        await expect(page.get_by_role("button", name="Keep", exact=True)).to_have_count(0)
        page = await console.open(f"/watch/rounds/{desk.stuck.player}/{ACCOUNT}/open-1")
        await expect(page.get_by_text("with the role finance")).to_be_visible()
        await expect(page.get_by_role("button", name="Void it")).to_have_count(0)


async def test_a_duplicate_shows_the_fields_that_differ(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        page = await console.open(f"/findings/{ACCOUNT}/duplicate_different")
        row = page.get_by_role("row", name="withdraw 500 400")
        await expect(row).to_be_visible()
        await expect(page.get_by_role("link", name="The first call")).to_have_attribute("href", "/callbacks/the-first")


async def test_stuck_rounds_are_paged_filtered_and_led_to_their_end(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "finance") as console:
        page = await console.open("/watch/stuck-rounds")
        await expect(page.locator("tbody tr")).to_have_count(50)
        await page.get_by_role("link", name="Next page").click()
        await expect(page.locator("tbody tr")).to_have_count(10)
        await page.get_by_role("link", name="First page").click()
        await page.get_by_label("Provider account").select_option("quiet")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_text("No round has been open for that long.")).to_be_visible()
        await page.get_by_label("Provider account").select_option("")
        await page.get_by_role("button", name="Show").click()
        await page.get_by_role("link", name="End it (round open-0)").click()
        await page.get_by_text("Void the round", exact=True).click()
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
        await page.locator("#reason-void").fill("the provider has lost it")
        await page.get_by_role("button", name="Void it").click()
        await expect(page.get_by_role("alert").first).to_contain_text("There is no key of the operator API")
        noted = await desk.office.pool.fetchrow("SELECT action, outcome, reason FROM office.audit WHERE action = 'round.void'")
        assert tuple(noted) == ("round.void", "failed", "the provider has lost it")


async def test_health_tells_why(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        page = await console.open("/integrations")
        row = page.get_by_role("row", name=ACCOUNT)
        await expect(row).to_contain_text("Open finding: signature wrong key")
        await expect(page.get_by_role("row", name="quiet")).to_contain_text("green")
        await expect(page.get_by_text("the operator API is not set up here")).to_be_visible()


async def test_the_doctor_without_an_operator_api_says_so(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        page = await console.open("/doctor")
        await expect(page.get_by_text("No provider account can be examined.")).to_be_visible()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/findings/mascot-demo/nothing", 404),
        ("/findings/nobody/x", 404),
        ("/findings/mascot-demo/%00", 404),
        (f"/findings/mascot-demo/{'x' * 5_000}", 404),
        ("/findings?account=nobody", 404),
        ("/findings?state=%3Cscript%3E", 404),
        ("/watch/nothing", 404),
        ("/watch/%3Cscript%3E", 404),
        ("/watch/limits?account=%3Cscript%3E", 404),
        ("/watch/limits?cursor=AAAA", 400),
        ("/watch/limits?cursor=" + "A" * 390, 400),
        ("/watch/rounds/aaaaaaaaaaaaaaaa/mascot-demo/none", 404),
        ("/watch/rounds/nobody/mascot-demo/none", 422),
        ("/alerts?before=-1", 422),
        ("/alerts?before=x", 422),
        ("/alerts?before=99999999999999999999", 422),
    ],
)
async def test_what_is_not_there_is_a_page_that_says_so(browser: Browser, desk: Desk, path: str, status: int) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        answer = await console.page.request.get(desk.office.url + path)
        assert answer.status in {status, 400} if status == 422 else answer.status == status
        text = await answer.text()
        assert "<h1" in text
        assert "<script>alert" not in text
        assert "Traceback" not in text


async def test_forms_of_other_sites_and_other_roles_do_nothing(browser: Browser, desk: Desk) -> None:
    async with Console.opened(browser, desk.office, "viewer") as console:
        for path in (
            f"/findings/{ACCOUNT}/{CODE}/state",
            f"/watch/rounds/{desk.stuck.player}/{ACCOUNT}/open-2/void",
            "/alerts/1/again",
        ):
            answer = await console.page.request.post(desk.office.url + path, form={"state": "known", "reason": "x"})
            assert answer.status == 403
        page = await console.open("/findings")
        token = await page.locator("input[name=csrf]").first.get_attribute("value")
        for path in (
            f"/findings/{ACCOUNT}/{CODE}/state",
            f"/watch/rounds/{desk.stuck.player}/{ACCOUNT}/open-2/void",
            "/alerts/1/again",
        ):
            answer = await page.request.post(desk.office.url + path, form={"csrf": token or "", "state": "known", "reason": "x"})
            assert answer.status == 403
            assert "role" in await answer.text()
