"""Mutations of signed Mascot requests: of their bytes, of their JSON, of their headers; signed anew or not.

Seeded: the same seed gives the same mutations (ids and nonces of the originals apart). Knows nothing of the gateway.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.mascot_driver import MascotSide, sign

NASTY: tuple[str, ...] = (
    "null", "true", "false", "0", "-0", "-1", "1", "1.0", "0.5", "1e2", "1e999", "-1e-999", "NaN", "Infinity",
    "9223372036854775807", "9223372036854775808", "18446744073709551616", "-9223372036854775809",
    "1000000000000", "1000000000001", "9" * 400, "9" * 5000, '""', '" "', '"0"', '"400"', '"-1"', '"\\u0000"', '"\\ud800"',
    '"\\udc00\\ud800"', '"\U0001f3b0"', '"\\"}{"', '"' + "x" * 128 + '"', '"' + "x" * 129 + '"', '"' + "ж" * 65 + '"',
    '"' + "y" * 20_000 + '"', "[]", "{}", "[1]", '{"a":1}', "[" * 200 + "]" * 200, "[" * 20_000 + "]" * 20_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000, "01", "+1", "0x10", "1_000", "'a'", "undefined", "",
    '"GAME_PLAY_FINAL"', '"EUR"', '"eur"', '"XTS"', '"withdrawAndDeposit"', '"rollbackTransaction"', '"getBalance"',
)  # fmt: skip
"""JSON texts, and texts that are nearly JSON."""

HEADER_VALUES: tuple[bytes, ...] = (
    b"", b" ", b"0", b"-1", b"+1", b"1.0", b"1e3", b"0x2a", b"007", b"18446744073709551615", b"18446744073709551616",
    b"4294967295", b"4294967296", b"9" * 400, b"9" * 6000, "٣".encode(), b"\xff\xfe", b"casino:7, casino:8", b"casino:07",
    b"casino:", b"CASINO:7", b"main", b"main=", b"=" , b"main=" + b"0" * 64, b"main=" + b"g" * 64, b"main=\xe9", b"=" * 64,
    b"main=" + b"0" * 5000, b"next=" + b"0" * 64, b"..\\..\\secret=00", b"text/plain", b"application/json\x0b", b"1\t2",
    b"multipart/form-data", b"application/json; charset=utf-16", b"application/jsonx", b"gzip", b"chunked",
)  # fmt: skip
"""Bytes that a header line can carry."""

HEADERS = (b"X-Subject", b"X-Nonce", b"X-Timestamp", b"X-Signature", b"Content-Type")
EXTRA = (b"X-Forwarded-For", b"X-Client-Verify", b"Content-Encoding", b"Expect", b"X-Request-Id", b"Accept", b"Cookie", b"Range")


@dataclass
class Mutant:
    """A request after its mutation; `how` says in words what was done to it."""

    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    how: list[str] = field(default_factory=list)
    resigned: bool = False

    def header(self, name: bytes) -> list[bytes]:
        """All values of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Mutator:
    """Makes mutants of valid requests."""

    def __init__(self, seed: int, side: MascotSide) -> None:
        self._random = random.Random(seed)
        self._side = side
        self._bytes: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._replace, self._delete, self._insert, self._cut, self._double, self._swap, self._wrap,
        )  # fmt: skip
        self._json: tuple[Callable[[dict[str, Any]], str], ...] = (
            self._nasty, self._nasty, self._nasty, self._drop, self._rename, self._add, self._twice, self._move, self._envelope,
        )  # fmt: skip

    def mutate(self, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes, nonce: int, timestamp: int) -> Mutant:
        """One mutant of a valid request; about a third of each kind, some of two, a few left as they are."""
        mutant = Mutant(target, list(headers), body)
        roll = self._random.random()
        if roll < 0.02:
            mutant.how.append("nothing")
            return mutant
        if roll < 0.37:
            self._mutate_bytes(mutant)
        elif roll < 0.80:
            self._mutate_json(mutant)
        else:
            self._mutate_headers(mutant)
        if mutant.body != body and self._random.random() < 0.7:
            self._sign(mutant, nonce, timestamp)
        if self._random.random() < 0.08:
            self._mutate_headers(mutant)
        return mutant

    def _sign(self, mutant: Mutant, nonce: int, timestamp: int) -> None:
        key_id = self._random.choice(sorted(self._side.keys))
        signature = f"{key_id}={sign(self._side.keys[key_id], nonce, timestamp, mutant.body)}".encode()
        mutant.headers = [(name, signature if name == b"X-Signature" else value) for name, value in mutant.headers]
        mutant.resigned = True

    def _mutate_bytes(self, mutant: Mutant) -> None:
        for _ in range(self._random.choice((1, 1, 1, 2, 5))):
            change = self._random.choice(self._bytes)
            mutant.body = change(mutant.body)
            mutant.how.append(change.__name__)

    def _at(self, body: bytes) -> int:
        return self._random.randrange(len(body)) if body else 0

    def _flip(self, body: bytes) -> bytes:
        if not body:
            return body
        at = self._at(body)
        return body[:at] + bytes([body[at] ^ (1 << self._random.randrange(8))]) + body[at + 1 :]

    def _replace(self, body: bytes) -> bytes:
        at = self._at(body)
        return body[:at] + bytes([self._random.choice(b'0123456789-.eE"{}[],: \x00\xff\xc3tnf')]) + body[at + 1 :]

    def _delete(self, body: bytes) -> bytes:
        at = self._at(body)
        return body[:at] + body[at + self._random.randint(1, 4) :]

    def _insert(self, body: bytes) -> bytes:
        at = self._at(body)
        return body[:at] + self._random.randbytes(self._random.randint(1, 3)) + body[at:]

    def _cut(self, body: bytes) -> bytes:
        return body[: self._at(body)]

    def _double(self, body: bytes) -> bytes:
        at = self._at(body)
        piece = body[at : at + self._random.randint(1, 40)]
        return body[:at] + piece + body[at:]

    def _swap(self, body: bytes) -> bytes:
        at = self._at(body)
        return body[:at] + body[at : at + 2][::-1] + body[at + 2 :]

    def _wrap(self, body: bytes) -> bytes:
        before, after = self._random.choice(
            ((b"[", b"]"), (b"\xef\xbb\xbf", b""), (b"", b"\x00"), (b" \n", b"\t"), (b'"', b'"'), (b"", b"{}"))
        )
        return before + body + after

    def _mutate_json(self, mutant: Mutant) -> None:
        envelope = json.loads(mutant.body)
        fields: dict[str, Any] = {
            "envelope": {name: json.dumps(value, ensure_ascii=False) for name, value in envelope.items() if name != "params"},
            "params": {name: json.dumps(value, ensure_ascii=False) for name, value in envelope["params"].items()},
            "twice": [],
        }
        for _ in range(self._random.choice((1, 1, 1, 2))):
            mutant.how.append(self._random.choice(self._json)(fields))
        params = [*fields["params"].items(), *fields["twice"]]
        written = {**fields["envelope"]}
        if "params" not in written:
            written["params"] = "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in params) + "}"
        mutant.body = ("{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in written.items()) + "}").encode()

    def _name(self, fields: dict[str, str]) -> str:
        return self._random.choice(sorted(fields)) if fields else "nothing"

    def _nasty(self, fields: dict[str, Any]) -> str:
        name, value = self._name(fields["params"]), self._random.choice(NASTY)
        fields["params"][name] = value
        return f"{name} = {value[:40]}"

    def _drop(self, fields: dict[str, Any]) -> str:
        name = self._name(fields["params"])
        fields["params"].pop(name, None)
        return f"without {name}"

    def _rename(self, fields: dict[str, Any]) -> str:
        name = self._name(fields["params"])
        other = self._random.choice((name.upper(), name + " ", name[:-1], "\u0000" + name, name.replace("a", "\u0430")))
        fields["params"][other] = fields["params"].pop(name, "1")
        return f"{name} as {other!r}"

    def _add(self, fields: dict[str, Any]) -> str:
        name = self._random.choice(
            ("bonusId", "chargeFreerounds", "freeround", "source", "reason", "spinDetails", "x", "", "__proto__")
        )
        fields["params"][name] = self._random.choice(NASTY)
        return f"added {name} = {fields['params'][name][:40]}"

    def _twice(self, fields: dict[str, Any]) -> str:
        name = self._name(fields["params"])
        fields["twice"].append((name, self._random.choice(NASTY)))
        return f"{name} twice"

    def _move(self, fields: dict[str, Any]) -> str:
        name, other = self._name(fields["params"]), self._name(fields["params"])
        if name in fields["params"] and other in fields["params"]:
            fields["params"][name], fields["params"][other] = fields["params"][other], fields["params"][name]
        return f"{name} and {other} exchanged"

    def _envelope(self, fields: dict[str, Any]) -> str:
        name = self._random.choice(("jsonrpc", "id", "method", "params", "extra"))
        if self._random.random() < 0.3:
            fields["envelope"].pop(name, None)
            return f"envelope without {name}"
        fields["envelope"][name] = self._random.choice(NASTY)
        return f"envelope {name} = {fields['envelope'][name][:40]}"

    def _mutate_headers(self, mutant: Mutant) -> None:
        name = self._random.choice(HEADERS)
        at = next((number for number, (key, _) in enumerate(mutant.headers) if key == name), None)
        kind = self._random.randrange(6)
        if at is None or kind == 0:
            name = self._random.choice(EXTRA)
            mutant.headers.append((name, self._random.choice(HEADER_VALUES)))
        elif kind == 1:
            del mutant.headers[at]
        elif kind == 2:
            mutant.headers.append((name, self._random.choice(HEADER_VALUES)))
        elif kind == 3:
            mutant.headers[at] = (name, self._replace(mutant.headers[at][1]).translate(None, b"\r\n\x00"))
        else:
            mutant.headers[at] = (name, self._random.choice(HEADER_VALUES))
        mutant.how.append(f"header {name.decode()} ({kind})")
