"""`stakewire wallet ...`: the rare explicit steps of a wallet's life."""

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer

from services.cli import where
from services.cli.ledger import LedgerAwayError
from services.cli.output import ConsoleProgress, fail, say
from services.cli.technician import AsJson, print_json, work
from services.wallet.ledger.positions import all_positions, open_epoch, open_restored_epoch, skipped_commands
from services.wallet.ledger.search import open_ledger
from services.wallet.tools.lost import Lost, LostReport, Ranges, Write
from services.wallet.tools.scan import reading
from shared.kafka.admin import topic_id
from shared.kafka.topics import COMMANDS

app = typer.Typer(no_args_is_help=True, help="What became of a transaction, and rare, explicit steps in the life of the wallets.")


@app.command("new-epoch")
def new_epoch(
    *,
    restored: Annotated[
        bool, typer.Option("--restored", help="The ledger was restored without its last WAL: skip the commands of before.")
    ] = False,
    lost: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --restored: where the list of what was lost is written first.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a recreated topic of commands, or a restored ledger, into service.

    After Kafka lost its data or the topic was deleted, offsets begin again at 0: without options. The wallets refuse to go on
    until then, because offsets of another topic mean nothing. No money moves by it: what was applied is known by its keys.

    After the ledger was restored from a base backup without the WAL behind it: with --restored --lost FILE. Writes down what was
    lost (as `stakewire wallet lost` does), then moves all positions behind the last command in Kafka: of the old commands none
    is taken again, because stakes have expired and wins have not. Which ones were skipped stays in the database.

    Stop all wallets first.

    Examples:

    `stakewire wallet new-epoch` - after Kafka lost its data

    `stakewire wallet new-epoch --restored --lost lost.jsonl` - after a restore without the last WAL
    """
    if restored != (lost is not None):
        fail("--restored and --lost FILE belong together: what was lost is written down before it is given up")
    question = "Are all wallets stopped, and is " + (
        "the WAL behind this backup lost for good?" if restored else "the topic meant to be a new one?"
    )
    if not yes and not typer.confirm(question):
        fail("nothing was done")
    topic = where.topic_names().of(COMMANDS)
    identity = topic_id(where.kafka_bootstrap_servers(), topic)
    if lost is not None:
        _new_epoch_of_restored(topic, identity, lost)
        return
    epoch = asyncio.run(_open_epoch(where.database_url(), topic, identity))
    say(f"topic {topic} with id {identity} is in service as epoch {epoch}; the wallets can be started")


@app.command("lost")
def lost(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The list: one JSON object a line.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """List what a restored ledger does not know any more although providers and players were told so.

    Operations that `wallet.events` still tells of and that the ledger does not hold, or holds with another hash; and commands
    behind the restored positions that have no operation anywhere: they expired, were never taken, or were applied in the very
    last moment. Reads only. Before `new-epoch --restored` it looks from the ledger's positions on, afterwards at what was skipped.

    Exit code 1 if anything was lost, or the list is not complete.

    Example: `stakewire wallet lost --to lost.jsonl`
    """
    with ConsoleProgress() as progress, _list_file(to) as write:
        found = work(_lost(write, progress))[0]
    if as_json:
        print_json(found)
    else:
        _tell(found, to)
    if found.operations or found.commands or not found.complete:
        raise typer.Exit(1)


def _new_epoch_of_restored(topic: str, identity: str, file: Path) -> None:
    with ConsoleProgress() as progress, _list_file(file) as write:
        found, positions, ends = work(_lost(write, progress))
    _tell(found, file)
    epoch = asyncio.run(_open_restored_epoch(where.database_url(), topic, identity, positions, ends))
    skipped = sum(end - min(end, positions.get(partition, 0)) for partition, end in ends.items())
    say(f"epoch {epoch} is open: {skipped:,} records of {topic} are skipped for good")
    say("next: `stakewire verify --full`, start the wallets, `stakewire republish --all`; see docs/operations.md")


async def _lost(write: Write, progress: ConsoleProgress) -> tuple[Lost, dict[int, int], dict[int, int]]:
    """The report, the ledger's positions, and the ends of the commands that it looked up to."""
    database, kafka, names = where.database_url(), where.kafka_bootstrap_servers(), where.topic_names()
    connection = await asyncpg.connect(database, timeout=30, command_timeout=60)
    try:
        positions, skipped = await all_positions(connection), await skipped_commands(connection)
    finally:
        await connection.close()
    async with reading(kafka, names, COMMANDS) as commands:
        ends = await commands.ends()
    ranges: Ranges = skipped or {partition: (positions.get(partition, 0), end) for partition, end in ends.items()}
    async with open_ledger(database) as ledger:
        report = LostReport(ledger, write, progress.doing)
        return await report.run(kafka, names, ranges), positions, ends


@contextlib.contextmanager
def _list_file(path: Path) -> Iterator[Write]:
    """Writes lines of JSON to a file that only its owner may read, and to the disk at the end."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(f"{path} cannot be written ({error.strerror}); name a file that is not there yet")
    with os.fdopen(handle, "w", encoding="utf-8") as file:

        def write(line: dict[str, Any]) -> None:
            file.write(json.dumps(line, separators=(",", ":")) + "\n")

        yield write
        file.flush()
        os.fsync(file.fileno())


def _tell(found: Lost, file: Path) -> None:
    say(f"lost operations: {found.operations:,} of {found.players:,} players, {found.applied:,} of them applied")
    if found.again:
        say(f"  {found.again:,} of them were sent again since, and are stored now")
    for currency, moved in sorted(found.moved.items()):
        say(f"  {currency}: took {moved.paid:,} units from players and gave them {moved.got:,}")
    say(f"commands without an operation: {found.commands:,} (expired, never taken, or applied in the last moment)")
    for remark in found.remarks:
        say(f"  {remark}")
    if not found.complete:
        say("the list is NOT complete: Kafka does not hold everything since the backup")
    say(f"one by one in {file}")


async def _open_epoch(address: str, topic: str, identity: str) -> int:
    try:
        connection = await asyncpg.connect(address, timeout=30, command_timeout=60)
        try:
            return await open_epoch(connection, topic, identity)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise LedgerAwayError(f"the ledger's database did not do it: {error}") from error


async def _open_restored_epoch(address: str, topic: str, identity: str, positions: dict[int, int], ends: dict[int, int]) -> int:
    try:
        connection = await asyncpg.connect(address, timeout=30, command_timeout=60)
        try:
            return await open_restored_epoch(connection, topic, identity, positions, ends)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise LedgerAwayError(f"the ledger's database did not do it: {error}") from error
