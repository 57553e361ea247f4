"""`stakewire archive`: writes closed months to files, and takes them out of the database when that is asked for.

A month is complete once its manifest lies in the folder; what a run that was interrupted left beside it is written again.
Operations leave the database only after their files were read back, and with them the anchor is set in one transaction.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct, field

from services.wallet.audit.files import (
    FORMAT,
    ArchiveError,
    Chain,
    LinesWriter,
    Manifest,
    added,
    as_accounts,
    chains_name,
    check_month,
    digest_of,
    facts_of,
    manifest_path,
    operations_name,
    read_chains,
    read_manifests,
    sync_folder,
    write_manifest,
)
from services.wallet.audit.months import check_closed, check_old_enough, end_of, month_of
from services.wallet.audit.player import PlayerAudit, State
from services.wallet.audit.seals import ARCHIVE_LOCK, BrokenBooksError, owners_connection, take_turn
from services.wallet.audit.stretches import read_stretches
from services.wallet.chain import event_of
from services.wallet.ledger.sql import load_queries

QUERIES: Final = load_queries("archive.sql")
PLAYERS_A_PAGE: Final = 500
OPERATIONS_A_DELETION: Final = 5_000
"""Players are deleted in transactions of about so many operations; one player's month is never split."""
Progress = Callable[[str], None]
_units: Final = msgspec.json.Decoder(dict[str, int]).decode


class Archived(Struct, kw_only=True):
    """What a run did. `written`: manifests of new months; `given_up`: months whose operations left the database in it."""

    written: list[Manifest] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)


async def archive(
    database_url: str, before: str, folder: Path, now: datetime, *, delete: bool = False, progress: Progress = lambda _: None
) -> Archived:
    """Writes all months before `before` (YYYY-MM) that are not in `folder` yet; with `delete`, takes them out of the database.

    MonthError for a month that is not over, or too young to delete; ArchiveError where the folder does not fit the
    database; BusyError, BrokenBooksError. Errors of the connection leave as asyncpg's or OSError.
    """
    check_closed(before, now)
    if delete:
        check_old_enough(before, now)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    done = Archived()
    async with owners_connection(database_url, "stakewire-archive") as connection:
        await take_turn(connection, ARCHIVE_LOCK)
        manifests = read_manifests(folder)
        await _load_cuts(connection, folder, manifests)
        while month := await _next_month(connection):
            if manifests:
                # A clock that was set back may add to a month that is closed: it goes to the next file.
                month = max(month, month_of(end_of(manifests[-1].month)))
            if month >= before:
                break
            manifest = await _write_month(connection, folder, month, manifests[-1] if manifests else None, progress)
            manifests.append(manifest)
            done.written.append(manifest)
        if delete:
            given_up = {row["month"] for row in await connection.fetch(QUERIES["given_up"])}
            for number, manifest in enumerate(manifests):
                if manifest.month < before and manifest.month not in given_up:
                    await _give_up(connection, folder, manifest, manifests[number - 1] if number else None, progress)
                    done.given_up.append(manifest.month)
    return done


async def _load_cuts(connection: asyncpg.Connection, folder: Path, manifests: list[Manifest]) -> None:
    await connection.execute(QUERIES["cuts_table"])
    if manifests:
        rows = (
            (chain.player, chain.brand, chain.after.seq, chain.after.hash, _text(chain.after.balances), _text(chain.after.accounts))
            for chain in read_chains(folder, manifests[-1].month)
        )
        await connection.copy_records_to_table("cuts", records=rows)
    await connection.execute(QUERIES["add_players"])
    gone = await connection.fetchrow(QUERIES["gone"])
    if gone is not None:
        raise ArchiveError(
            f"operations of player {gone['player']} up to {gone['seq']} ({gone['month']}) were archived in another folder and are no "
            f"longer in the database; give the folder that holds {gone['month']}, not {folder}"
        )


async def _next_month(connection: asyncpg.Connection) -> str:
    """The month of the first operation that is in no file; empty where there is none."""
    moments, place = [], ""
    while (row := await connection.fetchrow(QUERIES["first_moment"], place, PLAYERS_A_PAGE)) and row["last"] is not None:
        place = row["last"]
        if row["moment"] is not None:
            moments.append(row["moment"])
    return month_of(datetime.fromtimestamp(min(moments) / 1_000, tz=UTC)) if moments else ""


async def _write_month(
    connection: asyncpg.Connection, folder: Path, month: str, before: Manifest | None, progress: Progress
) -> Manifest:
    sums: Counter[tuple[str, str, str]] = Counter()
    counts: Counter[str] = Counter()
    operations, chains = folder / operations_name(month), folder / chains_name(month)
    with LinesWriter(operations) as operation_lines, LinesWriter(chains) as chain_lines:
        place = ""
        while page := await connection.fetch(QUERIES["page"], place, PLAYERS_A_PAGE):
            place = page[-1]["player"]
            for chain in await _write_page(connection, page, month, operation_lines, counts):
                chain_lines.write(msgspec.json.encode(chain))
                sums.update(added(chain.brand, chain.before, chain.after))
            progress(f"writing {month}: {operation_lines.lines:,} operations")
    sync_folder(folder)
    manifest = Manifest(
        format=FORMAT,
        month=month,
        operations=operation_lines.lines,
        movements=counts["movements"],
        players=counts["players"],
        operations_file=facts_of(operations, operation_lines.lines),
        chains_file=facts_of(chains, chain_lines.lines),
        accounts=as_accounts(sums),
        previous_month=before.month if before else "",
        previous=digest_of(manifest_path(folder, before.month)) if before else "",
    )
    write_manifest(folder, manifest)
    return manifest


