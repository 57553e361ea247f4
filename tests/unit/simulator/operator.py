"""A small operator in memory for the simulator to play against: Mascot's callbacks, the operator's commands, and events.

It is the other party of the simulator's tests, correct by default; `faults` names what it is to do wrong. It knows
nothing of the project's gateway and wallet.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from services.simulator.books import Books
from services.simulator.records import SeenOperation
from services.simulator.target import Target
from shared.contracts import Command, CurrencyMapping, Deposit, GrantFreeRounds, Reply
from shared.money import MinorUnits

KEY = b"a-key-of-the-tests"
CASINO_ID = 7
ACCOUNT = "mascot-test"
UNITS = 1_000
"""Units of our money a minor unit of the wire: EUR has 5 digits here and 2 there."""


@dataclass
class Stored:
    """A transaction of the operator."""

    money: tuple[Any, ...]
    answer: dict[str, Any] | None
    code: int = 0
    seq: int = 0
    paid: int = 0
    got: int = 0
    charge: int = 0
    bonus: str = ""
    undone: bool = False


@dataclass
class Account:
    """A player at the operator."""

    balance: int = 0
    seq: int = 0
    head: str = "0" * 64
    stored: dict[str, Stored] = field(default_factory=dict)
    free_rounds: dict[str, int] = field(default_factory=dict)
    charged_rounds: set[str] = field(default_factory=set)


class SignedAnswer:
    """An answer to be sent instead of the right one, well signed."""

    def __init__(self, content: dict[str, Any], call_id: Any = None) -> None:
        self._content = content
        self._call_id = call_id

    def to(self, request: web.Request, call_id: Any) -> web.Response:
        """The response to one request."""
        answer = {"jsonrpc": "2.0", "id": call_id if self._call_id is None else self._call_id, **self._content}
        return _signed(request, json.dumps(answer).encode())


def signed_answer(content: dict[str, Any], call_id: Any = None) -> SignedAnswer:
    """Makes one; `call_id` instead of the request's."""
    return SignedAnswer(content, call_id)


