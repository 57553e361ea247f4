"""A request as somebody pastes it: the text of an HTTP/1.1 request, or its parts, as the callback it would have been. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from shared.errors import StakewireError
from shared.providers.dialect import Callback

HEADERS_MAX: Final = 100
HEAD_BYTES_MAX: Final = 16_384
PREFIX: Final = "/callbacks/"
_REQUEST_LINE: Final = re.compile(rb"([A-Za-z]{3,16})[ \t]+(\S{1,2000})(?:[ \t]+HTTP/[0-9.]{1,3})?")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")


class PasteError(StakewireError):
    """What was pasted is no HTTP request; says what was expected."""


class Pasted(msgspec.Struct, frozen=True):
    """The request, and what was noticed or mended while it was read. The callback's `path` is what differs from the account's own."""

    http_method: str
    callback: Callback
    remarks: tuple[str, ...] = ()


def read_paste(raw: bytes, account: str, remote_address: str = "") -> Pasted:
    """Reads request line, headers, a blank line and the body. PasteError where that is not what it is.

    Blanks before the request line are passed over. A body longer than Content-Length says is cut to it, as people's tools add
    line breaks; the bytes are taken as they are otherwise.
    """
    head, body = _split(raw.lstrip())
    lines = head.replace(b"\r\n", b"\n").split(b"\n")
    found = _REQUEST_LINE.fullmatch(lines[0].strip())
    if found is None:
        raise PasteError("the first line is no request line; expected is one such as 'POST /callbacks/<account> HTTP/1.1'")
    headers = _headers(line.partition(b":") for line in lines[1:])
    body, remarks = _fitted(body, headers)
    path, _, query = found[2].decode("latin-1").partition("?")
    callback = Callback(headers, body, _rest(path, account), query.encode("latin-1"), remote_address)
    return Pasted(found[1].decode().upper(), callback, remarks)


def made_of_parts(
    http_method: str, path: str, headers: dict[str, str], body: bytes, account: str, remote_address: str = ""
) -> Pasted:
    """The same from the parts; PasteError where a header's name or value cannot be one."""
    try:
        pairs = [(name.encode("ascii"), b":", value.encode("latin-1")) for name, value in headers.items()]
    except UnicodeEncodeError:
        raise PasteError("a header holds letters that no header can hold") from None
    where, _, query = path.partition("?")
    callback = Callback(_headers(pairs), body, _rest(where, account), query.encode("utf-8", "replace"), remote_address)
    return Pasted(http_method.upper(), callback)


def decode_base64(text: str) -> bytes:
    """The bytes of a base64 text, blanks and line breaks in it passed over; PasteError where it is none."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise PasteError("the text is no base64") from None


def _split(raw: bytes) -> tuple[bytes, bytes]:
    end = _BLANK_LINE.search(raw)
    head, body = (raw, b"") if end is None else (raw[: end.start()], raw[end.end() :])
    if len(head) > HEAD_BYTES_MAX:
        raise PasteError(f"the head of the request has more than {HEAD_BYTES_MAX} bytes; a blank line must stand before the body")
    return head, body


def _headers(parts: Iterable[tuple[bytes, bytes, bytes]]) -> dict[bytes, bytes]:
    headers: dict[bytes, bytes] = {}
    for name, colon, value in parts:
        if not colon or not _NAME.fullmatch(name):
            shown = name[:40].decode("latin-1")
            raise PasteError(f"{shown!r} is no header; expected are lines such as 'X-Nonce: 1', and a blank line before the body")
        headers[name.lower()] = value.strip()
        if len(headers) > HEADERS_MAX:
            raise PasteError(f"there are more than {HEADERS_MAX} headers")
    return headers


def _fitted(body: bytes, headers: dict[bytes, bytes]) -> tuple[bytes, tuple[str, ...]]:
    declared = headers.get(b"content-length", b"")
    if not declared.isdigit() or len(declared) > len(str(2**31)):
        return body, ()
    length = int(declared)
    if len(body) > length:
        return body[:length], (f"Content-Length says {length} bytes, {len(body)} were pasted: what is behind them was left out.",)
    if len(body) < length:
        missing = f"Content-Length says {length} bytes, only {len(body)} were pasted: the paste has lost some (line ends, letters)."
        return body, (missing,)
    return body, ()


def _rest(path: str, account: str) -> str:
    """What differs from the account's own address; empty where nothing does, or where a proxy may have rewritten it."""
    if not path.startswith(PREFIX):
        return ""
    name, slash, below = path.removeprefix(PREFIX).partition("/")
    return slash + below if name == account else path
