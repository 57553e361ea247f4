"""The lobby: a page with all games, and play for one demo player through the operator's API. It moves no money itself."""

from services.catalogue.lobby.player import DemoPlayer, demo_player
from services.catalogue.lobby.problems import ALL as PROBLEMS
from services.catalogue.lobby.routes import LobbyGames, add_lobby
from services.catalogue.lobby.settings import LobbySettings

__all__ = ["PROBLEMS", "DemoPlayer", "LobbyGames", "LobbySettings", "add_lobby", "demo_player"]
