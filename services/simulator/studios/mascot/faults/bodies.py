"""The body is written anew between signing and sending: what frameworks, proxies and logging layers do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from services.simulator.studios.mascot.faults.bench import Bench, compact, spaced
from services.simulator.studios.mascot.faults.named import Fault, made_so

Write = Callable[[Any], bytes]


def _compact_ascii(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _slashes(document: Any) -> bytes:
    return compact(document).replace(b"/", b"\\/")


def _recoded(coding: str) -> Write:
    return lambda document: compact(document).decode().encode(coding)


def _two_lines(line_end: bytes) -> Write:
    return lambda document: spaced(document, indent=2).replace(b"\n", line_end)


def _signed_as(name: str, about: str, signed: Write, sent: Write = compact) -> Fault:
    def make(bench: Bench) -> Any:
        return bench.send(sent(bench.call()), over=signed(bench.call()))

    return made_so(name, about, make)


def _changed(bench: Bench) -> Any:
    body = compact(bench.call())
    return bench.send(body.replace(b'"withdraw":400', b'"withdraw":500'), over=body)


FAULTS: Final = (
    _signed_as("body_spaced", "signs the compact text, sends blanks after ',' and ':'", compact, spaced),
    _signed_as("body_compacted", "signs the text with blanks, sends it compact", spaced),
    _signed_as("body_indented_2", "signs it indented by 2, sends it compact", lambda each: spaced(each, indent=2)),
    _signed_as("body_indented_4", "signs it indented by 4, sends it compact", lambda each: spaced(each, indent=4)),
    _signed_as(
        "body_sorted",
        "signs the keys in alphabetical order, sends them in another",
        lambda each: spaced(each, sort_keys=True, separators=(",", ":")),
    ),
    _signed_as("body_sorted_and_spaced", "signs sorted keys with blanks, sends neither", lambda each: spaced(each, sort_keys=True)),
    _signed_as("body_ascii_escaped", "signs non-ASCII letters as \\u escapes, sends UTF-8", _compact_ascii),
    _signed_as("body_slash_escaped", "signs slashes as \\/, sends them plain", _slashes),
    _signed_as("body_newline_signed", "signs a line break at the end, does not send it", lambda each: compact(each) + b"\n"),
    _signed_as(
        "body_newline_sent", "sends a line break at the end that it did not sign", compact, lambda each: compact(each) + b"\n"
    ),
    _signed_as("body_crlf", "signs line ends CR LF, sends LF", _two_lines(b"\r\n"), _two_lines(b"\n")),
    _signed_as("body_signed_latin1", "signs the text in Latin-1, sends UTF-8", _recoded("latin-1")),
    _signed_as("body_signed_utf16", "signs the text in UTF-16, sends UTF-8", _recoded("utf-16-le")),
    _signed_as("body_signed_bom", "signs a byte order mark, does not send it", _recoded("utf-8-sig")),
    _signed_as("body_not_signed", "signs nonce and timestamp alone", lambda _: b""),
    _signed_as("body_params_signed", "signs the params alone", lambda each: compact(each["params"])),
    made_so("body_changed", "a proxy changes one digit of the body", _changed),
)
