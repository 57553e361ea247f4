"""`stakewire backoffice users`: the first administrator of the console, and who may sign in to it."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
from rich.markup import escape
from rich.table import Table

from services.cli import where
from services.cli.keys import in_database
from services.cli.output import console, say
from shared.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="Users of the console: add, list, set a password.")

R = TypeVar("R")
PASSWORD_BYTES_MAX = 1_024
PasswordFile = Annotated[
    Path | None, typer.Option(help="File with the password on one line. Without: it is asked for.", show_default=False)
]
Login = Annotated[str, typer.Argument(help="The login: a-z, 0-9 and . _ @ + -.", show_default=False)]


@app.command()
def add(
    login: Login,
    role: Annotated[str, typer.Option(help="viewer, support, finance or admin; each may do what those before it may.")] = "viewer",
    name: Annotated[str, typer.Option(help="The person's name.")] = "",
    password_file: PasswordFile = None,
) -> None:
    """Add a user who signs in with a password. The first administrator is made like this; further users on the page Users.

    Example: `stakewire backoffice users add ada --role admin`
    """
    from services.backoffice.office.users import UserRefused, add_first

    password = _password(password_file)

    async def work(pool: asyncpg.Pool) -> bool:
        return await add_first(pool, login, name, role, password)

    if not _in_office(work):
        raise UserRefused(f"The login {login!r} is taken; `stakewire backoffice users password {login}` sets a new password.")
    say(f"{login} may sign in as {role}")


@app.command()
def password(login: Login, password_file: PasswordFile = None) -> None:
    """Set a user's password, and sign him out everywhere: the way back in for a lost administrator.

    Example: `stakewire backoffice users password ada`
    """
    from services.backoffice.office.users import set_password_of

    new = _password(password_file)

    async def work(pool: asyncpg.Pool) -> None:
        await set_password_of(pool, login, new)

    _in_office(work)
    say(f"{login} has a new password and is signed out everywhere")


@app.command("list")
def list_users() -> None:
    """Show who may sign in.

    Example: `stakewire backoffice users list`
    """
    from services.backoffice.office.users import User, all_users

    async def work(pool: asyncpg.Pool) -> list[User]:
        return await all_users(pool)

    table = Table(box=None, pad_edge=False)
    for column in ("login", "name", "role", "signs in by", "state", "last seen"):
        table.add_column(column, overflow="fold")
    for user in _in_office(work):
        seen = user.last_seen_at.strftime("%Y-%m-%d %H:%MZ") if user.last_seen_at else "never"
        table.add_row(user.login, escape(user.name), user.role, user.source, "disabled" if user.disabled else "active", seen)
    console.print(table)


def _in_office(work: Callable[[asyncpg.Pool], Coroutine[Any, Any, R]]) -> R:
    from services.backoffice.migrate import ROLE

    return in_database(where.database_url(), work, ROLE)


def _password(file: Path | None) -> str:
    """The password from a file or the keyboard; SettingsError where there is none."""
    if file is None:
        if not sys.stdin.isatty():
            raise SettingsError("there is nobody to ask for the password; name a file with --password-file")
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        with file.open("rb") as opened:
            told = opened.read(PASSWORD_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--password-file: {file} cannot be read: {error}") from error
    if not told or "\n" in told:
        raise SettingsError(f"--password-file: {file} does not hold a password on one line")
    return told
