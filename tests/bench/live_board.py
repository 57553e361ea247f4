"""What the live board costs: the share of a core that a back office takes without viewers, with one, and with many.

    python -m tests.bench.live_board [--viewers 20] [--seconds 20]

One process serves the real application's live routes on a database of its own, whose pulse another process keeps beating;
viewers are plain connections that read their streams. CPU time is the serving process's own, as the kernel counts it: the
database's is not in it. Exits with 1 where the viewers together cost 5 % of a core or more.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import asyncpg
from fastapi import APIRouter

from services.backoffice.console.frame import Frame
from services.backoffice.console.pages import live
from services.backoffice.live.board import Board
from services.backoffice.live.hub import Hub
from services.backoffice.migrate import ROLE
from services.backoffice.migrate import upgrade as upgrade_backoffice
from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
from shared.database import open_pool
from tests.browser.console import PEOPLE, Office
from tests.integration.backoffice.stand import EUR, Seed, Story, callback
from tests.server_choice import choose, open_servers, with_images

SHARE_MAX: Final = 0.05
CALLS_A_SECOND: Final = 100
SETTLING_S: Final = 15.0
"""The past hour is read piece by piece first: that is paid once, not by the second."""

TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def serve(database_url: str, told: Connection) -> None:
    """The process that is measured: it tells its address and cookies, and ends when it is told to."""
    asyncio.run(_serve(database_url, told))


async def _serve(database_url: str, told: Connection) -> None:
    def routers(frame: Frame, pool: asyncpg.Pool) -> Iterable[APIRouter]:
        board = Board(pool, dict)
        yield live.routes(frame, Hub(board, lambda tokens: board.still_signed_in(tokens, frame.sign_ins.idle_s)))

    async with Office.running(database_url, routers) as office:
        cookies = [(await office.frame.sign_ins.open(login, "127.0.0.1")).token for login in PEOPLE]
        told.send((office.url, cookies))
        await asyncio.to_thread(told.recv)


async def watch(url: str, cookie: str, seen: list[int], place: int) -> None:
    """One viewer: reads its stream until it is cancelled."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        request = f"GET /live/stream HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: stakewire-console={cookie}\r\n\r\n"
        writer.write(request.encode())
        while chunk := await reader.read(65_536):
            seen[place] += chunk.count(b"event: whole") + chunk.count(b"event: more")
    finally:
        writer.close()


@asynccontextmanager
async def viewers(count: int, url: str, cookies: list[str]) -> AsyncIterator[list[int]]:
    """So many viewers; their frames are counted."""
    seen = [0] * count
    tasks = [asyncio.create_task(watch(url, cookies[place % len(cookies)], seen, place)) for place in range(count)]
    try:
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def beating(seed: Seed) -> None:
    """Callbacks and stakes as they come in, a second at a time."""
    story = Story("bench", at=datetime.now(UTC))
    story.deposit(10**6 * EUR)
    told = 0
    while True:
        now = datetime.now(UTC)
        story.at = now
        for number in range(10):
            story.bet_and_win(f"{now.timestamp()}-{number}", EUR, 2 * EUR)
        await seed.callbacks(*(callback(now, total_us=5_000 + 50 * number) for number in range(CALLS_A_SECOND)))
        await seed.events(*story.events[told:])
        told = len(story.events)
        await asyncio.sleep(1)


async def measure(pid: int, url: str, cookies: list[str], counts: Iterable[int], seconds: float) -> dict[int, tuple[float, float]]:
    """Share of a core and frames a second and viewer, for each number of viewers."""
    found = {}
    for count in counts:
        async with viewers(count, url, cookies) as seen:
            await asyncio.sleep(SETTLING_S if count else 1.0)
            before, frames, begun = cpu_s(pid), sum(seen), time.monotonic()
            await asyncio.sleep(seconds)
            took = time.monotonic() - begun
            found[count] = ((cpu_s(pid) - before) / took, (sum(seen) - frames) / took / max(1, count))
    return found


async def run(database_url: str, many: int, seconds: float) -> int:
    """Measures and prints."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(database_url, theirs), daemon=True)
    process.start()
    url, cookies = await asyncio.to_thread(ours.recv)
    pool = await open_pool(database_url, role=ROLE, application_name="bench")
    beats = asyncio.create_task(beating(Seed(pool)))
    try:
        assert process.pid is not None
        found = await measure(process.pid, url, cookies, (0, 1, many), seconds)
    finally:
        beats.cancel()
        await asyncio.gather(beats, return_exceptions=True)
        await pool.close()
        ours.send("end")
        await asyncio.to_thread(process.join, 10)
    sys.stdout.write(f"live board, {CALLS_A_SECOND} callbacks a second, {seconds:g} s each\n")
    for count, (share, rate) in found.items():
        sys.stdout.write(f"  {count:3d} viewers: {100 * share:5.2f} % of a core, {rate:.2f} frames a second each\n")
    cost = found[many][0] - found[0][0]
    ok = cost < SHARE_MAX and found[many][1] > 0.5  # without frames the cost would say nothing
    sys.stdout.write(
        f"  {many} viewers cost {100 * cost:.2f} % of a core; allowed are {100 * SHARE_MAX:g} %: {'ok' if ok else 'TOO MUCH'}\n"
    )
    return 0 if ok else 1


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.live_board", description=__doc__)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    with open_servers(with_images(choose(os.environ))) as servers:
        url = servers.new_database()
        try:
            upgrade_operator_api(url)
            upgrade_backoffice(url)
            return asyncio.run(run(url, chosen.viewers, chosen.seconds))
        finally:
            servers.drop_database(url)


if __name__ == "__main__":
    sys.exit(main())
