"""Where the wallet stands in `wallet.commands`: offsets and the epoch of the topic they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import asyncpg

from services.wallet.ledger.store import QUERIES
from shared.errors import StakewireError


class EpochError(StakewireError):
    """The commands topic is another one than the ledger's positions belong to."""


async def current_epoch(connection: asyncpg.Connection, topic: str, topic_id: str) -> int:
    """The epoch of this incarnation of the topic; opens the first one by itself.

    EpochError where the topic was deleted and made anew: its offsets begin again, so going on needs an explicit step.
    """
    row = await connection.fetchrow(QUERIES["current_epoch"])
    if row is None:
        await connection.execute(QUERIES["first_epoch"], topic, topic_id)
        row = await connection.fetchrow(QUERIES["current_epoch"])
    if row is None or (row["topic"], row["topic_id"]) != (topic, topic_id):
        known = f"{row['topic']} with id {row['topic_id']}" if row else "none"
        raise EpochError(
            f"topic {topic} has id {topic_id}, but the ledger's positions belong to {known}: the topic was deleted and "
            "made anew, or this is another Kafka. If that is intended, stop all wallets and run `stakewire wallet new-epoch`."
        )
    epoch: int = row["epoch"]
    return epoch


async def open_epoch(connection: asyncpg.Connection, topic: str, topic_id: str) -> int:
    """Takes a new incarnation of the topic into service: positions start at 0. Returns the new epoch.

    EpochError where the topic is the one in service already.
    """
    async with connection.transaction():
        row = await connection.fetchrow(QUERIES["current_epoch"])
        if row is not None and (row["topic"], row["topic_id"]) == (topic, topic_id):
            raise EpochError(f"topic {topic} is the one in service (epoch {row['epoch']}); there is nothing to do")
        epoch = (row["epoch"] if row else 0) + 1
        await connection.execute(QUERIES["open_epoch"], topic, epoch, topic_id)
        await connection.execute(QUERIES["restart_positions"], epoch)
    return epoch


async def open_restored_epoch(
    connection: asyncpg.Connection, topic: str, topic_id: str, positions: Mapping[int, int], ends: Mapping[int, int]
) -> int:
    """Takes the topic into service again for a ledger that was restored without its last WAL. Returns the new epoch.

    Commands from the ledger's positions up to `ends` (partition -> offset) are noted as skipped and never applied. EpochError
    where the topic is not the one in service, or the positions are not `positions` any more: a wallet has gone on.
    """
    async with connection.transaction():
        row = await connection.fetchrow(QUERIES["current_epoch"])
        if row is None or (row["topic"], row["topic_id"]) != (topic, topic_id):
            raise EpochError(
                f"topic {topic} with id {topic_id} is not the one that this ledger's positions belong to: Kafka is a new one too, and no "
                "command of before is in it. Run `stakewire wallet new-epoch` without --restored."
            )
        held = {each["partition"]: each["next_offset"] for each in await connection.fetch(QUERIES["lock_positions"])}
        if held != dict(positions):
            raise EpochError("a wallet has gone on meanwhile; stop all wallets, then run it again. Nothing was changed")
        epoch: int = row["epoch"] + 1
        await connection.execute(QUERIES["open_epoch"], topic, epoch, topic_id)
        rows = [{"partition": partition, "next_offset": end} for partition, end in sorted(ends.items())]
        await connection.execute(QUERIES["skip_commands"], epoch, json.dumps(rows))
    return epoch


async def skipped_commands(connection: asyncpg.Connection) -> dict[int, tuple[int, int]]:
    """Partition -> offsets [from, to) that the newest epoch has skipped; empty unless it was opened after a restore."""
    rows = await connection.fetch(QUERIES["skipped_commands"])
    return {row["partition"]: (row["from_offset"], row["to_offset"]) for row in rows}


async def all_positions(connection: asyncpg.Connection) -> dict[int, int]:
    """The next offset of every partition that has one, whatever its epoch."""
    return {row["partition"]: row["next_offset"] for row in await connection.fetch(QUERIES["all_positions"])}


async def read_positions(connection: asyncpg.Connection, partitions: Sequence[int], epoch: int) -> dict[int, int]:
    """The next offset of each partition; new partitions start at 0. EpochError where one is in another epoch."""
    wanted = list(partitions)
    await connection.execute(QUERIES["create_positions"], wanted, epoch)
    rows = await connection.fetch(QUERIES["positions"], wanted)
    for row in rows:
        if row["epoch"] != epoch:
            raise EpochError(
                f"partition {row['partition']} is in epoch {row['epoch']}, this wallet in {epoch}; start the wallet again"
            )
    return {row["partition"]: row["next_offset"] for row in rows}
