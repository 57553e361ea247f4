"""The streams: the same bets and wins for every contestant, made before any clock starts.

A stake opens a round and a win closes it, under keys of their own; a block of stakes comes before the block of their
wins, so that the two never meet in a baseline's pool. Knows no Kafka and no database.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final, Literal

from shared.contracts import Bet, Command, Win
from shared.money import parse_decimal
from tests.bench.players import ACCOUNT, CURRENCY, GAME

Pattern = Literal["uniform", "zipf", "hot"]
"""Which players play: all alike, by Zipf's law with exponent 1.0, or one alone."""

BLOCK: Final = 500
"""Stakes before their wins begin."""

DEADLINE_MS: Final = 600_000
"""Nothing may expire: how long a command waits in Kafka is what is measured."""

NAMESPACE: Final = "tx"
STAKE: Final = parse_decimal("1.00", CURRENCY)
TAG_CHARS_MAX: Final = 12


def draw(count: int, pattern: Pattern, number: int, seed: str) -> list[int]:
    """`number` players by their place, of `count`; the same seed draws the same ones."""
    chance = random.Random(seed)
    if pattern == "hot":
        return [chance.randrange(count)] * number
    if pattern == "uniform":
        return chance.choices(range(count), k=number)
    weights = accumulate(1 / rank for rank in range(1, count + 1))
    return chance.choices(range(count), cum_weights=list(weights), k=number)


def make(
    players: list[tuple[str, str]],
    pattern: Pattern,
    number: int,
    tag: str,
    *,
    attempt: str = "",
    caller: str = "",
    partition: int = -1,
) -> Iterator[Command]:
    """`number` commands; `players` are (key, session). The tag names the keys: the same tag gives the same commands again.

    Commands are numbered: the id of the n-th is "<tag><attempt>.<n in hex>".
    """
    assert len(tag) <= TAG_CHARS_MAX, f"a tag of {len(tag)} characters makes references of another length"
    drawn = draw(len(players), pattern, (number + 1) // 2, tag)
    places = (
        (first + at, is_win)
        for first in range(0, len(drawn), BLOCK)
        for is_win in (False, True)
        for at in range(min(BLOCK, len(drawn) - first))
    )
    for index, (place, is_win) in zip(range(number), places, strict=False):
        player, session = players[drawn[place]]
        fields: dict[str, Any] = {
            "command_id": f"{tag}{attempt}.{index:x}",
            "caller": caller,
            "reply_partition": partition,
            "player": player,
            "provider_account": ACCOUNT,
            "namespace": NAMESPACE,
            # 20 characters, about what providers send.
            "external_id": f"{tag:_>12}{index:08}",
            "deadline_ms": DEADLINE_MS,
            "currency": CURRENCY,
            "wire_currency": CURRENCY,
            "player_currency": CURRENCY,
            "game_id": GAME,
            "game_state": "live",
            "session_id": session,
            "round_id": f"{tag:_>12}{place:08}",
        }
        yield Win(**fields, win=STAKE, closes_round=True) if is_win else Bet(**fields, stake=STAKE)
