"""Who calls a route: the key that the gate has found, and the scope that the route asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from shared.access import ApiKey
from shared.web.gate import CALLER, REQUEST_ID
from shared.web.problems import INVALID_REQUEST, SCOPE_MISSING, Problem

ACTING_USER: Final = "X-Acting-User"
"""Header in which an administrating system, such as a back office, names the person in front of it."""

_ACTING: Final = re.compile(r"[!-~]([ -~]{0,62}[!-~])?")


@dataclass(frozen=True, slots=True)
class Caller:
    """The key of a request, the request's id, and the person in front of the caller's system where it names one."""

    key: ApiKey
    request_id: str
    acting: str = ""

    @property
    def brand(self) -> str:
        """The brand that the key is bound to."""
        return self.key.brand

    @property
    def author(self) -> str:
        """Who is written down for what is done by hand: the key's id, and the person where one is named."""
        return f"{self.key.key_id}/{self.acting}" if self.acting else self.key.key_id

    def must_have(self, scope: str, why: str = "") -> None:
        """Problem `scope-missing` where the key has not the scope."""
        if scope not in self.key.scopes:
            has = ", ".join(sorted(self.key.scopes)) or "none"
            raise Problem(SCOPE_MISSING, f"{why or 'this route'} asks for the scope {scope!r}; key {self.key.key_id} has: {has}")


def caller_with(scope: str, request: Request) -> Caller:
    """The caller of a guarded route, who has the scope; problem `scope-missing` where not."""
    found = Caller(request.scope[CALLER], request.scope[REQUEST_ID], _acting(request))
    found.must_have(scope)
    if found.acting:
        found.must_have("admin", f"the header {ACTING_USER}")
    return found


def _acting(request: Request) -> str:
    told = request.headers.get(ACTING_USER)
    if told is None:
        return ""
    if not _ACTING.fullmatch(told):
        raise Problem(INVALID_REQUEST, f"{ACTING_USER} names a person in 1 to 64 printable ASCII characters")
    return told


def _caller_with(scope: str) -> object:
    # The gate has checked the key, and `documented` tells of it: a security scheme of FastAPI's would be run for nothing.
    async def caller(request: Request) -> Caller:
        return caller_with(scope, request)

    return Depends(caller)


Reads = Annotated[Caller, _caller_with("read")]
Plays = Annotated[Caller, _caller_with("play")]
Moves = Annotated[Caller, _caller_with("money")]
Administers = Annotated[Caller, _caller_with("admin")]
