"""Errors of an HTTP interface as RFC 9457 problem documents: a stable `type`, what happened, and what to do about it.

A `type` is a path on the same server (`/problems/<name>`), which explains it; clients compare it as a text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.errors import StakewireError

MEDIA_TYPE: Final = "application/problem+json"
TYPES_PATH: Final = "/problems/"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. `advice` is what its receiver can do in general."""

    name: str
    status: int
    title: str
    advice: str

    @property
    def uri(self) -> str:
        """The `type` of the documents."""
        return TYPES_PATH + self.name


class Problem(StakewireError):
    """Ends a request with a problem document.

    `detail` says what happened in this case, `advice` replaces the type's general one, `headers` go with the answer,
    `facts` are further members of the document.
    """

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        *,
        advice: str = "",
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.advice = advice or kind.advice
        self.headers = dict(headers or {})
        self.facts = facts

    def document(self, request_id: str) -> bytes:
        """The body of the answer."""
        content = {
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "advice": self.advice,
            "request_id": request_id,
            **self.facts,
        }
        return json.dumps(content, ensure_ascii=False).encode()


UNAUTHENTICATED: Final = ProblemType(
    "unauthenticated",
    401,
    "No valid key",
    "Send the header `Authorization: Bearer <key>` with a key that is neither expired nor revoked (`stakewire keys list`).",
)
SCOPE_MISSING: Final = ProblemType(
    "scope-missing",
    403,
    "The key may not do this",
    "Use a key with the scope that is named, or create one: `stakewire keys create --scope ...`.",
)
RATE_LIMITED: Final = ProblemType(
    "rate-limited", 429, "Too many requests", "Wait as many seconds as `Retry-After` says; spread requests evenly."
)
BODY_TOO_LARGE: Final = ProblemType("body-too-large", 413, "The body is too large", "Send less in one request.")
LENGTH_REQUIRED: Final = ProblemType(
    "length-required", 411, "The length of the body is not told", "Send `Content-Length`; chunked bodies are not taken."
)
NOT_FOUND: Final = ProblemType("not-found", 404, "There is nothing here", "Compare the path with the documentation at /docs.")
METHOD_NOT_ALLOWED: Final = ProblemType(
    "method-not-allowed", 405, "The path knows no such method", "Use one of the methods that `Allow` names."
)
MALFORMED_BODY: Final = ProblemType(
    "malformed-body", 400, "The body cannot be read", "Send one JSON object in UTF-8 with `Content-Type: application/json`."
)
INVALID_REQUEST: Final = ProblemType(
    "invalid-request", 422, "A value is missing or not acceptable", "Correct the values listed in `errors`."
)
INTERNAL: Final = ProblemType(
    "internal-error",
    500,
    "Something went wrong here",
    "Repeat it with the same Idempotency-Key; if it stays, tell the operator of this system the request_id.",
)
OVERLOADED: Final = ProblemType(
    "unavailable", 503, "Not available right now", "Nothing was done. Repeat the request after `Retry-After` seconds."
)
BRAND_FORBIDDEN: Final = ProblemType("brand-forbidden", 403, "The key belongs to another brand", "Use a key of that brand.")
CURSOR_INVALID: Final = ProblemType(
    "cursor-invalid",
    422,
    "The cursor is not one of ours",
    "Use `next` of the page before, unchanged and with the same filters; leave it out for the first page.",
)

COMMON: Final = (
    UNAUTHENTICATED,
    SCOPE_MISSING,
    RATE_LIMITED,
    BODY_TOO_LARGE,
    LENGTH_REQUIRED,
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    MALFORMED_BODY,
    INVALID_REQUEST,
    INTERNAL,
    OVERLOADED,
)
"""What every interface of ours can answer."""
