"""The operator's switches: what is open for play, by brand, provider account and game.

PostgreSQL holds them (`SwitchStore`), `gateway.switches` carries them (`SwitchControl`), every process of the gateway
reads them (`SwitchReader`) and keeps them in memory (`SwitchBoard`).
"""

from services.gateway.switches.board import AccountGames, SwitchBoard, SwitchKey, key_of
from services.gateway.switches.control import SwitchControl, Switched
from services.gateway.switches.errors import SwitchError, SwitchRefusedError
from services.gateway.switches.reader import SwitchReader
from services.gateway.switches.store import StoredSwitch, SwitchStore

__all__ = [
    "AccountGames",
    "StoredSwitch",
    "SwitchBoard",
    "SwitchControl",
    "SwitchError",
    "SwitchKey",
    "SwitchReader",
    "SwitchRefusedError",
    "SwitchStore",
    "Switched",
    "key_of",
]
