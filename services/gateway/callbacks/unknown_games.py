"""Games that providers name in their calls and nobody has heard of: such calls are served like all others, and told of here.

Each game is logged once, and only the first thousand of an account: a provider's new games come with its next list, and a
catalogue that stands still must not fill the log.
"""

from __future__ import annotations

from typing import Final

import structlog

from services.gateway.callbacks import metrics
from services.gateway.games import GameBook
from services.gateway.switches import AccountGames
from shared.contracts import GameState

log = structlog.get_logger(__name__)

NAMED_MAX: Final = 1_000


class ToldOfGames:
    """Implements `shared.providers.dialect.GameStates` for one provider account, over what the gateway knows of its games."""

    def __init__(self, account: str, games: AccountGames, book: GameBook) -> None:
        self._account = account
        self._games = games
        self._book = book
        self._calls = metrics.unknown_games.labels(account)
        self._named: set[str] = set()

    def of(self, game_id: str) -> tuple[GameState, dict[str, GameState]]:
        """As the games have it; a game that is unknown although all were read is counted, and named once in the log."""
        state = self._games.of(game_id)
        if state[0] == "unknown" and game_id and self._book.complete:
            self._tell(game_id)
        return state

    def _tell(self, game_id: str) -> None:
        self._calls.inc()
        if game_id in self._named or len(self._named) >= NAMED_MAX:
            return
        self._named.add(game_id)
        last = len(self._named) >= NAMED_MAX
        log.warning(
            "a call names a game that the catalogue does not know; it is served",
            account=self._account,
            game=game_id,
            last_that_is_named=last,
        )
