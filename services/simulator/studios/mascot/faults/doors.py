"""What is refused at the door: HTTP method and path, size, addresses, client certificates, nonces that were used."""

from __future__ import annotations

from typing import Final

from services.simulator.studios.mascot.faults.bench import Bench, Header, Sent, compact
from services.simulator.studios.mascot.faults.named import Fault, made_so

BIG_BYTES: Final = 70_000
VERIFIED: Final = ("X-Client-Verify", "SUCCESS")


def _as(bench: Bench, http_method: str) -> Sent:
    sent = bench.send()
    return Sent(sent.headers, b"" if http_method == "GET" else sent.body, http_method)


def _certified(bench: Bench, *headers: Header) -> Sent:
    return Sent([("Content-Type", "application/json"), *headers], compact(bench.call()))


def _longer(bench: Bench) -> Sent:
    sent = bench.send()
    return Sent(sent.headers, sent.body, suffix="/withdrawAndDeposit")


def _reused(bench: Bench) -> list[Sent]:
    other = bench.call(params=bench.params(withdraw=300, transactionRef=f"{bench.ref}-b"))
    return [bench.send(), bench.send(other)]


def _repeated(bench: Bench) -> list[Sent]:
    return [bench.send(), bench.send()]


FAULTS: Final = (
    Fault("nonce_reused", "signs other bytes under a nonce that was used", _reused),
    Fault("nonce_repeated", "repeats a request byte for byte at an account that refuses that", _repeated, "once"),
    made_so("http_get", "sends GET", lambda bench: _as(bench, "GET")),
    made_so("http_put", "sends PUT", lambda bench: _as(bench, "PUT")),
    made_so("path_longer", "appends the method's name to the address", _longer),
    made_so(
        "body_too_large", "sends more than is taken", lambda bench: bench.send(compact(bench.call()).ljust(BIG_BYTES))
    ),
    made_so("address_outside", "calls from an address that is not on the list", lambda bench: bench.send(), "fenced"),
    made_so(
        "address_behind_proxy", "calls through a proxy that is not set as trusted",
        lambda bench: bench.send(more=(("X-Forwarded-For", "192.0.2.10"),)), "fenced",
    ),
    made_so("certificate_missing", "comes without the header of the proxy's check", _certified, "mtls"),
    made_so(
        "certificate_failed", "comes with a certificate that the proxy does not accept",
        lambda bench: _certified(bench, ("X-Client-Verify", "FAILED:unable to verify the first certificate")), "mtls",
    ),
    made_so(
        "certificate_past_the_proxy", "comes with the header, but not from a trusted proxy",
        lambda bench: _certified(bench, VERIFIED), "past",
    ),
)  # fmt: skip
