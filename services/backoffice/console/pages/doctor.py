"""The doctor: a raw request is sent to the gateway, where the keys are, and what is wrong with it is shown. Nothing is kept."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from services.backoffice.console.acting import new_order
from services.backoffice.console.frame import Frame, Viewer
from services.backoffice.console.pages.findings import LEVELS
from services.backoffice.findings.accounts import AccountBook, Known
from services.backoffice.findings.store import Facts
from services.backoffice.operator import OperatorApi, OperatorError

REQUEST_BYTES_MAX: Final = 45_000
"""In base64 as much as the gateway looks at."""

SHOWN_MAX: Final = 50
Text = Annotated[str, Form(max_length=2 * REQUEST_BYTES_MAX)]


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str = ""
    state: str = ""
    said: str = ""


class Told(msgspec.Struct, frozen=True):
    """What the gateway says of a request."""

    accepted: bool
    findings: list[Facts]
    checks: list[Check]
    remarks: list[str] = []


def routes(frame: Frame, operator: OperatorApi, accounts: AccountBook) -> APIRouter:
    """The routes of the doctor."""
    router = APIRouter(include_in_schema=False)

    async def show(request: Request, account: str = "", pasted: str = "", **told: Any) -> Response:
        known = [each for each in await accounts.all() if each.brands]
        values = {"told": None, "problem": "", "advice": "", **told}
        return frame.page(
            request,
            "doctor.html",
            title="Doctor",
            accounts=[each.name for each in known],
            away=accounts.away,
            account=account,
            pasted=pasted,
            bytes_max=REQUEST_BYTES_MAX,
            levels=LEVELS,
            status_code=400 if values["problem"] else 200,
            **values,
        )

    @router.get("/doctor")
    async def page(request: Request, who: Viewer) -> Response:
        """An empty form."""
        del who
        return await show(request)

    @router.post("/doctor")
    async def examine(
        request: Request, who: Viewer, account: Text = "", pasted: Text = "", upload: Annotated[UploadFile | None, File()] = None
    ) -> Response:
        """Sends a request to the gateway's doctor and shows what it says."""
        known = await accounts.find(account)
        if known is None or not known.brands:
            return await show(request, account, pasted, problem="Choose the provider account that the request is for.")
        uploaded = await upload.read(REQUEST_BYTES_MAX + 1) if upload is not None else b""
        # A browser sends line ends of a text field as CR LF, whatever was pasted.
        raw = uploaded or pasted.replace("\r\n", "\n").encode("utf-8", "surrogatepass")
        if not raw.strip() or len(raw) > REQUEST_BYTES_MAX:
            words = (
                "Paste a request, or choose a file." if not raw.strip() else f"A request has at most {REQUEST_BYTES_MAX:,} bytes."
            )
            return await show(request, account, pasted[:REQUEST_BYTES_MAX], problem=words)
        try:
            told = await _ask(operator, known, raw, who.login)
        except OperatorError as error:
            return await show(request, account, pasted, problem=str(error), advice=error.advice)
        return await show(request, account, pasted, told=told)

    return router


async def _ask(operator: OperatorApi, account: Known, raw: bytes, login: str) -> Told:
    path = f"/v1/provider-accounts/{quote(account.name, safe='')}/diagnosis"
    body = {"raw_base64": base64.b64encode(raw).decode()}
    answer = await operator.change(account.brands[0], "POST", path, body, acting=login, idempotency_key=new_order())
    return _told(answer.content)


def _told(content: Mapping[str, Any]) -> Told:
    """The gateway's answer; OperatorError where it is none."""
    try:
        told = msgspec.convert(dict(content), Told)
    except msgspec.ValidationError as error:
        raise OperatorError(
            f"The gateway's answer is no diagnosis: {error}.", advice="Bring gateway and back office to one version."
        ) from error
    return Told(told.accepted, told.findings[:SHOWN_MAX], told.checks[:SHOWN_MAX], told.remarks[:SHOWN_MAX])
