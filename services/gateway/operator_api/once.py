"""Requests that take effect once: an Idempotency-Key is bound to its request before the wallet is asked.

The keys belong to the player. The ledger knows them for ever and moves nothing twice; what is bound here tells a
repetition from another request in every detail, and when the first of them came.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from fastapi import Response
from msgspec import Struct

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.desk import OPERATOR, Desk, key_of
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.store import LaunchStore
from services.gateway.operator_api.values import required
from shared.contracts import Reply
from shared.web.callers import Caller
from shared.web.problems import Problem
from shared.web.values import Input

REPLAYED: Final = "Idempotent-Replayed"


class Bound(Struct, frozen=True):
    """A request about a player that was bound to its key. `first_at_ms` is when it came first (Unix milliseconds)."""

    player: str
    external_id: str
    first_at_ms: int


class Once:
    """One for the process."""

    def __init__(self, desk: Desk, estate: Estate, store: LaunchStore) -> None:
        self._desk = desk
        self._estate = estate
        self._store = store

    async def begin(
        self, caller: Caller, player_id: str, idempotency_key: str | None, body: Input, route: str, *path: str
    ) -> Bound:
        """Binds the key; a problem where there is none or it stands for another request. `path`: what else the path names."""
        external_id = required(idempotency_key, "this request changes something for good")
        player = key_of(caller.brand, player_id)
        content = hashlib.sha256("\x1f".join(path).encode() + b"\x1f" + body.digest()).digest()
        bound = await self._store.bind_key(caller.brand, f"{player}:{external_id}", route, content)
        if not bound.fits:
            raise Problem(p.IDEMPOTENCY_CONFLICT, "the key was used before for a request with other content")
        return Bound(player, external_id, bound.used_at_ms)

    def header(self, caller: Caller, request: Bound, *, account: str = OPERATOR) -> dict[str, Any]:
        """The header of the request's command."""
        return self._desk.common(caller.brand, request.player, request.external_id, account=account, namespace=OPERATOR)

    async def noted(
        self, caller: Caller, request: Bound, reply: Reply, response: Response, action: str, after: dict[str, Any], reason: str
    ) -> None:
        """A line of the audit log for what was done just now; for what was done before, the header that says so.

        The ledger has author and reason in any case.
        """
        if not told_again(reply, response):
            await self._estate.note(caller, action, f"player:{request.player}", None, after, reason)


def told_again(reply: Reply, response: Response) -> bool:
    """Whether it was done before; the answer says so then."""
    if reply.replayed:
        response.headers[REPLAYED] = "true"
    return reply.replayed
