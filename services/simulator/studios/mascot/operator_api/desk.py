"""The studio's desk for operators: the parts of Operator API v1 in one process, put together. No HTTP here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.simulator.books import Books
from services.simulator.studios.mascot.operator_api.door import Door, Operator, operator_of
from services.simulator.studios.mascot.operator_api.faults import FaultBoard
from services.simulator.studios.mascot.operator_api.games import load_games
from services.simulator.studios.mascot.operator_api.launched import LaunchedSessions
from services.simulator.studios.mascot.operator_api.methods import Methods
from services.simulator.studios.mascot.operator_api.store import Store
from services.simulator.studios.mascot.studio import MascotStudio
from shared.settings import ProviderAccount


class OperatorDesk:
    """Serves the operators whose provider accounts are played by `studios`.

    `path` is the desk's own file, `public_url` the address under which operators and players reach this process. Start it after
    the studios and close it before them: launched sessions use their wires.
    """

    def __init__(
        self,
        path: Path,
        accounts: Mapping[str, ProviderAccount],
        studios: Mapping[str, MascotStudio],
        books: Books,
        *,
        public_url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.operators: dict[str, Operator] = {name: operator_of(accounts[name]) for name in studios}
        self.games = load_games()
        self.faults = FaultBoard()
        self.door = Door(list(self.operators.values()), clock)
        self.store = Store(path)
        self.launched = LaunchedSessions(self.store, studios)
        self._methods = Methods(self.store, books, self.games, public_url=public_url, clock=clock)
        self._clock = clock

    def start(self) -> None:
        """Takes up what a process before this one left open."""
        self.launched.start()

    async def close(self) -> None:
        """Stops what runs and closes the file."""
        await self.launched.close()
        self.store.close()

    def do(self, operator: Operator, method: str, params: Any) -> dict[str, Any]:
        """Does one call of an operator; RpcError where it is refused."""
        return self._methods.do(operator, method, params)

    def digits_of(self, provider_account: str, currency: str) -> int:
        """Decimals of a currency's minor unit; 0 where it is not configured any more, so that minor units are shown."""
        operator = self.operators.get(provider_account)
        return operator.digits.get(currency, 0) if operator is not None else 0

    def now_ms(self) -> int:
        """Unix milliseconds by the desk's clock."""
        return int(self._clock() * 1000)
