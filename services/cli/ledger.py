"""`stakewire verify`, `seal` and `archive`: proving the books, handing the proof out, and putting closed months away."""

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.table import Table

from services.cli import where
from services.cli.output import ConsoleProgress, console, errors, fail, say
from services.wallet.audit import archive as archives
from services.wallet.audit import seals
from services.wallet.audit.canonical import Seal
from services.wallet.audit.files import Manifest
from services.wallet.audit.verify import JOBS_MAX, Report
from services.wallet.audit.verify import verify as verify_ledger
from shared.database.away import DATABASE_AWAY
from shared.errors import StakewireError

R = TypeVar("R")
SHOWN_MAX = 20
JOBS_DEFAULT_MAX = 8
NOT_HANDED_OUT = 2
"""Exit code of `seal` where the seal stands, but its root is not everywhere it should be."""
ESTIMATE_AFTER_S = 2.0


class LedgerAwayError(StakewireError):
    """The ledger's database did not answer."""


def verify(
    *,
    full: Annotated[
        bool, typer.Option("--full", help="From the first operation (or the archive's anchor), not the last seal.")
    ] = False,
    jobs: Annotated[
        int, typer.Option(min=0, max=JOBS_MAX, help="Processes that check at once; 0: one a core.", show_default=False)
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Check the invariants of the ledger, player by player; safe beside a running wallet.

    Every movement has two sides, balances are the sums of their movements, operations are numbered without gaps, no key
    took effect twice, overdrafts were booked as such, tombstones moved nothing, every hash chain is whole, and all of it
    fits the last seal. Without `--full` only what happened since that seal is read.

    Exit code 1 on any difference.

    Examples:

    `stakewire verify` - each day, before `stakewire seal`

    `stakewire verify --full --jobs 4` - everything, for instance each month

    `DATABASE_URL=postgresql://reader:secret@db/stakewire stakewire verify --json`
    """
    began = time.monotonic()
    wanted = jobs or min(os.cpu_count() or 1, JOBS_DEFAULT_MAX)
    with ConsoleProgress() as progress:

        def tell(so_far: Report) -> None:
            if not as_json or console.is_terminal:
                progress.doing(f"ledger: {_size(so_far)} read{_estimate(so_far, time.monotonic() - began)}")

        report = _run(verify_ledger(where.database_url(), tell, full=full, jobs=wanted))
    if as_json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _tell(report)
    if not report.agree:
        raise typer.Exit(1)


def seal(
    *,
    file: Annotated[
        Path | None, typer.Option(help="Append the root to this file, one JSON line a seal.", show_default=False)
    ] = None,
    webhook: Annotated[str, typer.Option(help="POST the root to this address.", show_default=False)] = "",
    last: Annotated[bool, typer.Option("--last", help="Make no new seal; hand out the last one again.")] = False,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare a file of roots with the database.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Seal the books: one root over every player's chain, kept in the database and handed out of it.

    Whoever changes history afterwards, hashes and all, changes the root. Keep the handed-out roots where the database's
    administrators cannot write. A seal takes no lock that the wallet waits for. Run it once a day, after `stakewire verify`.

    Exit code 1: nothing was sealed (or `--check` found differences). Exit code 2: the seal stands, but the file or the webhook
    did not take the root; `stakewire seal --last` hands it out again.

    Examples:

    `stakewire verify && stakewire seal --file /mnt/worm/roots.jsonl --webhook https://auditor.example/roots`

    `stakewire seal --last --file roots.jsonl` - after a failure

    `stakewire seal --check roots.jsonl`
    """
    if check is not None:
        _check_roots(check, as_json=as_json)
        return
    with ConsoleProgress() as progress:
        made = _seal(progress, last=last, quiet=as_json)
    if as_json:
        sys.stdout.write(msgspec.json.encode(made).decode() + "\n")
    else:
        say(f"seal {made.seal} of {made.sealed_at}: {made.players:,} players, {made.operations:,} operations")
        say(f"root {made.root}")
    _hand_out(made, file, webhook, quiet=as_json)


def archive(
    *,
    before: Annotated[
        str, typer.Option(metavar="YYYY-MM", help="Months before this one (UTC); it is not archived itself.", show_default=False)
    ] = "",
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the archive.", show_default=False)] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Take the months out of the database, once their files were read back.")
    ] = False,
    check: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Check the files of an archive; needs no database.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")] = False,
) -> None:
    """Write closed months of the ledger to files; with `--delete`, take what is older than 13 months out of the database.

    Each month is a file of its operations (compressed JSON lines, as they were published), one of all chains' ends, and a
    manifest with digests. What is deleted leaves an anchor a player, so that balances, `verify` and seals go on. A run that
    was interrupted is simply started again.

    Examples:

    `stakewire archive --before 2026-11 --to /srv/archive` - all closed months that are not there yet

    `stakewire archive --before 2025-10 --to /srv/archive --delete`

    `stakewire archive --check /srv/archive`
    """
    if check is not None:
        _check_archive(check, as_json=as_json)
        return
    if not before or to is None:
        fail(
            "--before YYYY-MM and --to DIR are both needed (or --check DIR), as in `stakewire archive --before 2026-11 --to archive`"
        )
    with ConsoleProgress() as progress:
        done = _run(
            archives.archive(
                where.database_url(),
                before,
                to,
                datetime.now(UTC),
                delete=delete,
                progress=lambda text: None if as_json else progress.doing(f"archive: {text}"),
            )
        )
    if as_json:
        sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
        return
    for manifest in done.written:
        say(f"written: {_month(manifest)}")
    for month in done.given_up:
        say(f"{month} is no longer in the database")
    if not done.written and not done.given_up:
        say(f"nothing to do: all months before {before} are in {to} already")


