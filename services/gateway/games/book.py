"""All games in memory, as little of each as launches and callbacks ask for. No input, no output, no clock.

A game that is not in the book is unknown: its bets are taken all the same, its launches are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from shared.contracts import GameState
from shared.contracts.games import CatalogueState, GameRecord, OffRule
from shared.providers.facts import DEMO, FREE_ROUNDS

GAMES_MAX: Final = 200_000
"""Games in the book; what comes after that stays unknown. About 40 MB."""

SHARED_MAX: Final = 8_192
"""Values that games have in common and that are kept once."""

T = TypeVar("T")

_UNKNOWN: Final[tuple[GameState, Mapping[str, GameState]]] = ("unknown", {})
_OFF: Final[tuple[GameState, Mapping[str, GameState]]] = ("off", {})
_LIVE: Final[tuple[GameState, Mapping[str, GameState]]] = ("live", {})

ClosedBy = Literal["withdrawn", "off", "forbidden-country"]


class Closed(NamedTuple):
    """Why a game is not to be had: by the provider's withdrawal, by the operator, or by a country the provider forbids."""

    by: ClosedBy
    words: str


class Game(msgspec.Struct, frozen=True, gc=False):
    """What a launch and a callback ask of a game. `devices` is empty where the provider does not tell."""

    version: int
    state: CatalogueState
    devices: tuple[str, ...]
    free_rounds: bool
    demo: bool
    off: tuple[OffRule, ...]
    forbidden_countries: tuple[str, ...]

    def why_closed(self, *, brand: str, currency: str, country: str) -> Closed | None:
        """What keeps a player of the brand, currency and country from the game; None where nothing does.

        An empty `country` is one that is not known: no rule of a country holds for it.
        """
        if self.state == "withdrawn":
            return Closed("withdrawn", "the provider does not list the game any more")
        for rule in self.off:
            if rule.brand in ("", brand) and rule.currency in ("", currency) and rule.country in ("", country):
                where = ", ".join(part for part in (rule.brand, rule.country, rule.currency) if part)
                return Closed("off", f"the operator has taken the game off{f' for {where}' if where else ''}")
        if country and country in self.forbidden_countries:
            return Closed("forbidden-country", f"the provider does not allow the game in {country}")
        return None

    def why_not(self, *, device: str = "", free_rounds: bool = False, demo: bool = False) -> str:
        """Why the game cannot be launched so; empty where it can. An empty `device` is any."""
        if device and self.devices and device not in self.devices:
            return f"the game is made for {' and '.join(self.devices)} only, not for {device}"
        if free_rounds and not self.free_rounds:
            return "the game has no free rounds"
        if demo and not self.demo:
            return "the game has no demo"
        return ""


class GameBook:
    """All games by provider account and id. `revision` grows with each change that matters to a launch or a callback.

    `complete` says that the topic was read to its end once: from then on a game that is not here is unknown, and not
    only not read yet.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, dict[str, Game]] = {}
        self._shared: dict[Any, Any] = {}
        self._count = 0
        self.revision = 0
        self.left_out = 0
        self.complete = False

    def __len__(self) -> int:
        """How many games there are, withdrawn ones too."""
        return self._count

    def find(self, provider_account: str, game_id: str) -> Game | None:
        """A game; None where it is unknown."""
        return self._accounts.get(provider_account, {}).get(game_id)

    def listed(self, provider_account: str) -> int:
        """How many games the provider account lists now."""
        return sum(1 for game in self._accounts.get(provider_account, {}).values() if game.state == "live")

    def version_of(self, provider_account: str, game_id: str) -> int:
        """The version of a game's record; 0 where it is unknown."""
        game = self.find(provider_account, game_id)
        return 0 if game is None else game.version

    def states_of(self, provider_account: str, game_id: str) -> tuple[GameState, Mapping[str, GameState]]:
        """What holds for commands: for everybody, and for the players of a brand where that is stricter.

        A rule with a country or a currency does not count: it hides the game and refuses launches only.
        """
        game = self.find(provider_account, game_id)
        if game is None:
            return _UNKNOWN
        if game.state == "withdrawn":
            return _OFF
        brands = [rule.brand for rule in game.off if not rule.country and not rule.currency]
        if not brands:
            return _LIVE
        return _OFF if "" in brands else ("live", dict.fromkeys(brands, "off"))

    def apply(self, record: GameRecord) -> bool:
        """Takes a record over, unless a newer version of it is known. Says whether launches or callbacks may differ by it."""
        games = self._accounts.setdefault(record.provider_account, {})
        known = games.get(record.game_id)
        if known is not None and known.version >= record.version:
            return False
        if known is None:
            if self._count >= GAMES_MAX:
                self.left_out += 1
                return False
            self._count += 1
        game = Game(
            record.version,
            record.state,
            self._share(record.devices),
            FREE_ROUNDS in record.features,
            DEMO in record.features,
            self._share(record.off),
            self._share(record.forbidden_countries),
        )
        games[record.game_id] = game
        if known is not None and msgspec.structs.replace(known, version=game.version) == game:
            return False
        self.revision += 1
        return True

    def purge(self, provider_account: str, game_id: str) -> bool:
        """Forgets a game: it is unknown from now on. Says whether it was known."""
        games = self._accounts.get(provider_account, {})
        if games.pop(game_id, None) is None:
            return False
        self._count -= 1
        self.revision += 1
        return True

    def _share(self, value: T) -> T:
        """The same value for all that are equal: thousands of games have few different ones."""
        if len(self._shared) >= SHARED_MAX:
            self._shared.clear()
        shared: T = self._shared.setdefault(value, value)
        return shared
