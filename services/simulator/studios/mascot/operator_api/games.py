"""The studio's games, from `games.json`. The records are as Game.List has them; `Settings` goes out only with a bank group."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

FREE_ROUNDS: Final = "FR"
NO_DEMO: Final = "NoD"
Tag = Literal["FR", "NoD", "PC", "mobile"]


class Game(Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True):
    """One game. `lines_count` is text such as "25" or "243-3125w", `base_bet` the stake of a spin in coins."""

    id: str
    name: str
    description: str
    section_id: str
    type: str
    tags: tuple[Tag, ...]
    format: str
    lines_count: str
    base_bet: int
    settings: dict[str, Any]

    @property
    def free_rounds(self) -> bool:
        """Whether a session of it may have a bonus."""
        return FREE_ROUNDS in self.tags

    @property
    def demo(self) -> bool:
        """Whether it can be played without money."""
        return NO_DEMO not in self.tags

    def record(self, *, with_settings: bool) -> dict[str, Any]:
        """The record of Game.List."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        if not with_settings:
            del record["Settings"]
        return record


def load_games(path: Path = Path(__file__).parent / "games.json") -> dict[str, Game]:
    """The games by id, in the order of the file."""
    return {game.id: game for game in msgspec.json.decode(path.read_bytes(), type=list[Game])}
