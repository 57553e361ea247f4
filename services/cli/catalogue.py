"""`stakewire catalogue`: reads the providers' game lists now, shows and confirms syncs, publishes the games again."""

import dataclasses
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

import asyncpg
import typer
from rich.table import Table

from deploy.local.settings import load_stack_settings
from services.cli import where
from services.cli.keys import actor, in_database
from services.cli.output import ConsoleProgress, console, fail, say, without_logs

if TYPE_CHECKING:
    from services.catalogue.publish import Publisher
    from services.catalogue.sync.store import Sync
    from services.catalogue.sync.syncer import Syncer

app = typer.Typer(no_args_is_help=True, help="The providers' games: sync, confirm, publish again.")

STYLES = {"ok": "green", "confirmed": "green", "failed": "bold red", "alarm": "bold red", "running": "yellow"}
REASON_CHARS_MAX = 500
R = TypeVar("R")

Account = Annotated[str, typer.Option("--account", help="Only this provider account.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def sync(
    account: Annotated[
        list[str] | None,
        typer.Option("--account", help="Provider account; repeat; default all that can be called.", show_default=False),
    ] = None,
) -> None:
    """Read the providers' lists now and store what has changed. Exit code 1 where a list could not be read or is doubtful.

    The catalogue does this by itself, by default every 15 minutes; both never work on one account at the same time. A list
    that is empty or has shrunk much changes nothing until you confirm it (`stakewire catalogue confirm`).

    Examples:

    `stakewire catalogue sync`

    `stakewire catalogue sync --account mascot-demo`
    """
    from services.catalogue.settings import CatalogueSettings
    from services.catalogue.sync.store import SyncStore
    from services.catalogue.sync.syncer import Syncer
    from shared.providers.registry import open_clients
    from shared.settings import load_accounts_file, load_settings

    where.know_the_stack()
    file = load_accounts_file(load_stack_settings().config_file)
    problems: list[str] = []

    async def work(pool: asyncpg.Pool) -> None:
        async with AsyncExitStack() as stack:
            clients = open_clients(file.provider_accounts.values())
            for client in clients.values():
                await client.start()
                stack.push_async_callback(client.close)
            syncer = Syncer(SyncStore(pool), clients, load_settings(CatalogueSettings))
            # One after the other: progress shows one list at a time.
            problems.extend([await _sync_one(syncer, name, progress) for name in account or syncer.accounts])
            await _publish(pool, progress)

    with ConsoleProgress() as progress:
        _in_catalogue(work)
    if any(problems):
        fail("; ".join(filter(None, problems)))


@app.command()
def republish(account: Account = "") -> None:
    """Publish all games to `catalogue.games` again, each in its newest state; readers take it as no change.

    Needed where another system has lost them. A topic that was deleted and made anew gets them by itself.

    Example: `stakewire catalogue republish`
    """

    async def work(pool: asyncpg.Pool) -> tuple[int, int]:
        publisher = _publisher(pool)
        try:
            wanted = await publisher.forget_published(account)
            return wanted, await publisher.publish(lambda done: progress.doing(f"publishing: {done:,} of {wanted:,}"))
        finally:
            await publisher.stop()

    with ConsoleProgress() as progress:
        wanted, published = _in_catalogue(work)
    # The running catalogue may have taken its share of them.
    say(f"{wanted:,} games are published again ({published:,} by this command)")


@app.command()
def syncs(
    account: Account = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the last syncs, newest first: what they changed, why they failed, and which list waits for a confirmation.

    Example: `stakewire catalogue syncs --account mascot-demo`
    """
    from services.catalogue.sync.store import SyncStore

    found = _in_catalogue(lambda pool: SyncStore(pool).list(account, limit=limit))
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(each) for each in found], default=str, indent=2) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("sync", "account", "began", "result", "games", "what", "by"):
        table.add_column(name, overflow="fold", no_wrap=name in ("sync", "began"))
    for each in found:
        result = f"[{STYLES[each.result]}]{each.result}{' (waits)' if each.waiting else ''}[/]"
        began = _time(each.started_at)
        by = each.confirmed_by or each.asked_by
        table.add_row(str(each.id), each.provider_account, began, result, f"{each.games:,}", _what(each) or "-", by)
    console.print(table)
    for each in found:
        if each.cause:
            say(f"{each.id}: {each.cause}")


@app.command()
def confirm(
    sync_id: Annotated[int, typer.Argument(help="Number of the sync, as `catalogue syncs` shows it.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why the list is right; kept in the audit.")] = "",
) -> None:
    """Take a doubtful list for right: games that it lacks are withdrawn.

    Example: `stakewire catalogue confirm 17 --reason "the provider has ended its old games"`
    """
    from services.catalogue.settings import CatalogueSettings
    from services.catalogue.sync.store import Sync, SyncStore
    from services.catalogue.sync.syncer import Syncer
    from shared.settings import load_settings

    if len(reason) > REASON_CHARS_MAX or not reason.isprintable():
        fail(f"--reason is one line of at most {REASON_CHARS_MAX} characters")

    async def work(pool: asyncpg.Pool) -> Sync:
        syncer = Syncer(SyncStore(pool), {}, load_settings(CatalogueSettings))
        confirmed = await syncer.confirm(sync_id, actor(), reason=reason, progress=lambda text: progress.doing(f"confirm: {text}"))
        await _publish(pool, progress)
        return confirmed

    with ConsoleProgress() as progress:
        _tell(_in_catalogue(work), progress)


async def _sync_one(syncer: "Syncer", name: str, progress: ConsoleProgress) -> str:
    """Sync an account and tell of it; return what went wrong, if anything."""
    from services.catalogue.errors import SyncFailedError

    try:
        found = await syncer.sync(name, actor(), lambda text: progress.doing(f"{name}: {text}"))
    except SyncFailedError as error:
        return f"{error}. {error.advice}".rstrip(". ")
    if found.result == "alarm":
        return f"{name}: {found.cause} (`stakewire catalogue confirm`)"
    _tell(found, progress)
    return ""


def _what(found: "Sync") -> str:
    """What a sync has changed, in words; empty where nothing."""
    numbers = {
        "added": found.added,
        "changed": found.changed,
        "withdrawn": found.withdrawn,
        "returned": found.returned,
        "bad records skipped": found.skipped,
    }
    return ", ".join(f"{number:,} {what}" for what, number in numbers.items() if number)


def _tell(found: "Sync", progress: ConsoleProgress) -> None:
    progress.done(f"{found.provider_account}: {found.games:,} games; {_what(found) or 'nothing has changed'}")
    if found.skipped and found.cause:
        say(f"    first bad record: {found.cause}")


async def _publish(pool: asyncpg.Pool, progress: ConsoleProgress) -> None:
    """Bring to the topic what this command has changed, unless the running catalogue was quicker."""
    from services.catalogue.publish import PublishError

    publisher = _publisher(pool)
    try:
        await publisher.publish(lambda done: progress.doing(f"publishing: {done:,}"))
        progress.done("catalogue.games: up to date")
    except PublishError as error:
        say(f"{error}: the catalogue publishes them once Kafka answers")
    finally:
        await publisher.stop()


def _publisher(pool: asyncpg.Pool) -> "Publisher":
    from services.catalogue.publish import Publisher

    return Publisher(pool, where.kafka_bootstrap_servers(), where.topic_names())


def _in_catalogue(work: Callable[[asyncpg.Pool], Awaitable[R]]) -> R:
    """Do something on connections that have the catalogue's rights; what it logs is told in its own words."""
    from services.catalogue.sync.store import ROLE

    with without_logs():
        return in_database(where.database_url(), work, ROLE)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
