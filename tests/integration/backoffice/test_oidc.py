"""Sign-in by OpenID Connect, against a small real provider: who is let in, and every lie that is refused."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from joserfc.jwk import OctKey, RSAKey

from services.backoffice.office.users import add_first
from tests.integration.backoffice.console import BASE, PASSWORD, Visitor, console, visitor
from tests.integration.backoffice.oidc_provider import CLIENT, SECRET, Provider


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncIterator[str]:
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, loop="none", lifespan="off", log_config=None, timeout_graceful_shutdown=2
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # signals are the test runner's
    running = asyncio.create_task(server.serve())
    while not server.started:
        assert not running.done()
        await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    await running


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    found = Provider()
    async with _served(found.app()) as url:
        found.issuer = url
        yield found


@pytest_asyncio.fixture
async def app(backoffice_pool: asyncpg.Pool, provider: Provider, tmp_path: Path) -> AsyncIterator[FastAPI]:
    secret = tmp_path / "secret"
    secret.write_text(f"{SECRET}\n")
    settings = {
        "url": BASE, "oidc_issuer": provider.issuer, "oidc_client_id": CLIENT, "oidc_secret_file": secret,
        "roles": "casino-support=support,casino-admins=admin",
    }  # fmt: skip
    async with console(backoffice_pool, **settings) as (_, opened):
        yield opened


async def _to_provider(person: Visitor, to: str = "/") -> str:
    """Off to the provider; the address that it sends the browser back to."""
    answer = await person.get("/oidc/start", params={"next": to})
    assert answer.status_code == 303
    async with httpx.AsyncClient(trust_env=False) as browser:
        back = await browser.get(answer.headers["location"])
    assert back.status_code == 302
    return str(back.headers["location"]).removeprefix(BASE)


async def _sign_in(app: FastAPI) -> httpx.Response:
    async with visitor(app) as person:
        return await person.get(await _to_provider(person))


async def test_a_person_signs_in_with_the_role_of_his_groups(
    app: FastAPI, provider: Provider, backoffice_pool: asyncpg.Pool
) -> None:
    async with visitor(app) as person:
        assert "single sign-on" in (await person.get("/sign-in")).text
        answer = await person.get(await _to_provider(person, "/for/admin?x=1"))
        assert (answer.status_code, answer.headers["location"]) == (303, "/for/admin?x=1")
        assert (await person.get("/for/admin")).json() == "grace"
        provider.groups = ["others", "casino-support"]
        await person.get(await _to_provider(person))
        assert (await person.get("/for/admin")).status_code == 403
    row = await backoffice_pool.fetchrow("SELECT name, role, source, password_hash FROM office.users WHERE login = 'grace'")
    assert tuple(row) == ("Grace H.", "support", "oidc", "")


async def test_what_is_asked_of_the_provider_is_fresh_each_time(app: FastAPI) -> None:
    async with visitor(app) as person:
        asked = [parse_qs(urlsplit((await person.get("/oidc/start")).headers["location"]).query) for _ in range(2)]
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[0][name][0]) >= 43
        assert asked[0][name] != asked[1][name]


LIES: dict[str, Callable[[Provider], Any]] = {
    "another issuer": lambda p: p.claims.update(iss="https://evil.example"),
    "another audience": lambda p: p.claims.update(aud="another"),
    "no audience": lambda p: p.claims.update(aud=None),
    "several audiences without us as the party": lambda p: p.claims.update(aud=[CLIENT, "another"]),
    "another party": lambda p: p.claims.update(azp="another"),
    "expired": lambda p: p.claims.update(exp=int(time.time()) - 120),
    "no end": lambda p: p.claims.update(exp=None),
    "another nonce": lambda p: p.claims.update(nonce="x" * 43),
    "no nonce": lambda p: p.claims.update(nonce=None),
    "no login": lambda p: p.claims.update(preferred_username=None),
    "a bad login": lambda p: p.claims.update(preferred_username="<script>"),
    "no group of ours": lambda p: p.claims.update(groups=["others"]),
    "groups that are none": lambda p: p.claims.update(groups={"casino-admins": True}),
    "a foreign key": lambda p: setattr(p, "signs_with", RSAKey.generate_key(2048, {"kid": "first"})),
    "an unknown key": lambda p: setattr(p, "signs_with", RSAKey.generate_key(2048, {"kid": "unknown"})),
    "the secret as key": lambda p: vars(p).update(
        signs_with=OctKey.import_key(SECRET.ljust(32), {"kid": "first"}), algorithm="HS256"
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_every_lie_is_refused(app: FastAPI, provider: Provider, backoffice_pool: asyncpg.Pool, lie: str) -> None:
    LIES[lie](provider)
    answer = await _sign_in(app)
    assert answer.status_code == 403
    assert "console=" not in str(answer.headers.get_list("set-cookie"))
    assert "<script>" not in answer.text.replace('<script src="', "")
    assert await backoffice_pool.fetchval("SELECT count(*) FROM office.sign_ins") == 0
    assert await backoffice_pool.fetchval("SELECT outcome FROM office.audit ORDER BY id DESC LIMIT 1") == "refused"


async def test_an_answer_that_belongs_to_another_browser_or_was_used_is_refused(app: FastAPI, provider: Provider) -> None:
    async with visitor(app) as person, visitor(app) as other:
        back = await _to_provider(person)
        assert (await other.get(back)).status_code == 403
        await other.get("/oidc/start")
        assert (await other.get(back)).status_code == 403
        assert (await person.get(back.replace("state=", "state=x"))).status_code == 403
        back = await _to_provider(person)
        assert (await person.get(back)).status_code == 303
        assert (await person.get(back)).status_code == 403
        assert len(provider.exchanges) == 1


async def test_a_refusal_of_the_provider_is_told(app: FastAPI) -> None:
    async with visitor(app) as person:
        state = parse_qs(urlsplit((await person.get("/oidc/start")).headers["location"]).query)["state"][0]
        answer = await person.get("/oidc/callback", params={"state": state, "error": "access_denied<b>"})
        assert answer.status_code == 403
        assert "access_denied&lt;b&gt;" in answer.text
        assert (await person.get("/oidc/callback")).status_code == 403


async def test_new_keys_of_the_provider_are_fetched_but_not_without_end(
    app: FastAPI, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await _sign_in(app)).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    monkeypatch.setattr("services.backoffice.console.oidc.KEYS_ASKED_EVERY_S", 0.0)
    assert (await _sign_in(app)).status_code == 303
    asked = provider.asked_for_keys
    monkeypatch.setattr("services.backoffice.console.oidc.KEYS_ASKED_EVERY_S", 3_600.0)
    provider.signs_with = RSAKey.generate_key(2048, {"kid": "third"})
    assert (await _sign_in(app)).status_code == 403
    assert provider.asked_for_keys == asked


async def test_a_login_of_ours_is_not_taken_over_and_a_disabled_one_stays_out(
    app: FastAPI, provider: Provider, backoffice_pool: asyncpg.Pool
) -> None:
    await add_first(backoffice_pool, "root", "", "admin", PASSWORD)
    provider.login = "Root"
    answer = await _sign_in(app)
    assert answer.status_code == 403
    assert "does not sign in like this" in answer.text
    provider.login = "grace"
    assert (await _sign_in(app)).status_code == 303
    await backoffice_pool.execute("UPDATE office.users SET disabled = true WHERE login = 'grace'")
    assert (await _sign_in(app)).status_code == 403


async def test_a_provider_that_is_away_is_told(backoffice_pool: asyncpg.Pool, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    settings = {"url": BASE, "oidc_issuer": "http://127.0.0.1:9", "oidc_client_id": CLIENT, "oidc_secret_file": secret}
    async with console(backoffice_pool, **settings) as (_, app), visitor(app) as person:
        answer = await person.get("/oidc/start")
        assert answer.status_code == 502
        assert "cannot be reached" in answer.text
