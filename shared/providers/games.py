"""The states of an account's games as its configuration alone has them: what holds where there are no switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.contracts.commands import GameState

_STATES: Final[dict[str, GameState]] = {"live": "live", "off": "off"}
_UNKNOWN: Final[tuple[GameState, dict[str, GameState]]] = ("unknown", {})


class ConfiguredGames:
    """Implements `shared.providers.dialect.GameStates`; `games` is the account's table `games`."""

    def __init__(self, games: Mapping[str, str]) -> None:
        self._states: dict[str, tuple[GameState, dict[str, GameState]]] = {
            game_id: (_STATES.get(state, "unknown"), {}) for game_id, state in games.items()
        }

    def of(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        """The state that the configuration gives, `unknown` where it does not name the game; no brand differs."""
        return self._states.get(game_id, _UNKNOWN)