def _seal(progress: ConsoleProgress, *, last: bool, quiet: bool) -> Seal:
    address = where.database_url()
    if not last:
        return _run(seals.make_seal(address, datetime.now(UTC), lambda text: None if quiet else progress.doing(f"seal: {text}")))
    found = _run(seals.last_seal(address))
    if found is None:
        fail("there is no seal yet; `stakewire seal` makes the first one")
    return found


def _hand_out(made: Seal, file: Path | None, webhook: str, *, quiet: bool) -> None:
    from services.wallet.audit import handing_out

    failures = []
    if file is not None:
        try:
            added = handing_out.append_to_file(file, made)
            if not quiet:
                say(f"its root is in {file}" if added else f"its root was in {file} already")
        except handing_out.HandingOutError as error:
            failures.append(error)
    if webhook:
        try:
            attempts = asyncio.run(handing_out.post(webhook, made))
            if not quiet:
                say(f"the webhook took its root{'' if attempts == 1 else f' at attempt {attempts}'}")
        except handing_out.HandingOutError as error:
            failures.append(error)
    for failure in failures:
        errors.print(f"error: {failure}", markup=False)
    if failures:
        errors.print(f"Seal {made.seal} stands. Hand its root out again with `stakewire seal --last`.", markup=False)
        raise typer.Exit(NOT_HANDED_OUT)


def _check_roots(file: Path, *, as_json: bool) -> None:
    from services.wallet.audit import handing_out

    told = handing_out.read_file(file)
    count, differences = _run(seals.compare(where.database_url(), told))
    if as_json:
        content = {"file": str(file), "handed_out": len(told), "in_database": count, "differences": differences}
        sys.stdout.write(msgspec.json.encode(content).decode() + "\n")
    else:
        for difference in differences:
            say(difference)
        say(f"{len(told)} handed-out roots, {count} seals in the database: " + (_found(differences) or "they agree"))
    if differences:
        raise typer.Exit(1)


def _check_archive(folder: Path, *, as_json: bool) -> None:
    if not folder.is_dir():
        fail(f"{folder} is no folder; expected the one that `stakewire archive --to` wrote")
    with ConsoleProgress() as progress:
        manifests, findings = archives.check_folder(folder, lambda text: None if as_json else progress.doing(f"archive: {text}"))
    if as_json:
        content = {"months": [manifest.month for manifest in manifests], "findings": findings}
        sys.stdout.write(msgspec.json.encode(content).decode() + "\n")
    else:
        for manifest in manifests:
            say(_month(manifest))
        for finding in findings[:SHOWN_MAX]:
            say(finding)
        say(f"{len(manifests)} months: " + (_found(findings) or "files, chains and sums agree"))
    if findings:
        raise typer.Exit(1)


def _run(work: Coroutine[Any, Any, R]) -> R:
    try:
        return asyncio.run(work)
    except DATABASE_AWAY as error:
        raise LedgerAwayError(
            f"the ledger could not be read: {error}. Is the database up, and its schema in place (`stakewire migrate`)?"
        ) from error


def _month(manifest: Manifest) -> str:
    size = manifest.operations_file.bytes + manifest.chains_file.bytes
    return f"{manifest.month}: {manifest.operations:,} operations of {manifest.players:,} players, {size:,} bytes"


def _found(differences: list[str]) -> str:
    return f"{len(differences)} differences. Keep everything as it is and look at the first one." if differences else ""


def _size(report: Report) -> str:
    return f"{report.players:,} players, {report.operations:,} operations, {report.movements:,} movements"


def _estimate(report: Report, seconds: float) -> str:
    if not report.operations or seconds < ESTIMATE_AFTER_S or report.operations >= report.to_read:
        return ""
    left = seconds * (report.to_read - report.operations) / report.operations
    share = 100 * report.operations // report.to_read
    return f", {share} %, about {left:,.0f} s left"


def _tell(report: Report) -> None:
    since = f"since seal {report.since_seal}" if report.mode == "incremental" else "from the first operation"
    say(f"{_size(report)} read, {since}, in {report.seconds:.1f} s by {report.jobs} process{'es' if report.jobs > 1 else ''}")
    if report.accounts:
        table = Table("account", "sum in units", title="All accounts of the house and the players")
        for name, units in report.accounts.items():
            table.add_row(name, f"{units:,}")
        console.print(table)
    for problem in report.problems[:SHOWN_MAX]:
        say(f"{problem.invariant}  player {problem.player or '-'}  operation {problem.seq}: {problem.text}")
    if report.agree:
        say("the books agree: every invariant holds")
        if not report.seals:
            say("there is no seal yet: `stakewire seal` makes one, and the next run reads only what comes after it")
    else:
        say(f"{report.problems_found} problems found; nothing was changed. Keep the database as it is and look at the first one.")
