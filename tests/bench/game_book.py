"""`python -m tests.bench.game_book [games]`: what the games cost a gateway process, in memory and in time.

Prints: bytes for the book and for a game, records taken a second, and how long a callback's question takes. Judges nothing.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator

from rich.console import Console

from services.gateway.games import GameBook, GameReader
from services.gateway.switches import SwitchBoard
from shared.contracts import codec
from shared.contracts.games import OffRule
from shared.kafka.topics import TopicNames
from tests.catalogue_games import game

GAMES = 20_000
QUESTIONS = 200_000
ACCOUNTS = ("mascot-main", "mascot-blue")
Print = Callable[[str], None]


def main(games: int, tell: Print) -> None:
    """Measures with so many games, half at each of two accounts."""
    tell(f"{games:,} games")
    tracemalloc.start()
    taken, held = _filled(games)
    book_bytes = tracemalloc.get_traced_memory()[0] - held
    tracemalloc.stop()
    tell(f"  memory         {book_bytes / 1e6:8.2f} MB, {book_bytes / games:.0f} bytes a game")
    del taken

    started = time.perf_counter()
    book, _ = _filled(games)
    with_making_s = time.perf_counter() - started
    started = time.perf_counter()
    for _ in _records(games):
        pass
    reading_s = max(with_making_s - (time.perf_counter() - started), 1e-9)
    tell(f"  read           {reading_s:8.2f} s, {games / reading_s:,.0f} records a second")

    states = SwitchBoard().game_states(ACCOUNTS[0], ("main", "blue"), {}, book)
    started = time.perf_counter()
    for number in range(QUESTIONS):
        states.of(f"game-{number % games:05d}")
    tell(f"  a question     {(time.perf_counter() - started) / QUESTIONS * 1e6:8.2f} us, over all games in turn")
    started = time.perf_counter()
    for _ in range(QUESTIONS):
        states.of("game-00000")
    tell(f"                 {(time.perf_counter() - started) / QUESTIONS * 1e6:8.2f} us, of one game")


def _filled(games: int) -> tuple[GameBook, int]:
    """A book as its reader fills it, and the bytes that were held before."""
    book = GameBook()
    reader = GameReader("127.0.0.1:1", TopicNames(), book)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    for key, value in _records(games):
        reader.take(key, value)
    gc.collect()
    return book, held


def _records(games: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values as they lie on the topic: full records, one in twenty withdrawn or taken off somewhere."""
    for number in range(games):
        record = game(
            ACCOUNTS[number % 2],
            f"game-{number:05d}",
            version=1_700_000_000_000 + number,
            state="withdrawn" if number % 40 == 0 else "live",
            studio="Studio",
            description="A text of a usual length about what is to be seen and won in this game, in two or three sentences.",
            tags=("FR", "slots", f"theme-{number % 50}"),
            languages=("en", "de", "fr", "es", "it", "pt"),
            currencies=("EUR", "USD", "GBP"),
            rtp=("96.10", "94.20"),
            lines="243-3125w",
            images={"cover": f"https://images.example/covers/game-{number:05d}.svg"},
            devices=(("desktop", "mobile"), ("mobile",), ("desktop",))[number % 3],
            off=(OffRule(brand="blue", country="MT"),) if number % 40 == 1 else (),
            forbidden_countries=("US", "FR") if number % 7 == 0 else (),
        )
        yield f"{record.provider_account}|{record.game_id}".encode(), codec.encode(record)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else GAMES, Console(highlight=False).print)
