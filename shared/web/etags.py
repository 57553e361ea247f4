"""ETags of answers that are read again and again: made from what the answer follows from, compared with `If-None-Match`."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final

from fastapi import Header, Response

HEX_CHARS: Final = 32
IF_NONE_MATCH_CHARS_MAX: Final = 2_000
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Nothing has changed since the ETag that was sent."}}
"""The documented answer; goes into the `responses` of a route."""

IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        max_length=IF_NONE_MATCH_CHARS_MAX,
        description="The ETag of an earlier answer: 304 without a body while nothing has changed.",
        examples=['"0f343b0931126a20f133d67c2b018a3b"'],
    ),
]


def etag_of(*parts: object) -> str:
    """A strong ETag: alike exactly where all parts are alike as text."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f'"{digest[:HEX_CHARS]}"'


def is_known(etag: str, if_none_match: str | None) -> bool:
    """Whether the caller holds the answer with this ETag already (RFC 9110, 13.1.2: weak comparison)."""
    if if_none_match is None:
        return False
    told = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return etag in told or told == ["*"]


def headers_of(etag: str) -> dict[str, str]:
    """The headers of an answer with an ETag: the caller may keep it, and asks each time whether it still holds."""
    return {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}


def not_modified(etag: str) -> Response:
    """304: what the caller holds is still right."""
    return Response(status_code=304, headers=headers_of(etag))


def answer(content: bytes | str, etag: str, *, media_type: str = "application/json") -> Response:
    """200 with its ETag."""
    return Response(content, media_type=media_type, headers=headers_of(etag))
