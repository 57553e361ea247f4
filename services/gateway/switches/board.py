"""The switches in memory, and what they mean for a launch and for a command. No input, no output, no clock.

The strictest of all switches that match counts: live < drain < off. What a command carries is a GameState: `drain`
becomes `off` (no new rounds), `off` becomes `stopped` (no stake at all).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

from shared.contracts import GameState, SwitchSet, SwitchState

GAMES_KEPT_MAX: Final = 4_096
"""Games whose state is kept ready, for each provider account; beyond it they are worked out again."""

_STRICTNESS: Final[dict[SwitchState, int]] = {"live": 0, "drain": 1, "off": 2}
_CLOSED: Final[dict[SwitchState, GameState]] = {"drain": "off", "off": "stopped"}
_GAME_STRICTNESS: Final[dict[GameState, int]] = {"unknown": 0, "live": 0, "off": 1, "stopped": 2}
_CONFIGURED: Final[dict[str, GameState]] = {"live": "live", "off": "off"}


class SwitchKey(NamedTuple):
    """What a switch is about; an empty field means all."""

    brand: str = ""
    provider_account: str = ""
    game_id: str = ""

    def __str__(self) -> str:
        """The record key on the topic. Brands and provider accounts hold no "|", so no two keys are alike."""
        return "|".join(self)


def key_of(switch: SwitchSet) -> SwitchKey:
    """What a switch is about."""
    return SwitchKey(switch.brand, switch.provider_account, switch.game_id)


class SwitchBoard:
    """All switches that were ever set, by key. `revision` grows with each change."""

    def __init__(self) -> None:
        self._switches: dict[SwitchKey, SwitchSet] = {}
        self.revision = 0

    def __iter__(self) -> Iterator[SwitchSet]:
        """All switches, those that stand on `live` too."""
        return iter(self._switches.values())

    def apply(self, switch: SwitchSet) -> bool:
        """Takes a switch over, unless a newer version of it is known. Says whether it did."""
        key = key_of(switch)
        known = self._switches.get(key)
        if known is not None and known.version >= switch.version:
            return False
        self._switches[key] = switch
        self.revision += 1
        return True

    def version_of(self, key: SwitchKey) -> int:
        """The version of a switch; 0 where it was never set."""
        known = self._switches.get(key)
        return 0 if known is None else known.version

    def why_closed(self, brand: str, provider_account: str, game_id: str) -> SwitchSet | None:
        """The strictest switch that keeps the game from being open for a brand; None where none does."""
        closed = None
        for key in product(_with_all(brand), _with_all(provider_account), _with_all(game_id)):
            switch = self._switches.get(SwitchKey(*key))
            if switch is not None and switch.state != "live" and (closed is None or _stricter(switch, closed)):
                closed = switch
        return closed

    def state_of(self, brand: str, provider_account: str, game_id: str) -> SwitchState:
        """What holds for a game, a provider account (empty game) or a brand (both empty): the strictest that matches."""
        closed = self.why_closed(brand, provider_account, game_id)
        return "live" if closed is None else closed.state

    def game_states(self, provider_account: str, brands: Sequence[str], games: Mapping[str, str] | None = None) -> AccountGames:
        """The states of one provider account's games for commands; `games` are those of its configuration."""
        return AccountGames(self, provider_account, brands, games or {})


class AccountGames:
    """Implements `shared.providers.dialect.GameStates` for one provider account: one look-up where nothing has changed."""

    def __init__(self, board: SwitchBoard, provider_account: str, brands: Sequence[str], games: Mapping[str, str]) -> None:
        self._board = board
        self._provider_account = provider_account
        self._brands = tuple(brands)
        self._games = games
        self._revision = -1
        self._ready: dict[str, tuple[GameState, dict[str, GameState]]] = {}

    def of(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        """What holds for every player, and for the players of a brand where that is stricter. Not to be changed."""
        if self._revision != self._board.revision or len(self._ready) >= GAMES_KEPT_MAX:
            self._ready.clear()
            self._revision = self._board.revision
        state = self._ready.get(game_id)
        if state is None:
            state = self._ready[game_id] = self._work_out(game_id)
        return state

    def _work_out(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        configured = _CONFIGURED.get(self._games.get(game_id, ""), "unknown")
        for_all = self._stricter_by_switch("", game_id, configured)
        by_brand = {brand: self._stricter_by_switch(brand, game_id, for_all) for brand in self._brands}
        return for_all, {brand: state for brand, state in by_brand.items() if state != for_all}

    def _stricter_by_switch(self, brand: str, game_id: str, state: GameState) -> GameState:
        switched = self._board.state_of(brand, self._provider_account, game_id)
        closed = _CLOSED.get(switched)
        return state if closed is None or _GAME_STRICTNESS[closed] <= _GAME_STRICTNESS[state] else closed


def _with_all(name: str) -> tuple[str, ...]:
    return ("", name) if name else ("",)


def _stricter(switch: SwitchSet, than: SwitchSet) -> bool:
    return _STRICTNESS[switch.state] > _STRICTNESS[than.state]
