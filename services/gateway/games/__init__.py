"""The catalogue's games as the gateway knows them: read from `catalogue.games`, kept in memory, asked at launches and callbacks.

The catalogue decides what they are (`GameReader` follows it), the operator's switches lie over them
(`services.gateway.switches`).
"""

from services.gateway.games.book import Closed, Game, GameBook
from services.gateway.games.reader import GameReader

__all__ = ["Closed", "Game", "GameBook", "GameReader"]
