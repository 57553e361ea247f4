"""The doctor for integrators: a request that was pasted, looked at as the callbacks' listener would, and sent nowhere.

Nothing of it reaches the wallet, a log or a table; no nonce is claimed.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Final, Literal

import structlog
from fastapi import APIRouter
from pydantic import Field, StringConstraints

from services.gateway.operator_api import problems as p
from services.gateway.operator_api.estate import Estate
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.values import AccountPath, Input, IpAddress, Moment, Output, example
from shared.errors import SettingsError
from shared.providers.diagnosis import Doctor, Examination
from shared.providers.diagnosis.paste import Pasted, PasteError, decode_base64, made_of_parts, read_paste
from shared.providers.registry import open_doctor
from shared.settings import ProviderAccount
from shared.web.callers import Administers
from shared.web.documented import Problems
from shared.web.problems import Problem

log = structlog.get_logger(__name__)

AT_ONCE: Final = 2
"""Requests looked at side by side; others wait."""
RAW_CHARS_MAX: Final = 60_000
EXAMPLE: Final = (
    "POST /callbacks/mascot-demo HTTP/1.1\r\nContent-Type: application/json\r\nX-Subject: casino:1\r\nX-Nonce: 1\r\n"
    "X-Timestamp: 1790000000\r\nX-Signature: main=00\r\n\r\n"
    '{"jsonrpc":"2.0","method":"getBalance","params":{"callerId":1},"id":1}'
)


class RequestParts(Input):
    """A request in parts. The body as text or as base64; base64 is needed where its very bytes matter and are no plain text."""

    method: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3,16}$")] = "POST"
    path: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^(/[\x21-\x7e]*)?$")] = Field(
        default="", examples=["/callbacks/mascot-demo"]
    )
    headers: dict[str, str] = Field(default_factory=dict, max_length=100, examples=[{"X-Nonce": "1"}])
    body: Annotated[str, StringConstraints(max_length=RAW_CHARS_MAX)] = ""
    body_base64: Annotated[str, StringConstraints(max_length=RAW_CHARS_MAX)] = ""


class Diagnose(Input):
    """What is to be looked at: exactly one of `raw`, `raw_base64` and `request`."""

    model_config = example(raw=EXAMPLE, received_at="2026-09-21T14:13:20Z", remote_address="192.0.2.10")

    raw: Annotated[str, StringConstraints(max_length=RAW_CHARS_MAX)] | None = Field(
        default=None, description="Request line, headers, a blank line, the body."
    )
    raw_base64: Annotated[str, StringConstraints(max_length=RAW_CHARS_MAX)] | None = Field(
        default=None, description="The same in base64: nothing between you and us can change a byte of it."
    )
    request: RequestParts | None = None
    received_at: Moment | None = Field(default=None, description="When it came; without it the clocks are not compared.")
    remote_address: IpAddress | None = Field(default=None, description="The address of the connection it came over.")


class FindingShown(Output):
    """What is wrong, what shows it, and what the sender changes. `code` is stable."""

    code: str
    title: str
    severity: Literal["error", "warning", "info"]
    said: str
    evidence: list[str]
    advice: str
    rule: str = Field(description="What the protocol says.")


class CheckShown(Output):
    """One thing that was looked at; `skipped` says nothing for or against it."""

    name: str
    state: Literal["ok", "failed", "skipped"]
    said: str


class Diagnosed(Output):
    """What comes of it. `accepted`: the listener would take it and ask the wallet, whose answer nobody knows."""

    provider_account: str
    dialect: str
    accepted: bool
    summary: str
    findings: list[FindingShown] = Field(description="Most important first.")
    checks: list[CheckShown]
    remarks: list[str] = Field(description="What was noticed or mended while the paste was read.")


def routes(estate: Estate, games: GameOffer) -> APIRouter:
    """The route."""
    router = APIRouter(prefix="/v1", tags=["Diagnosis"])
    turns = asyncio.Semaphore(AT_ONCE)

    @router.post(
        "/provider-accounts/{provider_account}/diagnosis",
        summary="Diagnose a callback",
        responses=Problems.documented(
            p.PROVIDER_ACCOUNT_NOT_FOUND, p.BRAND_FORBIDDEN, p.PASTE_UNREADABLE, p.DIAGNOSIS_NOT_POSSIBLE
        ),
    )
    async def diagnose(provider_account: AccountPath, body: Diagnose, caller: Administers) -> Diagnosed:
        """Why a request of the provider's would be refused, and what its sender changes; sent nowhere, and kept nowhere."""
        account = estate.account(caller.brand, provider_account)
        doctor = _doctor(account, estate, games)
        pasted = _pasted(body, account.name)
        at_s = body.received_at.timestamp() if body.received_at is not None else None
        async with turns:
            found = await asyncio.to_thread(doctor.examine, pasted.callback, at_s=at_s, http_method=pasted.http_method)
        return _shown(account, found, pasted)

    return router


def _doctor(account: ProviderAccount, estate: Estate, games: GameOffer) -> Doctor:
    try:
        doctor = open_doctor(account, estate.accounts_by_name, games.states(account.name))
    except SettingsError as error:
        log.warning("a callback cannot be diagnosed", account=account.name, cause=str(error))
        why = "its keys are not in this process's configuration" if not account.keys else "its settings are wrong"
        raise Problem(p.DIAGNOSIS_NOT_POSSIBLE, f"the provider account {account.name!r} cannot be opened here: {why}") from error
    if doctor is None:
        raise Problem(p.DIAGNOSIS_NOT_POSSIBLE, f"there are no rules for the dialect {account.dialect!r} yet")
    return doctor


def _pasted(body: Diagnose, account: str) -> Pasted:
    if sum(each is not None for each in (body.raw, body.raw_base64, body.request)) != 1:
        raise Problem(p.PASTE_UNREADABLE, "exactly one of raw, raw_base64 and request is expected")
    address = body.remote_address or ""
    try:
        if body.request is not None:
            parts = body.request
            content = decode_base64(parts.body_base64) if parts.body_base64 else parts.body.encode()
            return made_of_parts(parts.method, parts.path, parts.headers, content, account, address)
        raw = (body.raw or "").encode() if body.raw is not None else decode_base64(body.raw_base64 or "")
        return read_paste(raw, account, address)
    except PasteError as error:
        raise Problem(p.PASTE_UNREADABLE, str(error)) from error
    except UnicodeEncodeError as error:
        raise Problem(p.PASTE_UNREADABLE, "the text holds half of a surrogate pair; send it as base64") from error


def _shown(account: ProviderAccount, found: Examination, pasted: Pasted) -> Diagnosed:
    wrong = [each for each in found.findings if each.severity != "info"]
    left = ", ".join(each.name for each in found.checks if each.state == "skipped")
    accepted = f"This request would be accepted and given to the wallet. Not looked at: {left}."
    return Diagnosed(
        provider_account=account.name,
        dialect=account.dialect,
        accepted=not wrong,
        summary=wrong[0].said if wrong else accepted,
        findings=[
            FindingShown(
                code=each.code,
                title=each.title,
                severity=each.severity,
                said=each.said,
                evidence=list(each.evidence),
                advice=each.advice,
                rule=each.rule,
            )
            for each in found.findings
        ],
        checks=[CheckShown(name=each.name, state=each.state, said=each.said) for each in found.checks],
        remarks=list(pasted.remarks),
    )
