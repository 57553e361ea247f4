"""`stakewire wallet ...`: the rare explicit steps of a wallet's life."""

import asyncio
from typing import Annotated

import asyncpg
import typer

from services.cli import where
from services.cli.ledger import LedgerAwayError
from services.cli.output import fail, say
from services.wallet.ledger.positions import open_epoch
from shared.kafka.admin import topic_id
from shared.kafka.topics import COMMANDS

app = typer.Typer(no_args_is_help=True, help="What became of a transaction, and rare, explicit steps in the life of the wallets.")


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
