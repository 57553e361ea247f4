"""Calls each provider now and then, so that its health is known before a player is the one to find out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import structlog

from shared.providers.client import ProviderClient, ProviderError

log = structlog.get_logger(__name__)

RETRY_S: Final = 2.0


class Probes:
    """Asks each provider account for its games every `every_s`, unless something else was answered lately.

    One that fails is asked again after seconds, then more and more seldom.
    """

    def __init__(self, clients: Mapping[str, ProviderClient], every_s: float) -> None:
        self._clients = clients
        self._every_s = every_s
        self._failures: dict[str, ProviderError] = {}

    def failure_of(self, account: str) -> ProviderError | None:
        """What the last probe of an account failed with; None where it was answered, or needless."""
        return self._failures.get(account)

    async def run(self) -> None:
        """Probes until it is cancelled."""
        await asyncio.gather(*(self._keep(account) for account in self._clients))

    async def _keep(self, account: str) -> None:
        retry_s = RETRY_S
        while True:
            answers = await self.probe(account)
            retry_s = RETRY_S if answers else retry_s * 2
            await asyncio.sleep(self._every_s if answers else min(retry_s, self._every_s))

    async def probe(self, account: str) -> bool:
        """One probe: whether the provider answers. A failure is in the client's health, and told in the log."""
        client = self._clients[account]
        if client.health.ok and time.time() - client.health.last_ok_at_ms / 1_000 < self._every_s:
            self._failures.pop(account, None)
            return True
        try:
            await client.listing()
        except ProviderError as error:
            log.warning("a provider account does not answer as it should", account=account, cause=str(error), advice=error.advice)
            self._failures[account] = error.with_traceback(None)
            return False
        self._failures.pop(account, None)
        return True
