"""Who calls a route: the key that the gate has found, and the scope that the route asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from shared.access import ApiKey
from shared.web.gate import CALLER, REQUEST_ID
from shared.web.problems import SCOPE_MISSING, Problem


@dataclass(frozen=True, slots=True)
class Caller:
    """The key of a request, and the request's id."""

    key: ApiKey
    request_id: str

    @property
    def brand(self) -> str:
        """The brand that the key is bound to."""
        return self.key.brand

    def must_have(self, scope: str, why: str = "") -> None:
        """Problem `scope-missing` where the key has not the scope."""
        if scope not in self.key.scopes:
            has = ", ".join(sorted(self.key.scopes)) or "none"
            raise Problem(SCOPE_MISSING, f"{why or 'this route'} asks for the scope {scope!r}; key {self.key.key_id} has: {has}")


def caller_with(scope: str, request: Request) -> Caller:
    """The caller of a guarded route, who has the scope; problem `scope-missing` where not."""
    found = Caller(request.scope[CALLER], request.scope[REQUEST_ID])
    found.must_have(scope)
    return found


def _caller_with(scope: str) -> object:
    # The gate has checked the key, and `documented` tells of it: a security scheme of FastAPI's would be run for nothing.
    async def caller(request: Request) -> Caller:
        return caller_with(scope, request)

    return Depends(caller)


Reads = Annotated[Caller, _caller_with("read")]
Plays = Annotated[Caller, _caller_with("play")]
Moves = Annotated[Caller, _caller_with("money")]
Administers = Annotated[Caller, _caller_with("admin")]
