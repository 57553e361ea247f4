"""Sealing: one root over the heads of all chains, made and read. The only user of the queries in sql/seals.sql.

A seal changes only the tables of seals, which the wallet does not know; see docs/books.md for why it holds nobody up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import asyncpg

from services.wallet.audit.canonical import Account, Head, HeadsDigest, Seal, accounts_digest, root_of, with_root
from services.wallet.decisions.model import GENESIS
from services.wallet.ledger.sql import load_queries
from shared.errors import StakewireError

QUERIES: Final = load_queries("seals.sql")
SEAL_LOCK: Final = 7_210_512_005
ARCHIVE_LOCK: Final = 7_210_512_006
"""Numbers of advisory locks: one seal at once, and one archive. A seal need not wait for an archive: what is deleted is sealed."""
PLAYERS_A_PAGE: Final = 500
Progress = Callable[[str], None]


class BusyError(StakewireError):
    """Another run of the same command is under way."""


class BrokenBooksError(StakewireError):
    """The ledger does not continue what was sealed or archived before: it must be looked at, not sealed over."""


async def make_seal(database_url: str, now: datetime, progress: Progress = lambda _: None) -> Seal:
    """Seals the heads as they are now and returns the seal. Errors of the connection leave as asyncpg's or OSError.

    BusyError where another is being made; BrokenBooksError where a chain does not continue its sealed head.
    """
    async with owners_connection(database_url, "stakewire-seal") as connection:
        await take_turn(connection, SEAL_LOCK)
        seals = await read_seals(connection)
        before = seals[-1] if seals else None
        progress("reading the heads that moved")
        await connection.execute(QUERIES["drop_moved"])
        await connection.execute(QUERIES["moved"])
        await connection.execute(QUERIES["prepare_moved"])
        sums: Counter[tuple[str, str, str]] = Counter()
        if before is not None:
            for each in await read_accounts(connection, before.seal):
                sums[each.account, each.brand, each.currency] = each.units
        place, moved = "", 0
        while last := await connection.fetchval(QUERIES["page_end"], place, PLAYERS_A_PAGE):
            await _add_page(connection, place, sums)
            place, moved = last, moved + PLAYERS_A_PAGE
            progress(f"adding up what moved, about {moved:,} players so far")
        progress("computing the root")
        return await _keep(connection, now, before, [Account(*key, units) for key, units in sums.items()])


async def read_seals(connection: asyncpg.Connection, after: int = 0) -> list[Seal]:
    """All seals after number `after`, in order."""
    seals: list[Seal] = []
    while rows := await connection.fetch(QUERIES["seals"], after):
        seals += [Seal(**dict(row)) for row in rows]
        after = seals[-1].seal
    return seals


async def read_accounts(connection: asyncpg.Connection, seal: int) -> list[Account]:
    """The accounts' sums at a seal."""
    rows = await connection.fetch(QUERIES["accounts"], seal)
    return [Account(row["account"], row["brand"], row["currency"], int(row["units"])) for row in rows]


async def read_heads(connection: asyncpg.Connection) -> AsyncIterator[tuple[list[Head], list[Head]]]:
    """The sealed heads, page by page in the order of their bytes; the second list are those of the page whose player is gone."""
    after = ""
    while rows := await connection.fetch(QUERIES["heads"], after):
        heads = [Head(row["player"], row["seq"], row["hash"], row["balances"]) for row in rows]
        after = heads[-1].player
        yield heads, [head for head, row in zip(heads, rows, strict=True) if not row["known"]]


async def compare(database_url: str, handed_out: list[Seal]) -> tuple[int, list[str]]:
    """Compares roots that were handed out with the database: how many seals it has, and what differs, in words."""
    async with owners_connection(database_url, "stakewire-seal") as connection:
        seals = {seal.seal: seal for seal in await read_seals(connection)}
    differences = []
    for told in handed_out:
        stored = seals.get(told.seal)
        if root_of(told) != told.root:
            differences.append(f"seal {told.seal} of the file: its root is not that of its content; the file was changed")
        elif stored is None:
            differences.append(f"seal {told.seal} was handed out, but the database does not have it")
        elif stored != told or root_of(stored) != stored.root:
            differences.append(f"seal {told.seal} was handed out with root {told.root}, the database has {stored.root}")
    return len(seals), differences


async def last_seal(database_url: str) -> Seal | None:
    """The newest seal."""
    async with owners_connection(database_url, "stakewire-seal") as connection:
        number = await connection.fetchval(QUERIES["last_seal"])
        seals = await read_seals(connection, number - 1)
    return seals[-1] if seals else None


@asynccontextmanager
async def owners_connection(database_url: str, name: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the role that owns the schema, with limits."""
    connection = await asyncpg.connect(
        database_url,
        timeout=30,
        command_timeout=600,
        server_settings={"application_name": name, "lock_timeout": "10s", "jit": "off"},
    )
    try:
        yield connection
    finally:
        await connection.close()


async def take_turn(connection: asyncpg.Connection, lock: int) -> None:
    """Takes the lock of seals or of archives until the connection ends, or raises BusyError."""
    if not await connection.fetchval(QUERIES["try_lock"], lock):
        what = "seal" if lock == SEAL_LOCK else "archive"
        raise BusyError(f"another `stakewire {what}` works on this database; wait for its end and try again")


async def _add_page(connection: asyncpg.Connection, place: str, sums: Counter[tuple[str, str, str]]) -> None:
    unfit = await connection.fetch(QUERIES["unfit"], place, PLAYERS_A_PAGE)
    if unfit:
        names = ", ".join(f"{row['player']} (operation {row['seq']})" for row in unfit)
        raise BrokenBooksError(
            f"the books do not continue what was sealed: {names}. Nothing was sealed. Run `stakewire verify` and look at the first problem."
        )
    for row in await connection.fetch(QUERIES["sums"], place, PLAYERS_A_PAGE):
        sums[row["account"], row["brand"], row["currency"]] += int(row["units"])


async def _keep(connection: asyncpg.Connection, now: datetime, before: Seal | None, accounts: list[Account]) -> Seal:
    number = before.seal + 1 if before else 1
    async with connection.transaction():
        await connection.execute(QUERIES["keep_heads"], number)
        digest = HeadsDigest()
        async for heads, _ in read_heads(connection):
            digest.feed(heads)
        seal = with_root(
            Seal(
                seal=number,
                sealed_at=f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1_000:03}Z",
                players=digest.players,
                operations=digest.operations,
                heads=digest.hex(),
                accounts=accounts_digest(accounts),
                previous_root=before.root if before else GENESIS,
            )
        )
        await connection.executemany(
            QUERIES["keep_account"], [(number, each.account, each.brand, each.currency, str(each.units)) for each in accounts]
        )
        await connection.execute(
            QUERIES["keep_seal"], number, seal.sealed_at, seal.players, seal.operations, seal.heads, seal.accounts,
            seal.previous_root, seal.root,
        )  # fmt: skip
    return seal
