"""The comparison of all books with the wallet: takes stock player by player, then waits until the events have caught up.

A running play goes on: each player rests only for one getBalance. What he plays afterwards belongs to the next comparison.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Protocol

import structlog
from msgspec import Struct

from services.simulator.books import Books
from services.simulator.compare import MAY_STILL_COME, Difference, PlayerBook, compare_player
from services.simulator.errors import EventsError
from services.simulator.records import Player
from services.simulator.studios.mascot.seat import Seat
from services.simulator.studios.mascot.studio import MascotStudio

log = structlog.get_logger(__name__)

AT_ONCE: Final = 16
POLL_S: Final = 0.25
ASK_AGAIN_S: Final = 0.5
DIFFERENCES_LISTED: Final = 200
EVENTS_SHARE: Final = 0.5
"""Part of the time that the stocktaking may use; the rest is for the events to arrive."""


class EventSource(Protocol):
    """Where the events come from: `ledger_events.EventReader` reads Kafka."""

    async def start(self) -> None:
        """Goes to where the last reading stopped. EventsError where nothing can be read."""
        ...

    async def stop(self) -> None:
        """Lets go."""
        ...

    def caught_up(self) -> bool:
        """Whether everything that was there at the start has been read."""
        ...

    async def poll(self, timeout_s: float) -> set[str]:
        """Reads on; the players it was about."""
        ...


class Comparison(Struct, frozen=True, kw_only=True):
    """The outcome: `operations` of the wallet that were found in order, and the differences in words (the first ones)."""

    agree: bool
    players: int
    operations: int
    differences: list[Difference] = []
    difference_count: int = 0


async def compare_books(
    books: Books, studios: Mapping[str, MascotStudio], reader: EventSource, *, timeout_s: float = 60.0
) -> Comparison:
    """Compares the books of all players with getBalance and wallet.events, within `timeout_s` seconds."""
    until = time.monotonic() + timeout_s
    differences: list[Difference] = []
    limit = asyncio.Semaphore(AT_ONCE)

    async def take(player: Player) -> PlayerBook | None:
        studio = studios.get(player.provider_account)
        if studio is None:
            text = f"provider account {player.provider_account} is not configured any more; its books cannot be compared"
            differences.append(Difference(kind="no_account", player=player.player, text=text))
            return None
        async with limit:
            return await _take_stock(
                books, studio, player, time.monotonic() + (until - time.monotonic()) * EVENTS_SHARE, differences
            )

    players = list(books.players.values())
    taken = [each for each in await asyncio.gather(*map(take, players)) if each is not None]
    try:
        await asyncio.wait_for(reader.start(), max(1.0, until - time.monotonic()))
        try:
            differences += await _compare_with_events(books, reader, taken, until)
        finally:
            await reader.stop()
    except (EventsError, TimeoutError) as error:
        differences.append(Difference(kind="events", player="", text=f"the events could not be read: {error}"))
    differences += [Difference(kind=each.kind, player=each.player, seq=each.seq, text=each.text) for each in books.faults()]
    books.prune()
    for difference in differences[:10]:
        log.warning("books and wallet differ", kind=difference.kind, player=difference.player, text=difference.text)
    return Comparison(
        agree=not differences,
        players=len(players),
        operations=books.agreed_operations(),
        differences=differences[:DIFFERENCES_LISTED],
        difference_count=len(differences),
    )


async def _take_stock(
    books: Books, studio: MascotStudio, player: Player, until: float, differences: list[Difference]
) -> PlayerBook:
    """The player's books at rest, with the balance that getBalance tells."""
    told: int | None = None
    try:
        async with studio.at_rest(player, max(0.0, until - time.monotonic())) as seat:
            told = await _told_balance(seat, until)
            taken = _book_of(books, studio, player, told)
            if seat.balance != taken.balance:
                text = f"the books on file end with {taken.balance}, the seat has {seat.balance}: a fault of the simulator itself"
                differences.append(Difference(kind="books", player=player.player, text=text))
    except TimeoutError as error:
        text = f"the player did not come to rest in time: a round, a rollback or a deposit of his is still open {error}".strip()
        differences.append(Difference(kind="unresolved", player=player.player, text=text))
        return _book_of(books, studio, player, None)
    if told is None:
        differences.append(Difference(kind="balance_told", player=player.player, text="getBalance was not answered with a balance"))
    return taken


async def _told_balance(seat: Seat, until: float) -> int | None:
    """What getBalance answers, asked again while there is no answer and time is left."""
    while True:
        told = await seat.ask_balance()
        if told is not None or time.monotonic() + ASK_AGAIN_S > until:
            return told
        await asyncio.sleep(ASK_AGAIN_S)


def _book_of(books: Books, studio: MascotStudio, player: Player, told: int | None) -> PlayerBook:
    key = player.player
    return PlayerBook(
        player=books.players[key],
        conversion=studio.target.conversion,
        transactions=books.open_transactions(key),
        deposits=books.open_deposits(key),
        balance=books.balance(key),
        told=told,
    )


async def _compare_with_events(books: Books, reader: EventSource, taken: list[PlayerBook], until: float) -> list[Difference]:
    """Reads events until all players agree, or the time is over; what can still come is waited for."""
    pending = {each.player.player: each for each in taken}
    final: list[Difference] = []
    while not reader.caught_up() and time.monotonic() < until:
        await reader.poll(POLL_S)
    stirred = set(pending)
    while pending:
        late = time.monotonic() >= until
        for key in stirred & pending.keys() if not late else list(pending):
            differences = _compare_one(books, pending[key])
            if not differences or late or any(each.kind not in MAY_STILL_COME for each in differences):
                final += differences
                del pending[key]
            await asyncio.sleep(0)
        if pending:
            stirred = await reader.poll(POLL_S)
    return final


def _compare_one(books: Books, book: PlayerBook) -> list[Difference]:
    key = book.player.player
    last_id = book.transactions[-1].id if book.transactions else book.player.agreed_id
    known = {deposit.key for deposit in book.deposits}
    later = {each.ref for each in books.open_transactions(key) if each.id > last_id}
    later |= {each.key for each in books.open_deposits(key) if each.key not in known}
    verdict = compare_player(replace(book, later=frozenset(later)), books.operations_after(key, book.player.agreed_seq))
    if not verdict.differences:
        books.agree(verdict.agreed, known)
    return verdict.differences
