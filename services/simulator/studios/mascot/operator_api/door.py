"""Who calls: the operator behind a request, and for the signed address the proof of it.

Order as in the protocol: subject, timestamp window, signature (constant time), nonce. Parses no body. Nonces are remembered
in this process, for the whole window.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.simulator.errors import SimulatorError
from services.simulator.studios.mascot.operator_api.codes import (
    NONCE_INVALID,
    SIGNATURE_INVALID,
    SUBJECT_INVALID,
    TIMESTAMP_INVALID,
    RpcError,
)
from services.simulator.studios.mascot.signature import Signer
from shared.settings import ProviderAccount

WINDOW_S: Final = 300
NONCES_MAX: Final = 200_000
_NONCE: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_SIGNATURE: Final = re.compile(r"([\x21-\x3c\x3e-\x7e]{1,128})=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator as the studio knows him. `digits` are the decimals of each currency's minor unit, by the provider's code."""

    provider_account: str
    casino_id: int
    signers: dict[str, Signer]
    digits: dict[str, int]

    @property
    def subject(self) -> str:
        """His X-Subject."""
        return f"casino:{self.casino_id}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; `signer`, `nonce` and `timestamp` are those of a signed request, for its answer."""

    operator: Operator
    signer: Signer | None = None
    nonce: int = 0
    timestamp: int = 0

    def headers_for(self, body: bytes) -> dict[str, str]:
        """The headers that sign an answer; none where the request was plain."""
        return {} if self.signer is None else self.signer.headers(body, self.nonce, self.timestamp)


def operator_of(account: ProviderAccount) -> Operator:
    """The operator of a provider account. SimulatorError where the account has no casino id, or a key id that cannot be sent."""
    casino_id = account.settings.get("casino_id")
    if type(casino_id) is not int:
        raise SimulatorError(f"provider account {account.name} needs settings.casino_id (an integer) to be played")
    return Operator(
        provider_account=account.name,
        casino_id=casino_id,
        signers={key_id: Signer(casino_id, key_id, key) for key_id, key in account.keys.items()},
        digits={wire: units.mapping.digits for wire, units in account.currencies.items()},
    )


class Door:
    """Lets requests in. `clock` gives Unix seconds. Raises RpcError for those that stay outside."""

    def __init__(self, operators: list[Operator], clock: Callable[[], float]) -> None:
        self._operators = operators
        self._clock = clock
        self._nonces: dict[tuple[str, int], tuple[float, bytes]] = {}

    def plain(self, headers: Mapping[str, str]) -> Caller:
        """The operator of a request without signature: the one of X-Subject, or the first one.

        In reality a client certificate would name him.
        """
        subject = headers.get("x-subject")
        for operator in self._operators:
            if subject in (None, operator.subject):
                return Caller(operator)
        raise RpcError(SUBJECT_INVALID, self._subjects(subject))

    def signed(self, headers: Mapping[str, str], body: bytes) -> Caller:
        """The operator whose key signed these bytes; `headers` are asked for names in lower case."""
        subject = headers.get("x-subject")
        operators = [operator for operator in self._operators if operator.subject == subject]
        if not operators:
            raise RpcError(SUBJECT_INVALID, self._subjects(subject))
        timestamp = self._timestamp(headers.get("x-timestamp", ""))
        nonce_text = headers.get("x-nonce", "")
        nonce = int(nonce_text) if _NONCE.fullmatch(nonce_text) else -1
        if not 0 <= nonce < 2**64:
            raise RpcError(NONCE_INVALID, "X-Nonce is no unsigned 64-bit decimal number")
        matched = _SIGNATURE.fullmatch(headers.get("x-signature", ""))
        if matched is None:
            raise RpcError(SIGNATURE_INVALID, "X-Signature is not <key id>=<64 lower-case hex digits>")
        for operator in operators:
            signer = operator.signers.get(matched[1])
            if signer is not None and hmac.compare_digest(signer.sign(nonce, timestamp, body), matched[0]):
                self._claim(operator, nonce, timestamp, body)
                return Caller(operator, signer, nonce, timestamp)
        raise RpcError(
            SIGNATURE_INVALID, f"X-Signature does not fit the body, X-Nonce, X-Timestamp and a key {matched[1]!r} of {subject}"
        )

    def _timestamp(self, text: str) -> int:
        timestamp = int(text) if _TIMESTAMP.fullmatch(text) else -1
        if not 0 <= timestamp < 2**32:
            raise RpcError(TIMESTAMP_INVALID, "X-Timestamp is no unsigned 32-bit decimal number of Unix seconds")
        away_s = timestamp - self._clock()
        if abs(away_s) > WINDOW_S:
            raise RpcError(
                TIMESTAMP_INVALID, f"X-Timestamp is {away_s:+.0f} s from the studio's clock; at most {WINDOW_S} s are taken"
            )
        return timestamp

    def _claim(self, operator: Operator, nonce: int, timestamp: int, body: bytes) -> None:
        """The same nonce with the same bytes is answered again (an honest repetition), with other bytes refused."""
        now = self._clock()
        self._forget(now)
        said = hashlib.sha256(timestamp.to_bytes(4, "big") + body).digest()
        # A request is good until its own timestamp leaves the window, at most two windows from now.
        known = self._nonces.setdefault((operator.provider_account, nonce), (now + 2 * WINDOW_S, said))
        if known[1] != said:
            raise RpcError(NONCE_INVALID, f"X-Nonce {nonce} was used with other bytes; every request needs a nonce of its own")

    def _forget(self, now: float) -> None:
        """Nonces are in the order in which they came, and all are kept equally long."""
        while self._nonces:
            oldest = next(iter(self._nonces))
            if self._nonces[oldest][0] > now and len(self._nonces) < NONCES_MAX:
                return
            del self._nonces[oldest]

    def _subjects(self, subject: str | None) -> str:
        known = ", ".join(operator.subject for operator in self._operators) or "none"
        return f"X-Subject is {subject!r}; expected one of: {known}"