class Operator:
    """The operator. `faults` are names that the methods below look for; `before` may answer a call instead of it."""

    def __init__(self) -> None:
        self.faults: set[str] = set()
        self.accounts: dict[str, Account] = {}
        self.events: list[SeenOperation] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.outside: list[bytes] = []
        """Bodies whose signature did not fit: answered with HTTP 401, not read."""
        self.before: list[Any] = []
        """For the next callbacks: an answer instead of ours, or `lose` (not done, no answer), `late` (done, no answer),
        `slow` (done, answered after a second), or None."""
        self.deposits: dict[str, int] = {}

    # --- commands ----------------------------------------------------------------------------------------------------

    async def ask(self, command: Command) -> Reply:
        """The operator's own side."""
        account = self.accounts.setdefault(command.player, Account())
        if isinstance(command, Deposit) and command.external_id not in self.deposits:
            self.deposits[command.external_id] = command.amount
            account.balance += command.amount // UNITS
            self._record(command.player, "operator", command.external_id, "deposit", got=command.amount // UNITS)
        if isinstance(command, GrantFreeRounds):
            account.free_rounds[command.grant_id] = command.count
        return Reply(command_id="", caller="", result="OK", balance=account.balance * UNITS)

    # --- callbacks ---------------------------------------------------------------------------------------------------

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """One signed callback."""
        body = await request.read()
        nonce, timestamp = int(request.headers["X-Nonce"]), int(request.headers["X-Timestamp"])
        signature = sign(nonce, timestamp, body)
        assert request.headers["X-Subject"] == f"casino:{CASINO_ID}"
        if request.headers["X-Signature"] != signature and "signature unread" not in self.faults:
            self.outside.append(body)
            refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "the signature does not fit"}}
            return _signed(request, json.dumps(refusal).encode(), status=401)
        call = json.loads(body)
        self.calls.append((call["method"], call["params"]))
        instead = self.before.pop(0) if self.before else None
        if isinstance(instead, SignedAnswer):
            return instead.to(request, call["id"])
        if isinstance(instead, web.Response):
            return instead
        if instead == "lose":
            return await _silence(request)
        if instead == "slow":
            await asyncio.sleep(1.0)
        answer = {"jsonrpc": "2.0", "id": call["id"], **self._answer(call["method"], call["params"])}
        if instead == "late":
            return await _silence(request)
        if "wrong id" in self.faults:
            answer["id"] = "another"
        text = json.dumps(answer).encode()
        response = _signed(request, text)
        if "wrong signature" in self.faults:
            response.headers["X-Signature"] = sign(nonce, timestamp, text + b" ")
        if "http 201" in self.faults:
            response.set_status(201)
        return response

    def _answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        key = params["playerName"].partition("_")[0]
        account = self.accounts.get(key)
        if account is None:
            return error(7)
        if method == "getBalance":
            return {"result": {"balance": account.balance, **self._left(account, params)}}
        if method == "rollbackTransaction":
            return self._roll_back(key, account, params["transactionRef"])
        if method == "collectBonusReward":
            params = params | {"withdraw": 0, "deposit": params["depositAmount"]}
        return self._money(key, account, params)

    def _money(self, key: str, account: Account, params: dict[str, Any]) -> dict[str, Any]:
        ref, withdraw, deposit = params["transactionRef"], params["withdraw"], params["deposit"]
        charge = params.get("chargeFreerounds", 0)
        money = (withdraw, deposit, charge, params["currency"])
        stored = account.stored.get(ref)
        if stored is not None and "no idempotency" not in self.faults:
            if stored.money == ():
                return error(7) if "late bet taken" not in self.faults else self._apply(key, account, params, Stored(money, None))
            if stored.money != money:
                return error(7)
            return {"result": stored.answer} if stored.answer else error(stored.code)
        return self._apply(key, account, params, Stored(money, None, charge=charge, bonus=params.get("bonusId", "")))

    def _apply(self, key: str, account: Account, params: dict[str, Any], entry: Stored) -> dict[str, Any]:
        withdraw, deposit = params["withdraw"], params["deposit"]
        round_ref = params.get("gameRoundRef") or params["transactionRef"]
        charged = 0 < entry.charge <= account.free_rounds.get(entry.bonus, 0)
        free = charged or (params.get("freeround", False) and round_ref in account.charged_rounds)
        paid = 0 if free else withdraw
        funds = account.balance + (deposit if "deposit before funds check" in self.faults else 0)
        account.stored[params["transactionRef"]] = entry
        if paid > funds:
            entry.code = 1
            self._record(key, ACCOUNT, params["transactionRef"], "bet", status="refused")
            return error(1)
        if charged:
            account.free_rounds[entry.bonus] -= entry.charge
            account.charged_rounds.add(round_ref)
        else:
            entry.charge = 0
        account.balance += deposit - paid
        entry.paid, entry.got = paid, deposit
        entry.seq = self._record(key, ACCOUNT, params["transactionRef"], "bet", paid=paid, got=deposit)
        entry.answer = {"newBalance": account.balance, "transactionId": f"{key}-{entry.seq}", **self._left(account, params)}
        if "chargeFreerounds" in params:
            entry.answer["freeroundWasCharged"] = charged
        if "float amounts" in self.faults:
            entry.answer["newBalance"] = float(account.balance)
        return {"result": entry.answer}

    def _roll_back(self, key: str, account: Account, ref: str) -> dict[str, Any]:
        if "rollback without undoing" in self.faults:
            return {"result": {}}
        entry = account.stored.get(ref)
        if entry is None:
            account.stored[ref] = Stored((), None, undone=True)
            self._record(key, ACCOUNT, ref, "tombstone", status="tombstone")
            self._record(key, ACCOUNT, ref, "rollback", status="void", namespace="undo")
        elif not entry.undone:
            entry.undone = True
            account.balance += entry.paid - entry.got
            if entry.charge and entry.answer:
                account.free_rounds[entry.bonus] += entry.charge
            status = "applied" if entry.answer else "void"
            self._record(
                key, ACCOUNT, ref, "rollback", paid=entry.got, got=entry.paid, status=status, target=entry.seq, namespace="undo"
            )
        return {"result": {}}

    def _left(self, account: Account, params: dict[str, Any]) -> dict[str, int]:
        bonus = params.get("bonusId")
        return {"freeroundsLeft": account.free_rounds[bonus]} if bonus in account.free_rounds else {}

    def _record(
        self,
        player: str,
        provider_account: str,
        ref: str,
        kind: str,
        *,
        paid: int = 0,
        got: int = 0,
        status: str = "applied",
        target: int = 0,
        namespace: str = "tx",
    ) -> int:
        account = self.accounts[player]
        account.seq += 1
        head = hashlib.sha256(f"{account.head}{account.seq}{ref}".encode()).hexdigest()
        self.events.append(
            SeenOperation(
                player=player,
                seq=account.seq,
                hash=head,
                previous_hash=account.head,
                provider_account=provider_account,
                namespace=namespace,
                external_id=ref,
                kind=kind,
                status=status,
                paid_units=paid * UNITS,
                got_units=got * UNITS,
                balance_after=account.balance * UNITS,
                target_seq=target,
            )
        )
        account.head = head
        return account.seq


