"""Sign-in by a trusted proxy's header: believed from the proxy, and from nobody else."""

from __future__ import annotations

import asyncpg

from services.backoffice.office.users import add_first
from tests.integration.backoffice.console import PASSWORD, console, visitor

PROXY = "10.1.2.3"
SETTINGS = {
    "trusted_proxies": "10.0.0.0/8,2001:db8::/32",
    "proxy_user_header": "X-Forwarded-User",
    "proxy_role_header": "X-Forwarded-Groups",
    "roles": "support=support,admins=admin",
}
GRACE = {"X-Forwarded-User": "Grace", "X-Forwarded-Groups": "others, support"}


async def test_whom_the_proxy_names_is_in_and_his_forms_work(backoffice_pool: asyncpg.Pool) -> None:
    async with console(backoffice_pool, **SETTINGS) as (_, app):
        for address in (PROXY, "::ffff:10.1.2.3", "2001:db8::7"):
            async with visitor(app, address, **GRACE) as person:
                assert "grace" in (await person.get("/for/viewer")).text
                assert (await person.send_form("/for/support", words="w")).json() == "grace: w"
                assert (await person.post("/for/support", data={"words": "w"})).status_code == 403
                assert (await person.get("/for/admin")).status_code == 403
        assert (
            await backoffice_pool.fetchval("SELECT role FROM office.users WHERE login = 'grace' AND source = 'proxy'") == "support"
        )
        assert await backoffice_pool.fetchval("SELECT count(*) FROM office.sign_ins") == 3, (
            "one for each browser, not for each request"
        )


async def test_from_anybody_else_the_header_is_not_looked_at(backoffice_pool: asyncpg.Pool) -> None:
    async with console(backoffice_pool, **SETTINGS) as (_, app):
        for address in ("192.0.2.9", "11.0.0.1", "::1", "2001:db9::1"):
            async with visitor(app, address, **GRACE, **{"X-Forwarded-For": PROXY}) as stranger:
                assert (await stranger.get("/for/viewer")).status_code == 303, address
    async with console(backoffice_pool, trusted_proxies="10.0.0.0/8") as (_, app), visitor(app, PROXY, **GRACE) as stranger:
        assert (await stranger.get("/for/viewer")).status_code == 303
    assert await backoffice_pool.fetchval("SELECT count(*) FROM office.users") == 0


async def test_a_role_follows_the_groups_at_once_and_without_one_nobody_is_in(backoffice_pool: asyncpg.Pool) -> None:
    async with console(backoffice_pool, **SETTINGS) as (_, app), visitor(app, PROXY) as person:
        person.headers.update(GRACE)
        assert (await person.get("/for/admin")).status_code == 403
        person.headers["X-Forwarded-Groups"] = "admins,support"
        assert (await person.get("/for/admin")).status_code == 200
        person.headers["X-Forwarded-Groups"] = "others"
        refused = await person.get("/for/viewer")
        assert refused.status_code == 403
        assert "none of the groups" in refused.text
        person.headers["X-Forwarded-User"] = "henry"
        person.headers["X-Forwarded-Groups"] = "admins"
        assert (await person.get("/for/admin")).json() == "henry", "another person at the same browser"
        del person.headers["X-Forwarded-User"]


async def test_what_is_no_name_or_comes_twice_is_refused(backoffice_pool: asyncpg.Pool) -> None:
    await add_first(backoffice_pool, "root", "", "admin", PASSWORD)
    async with console(backoffice_pool, **SETTINGS) as (_, app), visitor(app, PROXY) as person:
        for name in ("<script>", "a b", "x" * 65, "root"):
            answer = await person.get("/for/viewer", headers={**GRACE, "X-Forwarded-User": name})
            assert answer.status_code == 403, name
            assert "<script>" not in answer.text.replace('<script src="', "")
        twice = [("X-Forwarded-User", "grace"), ("X-Forwarded-User", "root"), ("X-Forwarded-Groups", "admins")]
        assert (await person.get("/for/viewer", headers=twice)).status_code == 403


async def test_the_address_is_the_last_one_that_is_no_proxys(backoffice_pool: asyncpg.Pool) -> None:
    await add_first(backoffice_pool, "viewer", "", "viewer", PASSWORD)
    async with console(backoffice_pool, trusted_proxies="10.0.0.0/8") as (_, app):
        for told, expected in (
            ("203.0.113.5", "203.0.113.5"),
            ("1.1.1.1, 203.0.113.5, 10.9.9.9", "203.0.113.5"),
            ("203.0.113.5, nonsense", PROXY),
            ("", PROXY),
        ):
            async with visitor(app, PROXY, **{"X-Forwarded-For": told}) as person:
                await person.sign_in("viewer")
                assert await backoffice_pool.fetchval("SELECT address FROM office.audit ORDER BY id DESC LIMIT 1") == expected
