"""Who is in front of a page, and what he may do: the dependencies of routes. Who has signed in is found by the guard before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request

from services.backoffice.console.settings import ROLES, Role
from shared.errors import StakewireError

SIGNED_IN: Final = "stakewire.signed_in"
FORM_TOKEN: Final = "stakewire.form_token"  # noqa: S105  # a name in the request's scope, no secret
NEXT_CHARS_MAX: Final = 2_000


class NotSignedIn(StakewireError):
    """Nobody has signed in, or not any more."""


class RoleMissing(StakewireError):
    """Who has signed in may not do this."""

    def __init__(self, needed: Role, has: str) -> None:
        super().__init__(f"This asks for the role {needed!r}; yours is {has!r}.")
        self.needed = needed
        self.has = has


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who has signed in. `csrf` goes into every form."""

    login: str
    name: str
    role: Role
    csrf: str
    source: str = "password"
    token_sha256: bytes = b""

    def may(self, role: Role) -> bool:
        """Whether he has the rights of a role."""
        return ROLES.index(self.role) >= ROLES.index(role)


def signed_in(request: Request) -> SignedIn:
    """Who has signed in; NotSignedIn where nobody has."""
    found = request.scope.get(SIGNED_IN)
    if not isinstance(found, SignedIn):
        raise NotSignedIn("nobody has signed in")
    return found


def _with(role: Role) -> object:
    async def who(request: Request) -> SignedIn:
        found = signed_in(request)
        if not found.may(role):
            raise RoleMissing(role, found.role)
        return found

    return Depends(who)


Viewer = Annotated[SignedIn, _with("viewer")]
Support = Annotated[SignedIn, _with("support")]
Finance = Annotated[SignedIn, _with("finance")]
Admin = Annotated[SignedIn, _with("admin")]


def safe_next(path: str) -> str:
    """Where to go after signing in: a path of ours, or the home page for anything else."""
    if len(path) > NEXT_CHARS_MAX or not path.startswith("/") or path.startswith("//") or "\\" in path:
        return "/"
    if any(ord(letter) <= ord(" ") or ord(letter) == 0x7F for letter in path):  # noqa: PLR2004  # DEL
        return "/"
    parts = urlsplit(path)
    return path if not parts.scheme and not parts.netloc and parts.path != "/sign-in" else "/"


def sign_in_url(request: Request) -> str:
    """The sign-in page that leads back here."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = safe_next(here) if request.method in {"GET", "HEAD"} else "/"
    return "/sign-in" if target == "/" else f"/sign-in?next={quote(target, safe='/')}"
