"""What may be launched, and what not: the catalogue's games under the operator's switches and the configuration.

The catalogue is followed in memory; no request waits for a provider or the catalogue to learn what a game is.
"""

from __future__ import annotations

from collections.abc import Callable

from services.gateway.games import Game, GameBook
from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import RETRY_AFTER
from services.gateway.operator_api.failures import problem_of
from services.gateway.switches import SwitchBoard
from shared.contracts import GameState
from shared.providers.client import ProviderError
from shared.providers.dialect import GameStates
from shared.settings import AccountsFile, ProviderAccount
from shared.web.problems import OVERLOADED, Problem


class GameOffer:
    """One for the process. `failure_of` gives what a provider account last failed with, None where it answers."""

    def __init__(
        self,
        file: AccountsFile,
        board: SwitchBoard,
        book: GameBook,
        failure_of: Callable[[str], ProviderError | None] = lambda _: None,
    ) -> None:
        self._board = board
        self._book = book
        self._failure_of = failure_of
        self._states = {
            name: board.game_states(name, account.brands, account.games, book) for name, account in file.provider_accounts.items()
        }

    def listed(self, account: str) -> int:
        """How many games the provider account lists, by the catalogue."""
        return self._book.listed(account)

    def states(self, account: str) -> GameStates | None:
        """What may be played at a provider account, as the callbacks' listener sees it; None while the games are not read yet."""
        return self._states[account] if self._book.complete else None

    def must_be_launchable(
        self,
        brand: str,
        account: ProviderAccount,
        game_id: str,
        *,
        currency: str,
        country: str = "",
        device: str = "",
        free_rounds: bool = False,
        demo: bool = False,
    ) -> tuple[GameState, dict[str, GameState]]:
        """The state of a game for a command, where a player of this brand, currency and country may start it so.

        Raises Problem: `game-not-available` with its `reason`, `game-not-found`, `game-not-suitable`. An empty `country`
        is not known, an empty `device` any.
        """
        self._must_not_be_switched_off(brand, account, game_id)
        game = self.must_be_offered(brand, account, game_id, currency=currency, country=country)
        self._must_suit(game, game_id, device=device, free_rounds=free_rounds, demo=demo)
        return self._states[account.name].of(game_id)

    def must_have_free_rounds(self, brand: str, account: ProviderAccount, game_id: str, *, currency: str, country: str) -> None:
        """Problem where no free rounds can be given for the game; a switch may be turned until they are played."""
        self._must_suit(
            self.must_be_offered(brand, account, game_id, currency=currency, country=country), game_id, free_rounds=True
        )

    def must_be_offered(self, brand: str, account: ProviderAccount, game_id: str, *, currency: str, country: str) -> Game:
        """A game of the catalogue that players of this brand, currency and country may have, whatever the switches say."""
        game = self._book.find(account.name, game_id)
        if game is None:
            raise self._unknown(account.name, game_id)
        closed = game.why_closed(brand=brand, currency=currency, country=country)
        if closed is not None:
            raise Problem(p.GAME_NOT_AVAILABLE, f"{game_id} of {account.name}: {closed.words}", reason=closed.by)
        return game

    def _must_not_be_switched_off(self, brand: str, account: ProviderAccount, game_id: str) -> None:
        closed = self._board.why_closed(brand, account.name, game_id)
        if closed is not None:
            what = "/".join(part for part in (closed.brand, closed.provider_account, closed.game_id) if part) or "everything"
            why = f" ({closed.reason})" if closed.reason else ""
            detail = f"the switch of {what} stands on {closed.state}{why}"
            raise Problem(p.GAME_NOT_AVAILABLE, detail, reason="switch", switch=closed.state)
        if account.games.get(game_id) == "off":
            detail = f"the configuration has switched the game {game_id} off"
            raise Problem(p.GAME_NOT_AVAILABLE, detail, reason="configuration", switch="off")

    def _must_suit(self, game: Game, game_id: str, *, device: str = "", free_rounds: bool = False, demo: bool = False) -> None:
        unsuitable = game.why_not(device=device, free_rounds=free_rounds, demo=demo)
        if unsuitable:
            raise Problem(p.GAME_NOT_SUITABLE, f"{game_id}: {unsuitable}")

    def _unknown(self, account: str, game_id: str) -> Problem:
        """Why the catalogue does not have a game: most helpful where it could not read a list at all."""
        if not self._book.complete:
            return Problem(OVERLOADED, "the games of the catalogue are not read yet", headers=RETRY_AFTER)
        listed = self._book.listed(account)
        failure = None if listed else self._failure_of(account)
        if failure is not None:
            return problem_of(failure)
        return Problem(p.GAME_NOT_FOUND, f"the catalogue has {listed} games of {account}, but no {game_id}")
