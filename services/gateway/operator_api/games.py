"""The providers' game lists, kept in memory for as long as they count as fresh: what a launch may ask of a game."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.failures import problem_of
from shared.providers.client import ProviderClient, ProviderError, ProviderGame
from shared.web.problems import Problem

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _List:
    games: dict[str, ProviderGame]
    read_at: float


class GameDirectory:
    """Game lists by provider account. A list that is older than `fresh_s` is asked for again, by one caller at a time.

    Where the provider does not answer, an old list still counts.
    """

    def __init__(self, fresh_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.fresh_s = fresh_s
        self._clock = clock
        self._lists: dict[str, _List] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def find(self, account: str, client: ProviderClient, game_id: str) -> ProviderGame:
        """A game of the provider's list. A game that the list does not have is looked for in a new list, once."""
        games = await self._games(account, client)
        if game_id not in games and self._age(account) > self.fresh_s / 10:
            games = await self._games(account, client, older_than_s=self.fresh_s / 10)
        game = games.get(game_id)
        if game is None:
            raise Problem(p.GAME_NOT_FOUND, f"the list of {account} has {len(games)} games, but no {game_id}")
        return game

    async def refresh(self, account: str, client: ProviderClient) -> None:
        """Reads a list that is no longer fresh; a failure is noted in the client's health and told in the log."""
        try:
            await self._games(account, client)
        except Problem as problem:
            log.warning("the game list could not be read", account=account, cause=problem.detail, advice=problem.advice)

    def known(self, account: str) -> int:
        """How many games the last list had; 0 where none was read yet."""
        found = self._lists.get(account)
        return len(found.games) if found else 0

    async def _games(self, account: str, client: ProviderClient, older_than_s: float | None = None) -> dict[str, ProviderGame]:
        limit_s = self.fresh_s if older_than_s is None else older_than_s
        async with self._locks.setdefault(account, asyncio.Lock()):
            held = self._lists.get(account)
            if held is not None and self._age(account) <= limit_s:
                return held.games
            try:
                games = {game.game_id: game for game in await client.games()}
            except ProviderError as error:
                if held is None:
                    raise problem_of(error) from error
                log.warning("the game list could not be read again; the old one counts", account=account, cause=str(error))
                return held.games
            self._lists[account] = _List(games, self._clock())
            return games

    def _age(self, account: str) -> float:
        held = self._lists.get(account)
        return self._clock() - held.read_at if held else float("inf")
