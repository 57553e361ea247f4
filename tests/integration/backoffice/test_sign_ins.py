"""Sign-ins and users: ends by time, guessing slowed down, one admin always stays, every change in the audit log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from services.backoffice.office.audit import AuditFilter, AuditLog
from services.backoffice.office.errors import TooManyAttempts
from services.backoffice.office.passwords import Passwords, WeakPassword
from services.backoffice.office.sign_ins import FREE_OF_ADDRESS, FREE_OF_LOGIN, SIGN_INS_OF_USER_MAX, SignIns
from services.backoffice.office.users import By, UserRefused, Users, add_first, set_password_of

PASSWORD = "correct horse battery staple"
ADA = By("ada", "192.0.2.1")


@pytest.fixture
def sign_ins(backoffice_pool: asyncpg.Pool) -> SignIns:
    return SignIns(backoffice_pool, idle_s=60, absolute_s=600)


@pytest_asyncio.fixture
async def users(backoffice_pool: asyncpg.Pool, sign_ins: SignIns) -> AsyncIterator[Users]:
    assert await add_first(backoffice_pool, "Ada", "Ada", "admin", PASSWORD)
    yield Users(backoffice_pool, sign_ins, AuditLog(backoffice_pool), Passwords())


async def _back(pool: asyncpg.Pool, column: str, seconds: int) -> None:
    await pool.execute(f"UPDATE office.sign_ins SET {column} = {column} - make_interval(secs => $1)", seconds)  # noqa: S608


async def test_a_sign_in_ends_after_idleness_and_at_the_latest_after_its_time(
    backoffice_pool: asyncpg.Pool, sign_ins: SignIns, users: Users
) -> None:
    del users
    opened = await sign_ins.open("ada", "")
    found = await sign_ins.find(opened.token)
    assert found is not None
    assert (found.login, found.role, found.csrf) == ("ada", "admin", opened.csrf)
    await _back(backoffice_pool, "seen_at", 59)
    found = await sign_ins.find(opened.token)
    assert found is not None
    assert found.stale
    await sign_ins.seen(found)
    await _back(backoffice_pool, "seen_at", 61)
    assert await sign_ins.find(opened.token) is None
    await _back(backoffice_pool, "seen_at", -61)
    assert await sign_ins.find(opened.token) is not None
    await _back(backoffice_pool, "expires_at", 601)
    assert await sign_ins.find(opened.token) is None


@pytest.mark.parametrize("token", ["", "x", "\0", "y" * 10_000, "é" * 43])
async def test_what_is_no_token_is_nobody(sign_ins: SignIns, token: str) -> None:
    assert await sign_ins.find(token) is None


async def test_a_new_sign_in_replaces_the_old_one_and_there_are_never_too_many(sign_ins: SignIns, users: Users) -> None:
    del users
    first = await sign_ins.open("ada", "")
    second = await sign_ins.open("ada", "", instead_of=first.token)
    assert await sign_ins.find(first.token) is None
    assert await sign_ins.find(second.token) is not None
    for _ in range(SIGN_INS_OF_USER_MAX + 5):
        await sign_ins.open("ada", "")
    assert await sign_ins.count("ada") == SIGN_INS_OF_USER_MAX


async def test_guessing_one_login_is_slowed_down_from_wherever_it_comes(backoffice_pool: asyncpg.Pool, sign_ins: SignIns) -> None:
    for number in range(FREE_OF_LOGIN):
        await sign_ins.attempt("ada", f"192.0.2.{number}")
    waits = []
    for number in range(9):
        with pytest.raises(TooManyAttempts) as caught:
            await sign_ins.attempt("ada", f"198.51.100.{number}")
        waits.append(caught.value.wait_s)
        await backoffice_pool.execute("UPDATE office.failed_sign_ins SET at = at - make_interval(secs => $1)", waits[-1])
        await sign_ins.attempt("ada", f"198.51.100.{number}")
    assert waits == sorted(waits)
    assert waits[0] == 1
    assert waits[-1] <= 60, "who knows a login must not lock its owner out"
    await sign_ins.attempt("bob", "203.0.113.1")


async def test_guessing_many_logins_from_one_address_is_slowed_down(sign_ins: SignIns) -> None:
    for number in range(FREE_OF_ADDRESS):
        await sign_ins.attempt(f"user-{number}", "192.0.2.1")
    with pytest.raises(TooManyAttempts):
        await sign_ins.attempt("another", "192.0.2.1")
    await sign_ins.attempt("another", "192.0.2.2")


async def test_many_attempts_at_once_are_no_way_around_it(sign_ins: SignIns) -> None:
    began_s = time.monotonic()
    told = await asyncio.gather(*(sign_ins.attempt("ada", "192.0.2.1") for _ in range(30)), return_exceptions=True)
    # Who waits 1 s, 2 s, 4 s... may try once more each time; on a slow machine these 30 do.
    waited_for = int(time.monotonic() - began_s + 1).bit_length() - 1
    assert FREE_OF_LOGIN <= told.count(None) <= FREE_OF_LOGIN + waited_for
    assert all(isinstance(each, TooManyAttempts) for each in told if each is not None)


async def test_a_success_is_forgiven_and_the_table_stays_small(backoffice_pool: asyncpg.Pool, sign_ins: SignIns) -> None:
    for _ in range(FREE_OF_LOGIN):
        await sign_ins.attempt("ada", "192.0.2.1")
    await sign_ins.forgive("ada", "192.0.2.1")
    await sign_ins.attempt("ada", "192.0.2.1")
    await backoffice_pool.execute("UPDATE office.failed_sign_ins SET at = now() - interval '2 hours'")
    await backoffice_pool.execute(
        "INSERT INTO office.failed_sign_ins (at, login, address) SELECT now() - make_interval(secs => i * 0.01), 'x', 'y' FROM generate_series(1, 20100) AS i"
    )
    await sign_ins.prune_failures()
    assert await backoffice_pool.fetchval("SELECT count(*) FROM office.failed_sign_ins") <= 20_001


async def test_passwords_are_argon2id_and_unknown_logins_have_none(backoffice_pool: asyncpg.Pool, users: Users) -> None:
    stored = await backoffice_pool.fetchval("SELECT password_hash FROM office.users WHERE login = 'ada'")
    assert stored.startswith("$argon2id$")
    assert await users.is_password_of("ada", PASSWORD)
    for login, password in (
        ("ada", PASSWORD + "x"),
        ("ada", ""),
        ("nobody", PASSWORD),
        ("nobody", ""),
        ("", ""),
        ("ada", "x" * 5_000),
    ):
        assert not await users.is_password_of(login, password)


async def test_a_user_is_added_changed_disabled_and_it_is_all_noted(
    backoffice_pool: asyncpg.Pool, sign_ins: SignIns, users: Users
) -> None:
    password = await users.add("Bob", "Bob", "viewer", ADA)
    assert await users.is_password_of("bob", password)
    opened = await sign_ins.open("bob", "")
    await users.set_role("bob", "finance", ADA)
    found = await sign_ins.find(opened.token)
    assert found is not None
    assert found.role == "finance", "a role holds from the next click"
    reset = await users.reset_password("bob", ADA)
    assert await sign_ins.find(opened.token) is None
    assert not await users.is_password_of("bob", password)
    opened = await sign_ins.open("bob", "")
    await users.set_disabled("bob", ADA, disabled=True)
    assert await sign_ins.find(opened.token) is None
    assert not await users.is_password_of("bob", reset)
    await users.set_disabled("bob", ADA, disabled=False)
    assert await users.is_password_of("bob", reset)
    entries = await AuditLog(backoffice_pool).read(AuditFilter(object="user:bob"))
    assert [
        (each.deed.action, each.deed.before, each.deed.after, each.deed.login, each.deed.address) for each in reversed(entries)
    ] == [
        ("user.add", "", "viewer", "ada", "192.0.2.1"),
        ("user.role", "viewer", "finance", "ada", "192.0.2.1"),
        ("user.reset_password", "", "", "ada", "192.0.2.1"),
        ("user.disable", "enabled", "disabled", "ada", "192.0.2.1"),
        ("user.enable", "disabled", "enabled", "ada", "192.0.2.1"),
    ]
    assert password not in str(entries)


async def test_oneself_and_the_last_admin_stay(users: Users) -> None:
    with pytest.raises(UserRefused, match="yourself"):
        await users.set_disabled("ada", ADA, disabled=True)
    with pytest.raises(UserRefused, match="own role"):
        await users.set_role("ada", "viewer", ADA)
    other = By("bob", "")
    with pytest.raises(UserRefused, match="last administrator"):
        await users.set_disabled("ada", other, disabled=True)
    with pytest.raises(UserRefused, match="last administrator"):
        await users.set_role("ada", "finance", other)


async def test_two_admins_who_disable_each_other_at_once_leave_one(users: Users) -> None:
    await users.add("bob", "", "admin", ADA)
    told = await asyncio.gather(
        users.set_disabled("bob", ADA, disabled=True),
        users.set_disabled("ada", By("bob", ""), disabled=True),
        return_exceptions=True,
    )
    assert [type(each) for each in told].count(UserRefused) == 1
    assert [user.login for user in await users.all() if not user.disabled] in (["ada"], ["bob"])


@pytest.mark.parametrize("login", ["", "ada", "<b>", "a b", "x" * 65, "-x", "ä"])
async def test_logins_that_cannot_be_are_refused(users: Users, login: str) -> None:
    with pytest.raises(UserRefused):
        await users.add(login, "", "viewer", ADA)


@pytest.mark.parametrize("password", ["short", "x" * 129, "aaaaaaaaaaaaaaaa", "my-ada-password"])
async def test_passwords_that_are_no_good_are_refused(backoffice_pool: asyncpg.Pool, users: Users, password: str) -> None:
    with pytest.raises(WeakPassword):
        await users.change_password("ada", PASSWORD, password, ADA)
    with pytest.raises(WeakPassword):
        await set_password_of(backoffice_pool, "ada", password)
    assert await users.is_password_of("ada", PASSWORD)


async def test_who_signs_in_elsewhere_never_takes_over_a_login_of_ours(users: Users) -> None:
    with pytest.raises(UserRefused, match="does not sign in like this"):
        await users.come_from("oidc", "ADA", "Ada", "admin", By("ada", ""))
    await users.come_from("oidc", "eve", "Eve", "viewer", By("eve", ""))
    with pytest.raises(UserRefused):
        await users.come_from("proxy", "eve", "Eve", "admin", By("eve", ""))
    await users.come_from("oidc", "eve", "Eve", "finance", By("eve", ""))
    assert {user.login: user.role for user in await users.all()} == {"ada": "admin", "eve": "finance"}
    await users.set_disabled("eve", ADA, disabled=True)
    with pytest.raises(UserRefused, match="disabled"):
        await users.come_from("oidc", "eve", "Eve", "finance", By("eve", ""))
    assert not await users.is_password_of("eve", "")


async def test_the_audit_log_and_notes_can_only_be_added_to(backoffice_pool: asyncpg.Pool) -> None:
    for statement in ("UPDATE office.audit SET login = 'x'", "DELETE FROM office.audit", "DELETE FROM office.notes"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await backoffice_pool.execute(statement)
    for table in ("players", "operations", "movements", "balances"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await backoffice_pool.execute(f"SELECT 1 FROM public.{table}")  # noqa: S608
