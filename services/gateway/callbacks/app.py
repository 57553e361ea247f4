"""The callbacks application. It knows no dialect and no money: it leads a callback along its road.

    callback -> dialect.verify -> dialect.parse -> requester.ask -> dialect.render

Refuses here, in this order: unknown path 404, other method 405, address 403, body too large 413; then the dialect
refuses what is not authentic or not readable. Everything else is the wallet's to refuse.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import structlog

from services.gateway.callbacks import metrics
from services.gateway.callbacks.accounts import Account
from services.gateway.callbacks.archive import Archive
from services.gateway.callbacks.connection import CLOSE, Request, plain_answer
from services.gateway.callbacks.metrics import OTHER_METHOD
from services.gateway.callbacks.nonces import Claim
from services.gateway.callbacks.trace import REFUSED, UNKNOWN, Trace, describe_callback, request_id_of
from services.gateway.games import GameReader
from services.gateway.switches import SwitchReader
from shared.contracts.commands import Command
from shared.contracts.replies import Reply, Result
from shared.providers.diagnosis.doctor import REFUSED_METHOD, REFUSED_PATH
from shared.providers.dialect import Answer, Call, Callback, Refusal, Stamp, Verified
from shared.requester import OutcomeUnknownError, Requester, ShedError
from shared.telemetry import METRICS_CONTENT_TYPE, metrics_page

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Span, Tracer

log = structlog.get_logger(__name__)

PREFIX: Final = b"/callbacks/"


class CallbacksApp:
    """Serves `POST /callbacks/{provider account}`, `/health/live`, `/health/ready` and `/metrics`."""

    def __init__(
        self,
        accounts: dict[str, Account],
        requester: Requester,
        archive: Archive | None,
        switches: SwitchReader | None = None,
        games: GameReader | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._tracer = tracer
        self._accounts = accounts
        self._requester = requester
        self._archive = archive
        self._switches = switches
        self._games = games
        self._in_progress = 0
        self.draining = False
        for account in accounts.values():
            metrics.stats.expect(account.name, account.dialect.methods)

    async def handle(self, request: Request) -> Answer:
        """The answer to one request."""
        path, _, query = request.target.partition(b"?")
        if not path.startswith(PREFIX):
            return self._own_page(path, request.method)
        name, slash, below = path[len(PREFIX) :].decode("latin-1").partition("/")
        account = self._accounts.get(name)
        if account is None:
            return self._reject(HTTPStatus.NOT_FOUND, "there is no such provider account or path")
        if slash + below not in account.dialect.paths:
            answer = self._reject(HTTPStatus.NOT_FOUND, "there is no such provider account or path")
            return self._astray(account, request, slash + below, answer, REFUSED_PATH)
        if request.method != b"POST":
            answer = self._reject(HTTPStatus.METHOD_NOT_ALLOWED, "use POST", (b"allow", b"POST"))
            return self._astray(account, request, "", answer, REFUSED_METHOD)
        self._in_progress += 1
        try:
            span = None if self._tracer is None else self._tracer.request("callback", request.headers.get(b"traceparent"))
            if span is None:
                return await self._callback(account, request, slash + below, query)
            with span:
                return await self._callback(account, request, slash + below, query, span)
        finally:
            self._in_progress -= 1

    async def _callback(self, account: Account, request: Request, path: str, query: bytes, span: Span | None = None) -> Answer:
        """From a request to an answer, counted and archived, whatever happens between."""
        edge, headers = account.dialect.edge, request.headers
        address = edge.caller(request.peer, headers)
        trace = Trace(request_id_of(headers.get(b"x-request-id")), account.name, account.dialect.name, address)
        trace.callback = callback = Callback(headers, request.body or b"", path, query, request.peer)
        if not edge.admits(address):
            answer = self._refused(account, trace, Refusal("address", "address not accepted"), None)
        elif request.body is None:
            answer = self._refused(account, trace, Refusal("size", "the body is too large"), None)
        else:
            answer = await self._answer_safely(account, callback, trace)
        trace.done_ns = time.perf_counter_ns()
        trace.answer = answer
        method = trace.method if trace.method in account.dialect.methods else OTHER_METHOD
        metrics.stats.count(trace.account, method, trace.result, (trace.done_ns - trace.started_ns) / 1e9)
        if self._archive is not None:
            self._archive.offer(trace)
        if span is not None:
            describe_callback(span, trace, method, answer.status)
        return answer

    async def _answer(self, account: Account, callback: Callback, trace: Trace) -> Answer:
        """The whole road of a callback."""
        dialect = account.dialect
        now_s = time.time()
        verified = dialect.verify(callback, now_s)
        if isinstance(verified, Refusal):
            return self._refused(account, trace, verified, None)
        refusal = self._claim_nonce(account, trace, verified, callback.body, now_s)
        if refusal is not None:
            return self._refused(account, trace, refusal, None)
        trace.verified_ns = time.perf_counter_ns()
        requester = self._requester
        call = dialect.parse(callback, Stamp(requester.new_command_id(trace.request_id), requester.caller, requester.partition))
        if isinstance(call, Refusal):
            return self._refused(account, trace, call, verified)
        trace.parsed_ns = time.perf_counter_ns()
        reply = await self._ask(call, trace)
        trace.replied_ns = time.perf_counter_ns()
        return dialect.render(call, reply, verified)

    async def _answer_safely(self, account: Account, callback: Callback, trace: Trace) -> Answer:
        """As `_answer`, but a fault of ours becomes an unknown outcome in the provider's words, never a 500."""
        try:
            return await self._answer(account, callback, trace)
        except Exception:
            log.exception(
                "a callback was not handled because of a fault of ours", account=account.name, correlation_id=trace.request_id
            )
            trace.result, trace.verdict, trace.diagnosis, trace.stage = Result.UNKNOWN, UNKNOWN, "internal fault", "internal"
            return account.dialect.refuse(Refusal("internal", "outcome unknown"), None)

    async def _ask(self, call: Call, trace: Trace) -> Reply:
        """The wallet's reply; where there is none, UNKNOWN."""
        trace.method = call.method
        command = call.command
        if command is None:
            trace.result = call.result
            return Reply(command_id="", caller="", result=call.result)
        trace.command, trace.player, trace.external_id = command, command.player, command.external_id
        try:
            reply = await self._requester.ask(command)
        except (OutcomeUnknownError, ShedError) as error:
            return self._unknown(command, trace, error)
        trace.result = reply.result
        if reply.result == Result.UNKNOWN:
            trace.verdict, trace.stage = UNKNOWN, "wallet"
        if reply.detail:
            trace.diagnosis = reply.detail
        return reply

    def _unknown(self, command: Command, trace: Trace, error: Exception) -> Reply:
        if isinstance(error, ShedError):
            metrics.shed.labels(trace.account).inc()
        trace.stage = "shed" if isinstance(error, ShedError) else "deadline"
        trace.verdict, trace.result, trace.diagnosis = UNKNOWN, Result.UNKNOWN, str(error)
        log.warning(
            "callback answered as unknown",
            cause=str(error),
            account=trace.account,
            method=trace.method,
            player=trace.player,
            external_id=trace.external_id,
            correlation_id=trace.request_id,
        )
        return Reply(command_id=command.command_id, caller=command.caller, result=Result.UNKNOWN)

    def _claim_nonce(self, account: Account, trace: Trace, verified: Verified, body: bytes, now_s: float) -> Refusal | None:
        """Behaviour of a repeated nonce: same bytes are answered again (or not, by setting), other bytes never."""
        rule, book = account.dialect.nonces, account.nonces
        if rule is None or book is None or verified.nonce is None:
            return None
        forgotten = book.forgotten
        claim = book.claim(verified.nonce, verified.timestamp, body, now_s)
        if book.forgotten != forgotten:
            metrics.nonces_forgotten.labels(account.name).inc(book.forgotten - forgotten)
        if claim is Claim.FRESH or (claim is Claim.REPEATED and rule.repeat == "answer"):
            return None
        trace.claim = claim.value
        if claim is Claim.CONFLICTING:
            metrics.nonce_conflicts.labels(account.name).inc()
            log.error(
                "ALARM: two different signed requests under one nonce",
                account=account.name,
                nonce=verified.nonce,
                key_id=verified.key_id,
            )
        return Refusal("authentication", "nonce not accepted")

    def _refused(self, account: Account, trace: Trace, refusal: Refusal, verified: Verified | None) -> Answer:
        """The refusal in the dialect's words, with one log line."""
        trace.verdict, trace.result, trace.diagnosis = REFUSED, f"refused_{refusal.cause}", refusal.detail
        trace.method = refusal.method
        log.warning(
            "callback refused",
            cause=refusal.cause,
            detail=refusal.detail,
            account=trace.account,
            address=trace.address,
            correlation_id=trace.request_id,
        )
        return account.dialect.refuse(refusal, verified)

    def _astray(self, account: Account, request: Request, path: str, answer: Answer, result: str) -> Answer:
        """Archives what reached an account by a wrong method or path, so that somebody can find out why; gives the answer."""
        if self._archive is not None:
            headers = request.headers
            address = account.dialect.edge.caller(request.peer, headers)
            trace = Trace(request_id_of(headers.get(b"x-request-id")), account.name, account.dialect.name, address)
            trace.verdict, trace.result, trace.answer = REFUSED, result, answer
            trace.http_method = request.method.decode("latin-1")
            trace.callback = Callback(headers, request.body or b"", path, peer=request.peer)
            self._archive.offer(trace)
        return answer

    def _reject(self, status: HTTPStatus, message: str, *headers: tuple[bytes, bytes]) -> Answer:
        """What cannot be answered in a dialect's words."""
        metrics.stats.count("", OTHER_METHOD, f"http_{status.value}", 0.0)
        return plain_answer(status, message, *headers, CLOSE)

    def _own_page(self, path: bytes, method: bytes) -> Answer:
        if method in {b"GET", b"HEAD"}:
            if path == b"/health/live":
                return _page(HTTPStatus.OK, b"application/json", b'{"status": "alive"}')
            if path == b"/health/ready":
                problem = self.not_ready_because()
                status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
                return _page(status, b"application/json", b'{"status": "%b"}' % (problem or "ready").encode())
            if path == b"/metrics":
                metrics.in_progress.set(self._in_progress)
                return _page(HTTPStatus.OK, METRICS_CONTENT_TYPE.encode(), metrics_page())
        return self._reject(HTTPStatus.NOT_FOUND, "there is no such page")

    def not_ready_because(self) -> str:
        """Why callbacks should not be sent here now; empty where they should."""
        if self.draining:
            return "stopping"
        if self._switches is not None and not self._switches.caught_up:
            return "the switches are not read yet"
        if self._games is not None and not self._games.caught_up:
            return "the games are not read yet"
        return "" if self._requester.ready else "no connection to Kafka"


def _page(status: HTTPStatus, content_type: bytes, body: bytes) -> Answer:
    return Answer(status.value, [(b"content-type", content_type), (b"content-length", b"%d" % len(body))], body)


def describe(accounts: Mapping[str, Account]) -> list[str]:
    """One line an account, for the log at start."""
    return [f"{PREFIX.decode()}{name} ({account.dialect.name})" for name, account in sorted(accounts.items())]