async def _write_page(
    connection: asyncpg.Connection, page: list[asyncpg.Record], month: str, lines: LinesWriter, counts: Counter[str]
) -> list[Chain]:
    """Writes the operations of a page of players up to the month's end and moves their cuts; returns their chains."""
    audits = {row["player"]: PlayerAudit(row["player"], _state(row)) for row in page}
    afters = [row["seq"] for row in page]
    ends = {row["player"]: row["until"] for row in await connection.fetch(QUERIES["ends"], list(audits), afters, end_of(month))}
    stretches = [(row["player"], row["seq"], ends.get(row["player"], 0)) for row in page]
    async for operation, links in read_stretches(connection, stretches):
        audits[operation.player].feed(operation, links)
        lines.write(event_of(operation))
        counts["movements"] += len(operation.movements)
    chains = []
    for row in page:
        audit, until = audits[row["player"]], max(row["seq"], ends.get(row["player"], 0))
        if audit.problems or audit.seq != until:
            what = audit.problems[0].text if audit.problems else f"operations up to {until} were expected, {audit.seq} is the last"
            raise BrokenBooksError(
                f"player {row['player']}: {what}. {month} was not written. Run `stakewire verify --full` and look at the first problem."
            )
        if until:
            counts["players"] += until > row["seq"]
            chains.append(Chain(player=row["player"], brand=row["brand"], before=_state(row), after=audit.state))
    moved = [chain for chain in chains if chain.after.seq > chain.before.seq]
    await connection.execute(
        QUERIES["move_cuts"],
        [chain.player for chain in moved],
        [chain.after.seq for chain in moved],
        [chain.after.hash for chain in moved],
        [_text(chain.after.balances) for chain in moved],
        [_text(chain.after.accounts) for chain in moved],
    )
    return chains


def _state(row: asyncpg.Record) -> State:
    return State(seq=row["seq"], hash=row["hash"], balances=_units(row["balances"]), accounts=_units(row["accounts"]))


def _text(units: dict[str, int]) -> str:
    return msgspec.json.encode(units, order="sorted").decode()


async def _give_up(
    connection: asyncpg.Connection, folder: Path, manifest: Manifest, before: Manifest | None, progress: Progress
) -> None:
    """Takes a month out of the database after its files were read back."""
    progress(f"reading back {manifest.month}")
    findings = check_month(folder, manifest, before)
    if findings:
        raise ArchiveError(f"{findings[0]}. Nothing of {manifest.month} was deleted.")
    deleted = 0
    for group in _groups(read_chains(folder, manifest.month)):
        async with connection.transaction():
            deleted += await _delete(connection, group, manifest.month)
        progress(f"deleting {manifest.month}: {deleted:,} operations")
    sha256 = digest_of(manifest_path(folder, manifest.month))
    await connection.execute(QUERIES["give_up"], manifest.month, manifest.operations, manifest.movements, sha256)


def _groups(chains: Iterator[Chain]) -> Iterator[list[Chain]]:
    group: list[Chain] = []
    size = 0
    for chain in chains:
        if chain.after.seq > chain.before.seq:
            group.append(chain)
            size += chain.after.seq - chain.before.seq
        if size >= OPERATIONS_A_DELETION:
            yield group
            group, size = [], 0
    if group:
        yield group


async def _delete(connection: asyncpg.Connection, group: list[Chain], month: str) -> int:
    """Moves the anchors of some players and deletes what lies before them; what an earlier run did is left alone."""
    deleted = 0
    arguments = [chain.player for chain in group], [chain.after.seq for chain in group]
    for chain, row in zip(group, await connection.fetch(QUERIES["standing"], *arguments), strict=True):
        player, first, until = chain.player, chain.before, chain.after
        anchor = (row["anchor_seq"] or 0, row["anchor_hash"] or State().hash)
        if anchor == (until.seq, until.hash):
            continue
        if (row["sealed_seq"] or 0) < until.seq:
            raise ArchiveError(
                f"operation {until.seq} of player {player} is in no seal; what leaves the database must be sealed. "
                "Run `stakewire seal` first, then this again."
            )
        if anchor != (first.seq, first.hash) or row["hash"] != until.hash:
            raise ArchiveError(
                f"the chain of player {player} in the database is not the one in the files of {month}. Nothing of his was deleted. "
                "Run `stakewire verify --full` and `stakewire archive --check`."
            )
        await connection.execute(
            QUERIES["set_anchor"], player, until.seq, until.hash, _text(until.balances), _text(until.accounts), month
        )
        await connection.execute(QUERIES["delete_movements"], player, first.seq, until.seq)
        gone = await connection.execute(QUERIES["delete_operations"], player, first.seq, until.seq)
        if gone != f"DELETE {until.seq - first.seq}":
            raise ArchiveError(f"player {player}: {gone} operations instead of {until.seq - first.seq}; nothing of his was deleted")
        deleted += until.seq - first.seq
    return deleted


def check_folder(folder: Path, progress: Progress = lambda _: None) -> tuple[list[Manifest], list[str]]:
    """Checks files and chains of an archive on their own: its manifests, and what is wrong in words."""
    try:
        manifests = read_manifests(folder)
    except ArchiveError as error:
        return [], [str(error)]
    findings: list[str] = []
    for number, manifest in enumerate(manifests):
        progress(f"checking {manifest.month}: {manifest.operations:,} operations")
        findings += check_month(folder, manifest, manifests[number - 1] if number else None)
    return manifests, findings
