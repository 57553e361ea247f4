"""`stakewire verify`: reads a live ledger player by player and checks the invariants a database can show, and its seals.

Works in short statements up to the head it read with each player, so it may run beside the wallet; takes no locks.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
from msgspec import Struct, field

from services.wallet.audit.canonical import Account, HeadsDigest, accounts_digest, wrong_with
from services.wallet.audit.player import SEAL, Problem
from services.wallet.audit.seals import read_accounts, read_heads, read_seals
from services.wallet.audit.span import PROBLEMS_MAX, AccountKey, Checked, Span, check, check_here, connect, start_worker
from services.wallet.audit.stretches import QUERIES

PLAYERS_A_SPAN: Final = 500
OPERATIONS_A_SPAN: Final = 20_000
PLAYERS_A_PAGE: Final = 2_000
JOBS_MAX: Final = 64
ATTEMPTS: Final = 5
"""How often the sealed heads are read again because a seal was made meanwhile."""


class Report(Struct, kw_only=True):
    """What was read and what is wrong.

    `mode`: `full`, or `incremental` since seal `since_seal` (0: there is none). `accounts`: "<account> <currency>" -> sum in
    units, player included; empty where a seal was made during an incremental run. `to_read`: operations that the run
    will read, as far as they are counted. `seals`: how many were checked. `jobs`: processes that worked.
    """

    mode: str = "full"
    since_seal: int = 0
    players: int = 0
    operations: int = 0
    movements: int = 0
    to_read: int = 0
    seals: int = 0
    jobs: int = 1
    seconds: float = 0.0
    accounts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problems_found: int = 0

    @property
    def agree(self) -> bool:
        """Whether every invariant holds."""
        return not self.problems_found

    def note(self, problems: list[Problem]) -> None:
        """Counts problems and keeps the first ones."""
        self.problems_found += len(problems)
        self.problems += problems[: PROBLEMS_MAX - len(self.problems)]


Progress = Callable[[Report], None]


async def verify(database_url: str, progress: Progress = lambda _: None, *, full: bool = False, jobs: int = 1) -> Report:
    """Checks I1-I5, I7 and I11 and the seals; `progress` is told after each range of players.

    `full`: from the first operation (or the archive's anchor), else from what the last seal holds. `jobs`: processes, 1..64.
    Errors of the connection leave as asyncpg's or OSError.
    """
    began = time.monotonic()
    report = Report(jobs=max(1, min(jobs, JOBS_MAX)))
    connection = await connect(database_url)
    try:
        sealed = await _check_seals(connection, report)
        report.mode = "full" if full or not report.since_seal else "incremental"
        sums = await _check_players(connection, database_url, report, progress, sealed)
        if sums is not None:
            _tell_sums(sums, report)
    finally:
        await connection.close()
    report.seconds = round(time.monotonic() - began, 3)
    return report


async def _check_seals(connection: asyncpg.Connection, report: Report) -> Counter[AccountKey]:
    """The seals, their heads and sums; returns the sums of the last seal."""
    for _ in range(ATTEMPTS):
        seals = await read_seals(connection)
        problems = [Problem(SEAL, "", 0, text) for _, text in wrong_with(seals)]
        accounts: list[Account] = []
        for seal in seals:
            accounts = await read_accounts(connection, seal.seal)
            if accounts_digest(accounts) != seal.accounts:
                problems.append(Problem(SEAL, "", 0, f"the sums of the accounts at seal {seal.seal} are not those that it holds"))
        digest = HeadsDigest()
        async for heads, gone in read_heads(connection):
            digest.feed(heads)
            problems += [Problem(SEAL, head.player, head.seq, "the player was sealed and is gone") for head in gone]
        last = seals[-1] if seals else None
        if last is None and digest.players:
            problems.append(Problem(SEAL, "", 0, "there are sealed heads, but no seal"))
        elif last is not None and (digest.hex(), digest.players, digest.operations) != (last.heads, last.players, last.operations):
            problems.append(Problem(SEAL, "", 0, f"the sealed heads are not those that seal {last.seal} holds"))
        if await read_seals(connection, after=last.seal if last else 0):
            continue  # a seal was made meanwhile: what was read belongs to two of them
        report.note(problems)
        report.seals, report.since_seal = len(seals), last.seal if last else 0
        return Counter({(each.account, each.brand, each.currency): each.units for each in accounts})
    raise OSError(f"seals are being made faster than they can be read ({ATTEMPTS} attempts)")


async def _check_players(
    connection: asyncpg.Connection, database_url: str, report: Report, progress: Progress, sealed: Counter[AccountKey]
) -> Counter[AccountKey] | None:
    """All players; returns the sums of all accounts, None where a seal was made meanwhile."""
    full = report.mode == "full"
    spans = [span async for span in _plan(connection, report, full=full)]
    report.jobs = min(report.jobs, len(spans) or 1, 1 + report.to_read // OPERATIONS_A_SPAN)  # a process takes a second to start
    sums: Counter[AccountKey] = Counter()
    at_seal: Counter[AccountKey] = Counter()
    async with _checkers(connection, database_url, report.jobs) as checker:
        waiting = iter(spans)
        under_way: set[asyncio.Task[Checked]] = set()
        try:
            while True:
                for span in waiting:
                    under_way.add(asyncio.ensure_future(checker(span)))
                    if len(under_way) >= report.jobs * 2:
                        break
                if not under_way:
                    break
                done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    _take(task.result(), report, sums, at_seal)
                progress(report)
        finally:
            for task in under_way:
                task.cancel()
    if await read_seals(connection, after=report.since_seal):
        return sums if full else None
    if not full:
        sums.update(sealed)
    elif report.since_seal:
        report.note(_differences(report.since_seal, sealed, at_seal))
    return sums


def _take(checked: Checked, report: Report, sums: Counter[AccountKey], at_seal: Counter[AccountKey]) -> None:
    report.players += checked.players
    report.operations += checked.operations
    report.movements += checked.movements
    report.note(checked.problems)
    report.problems_found += checked.problems_found - len(checked.problems)
    sums.update(checked.accounts)
    at_seal.update(checked.sealed_accounts)


async def _plan(connection: asyncpg.Connection, report: Report, *, full: bool) -> AsyncIterator[Span]:
    """Ranges of players with about the same work each."""
    end = await connection.fetchval(QUERIES["end"]) or ""
    after = place = ""
    players = operations = 0
    while page := await connection.fetch(QUERIES["plan"], place, PLAYERS_A_PAGE, full):
        for row in page:
            place = row["player"]
            players += 1
            operations += max(0, row["todo"])
            report.to_read += max(0, row["todo"])
            if players >= PLAYERS_A_SPAN or operations >= OPERATIONS_A_SPAN:
                yield Span(after, place, full)
                after, players, operations = place, 0, 0
    if players or after < end:
        yield Span(after, max(place, end), full)


@asynccontextmanager
async def _checkers(
    connection: asyncpg.Connection, database_url: str, jobs: int
) -> AsyncIterator[Callable[[Span], asyncio.Future[Checked]]]:
    """What checks a range: this process where there is one job, else a pool of processes with a connection each."""
    loop = asyncio.get_running_loop()
    if jobs == 1:
        one_at_a_time = asyncio.Lock()

        async def here(span: Span) -> Checked:
            async with one_at_a_time:
                return await check(connection, span)

        yield lambda span: loop.create_task(here(span))
        return
    # Not forked: a copy of a process with an event loop and threads is a trap.
    pool = ProcessPoolExecutor(
        jobs, mp_context=multiprocessing.get_context("spawn"), initializer=start_worker, initargs=(database_url,)
    )
    try:
        yield lambda span: loop.run_in_executor(pool, check_here, span)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _differences(seal: int, sealed: Counter[AccountKey], found: Counter[AccountKey]) -> list[Problem]:
    return [
        Problem(
            SEAL, "", 0, f"{key[0]} of brand {key[1]} in {key[2]} was {sealed[key]} at seal {seal}, its movements give {found[key]}"
        )
        for key in sorted({*sealed, *found})
        if sealed[key] != found[key]
    ]


def _tell_sums(sums: Counter[AccountKey], report: Report) -> None:
    totals: Counter[str] = Counter()
    for (account, _, currency), units in sorted(sums.items()):
        name = f"{account} {currency}"
        report.accounts[name] = report.accounts.get(name, 0) + units
        totals[currency] += units
    for currency, total in sorted(totals.items()):
        if total:
            report.note([Problem("I1", "", 0, f"all accounts in {currency} add up to {total}, expected 0")])
