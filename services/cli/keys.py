"""`stakewire keys`: who may call the operator API. Works on the database; a change holds within a second."""

import asyncio
import getpass
import json
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
from rich.table import Table

from services.cli import where
from services.cli.output import console, say
from shared.access import ROLE, SCOPES, ApiKey, KeyStore, NewKey
from shared.database import open_pool
from shared.database.away import DATABASE_AWAY
from shared.errors import SettingsError, StakewireError

app = typer.Typer(no_args_is_help=True, help="Access keys of the operator API: create, list, revoke.")

R = TypeVar("R")
DURATION = re.compile(r"(\d{1,5})([smhdw])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DEMO_LABEL = "demo"


class DatabaseAwayError(StakewireError):
    """The database did not do it."""


@app.command()
def create(
    brand: Annotated[str, typer.Option(help="The one brand that the key may act for (default: main).")] = "",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help=f"What it may do: {', '.join(SCOPES)}; repeat for more.", show_default=False)
    ] = None,
    label: Annotated[str, typer.Option(help="What it is for; shown in lists.")] = "",
    expires: Annotated[str, typer.Option(help="It ends after so long: `90d`, `12h`. Without: never.", show_default=False)] = "",
    replaces: Annotated[
        str, typer.Option(help="Id of a key that it takes over from: its brand, and its scopes and label unless given.")
    ] = "",
    overlap: Annotated[str, typer.Option(help="So long the replaced key stays valid.")] = "24h",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Make a key and print its token, this once: only its hash is kept.

    `play`: players, sessions, free rounds. `money`: deposits and withdrawals. `read`: whatever changes nothing.
    `admin`: switches, blocks, erasure.

    Examples:

    `stakewire keys create --scope play --scope money --scope read --label "web site"`

    `stakewire keys create --replaces key_k5x2mdp7 --overlap 24h` - rotation: both keys work for a day
    """
    ends = datetime.now(UTC) + duration(expires, "--expires") if expires else None
    shared_for = duration(overlap, "--overlap")
    scopes = tuple(scope or ())

    async def work(store: KeyStore) -> NewKey:
        if not replaces:
            return await store.create(brand or "main", scopes, actor=actor(), label=label, expires_at=ends)
        return await store.replace(
            replaces, brand=brand, scopes=scopes, actor=actor(), label=label, expires_at=ends, overlap=shared_for
        )

    if brand or not replaces:
        _check_brand(brand or "main")
    made = with_keys(where.database_url(), work)
    if as_json:
        sys.stdout.write(json.dumps({"token": made.token, **_as_json(made.key)}, indent=2) + "\n")
        return
    say(f"key {made.key.key_id} of brand {made.key.brand}: {_scopes(made.key)}; ends: {_time(made.key.expires_at) or 'never'}")
    if replaces:
        say(f"key {replaces} stays valid for {overlap}, unless it ends before")
    say("its token, which cannot be shown again:")
    sys.stdout.write(made.token + "\n")


@app.command("list")
def list_keys(
    brand: Annotated[str, typer.Option(help="Only keys of this brand.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show all keys, newest first; no tokens, they are not kept.

    Example: `stakewire keys list --brand main`
    """
    keys = with_keys(where.database_url(), lambda store: store.list(brand))
    if as_json:
        sys.stdout.write(json.dumps([_as_json(key) for key in keys], indent=2) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("key", "brand", "scopes", "state", "label", "made", "by", "ends"):
        table.add_column(name, overflow="fold")
    now = datetime.now(UTC)
    for key in keys:
        ends = key.revoked_at or key.expires_at
        made = _time(key.created_at)
        table.add_row(
            key.key_id, key.brand, _scopes(key), key.state_at(now), key.label.replace("[", r"\["), made, key.created_by, _time(ends)
        )
    console.print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")] = "",
) -> None:
    """End a key at once: every process refuses it within a second. It cannot be taken back.

    Example: `stakewire keys revoke key_k5x2mdp7 --reason "left in a log"`
    """
    key = with_keys(where.database_url(), lambda store: store.revoke(key_id, actor=actor(), reason=reason))
    say(f"key {key.key_id} of brand {key.brand} is revoked since {_time(key.revoked_at)}")


def register_demo_key(database_url: str, token: str) -> None:
    """Let the stack's own token in: all scopes for the brand `main`. Repeats safely; a revoked one stays revoked."""
    with_keys(database_url, lambda store: store.register(token, "main", SCOPES, actor="stack", label=DEMO_LABEL))


def with_keys(database_url: str, work: Callable[[KeyStore], Awaitable[R]]) -> R:
    """Do something with the keys of a database.

    Raises:
        DatabaseAwayError: the database did not answer or does not have the tables.
    """
    return in_database(database_url, lambda pool: work(KeyStore(pool)))


def in_database(database_url: str, work: Callable[[asyncpg.Pool], Awaitable[R]], role: str = ROLE) -> R:
    """Do something on connections that have the rights of a service, by default the operator API's.

    Raises:
        DatabaseAwayError: the database did not answer or does not have the tables.
    """

    async def main() -> R:
        pool = await open_pool(database_url, role=role, application_name="stakewire-cli")
        try:
            return await work(pool)
        finally:
            await pool.close()

    try:
        return asyncio.run(main())
    except DATABASE_AWAY as error:
        raise DatabaseAwayError(
            f"the database did not do it: {error!r}. Is it up, and its schema in place (`stakewire migrate`)?"
        ) from error


def actor() -> str:
    """Who uses the command line, for the audit."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli"


def duration(text: str, option: str) -> timedelta:
    """The time span in `text`, as `90d`.

    Raises:
        SettingsError: it is none.
    """
    match = DURATION.fullmatch(text)
    if match is None:
        raise SettingsError(f"{option} {text!r} is no time span: write a number and s, m, h, d or w, such as 24h or 90d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _check_brand(brand: str) -> None:
    brands = where.brands()
    if brands is not None and brand not in brands:
        raise SettingsError(f"there is no brand {brand!r}; the configuration has {', '.join(sorted(brands))}")


def _scopes(key: ApiKey) -> str:
    return " ".join(scope for scope in SCOPES if scope in key.scopes)


def _time(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _as_json(key: ApiKey) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "brand": key.brand,
        "scopes": [scope for scope in SCOPES if scope in key.scopes],
        "state": key.state_at(datetime.now(UTC)),
        "label": key.label,
        "created_at": _time(key.created_at),
        "created_by": key.created_by,
        "expires_at": _time(key.expires_at) or None,
        "revoked_at": _time(key.revoked_at) or None,
    }
