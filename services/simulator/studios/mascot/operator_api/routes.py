"""The HTTP side of Operator API v1, and misbehaviour on demand; the launched game is in launch_routes.py. Decides nothing about games or money."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import structlog
from fastapi import APIRouter, Request, Response, status
from fastapi.responses import HTMLResponse
from prometheus_client import Counter
from starlette.types import Receive, Scope, Send

from services.simulator.studios.mascot.operator_api.codes import RpcError
from services.simulator.studios.mascot.operator_api.desk import OperatorDesk
from services.simulator.studios.mascot.operator_api.door import Caller
from services.simulator.studios.mascot.operator_api.faults import METHODS, WITHOUT_WORK, Fault
from services.simulator.studios.mascot.operator_api.launch_routes import add_launch, add_pictures
from services.simulator.studios.mascot.operator_api.rpc import Call, UnreadableError, error_answer, read_call, result_answer

log = structlog.get_logger(__name__)

JSON: Final = "application/json"
RUBBISH: Final = "<!doctype html><html><body><h1>Welcome to nginx!</h1></body></html>"

_calls = Counter("stakewire_simulator_operator_calls_total", "Calls of Operator API v1, by outcome", ["method", "outcome"])


class NoAnswer(Response):
    """Closes the connection without a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as ASGI names them
        """Asks the server for the connection itself: ASGI has no message for it."""
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            # Another server than uvicorn: an answer that breaks off is the next best.
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            return
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def mascot_routes(desk: OperatorDesk) -> APIRouter:
    """All routes below `/mascot`."""
    router = APIRouter(prefix="/mascot")
    _add_api(router, desk)
    add_launch(router, desk)
    add_pictures(router, desk)
    _add_faults(router, desk)
    return router


# --- the API -------------------------------------------------------------------------------------------------------------


def _add_api(router: APIRouter, desk: OperatorDesk) -> None:
    @router.post("/v1/")
    async def plain(request: Request) -> Response:
        """Operator API v1; in reality behind mutual TLS."""
        return await _serve(desk, request, signed=False)

    @router.post("/v1/signed/")
    async def signed(request: Request) -> Response:
        """Operator API v1 with signed requests and answers."""
        return await _serve(desk, request, signed=True)


async def _serve(desk: OperatorDesk, request: Request, *, signed: bool) -> Response:
    body = await request.body()
    try:
        caller = desk.door.signed(request.headers, body) if signed else desk.door.plain(request.headers)
    except RpcError as error:
        log.warning("a call of the operator API was not let in", code=error.code.code, cause=error.detail)
        _calls.labels("", "unauthorized").inc()
        answer = error_answer(_id_of(body), error.code.code, error.code.message, error.detail)
        return Response(answer, status.HTTP_401_UNAUTHORIZED, media_type=JSON)
    try:
        call = read_call(body)
    except UnreadableError as error:
        _calls.labels("", "unreadable").inc()
        return _answered(caller, error_answer(error.call_id, error.code.code, error.code.message, error.detail))
    fault = desk.faults.take(call.method)
    return _answered(caller, _work(desk, caller, call)) if fault is None else await _misbehave(desk, caller, call, fault)


def _work(desk: OperatorDesk, caller: Caller, call: Call) -> bytes:
    """The right answer to a call."""
    method = call.method if call.method in METHODS else "unknown"
    try:
        result = desk.do(caller.operator, call.method, call.params)
    except RpcError as error:
        _calls.labels(method, "refused").inc()
        return error_answer(call.id, error.code.code, error.code.message, error.detail)
    _calls.labels(method, "done").inc()
    return result_answer(call.id, result)


def _answered(caller: Caller, answer: bytes) -> Response:
    return Response(answer, media_type=JSON, headers=caller.headers_for(answer))


async def _misbehave(desk: OperatorDesk, caller: Caller, call: Call, fault: Fault) -> Response:
    _calls.labels(call.method if call.method in METHODS else "unknown", f"fault {fault.fault}").inc()
    answer = b""
    if fault.fault not in WITHOUT_WORK and fault.fault != "slow":
        answer = _work(desk, caller, call)
    await asyncio.sleep(fault.delay_s)
    match fault.fault:
        case "slow":
            return _answered(caller, _work(desk, caller, call))
        case "down":
            return NoAnswer()
        case "rubbish":
            return HTMLResponse(RUBBISH)
        case "empty":
            return Response(b"", media_type=JSON, headers=caller.headers_for(b""))
        case "error":
            return _answered(caller, error_answer(call.id, fault.code, fault.message))
        case "wrong_id":
            other = "another" if isinstance(call.id, str) else call.id ^ 1
            content = msgspec.json.decode(answer) | {"id": other}
            return _answered(caller, msgspec.json.encode(content))
        case "wrong_signature":
            return Response(answer, media_type=JSON, headers=caller.headers_for(answer + b" "))
    return _answered(caller, answer)  # late


def _id_of(body: bytes) -> int | str | None:
    """The id to echo in the answer to a call that is not let in, if there is one."""
    try:
        return read_call(body).id
    except UnreadableError as error:
        return error.call_id


# --- faults --------------------------------------------------------------------------------------------------------------


def _add_faults(router: APIRouter, desk: OperatorDesk) -> None:
    def shown() -> dict[str, Any]:
        return {"faults": [fault.model_dump() for fault in desk.faults.shown()]}

    @router.put("/faults")
    async def put_fault(fault: Fault) -> dict[str, Any]:
        """Asks for a fault in the next calls of a method."""
        desk.faults.put(fault)
        return shown()

    @router.get("/faults")
    async def get_faults() -> dict[str, Any]:
        """The faults that are still to come."""
        return shown()

    @router.delete("/faults")
    async def delete_faults() -> dict[str, Any]:
        """Takes all faults away."""
        desk.faults.clear()
        return shown()
