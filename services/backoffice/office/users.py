"""The office's users. Every change is a line of the audit log in the same transaction; one admin always stays.

Logins are lower-case. Those who sign in elsewhere (OIDC, a proxy) have no password, and never take over a login of ours.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from services.backoffice.office.audit import AuditLog, Deed
from services.backoffice.office.errors import OfficeError
from services.backoffice.office.passwords import Passwords, check_strength, hash_now, new_password
from services.backoffice.office.sign_ins import SignIns
from shared.database import load_queries

_SQL: Final = load_queries(Path(__file__).parent / "sql" / "users.sql")
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
NAME_CHARS_MAX: Final = 100
USERS_MAX: Final = 1_000
ROLES: Final = ("viewer", "support", "finance", "admin")


class UserRefused(OfficeError):
    """A change of users that is not done."""


@dataclass(frozen=True, slots=True)
class User:
    """A user as the page of users shows him."""

    login: str
    name: str
    role: str
    source: str
    disabled: bool
    created_at: datetime
    last_seen_at: datetime | None
    has_password: bool = False


@dataclass(frozen=True, slots=True)
class By:
    """Who changes users, and from where."""

    login: str
    address: str


COMMAND: Final = By("command", "")
"""Who works on the server itself."""


def login_of(text: str) -> str:
    """A login as it is kept; UserRefused where it cannot be one."""
    login = text.strip().lower()
    if not _LOGIN.fullmatch(login):
        raise UserRefused("A login has 1 to 64 of the characters a-z, 0-9 and . _ @ + -, and begins with a letter or digit.")
    return login


class Users:
    """One for the process."""

    def __init__(self, pool: asyncpg.Pool, sign_ins: SignIns, audit: AuditLog, passwords: Passwords) -> None:
        self._pool = pool
        self._sign_ins = sign_ins
        self._audit = audit
        self._passwords = passwords

    async def all(self) -> list[User]:
        """Everybody, those who may sign in first."""
        return await all_users(self._pool)

    async def is_password_of(self, login: str, password: str) -> bool:
        """Whether this is an enabled user's password. Unknown logins take as long."""
        row = await self._pool.fetchrow(_SQL["find_user"], login)
        stored = row["password_hash"] if row and row["source"] == "password" and not row["disabled"] else ""
        fits = await self._passwords.fits(stored, password)
        if fits and self._passwords.is_outdated(stored):
            await self._pool.execute(_SQL["set_password"], login, await self._passwords.hashed(password))
        return fits

    async def add(self, login: str, name: str, role: str, by: By) -> str:
        """A new user with a password that he should change: returned, and known to nobody else. UserRefused if taken."""
        login, password = login_of(login), new_password()
        _check_role(role)
        hashed = await self._passwords.hashed(password)
        async with self._pool.acquire() as connection, connection.transaction():
            await _add(connection, self._audit, login, name, role, hashed, by)
        return password

    async def set_role(self, login: str, role: str, by: By) -> None:
        """Another role. An own role cannot be changed, nor the last admin's."""
        _check_role(role)
        _not_oneself(login, by, "change your own role")
        async with self._changing(login) as (connection, before):
            if before["source"] != "password":
                raise UserRefused("His role is told by where he signs in: change his groups there.")
            if before["role"] == "admin" and role != "admin":
                _one_stays(await connection.fetch(_SQL["lock_admins"]), login)
            await connection.execute(_SQL["set_role"], login, role)
            await self._noted(connection, "user.role", login, by, before=before["role"], after=role)

    async def set_disabled(self, login: str, by: By, *, disabled: bool) -> None:
        """Keeps a user from signing in, at once, or lets him in again. Not oneself, and not the last admin."""
        if disabled:
            _not_oneself(login, by, "disable yourself")
        async with self._changing(login) as (connection, before):
            if disabled and before["role"] == "admin":
                _one_stays(await connection.fetch(_SQL["lock_admins"]), login)
            await connection.execute(_SQL["set_disabled"], login, disabled)
            if disabled:
                await self._sign_ins.close_all(login, connection)
            words = ("enabled", "disabled") if disabled else ("disabled", "enabled")
            await self._noted(connection, "user.disable" if disabled else "user.enable", login, by, before=words[0], after=words[1])

    async def reset_password(self, login: str, by: By) -> str:
        """A new password for a user, who is signed out everywhere: returned, and known to nobody else."""
        password = new_password()
        await self._put_password(login, password, by, "user.reset_password")
        return password

    async def change_password(self, login: str, old: str, new: str, by: By) -> None:
        """One's own; all other sign-ins end. UserRefused where the old one is not right, WeakPassword for a bad new one."""
        check_strength(new, login)
        if not await self.is_password_of(login, old):
            raise UserRefused("The present password is not right.")
        await self._put_password(login, new, by, "user.change_password")

    async def come_from(self, source: str, login: str, name: str, role: str, by: By) -> None:
        """Somebody who has signed in elsewhere, with the role that he has there; UserRefused where he may not."""
        login = login_of(login)
        _check_role(role)
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["lock_user"], login)
            if row is None:
                await _add(connection, self._audit, login, name, role, "", by, source)
                return
            if row["source"] != source:
                raise UserRefused(
                    f"The login {login!r} is one that does not sign in like this; an administrator can rename one of them."
                )
            if row["disabled"]:
                raise UserRefused(f"The login {login!r} is disabled here.")
            if (row["name"], row["role"]) != (name, role):
                await connection.execute(_SQL["set_foreign"], login, name[:NAME_CHARS_MAX], role)
                await self._noted(connection, "user.role", login, by, before=row["role"], after=role)

    async def _put_password(self, login: str, password: str, by: By, action: str) -> None:
        hashed = await self._passwords.hashed(password)
        async with self._changing(login) as (connection, before):
            if before["source"] != "password":
                raise UserRefused("He signs in elsewhere and has no password here.")
            await connection.execute(_SQL["set_password"], login, hashed)
            await self._sign_ins.close_all(login, connection)
            await self._noted(connection, action, login, by)

    @asynccontextmanager
    async def _changing(self, login: str) -> AsyncIterator[tuple[asyncpg.Connection, asyncpg.Record]]:
        async with self._pool.acquire() as connection, connection.transaction():
            # The admins first, so that two admins who disable each other wait here instead of for each other.
            await connection.fetch(_SQL["lock_admins"])
            row = await connection.fetchrow(_SQL["lock_user"], login)
            if row is None:
                raise UserRefused("There is no such user.")
            yield connection, row

    async def _noted(self, connection: asyncpg.Connection, action: str, login: str, by: By, **change: str) -> None:
        await self._audit.note(
            Deed(login=by.login, action=action, object=f"user:{login}", address=by.address, **change), connection
        )