class EventList:
    """The operator's events as a source for a comparison; `hidden` leaves the last ones out."""

    def __init__(self, operator: Operator, books: Books) -> None:
        self._operator = operator
        self._books = books
        self._read = 0

    async def start(self) -> None:
        self._read = 0

    async def stop(self) -> None:
        return

    def caught_up(self) -> bool:
        return self._read >= len(self._operator.events)

    async def poll(self, timeout_s: float) -> set[str]:
        new = self._operator.events[self._read :]
        if not new:
            await asyncio.sleep(min(timeout_s, 0.01))
            return set()
        self._read += len(new)
        self._books.add_operations(new, {0: self._read}, [])
        return {item.player for item in new}


def sign(nonce: int, timestamp: int, body: bytes) -> str:
    """The operator's own way to the signature."""
    return "main=" + hmac.new(KEY, struct.pack(">QI", nonce, timestamp) + body, "sha256").hexdigest()


def error(code: int) -> dict[str, Any]:
    """A JSON-RPC error."""
    return {"error": {"code": code, "message": f"error {code}"}}


def _signed(request: web.Request, text: bytes, status: int = 200) -> web.Response:
    nonce, timestamp = request.headers["X-Nonce"], request.headers["X-Timestamp"]
    headers = {
        "X-Subject": request.headers["X-Subject"],
        "X-Nonce": nonce,
        "X-Timestamp": timestamp,
        "X-Signature": sign(int(nonce), int(timestamp), text),
    }
    return web.Response(body=text, status=status, headers=headers, content_type="application/json")


async def _silence(request: web.Request) -> web.StreamResponse:
    """No answer: the connection is closed."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def serving(operator: Operator) -> AsyncIterator[str]:
    """The operator behind a real HTTP server; gives the callback address."""
    app = web.Application()
    app.router.add_post("/callbacks/" + ACCOUNT, operator.callback)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]  # asyncio.Server of aiohttp's abstract type
    try:
        yield f"http://127.0.0.1:{port}/callbacks/{ACCOUNT}"
    finally:
        await runner.cleanup()


def target_at(url: str, books: Books, operator: Operator, **changes: Any) -> Target:
    """The operator as the provider knows him."""
    values: dict[str, Any] = {
        "provider_account": ACCOUNT,
        "brand": "main",
        "callback_url": url,
        "casino_id": CASINO_ID,
        "key_id": "main",
        "key": KEY,
        "wire_currency": "EUR",
        "conversion": MinorUnits.of(CurrencyMapping(wire="EUR", currency="EUR")),
        "books": books,
        "requester": operator,
        "timeout_s": 5.0,
    }
    return Target(**(values | changes))
