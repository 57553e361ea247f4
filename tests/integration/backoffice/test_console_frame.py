"""The frame of the console: who may in, forms' tokens, headers, errors as pages and as documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.backoffice.console.frame import Frame
from services.backoffice.office.users import add_first
from tests.integration.backoffice.console import PASSWORD, Visitor, console, visitor

Running = tuple[Frame, FastAPI]


@pytest_asyncio.fixture
async def running(backoffice_pool: asyncpg.Pool) -> AsyncIterator[Running]:
    for role in ("viewer", "support", "finance", "admin"):
        await add_first(backoffice_pool, role, role.title(), role, PASSWORD)
    async with console(backoffice_pool) as opened:
        yield opened


@asynccontextmanager
async def _signed_in(running: Running, login: str) -> AsyncIterator[Visitor]:
    async with visitor(running[1]) as found:
        assert (await found.sign_in(login)).status_code == 303
        yield found


async def test_without_a_sign_in_every_page_leads_to_the_form(running: Running) -> None:
    async with visitor(running[1]) as stranger:
        for path in ("/for/viewer", "/users", "/preferences", "/no/such/page", "/fails/fault"):
            answer = await stranger.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next={path}"), path
        assert (await stranger.get("/for/viewer", headers={"HX-Request": "true"})).headers["hx-redirect"] == "/sign-in"
        assert (await stranger.get("/for/viewer", headers={"Accept": "text/event-stream"})).status_code == 401
        assert (await stranger.get("/sign-in")).status_code == 200
        assert (await stranger.get("/static/console.css")).status_code == 200
        assert (await stranger.get("/v1/anything")).headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/x\r\nSet-Cookie:a=b",
        "\t//evil.example",
        "/sign-in",
    ],
)
async def test_after_signing_in_nobody_is_led_away(running: Running, target: str) -> None:
    async with visitor(running[1]) as person:
        answer = await person.sign_in("viewer", next=target)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    async with visitor(running[1]) as person:
        assert (await person.sign_in("viewer", next="/for/viewer?x=1")).headers["location"] == "/for/viewer?x=1"


@pytest.mark.parametrize(("login", "support", "finance", "admin"), [
    ("viewer", 403, 403, 403), ("support", 200, 403, 403), ("finance", 200, 200, 403), ("admin", 200, 200, 200),
])  # fmt: skip
async def test_each_role_may_do_what_those_below_it_may(
    running: Running, login: str, support: int, finance: int, admin: int
) -> None:
    async with _signed_in(running, login) as person:
        assert (await person.get("/for/viewer")).status_code == 200
        assert (await person.send_form("/for/support", words="<b>")).status_code == support
        assert (await person.send_form("/for/finance")).status_code == finance
        told = await person.get("/for/admin")
        assert told.status_code == admin
        if admin == 403:
            assert "role &#39;admin&#39;" in told.text


async def test_a_form_without_this_sign_ins_token_is_refused_before_the_page_sees_it(running: Running) -> None:
    async with _signed_in(running, "support") as person, _signed_in(running, "admin") as other:
        right, foreign = await person.token("/preferences"), await other.token("/preferences")
        for sent in ({}, {"csrf": ""}, {"csrf": "x"}, {"csrf": foreign}):
            assert (await person.post("/for/support", data=sent)).status_code == 403, sent
        assert (
            await person.post("/for/support", content=b"\xff\x00", headers={"Content-Type": "multipart/form-data"})
        ).status_code in {400, 403}
        for headers in (
            {"Origin": "https://evil.example"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        ):
            assert (await person.post("/for/support", data={"csrf": right}, headers=headers)).status_code == 403, headers
        assert (await person.post("/for/support", data={"csrf": right, "words": "w"})).json() == "support: w"
        assert (await person.post("/for/support", data={}, headers={"X-CSRF-Token": right})).status_code == 200
        files = {"csrf": (None, right), "words": (None, "typed")}
        assert (await person.post("/for/support", files=files)).json() == "support: typed"


async def test_the_sign_in_form_has_a_token_too(running: Running) -> None:
    async with visitor(running[1]) as stranger:
        assert (await stranger.post("/sign-in", data={"login": "viewer", "password": PASSWORD})).status_code == 403
        await stranger.get("/sign-in")
        assert (
            await stranger.post("/sign-in", data={"csrf": "x" * 43, "login": "viewer", "password": PASSWORD})
        ).status_code == 403


async def test_every_page_forbids_what_a_page_of_ours_never_does(running: Running) -> None:
    async with _signed_in(running, "viewer") as person:
        for path in ("/preferences", "/no/such/page", "/fails/fault"):
            headers = (await person.get(path)).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["x-frame-options"] == "DENY"
            assert "strict-transport-security" not in headers


async def test_errors_are_pages_for_people_and_documents_for_programs(running: Running) -> None:
    async with _signed_in(running, "viewer") as person:
        for path, status, words in (
            ("/no/such/page", 404, "There is nothing here"),
            ("/number?of=two", 422, "valid integer"),
            ("/number?of=two", 422, "Go back, and correct what is listed."),
            ("/numbered/two", 422, "There is no such address"),
            ("/fails/fault", 500, "a fault of ours"),
            ("/fails/database", 503, "cannot be reached"),
            ("/fails/problem", 503, "&lt;b&gt;busy&lt;/b&gt;"),
        ):
            answer = await person.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8"), path
            assert words in answer.text
            assert not any(of_interface in answer.text for of_interface in ("path.", "query.", "`errors`"))
            assert "<script>" not in answer.text.replace('<script src="', "")
            part = await person.get(path, headers={"HX-Request": "true"})
            assert (part.status_code, "<html" in part.text) == (status, False)
        assert (await person.post("/for/viewer", data={"csrf": await person.token("/preferences")})).status_code == 405


async def test_a_database_that_is_away_is_told_where_nobody_can_be_known(running: Running) -> None:
    frame, app = running
    async with _signed_in(running, "viewer") as person:
        await frame.sign_ins._pool.close()
        answer = await person.get("/preferences")
        assert answer.status_code == 503
        assert "cannot be reached" in answer.text
        assert answer.headers["content-security-policy"]
    async with visitor(app) as stranger:
        assert (await stranger.get("/sign-in")).status_code == 200


async def test_with_https_cookies_are_for_https_alone(backoffice_pool: asyncpg.Pool) -> None:
    await add_first(backoffice_pool, "viewer", "", "viewer", PASSWORD)
    async with (
        console(backoffice_pool, url="https://office.example") as (_, app),
        visitor(app, base="https://office.example") as person,
    ):
        answer = await person.sign_in("viewer")
        cookie = next(each for each in answer.headers.get_list("set-cookie") if "console" in each)
        assert cookie.startswith("__Host-stakewire-console=")
        for word in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
            assert word in cookie
        assert "Domain" not in cookie
        assert (await person.get("/preferences")).headers["strict-transport-security"]


async def test_a_sign_in_changes_its_token_and_old_ones_are_worth_nothing(running: Running, backoffice_pool: asyncpg.Pool) -> None:
    async with _signed_in(running, "viewer") as person:
        first = person.cookies["stakewire-console"]
        assert (
            await backoffice_pool.fetchval("SELECT count(*) FROM office.sign_ins WHERE position($1 IN sign_ins::text) > 0", first)
            == 0
        )
        new = "another long password"
        changed = await person.send_form("/preferences/password", old=PASSWORD, new=new, again=new)
        assert changed.status_code == 303
        assert person.cookies["stakewire-console"] != first
        assert (await person.get("/for/viewer")).status_code == 200
    async with visitor(running[1]) as thief:
        thief.cookies.set("stakewire-console", first)
        assert (await thief.get("/for/viewer")).status_code == 303
