"""What goes wrong between us and Mascot's Operator API, in words that a technician can act on. Does no I/O.

Every failure says two things besides: whether the call may have been carried out (`uncertain`), and whether trying
again could help (`transient`). A call that must not happen twice is repeated only where it certainly did not happen.
"""

from __future__ import annotations

import email.utils
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from shared.providers.client import (
    ProviderAnswerInvalid,
    ProviderError,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from shared.providers.mascot.endpoint import Endpoint

WORDS_MAX: Final = 200
SKEW_WORTH_TELLING_S: Final = 30
INTERNAL_ERROR: Final = -32603
STATUS_PAGE: Final = "see the provider's status page; repeat later"


class AnswerNotSigned(ProviderAnswerInvalid):
    """An answer is not signed under one of our keys with our nonce and timestamp."""


class CallFailed(Exception):
    """One call failed. For this package only: outside, its `error` is raised."""

    def __init__(
        self, error: ProviderError, *, transient: bool = False, uncertain: bool = True, proper_answer: bool = False
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.transient = transient
        self.uncertain = uncertain
        self.proper_answer = proper_answer


def clock_skew_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """How far the provider's clock is ahead of ours by its Date header (whole seconds); None where it tells none."""
    try:
        return email.utils.parsedate_to_datetime(headers.get("Date", "")).timestamp() - now_s
    except (ValueError, TypeError, OverflowError):
        return None


def plain(text: object) -> str:
    """Words of the provider's as they may stand in a message: one line, printable, not too long."""
    words = "".join(letter if letter.isprintable() else " " for letter in str(text)[: WORDS_MAX * 2])
    return " ".join(words.split())[:WORDS_MAX]


def broken(endpoint: Endpoint, error: Exception, *, connected: bool, limit_s: float) -> CallFailed:
    """A call that got no answer. `connected`: a connection was there, so the request may have gone out."""
    if not connected:
        return _not_connected(endpoint, error, limit_s)
    if isinstance(error, TimeoutError):
        return CallFailed(
            ProviderTimeout(
                f"{endpoint.where} did not answer within {limit_s:.1f} s",
                advice=f"{STATUS_PAGE}; if it is only slow, raise operator_api_timeout_s",
            ),
            transient=True,
        )
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return CallFailed(
            ProviderUnreachable(f"{endpoint.where} broke off the encrypted connection", advice=_certificate_advice(endpoint))
        )
    if isinstance(error, aiohttp.ClientResponseError):
        return CallFailed(
            ProviderAnswerInvalid(
                f"{endpoint.where} answered something that is not HTTP", advice="check host and port of operator_api_url"
            )
        )
    # A server that does not accept our certificate says so only after the handshake (TLS 1.3), and often by a reset alone.
    advice = (
        f"if it happens every time: {_certificate_advice(endpoint)}; otherwise {STATUS_PAGE}" if endpoint.is_tls else STATUS_PAGE
    )
    return CallFailed(
        ProviderUnreachable(f"the connection to {endpoint.where} broke before the answer was complete", advice=advice),
        transient=True,
    )


def _not_connected(endpoint: Endpoint, error: Exception, limit_s: float) -> CallFailed:
    transient = True
    if isinstance(error, TimeoutError):
        text = f"no connection to {endpoint.where} within {limit_s:.1f} s"
        advice = "check the firewall and proxy on our side, and that the provider has our outgoing addresses on its allow-list"
    elif isinstance(error, aiohttp.ClientConnectorDNSError):
        text, advice = f"the name {endpoint.host} has no address", "check operator_api_url and this machine's name servers"
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        transient = False
        reason = getattr(error.certificate_error, "verify_message", "") or "it is not valid"
        text = f"the certificate of {endpoint.where} is not accepted: {plain(reason)}"
        advice = "check the host in operator_api_url; with authorities of the provider's own, set operator_api_ca to their PEM file"
    elif isinstance(error, aiohttp.ClientSSLError):
        transient = False
        text, advice = f"{endpoint.where} did not agree to an encrypted connection", _certificate_advice(endpoint)
    else:
        reason = getattr(error, "strerror", None) or type(error).__name__
        text = f"no connection to {endpoint.where}: {plain(reason)}"
        advice = f"check host and port of operator_api_url; otherwise {STATUS_PAGE}"
    return CallFailed(ProviderUnreachable(text, advice=advice), transient=transient, uncertain=False)


def _certificate_advice(endpoint: Endpoint) -> str:
    if endpoint.certificate is None:
        return "check that operator_api_url is an https address; if the provider wants a client certificate, set operator_api_certificate"
    return f"the provider does not take the client certificate {endpoint.certificate.name}: check its expiry, and that the provider has it"


def bad_status(endpoint: Endpoint, status: int, words: str, skew_s: float | None) -> CallFailed:
    """An HTTP status other than success, without an error object of the provider's that could be believed."""
    said = f' ("{words}")' if words else ""
    text = f"{endpoint.where} answered HTTP {status}{said}"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return CallFailed(
            ProviderRefused(
                f"{text}: it does not accept who we are", code=status, message=words, advice=_identity(endpoint, skew_s)
            ),
            uncertain=False,
        )
    if status == HTTPStatus.NOT_FOUND:
        advice = (
            "the path of operator_api_url is wrong: the provider's ends in /v1/signed/ (signed calls) or /v1/ (client certificate)"
        )
        return CallFailed(ProviderRefused(f"{text}: no such path", code=status, message=words, advice=advice), uncertain=False)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        error = ProviderRefused(
            f"{text}: too many calls", code=status, message=words, advice="agree a higher rate with the provider"
        )
        return CallFailed(error, transient=True, uncertain=False)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CallFailed(ProviderUnreachable(f"{text}: its side is down", advice=STATUS_PAGE), transient=True)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        advice = "redirections are not followed: set operator_api_url to the final address, with https:// and the last slash"
        return CallFailed(ProviderRefused(f"{text}: it redirects", code=status, advice=advice), uncertain=False)
    return CallFailed(
        ProviderRefused(text, code=status, message=words, advice="check operator_api_url; ask the provider what it misses"),
        uncertain=False,
    )


def _identity(endpoint: Endpoint, skew_s: float | None) -> str:
    """What to look at when the provider does not accept who we are."""
    if endpoint.key is None:
        who = "the client certificate" if endpoint.certificate else "us without a client certificate (operator_api_certificate)"
        parts = [f"ask the provider whether it knows {who} for {endpoint.subject.decode()}"]
    else:
        parts = [
            f"ask the provider whether its secret of key id {endpoint.key.key_id!r} is ours and belongs to {endpoint.subject.decode()}"
        ]
    if skew_s is not None and abs(skew_s) >= SKEW_WORTH_TELLING_S:
        parts.append(
            f"our clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the provider's: set it by NTP, as timestamps are signed"
        )
    parts.append("check that the provider has our outgoing addresses on its allow-list")
    return "; ".join(parts)


def refused(endpoint: Endpoint, method: str, error: object, status: int) -> CallFailed:
    """An error object of the provider's, in an answer that can be believed."""
    code, message = error_words(error)
    said = f"error {code}" + (f" ({message})" if message else " without a message")
    uncertain = code == INTERNAL_ERROR or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return CallFailed(
        ProviderRefused(
            f"{endpoint.where} refused {method} with {said}",
            code=code,
            message=message,
            advice=_ADVICE.get(code, "look the code up in the provider's documentation"),
        ),
        transient=status >= HTTPStatus.INTERNAL_SERVER_ERROR,
        uncertain=uncertain,
        proper_answer=not uncertain,
    )


_ADVICE: Final[dict[int, str]] = {
    -32700: "the provider could not read our request: report it with the time of the call",
    -32600: "the provider did not accept the request's form: report it with the time of the call",
    -32601: "the provider does not know this method: check that operator_api_url is its Operator API v1",
    -32602: "the provider did not accept a parameter: check game id, base_host, static_host and bank_group",
    INTERNAL_ERROR: STATUS_PAGE,
    10802: "the provider does not know the bonus id, or the game has no free rounds",
}


def error_words(error: object) -> tuple[int, str]:
    """Code and message of a JSON-RPC error object; 0 and "" where they are missing."""
    fields: dict[str, Any] = error if isinstance(error, dict) else {}
    code, message = fields.get("code"), fields.get("message")
    return (code if type(code) is int else 0), (plain(message) if isinstance(message, str) else "")


def invalid(endpoint: Endpoint, what: str) -> CallFailed:
    """An answer that is not one."""
    advice = "check that operator_api_url is the provider's Operator API v1; report it to the provider with the time"
    return CallFailed(ProviderAnswerInvalid(f"{endpoint.where} answered, but {what}", advice=advice))


def not_signed(endpoint: Endpoint, error: object) -> CallFailed:
    """An answer without a signature of ours. If it is an error object, its words are the likeliest explanation."""
    said = ""
    if error is not None:
        code, message = error_words(error)
        said = f"; it says error {code}" + (f' ("{message}")' if message else "")
    key_ids = ", ".join(key.decode() for key in endpoint.keys)
    return CallFailed(
        AnswerNotSigned(
            f"{endpoint.where} answered, but the answer is not signed under one of our keys with our nonce and timestamp{said}",
            advice=f"ask the provider whether its secret of our keys ({key_ids}) is the same as ours, and whether it signs answers;"
            " if it does not, set verify_answers = false",
        )
    )
