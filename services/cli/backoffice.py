"""`stakewire backoffice`: how far the projections are, and making them anew. The running back office does the work."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import asyncpg
import typer
from rich.table import Table

from services.cli import backoffice_users, where
from services.cli.output import ConsoleProgress, console, fail, say
from services.cli.technician import AsJson, print_json, work
from shared.errors import StakewireError

if TYPE_CHECKING:
    from services.backoffice.projections.rebuild import Standing, Watch

app = typer.Typer(no_args_is_help=True, help="The back office's projections: status, rebuild.")
app.add_typer(backoffice_users.app, name="users")

LOOK_EVERY_S = 1.0
STANDS_STILL_S = 30.0
R = TypeVar("R")


class KafkaAwayError(StakewireError):
    """Kafka did not answer."""


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show how far the projections have come: records behind by topic, events that wait for others, forks.

    Exit code 1 after a fork: events are then taken in no more.

    Example: `stakewire backoffice status`
    """

    async def look(_: asyncpg.Pool, watch: "Watch") -> "Standing":
        return await watch.standing()

    found = _with_watch(look)
    if as_json:
        print_json(found)
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("topic", "behind", "read", "there", "last read"):
            table.add_column(name, justify="right" if name in ("behind", "read", "there") else "left", no_wrap=True)
        for each in found.topics:
            at = each.read_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if each.read_at else "never"
            table.add_row(each.topic, f"{each.behind:,}", f"{each.read:,}", f"{each.there:,}", at)
        console.print(table)
        say(_waiting(found) or "no event waits for another one")
    if found.fork:
        fail(f"events are taken in no more: {found.fork}")


@app.command()
def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Show the progress and return when everything is there again.")] = False,
    keep_callbacks: Annotated[
        bool, typer.Option("--keep-callbacks", help="Leave the archived callbacks and the counts of findings as they are.")
    ] = False,
) -> None:
    """Empty the projections and have the running back office make them again of the topics, and of the ledger.

    Users, notes, findings' states and the audit log of the office stay. Money is not touched: the projections only show it.
    Events that the topic does not hold any more are fetched from the ledger. Callbacks are nowhere else: what is older than
    their topic is gone by this, unless you say --keep-callbacks.

    Ctrl-C ends the display only: the work goes on in the back office.

    Examples:

    `stakewire backoffice rebuild --keep-callbacks --wait`

    `stakewire backoffice rebuild --yes`
    """

    async def run(pool: asyncpg.Pool, watch: "Watch") -> None:
        from services.backoffice.projections.rebuild import rebuild as empty

        if not yes:
            await _ask(pool, watch, keep_callbacks=keep_callbacks)
        generation = await empty(pool, where.topic_names(), keep_callbacks=keep_callbacks)
        say(f"the projections are empty; the back office makes them again (number {generation})")
        if wait:
            with ConsoleProgress() as progress:
                await _show(watch, progress)

    _with_watch(run, when_interrupted="The display has ended; what was begun goes on in the back office.")


async def _ask(pool: asyncpg.Pool, watch: "Watch", *, keep_callbacks: bool) -> None:
    """Tell what would be lost, and ask. typer.Abort where the answer is no."""
    from services.backoffice.projections.rebuild import callbacks_since
    from shared.kafka.topics import CALLBACKS

    kept, there = await callbacks_since(pool), await watch.oldest(CALLBACKS)
    if not keep_callbacks and kept is not None and (there is None or kept < there):
        say(
            f"callbacks are kept since {_time(kept)}, and their topic holds them {f'since {_time(there)}' if there else 'no more'}: what is "
            "older is lost by this. --keep-callbacks leaves them."
        )
    question = "Empty the projections? History and reports are incomplete until they are made again."
    typer.confirm(question, abort=True)


async def _show(watch: "Watch", progress: ConsoleProgress) -> None:
    """Until everything is there; tells where nothing moves."""
    loop = asyncio.get_running_loop()
    last, moved_s = -1, loop.time()
    while True:
        found = await watch.standing()
        read = sum(each.read for each in found.topics)
        if read != last:
            last, moved_s = read, loop.time()
        if found.fork:
            fail(f"events are taken in no more: {found.fork}")
        if found.complete:
            progress.done(f"projections: {read:,} records are taken in")
            return
        told = ", ".join(f"{each.topic} {each.read:,} of {each.there:,}" for each in found.topics if each.behind)
        words = [
            told,
            _waiting(found),
            "nothing moves: does the back office run?" if loop.time() - moved_s > STANDS_STILL_S else "",
        ]
        progress.doing(f"projections: {'; '.join(filter(None, words))}")
        await asyncio.sleep(LOOK_EVERY_S)


def _waiting(found: "Standing") -> str:
    if not found.waiting:
        return ""
    return f"{found.waiting:,} events of {found.players:,} players wait for events that are fetched from the ledger"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _with_watch(do: Callable[[asyncpg.Pool, "Watch"], Coroutine[Any, Any, R]], *, when_interrupted: str = "") -> R:
    """Do something on connections that have the back office's rights, and with a look at the topics.

    Raises:
        KafkaAwayError: Kafka did not answer.
        DatabaseAwayError: the database did not.
    """
    from aiokafka.errors import KafkaError

    from services.backoffice.migrate import ROLE
    from services.backoffice.projections.rebuild import Watch
    from shared.database import open_pool

    database, kafka, names = where.database_url(), where.kafka_bootstrap_servers(), where.topic_names()

    async def main() -> R:
        pool = await open_pool(database, role=ROLE, application_name="stakewire-cli")
        watch = Watch(pool, kafka, names)
        try:
            await watch.start()
            return await do(pool, watch)
        except KafkaError as error:
            raise KafkaAwayError(f"Kafka at {kafka} could not be asked: {error!r}. Is it up, and are its topics made?") from error
        finally:
            await watch.stop()
            await pool.close()

    return work(main(), when_interrupted=lambda: when_interrupted)
