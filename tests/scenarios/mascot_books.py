"""Mascot's own view of a player's money, and its own eye on whether a request is one of the protocol at all.

Written from the protocol's document. For what is not plainly one of the two it says nothing: only what is certainly not
authentic, or certainly malformed, is called so.
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.scenarios.mascot_driver import MascotSide, sign
from tests.scenarios.mutations import Mutant

WINDOW_S = 300
UNITS = 1_000
"""Units of 10^-5 EUR in a cent."""

AMOUNT_MAX = 10**12
ID_BYTES_MAX = 128
REQUIRED: dict[str, tuple[str, ...]] = {
    "getBalance": ("currency",),
    "withdrawAndDeposit": ("withdraw", "deposit", "currency", "transactionRef"),
    "rollbackTransaction": ("transactionRef",),
    "collectBonusReward": ("depositAmount", "currency", "transactionRef"),
}
AMOUNTS = frozenset({"withdraw", "deposit", "depositAmount"})
TEXTS = frozenset({"playerName", "currency", "transactionRef"})
OPTIONAL_TEXTS = frozenset({"gameRoundRef", "gameId", "sessionId", "sessionAlternativeId", "bonusId"})

Verdict = Literal["unauthentic", "malformed", "plausible"]


def authentic(mutant: Mutant, side: MascotSide, now_s: float) -> bool:
    """Whether a request proves its sender: one of each header, the window, the signature over the bytes."""
    found = [mutant.header(name) for name in (b"X-Subject", b"X-Nonce", b"X-Timestamp", b"X-Signature")]
    if any(len(values) != 1 for values in found):
        return False
    subject, nonce, timestamp, signature = (values[0].strip(b" \t") for values in found)
    if subject != f"casino:{side.casino_id}".encode():
        return False
    if not re.fullmatch(rb"[0-9]{1,20}", nonce) or not re.fullmatch(rb"[0-9]{1,10}", timestamp):
        return False
    if int(nonce) >= 2**64 or abs(int(timestamp) - now_s) > WINDOW_S:
        return False
    key_id, _, mac = signature.partition(b"=")
    key = side.keys.get(key_id.decode("latin-1"))
    return key is not None and hmac.compare_digest(mac, sign(key, int(nonce), int(timestamp), mutant.body).encode())


def parse(body: bytes) -> dict[str, Any] | None:
    """The request, None where the bytes are certainly no JSON-RPC request. RecursionError where nobody can say."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse, parse_int=_integer)
    except ValueError:
        return None
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0" or not isinstance(value.get("method"), str):
        return None
    return value if isinstance(value.get("id"), str) or type(value.get("id")) is int else None


def _integer(digits: str) -> int:
    """Python itself refuses to read thousands of digits, which are proper JSON all the same."""
    return int(digits) if len(digits) < 100 else 10**100


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def malformed(body: bytes, casino_id: int) -> bool:
    """Whether a body is certainly no proper call."""
    try:
        request = parse(body)
    except RecursionError:
        return False
    if request is None or request["method"] not in REQUIRED or not isinstance(request.get("params"), dict):
        return True
    params = request["params"]
    if type(params.get("callerId")) is not int or params["callerId"] != casino_id:
        return True
    wanted = ("playerName", *REQUIRED[request["method"]])
    if any(name not in params for name in wanted):
        return True
    return any(_bad(name, params[name], optional=False) for name in wanted) or any(
        _bad(name, params[name], optional=True) for name in OPTIONAL_TEXTS & params.keys()
    )


def _bad(name: str, value: object, *, optional: bool) -> bool:
    if name in AMOUNTS:
        return type(value) is not int or not 0 <= value <= AMOUNT_MAX
    if value is None and optional:
        return False
    if not isinstance(value, str) or "\0" in value or (name == "transactionRef" and not value):
        return True
    try:
        return len(value.encode()) > ID_BYTES_MAX
    except UnicodeEncodeError:
        return True


def verdict(mutant: Mutant, side: MascotSide, now_s: float) -> Verdict:
    """What a request is."""
    if not authentic(mutant, side, now_s):
        return "unauthentic"
    return "malformed" if malformed(mutant.body, side.casino_id) else "plausible"


@dataclass
class Books:
    """One player's money as Mascot believes it to be; `done` are transactions that moved, by reference."""

    balance: int
    done: dict[str, tuple[int, int]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)

    def told(self, request: dict[str, Any], result: dict[str, Any]) -> str:
        """Enters a success; returns what is wrong with it, if anything."""
        params = request["params"]
        method = request["method"]
        if method == "getBalance":
            return "" if result["balance"] == self.balance // UNITS else f"balance {result['balance']}, believed {self.balance}"
        reference = params["transactionRef"]
        if method == "rollbackTransaction":
            if reference not in self.undone:
                stake, win = self.done.get(reference, (0, 0))
                self.balance += stake - win
                self.undone.add(reference)
            return "" if result == {} else f"a rollback told {result}"
        stake, win = params.get("withdraw", 0) * UNITS, params.get("deposit", params.get("depositAmount", 0)) * UNITS
        if method == "collectBonusReward":
            stake, win = 0, params["depositAmount"] * UNITS
        if reference in self.done or reference in self.undone:
            return "" if self.done.get(reference) == (stake, win) else f"{reference} was told again with other money"
        if stake > self.balance:
            return f"a stake of {stake} passed on a balance of {self.balance}"
        self.done[reference] = (stake, win)
        self.balance += win - stake
        return (
            "" if result["newBalance"] == self.balance // UNITS else f"newBalance {result['newBalance']}, believed {self.balance}"
        )