async def add_first(pool: asyncpg.Pool, login: str, name: str, role: str, password: str) -> bool:
    """A user made by a command. False where the login is taken; UserRefused, WeakPassword."""
    login = login_of(login)
    check_strength(password, login)
    _check_role(role)
    hashed = hash_now(password)
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchrow(_SQL["lock_user"], login) is not None:
            return False
        await _add(connection, AuditLog(pool), login, name, role, hashed, COMMAND)
        return True


async def set_password_of(pool: asyncpg.Pool, login: str, password: str) -> None:
    """A user's password set by a command; he is signed out everywhere. UserRefused where there is none who has one."""
    login = login_of(login)
    check_strength(password, login)
    hashed = hash_now(password)
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(_SQL["lock_user"], login)
        if row is None or row["source"] != "password":
            raise UserRefused(f"There is no user {login!r} who signs in with a password.")
        await connection.execute(_SQL["set_password"], login, hashed)
        await connection.execute(_SQL["sign_out"], login)
        await AuditLog(pool).note(Deed(login=COMMAND.login, action="user.reset_password", object=f"user:{login}"), connection)


async def all_users(pool: asyncpg.Pool) -> list[User]:
    """Everybody, those who may sign in first."""
    return [User(**dict(row)) for row in await pool.fetch(_SQL["list_users"], USERS_MAX)]


async def _add(
    connection: asyncpg.Connection, audit: AuditLog, login: str, name: str, role: str, hashed: str, by: By, source: str = "password"
) -> None:
    if await connection.fetchval(_SQL["count_users"]) >= USERS_MAX:
        raise UserRefused(f"There are {USERS_MAX} users already.")
    if await connection.fetchval(_SQL["add_user"], login, name.replace("\0", "")[:NAME_CHARS_MAX], role, hashed, source) is None:
        raise UserRefused(f"The login {login!r} is taken.")
    await audit.note(Deed(login=by.login, action="user.add", object=f"user:{login}", after=role, address=by.address), connection)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise UserRefused(f"There is no role {role[:40]!r}; there are {', '.join(ROLES)}.")


def _not_oneself(login: str, by: By, what: str) -> None:
    if login == by.login:
        raise UserRefused(f"You cannot {what}: ask another administrator.")


def _one_stays(admins: list[asyncpg.Record], login: str) -> None:
    if {row["login"] for row in admins} <= {login}:
        raise UserRefused("This is the last administrator who can sign in: make another one first.")
