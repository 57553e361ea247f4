"""The switches in memory, and what they mean for a launch and for a command. No input, no output, no clock.

The strictest of all switches that match counts: live < drain < off. What a command carries is a GameState: `drain`
becomes `off` (no new rounds), `off` becomes `stopped` (no stake at all).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple, Protocol

from shared.contracts import GameState, SwitchSet, SwitchState

GAMES_KEPT_MAX: Final = 32_768
"""Games whose state is kept ready, for each provider account; beyond it they are worked out again."""

_STRICTNESS: Final[dict[SwitchState, int]] = {"live": 0, "drain": 1, "off": 2}
_CLOSED: Final[dict[SwitchState, GameState]] = {"drain": "off", "off": "stopped"}
_GAME_STRICTNESS: Final[dict[GameState, int]] = {"unknown": 0, "live": 1, "off": 2, "stopped": 3}
_CONFIGURED: Final[dict[str, GameState]] = {"live": "live", "off": "off"}
_SAME_FOR_ALL: Final[dict[GameState, tuple[GameState, dict[str, GameState]]]] = {state: (state, {}) for state in _GAME_STRICTNESS}
"""The answer for most games, kept once."""

_UNLISTED: Final[tuple[GameState, Mapping[str, GameState]]] = ("unknown", {})


class KnownGames(Protocol):
    """What the catalogue says of games. `revision` grows with each change."""

    revision: int

    def states_of(self, provider_account: str, game_id: str) -> tuple[GameState, Mapping[str, GameState]]:
        """The state for every player, `unknown` where it has no such game; and by brand where that is stricter."""


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
        if not self._switches:
            return None
        for key in product(_with_all(brand), _with_all(provider_account), _with_all(game_id)):
            switch = self._switches.get(SwitchKey(*key))
            if switch is not None and switch.state != "live" and (closed is None or _stricter(switch, closed)):
                closed = switch
        return closed

    def state_of(self, brand: str, provider_account: str, game_id: str) -> SwitchState:
        """What holds for a game, a provider account (empty game) or a brand (both empty): the strictest that matches."""
        closed = self.why_closed(brand, provider_account, game_id)
        return "live" if closed is None else closed.state

    def game_states(
        self,
        provider_account: str,
        brands: Sequence[str],
        games: Mapping[str, str] | None = None,
        catalogue: KnownGames | None = None,
    ) -> AccountGames:
        """The states of one provider account's games for commands; `games` are those of its configuration."""
        return AccountGames(self, provider_account, brands, games or {}, catalogue)


class AccountGames:
    """Implements `shared.providers.dialect.GameStates` for one provider account: one look-up where nothing has changed.

    The strictest counts of what the configuration, the catalogue and the switches say.
    """

    def __init__(
        self,
        board: SwitchBoard,
        provider_account: str,
        brands: Sequence[str],
        games: Mapping[str, str],
        catalogue: KnownGames | None = None,
    ) -> None:
        self._board = board
        self._catalogue = catalogue
        self._provider_account = provider_account
        self._brands = tuple(brands)
        self._games = games
        self._revision = (-1, -1)
        self._ready: dict[str, tuple[GameState, dict[str, GameState]]] = {}

    def of(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        """What holds for every player, and for the players of a brand where that is stricter. Not to be changed."""
        revision = (self._board.revision, 0 if self._catalogue is None else self._catalogue.revision)
        if self._revision != revision or len(self._ready) >= GAMES_KEPT_MAX:
            self._ready.clear()
            self._revision = revision
        state = self._ready.get(game_id)
        if state is None:
            state = self._ready[game_id] = self._work_out(game_id)
        return state

    def _work_out(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        listed, listed_by_brand = _UNLISTED
        if self._catalogue is not None:
            listed, listed_by_brand = self._catalogue.states_of(self._provider_account, game_id)
        base = _strictest(_CONFIGURED.get(self._games.get(game_id, ""), "unknown"), listed)
        for_all = self._stricter_by_switch("", game_id, base)
        by_brand = {
            brand: self._stricter_by_switch(brand, game_id, _strictest(for_all, listed_by_brand.get(brand, for_all)))
            for brand in self._brands
        }
        stricter = {brand: state for brand, state in by_brand.items() if state != for_all}
        return (for_all, stricter) if stricter else _SAME_FOR_ALL[for_all]

    def _stricter_by_switch(self, brand: str, game_id: str, state: GameState) -> GameState:
        switched = self._board.state_of(brand, self._provider_account, game_id)
        closed = _CLOSED.get(switched)
        return state if closed is None else _strictest(state, closed)


def _strictest(state: GameState, other: GameState) -> GameState:
    return other if _GAME_STRICTNESS[other] > _GAME_STRICTNESS[state] else state


def _with_all(name: str) -> tuple[str, ...]:
    return ("", name) if name else ("",)


def _stricter(switch: SwitchSet, than: SwitchSet) -> bool:
    return _STRICTNESS[switch.state] > _STRICTNESS[than.state]
