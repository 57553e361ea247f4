"""`stakewire verify` and `stakewire wallet ...`: proving a ledger, and the rare explicit steps of a wallet's life."""

import asyncio
from typing import Annotated

import asyncpg
import msgspec
import typer
from rich.table import Table

from services.cli import where
from services.cli.output import ConsoleProgress, console, fail, say
from services.wallet.ledger.positions import open_epoch
from services.wallet.verify import Report
from services.wallet.verify import verify as verify_ledger
from shared.errors import StakewireError
from shared.kafka.admin import topic_id
from shared.kafka.topics import COMMANDS

app = typer.Typer(no_args_is_help=True, help="Rare, explicit steps in the life of the wallets.")

SHOWN_MAX = 20


class LedgerAwayError(StakewireError):
    """The ledger's database did not answer."""


def verify(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False) -> None:
    """Check the invariants of the whole ledger, player by player; safe beside a running wallet.

    Every movement has two sides, balances are the sums of their movements, operations are numbered without gaps, no key
    took effect twice, overdrafts come from rollbacks only, tombstones moved nothing, every hash chain is whole.

    Exit code 1 on any difference.

    Example: `DATABASE_URL=postgresql://reader:secret@db/stakewire stakewire verify`
    """
    address = where.database_url()
    with ConsoleProgress() as progress:
        try:
            report = asyncio.run(verify_ledger(address, lambda so_far: progress.doing(f"ledger: {_size(so_far)} read")))
        except (OSError, asyncpg.PostgresError) as error:
            raise LedgerAwayError(
                f"the ledger could not be read: {error}. Is the database up, and its schema in place (`stakewire migrate`)?"
            ) from error
    if as_json:
        console.print_json(msgspec.json.encode(report).decode())
    else:
        _tell(report)
    if not report.agree:
        raise typer.Exit(1)


@app.command("new-epoch")
def new_epoch(*, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Take a recreated topic of commands into service: its offsets begin again at 0.

    Needed after Kafka lost its data or the topic was deleted: the wallets refuse to go on until then, because offsets of
    another topic mean nothing. Stop all wallets first. No money moves by it: what was applied before is known by its keys.
    """
    if not yes and not typer.confirm("Are all wallets stopped, and is the topic meant to be a new one?"):
        fail("nothing was done")
    topic = where.topic_names().of(COMMANDS)
    identity = topic_id(where.kafka_bootstrap_servers(), topic)
    epoch = asyncio.run(_open_epoch(where.database_url(), topic, identity))
    say(f"topic {topic} with id {identity} is in service as epoch {epoch}; the wallets can be started")


async def _open_epoch(address: str, topic: str, identity: str) -> int:
    try:
        connection = await asyncpg.connect(address, timeout=30, command_timeout=60)
        try:
            return await open_epoch(connection, topic, identity)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise LedgerAwayError(f"the ledger's database did not do it: {error}") from error


def _size(report: Report) -> str:
    return f"{report.players:,} players, {report.operations:,} operations, {report.movements:,} movements"


def _tell(report: Report) -> None:
    say(f"{_size(report)} read")
    if report.accounts:
        table = Table("account", "sum in units", title="All accounts of the house and the players")
        for name, units in report.accounts.items():
            table.add_row(name, f"{units:,}")
        console.print(table)
    for problem in report.problems[:SHOWN_MAX]:
        say(f"{problem.invariant}  player {problem.player or '-'}  operation {problem.seq}: {problem.text}")
    if report.agree:
        say("the books agree: every invariant holds")
    else:
        say(f"{report.problems_found} problems found; nothing was changed. Keep the database as it is and look at the first one.")
