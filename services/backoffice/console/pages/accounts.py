"""A provider account's page: how it is set up, how it fares, how old its keys are. What it shows of the set-up, the operator API tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Form, Path, Request, Response

from services.backoffice.console.frame import Frame, Support, Viewer
from services.backoffice.findings.health import Health
from services.backoffice.office.directory import Directory
from services.backoffice.operator import OperatorApi, OperatorError
from shared.web.problems import NOT_FOUND, Problem
from shared.web.values import ACCOUNT_PATTERN

KEY_OLD: Final = timedelta(days=365)
CERTIFICATE_SOON: Final = timedelta(days=30)
LEVELS: Final = {"green": "good", "amber": "warn", "red": "bad", "none": "plain"}
AccountPath = Annotated[str, Path(pattern=ACCOUNT_PATTERN)]


class HealthSource(Protocol):
    """Who knows how an account fares."""

    async def of(self, account: str, outbound: Mapping[str, tuple[str, str]] | None = None) -> Health:
        """The health of one account; `outbound` is how our calls to it go."""
        ...


def routes(frame: Frame, directory: Directory, operator: OperatorApi, health: HealthSource) -> APIRouter:
    """The routes of a provider account."""
    router = APIRouter(include_in_schema=False)

    @router.get("/integrations/{account}")
    async def page(request: Request, who: Viewer, account: AccountPath) -> Response:
        """One provider account."""
        del who
        told, away = await _told(operator, account)
        if not told and account not in await directory.accounts():
            raise Problem(
                NOT_FOUND, f"there is no provider account {account!r}", advice="The page Integrations lists those there are."
            )
        first = next(iter(told.values()), None)
        outbound = {account: (first["health"]["status"], first["health"]["cause"] or "")} if first else None
        return frame.page(
            request,
            "account.html",
            title=account,
            account=account,
            told=told,
            first=first,
            away=away,
            health=await health.of(account, outbound),
            levels=LEVELS,
            dialect=first["dialect"] if first else await directory.dialect(account),
            games=await directory.count_games(account),
            keys=[_key(each) for each in first["keys"]] if first else [],
            certificates=[_certificate(each) for each in first["certificates"]] if first else [],
            notes=await frame.audit_log.notes(f"account:{account}"),
        )

    @router.post("/integrations/{account}/notes")
    async def add_note(
        request: Request, who: Support, account: AccountPath, words: Annotated[str, Form(max_length=4_000)] = ""
    ) -> Response:
        """Keeps a note on a provider account."""
        return await frame.keep_note(request, who, f"account:{account}", words, f"/integrations/{account}#notes")

    return router


async def _told(operator: OperatorApi, account: str) -> tuple[dict[str, Mapping[str, Any]], str]:
    """What the operator API tells of an account, by brand; and why it does not."""
    told: dict[str, Mapping[str, Any]] = {}
    away = "" if operator.brands else "No operator API is set up: how the account is set up is not known here."
    for brand in operator.brands:
        try:
            told[brand] = await operator.get(brand, f"/v1/provider-accounts/{account}")
        except OperatorError as error:
            if error.problem != "provider-account-not-found":
                away = f"{error} {error.advice}".strip()
    return told, away


def _key(told: Mapping[str, Any]) -> dict[str, Any]:
    since = datetime.fromisoformat(told["since"]) if told["since"] else None
    age = datetime.now(UTC) - since if since else None
    return {"key_id": told["key_id"], "since": since, "days": age.days if age else None, "old": bool(age and age > KEY_OLD)}


def _certificate(told: Mapping[str, Any]) -> dict[str, Any]:
    ends = datetime.fromisoformat(told["not_after"]) if told["not_after"] else None
    left = ends - datetime.now(UTC) if ends else None
    kind = "good" if left and left > CERTIFICATE_SOON else "warn" if left and left > timedelta(0) else "bad"
    return {**told, "not_after": ends, "days": left.days if left else None, "kind": kind}
