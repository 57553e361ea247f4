"""The other forms in which a body may have been signed: the same document written anew, or the same text in another coding.

Each form carries the code of its finding and the words that describe how the signed bytes differ from those that came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from shared.providers.diagnosis.budget import BODY_BYTES_MAX

SPACING, KEY_ORDER, ESCAPING = "body_spacing", "body_key_order", "body_escaping"
NEWLINE, LINE_ENDS, CHARSET, LEFT_OUT = "body_trailing_newline", "body_line_ends", "body_charset", "body_left_out"

_Layouts = tuple[tuple[str, dict[str, Any]], ...]
_LAYOUTS: Final[_Layouts] = (
    ("compact, without blanks", {"separators": (",", ":")}),
    ("with a blank after ',' and ':'", {"separators": (", ", ": ")}),
    ("with a blank after ':'", {"separators": (",", ": ")}),
    ("indented by 2", {"indent": 2}),
    ("indented by 4", {"indent": 4}),
    ("indented by a tab", {"indent": "\t"}),
)
_ORDERS: Final = (
    ("jsonrpc", "method", "params", "id"),
    ("jsonrpc", "method", "id", "params"),
    ("jsonrpc", "id", "method", "params"),
    ("id", "jsonrpc", "method", "params"),
)


class Form(NamedTuple):
    """Other bytes that may have been signed. `notes` describe them, the most telling first, each with its code."""

    body: bytes
    notes: tuple[tuple[str, str], ...]


def forms_of(body: bytes) -> Iterator[Form]:
    """The forms, the likeliest first, none twice and none that came as it is. Nothing for a body above the limit."""
    if len(body) > BODY_BYTES_MAX:
        return
    seen = {body}
    for form in (*_ends(body), *_written_anew(body), *_recoded(body), *_parts(body)):
        if form.body not in seen:
            seen.add(form.body)
            yield form


def _ends(body: bytes) -> Iterator[Form]:
    bare = body.rstrip(b"\r\n")
    if bare != body:
        yield Form(bare, ((NEWLINE, "signed without the line break at the end that was sent"),))
    yield Form(bare + b"\n", ((NEWLINE, "signed with a line break (LF) at the end that was not sent"),))
    yield Form(bare + b"\r\n", ((NEWLINE, "signed with a line break (CR LF) at the end that was not sent"),))
    yield Form(body.strip(), ((NEWLINE, "signed without the blanks or line breaks around it that were sent"),))
    unix = body.replace(b"\r\n", b"\n")
    yield Form(unix.replace(b"\n", b"\r\n"), ((LINE_ENDS, "signed with line ends CR LF, sent with LF"),))
    yield Form(unix, ((LINE_ENDS, "signed with line ends LF, sent with CR LF"),))


def _written_anew(body: bytes) -> Iterator[Form]:
    document = _document(body)
    if not isinstance(document, (dict, list)):
        return
    for ordered, order_note, layouts in _in_orders(document):
        for layout, options in layouts:
            plain = json.dumps(ordered, ensure_ascii=False, **options)
            for text, escapes in _escaped(ordered, plain, options):
                notes = (*order_note, *escapes, (SPACING, f"signed {layout}"))
                encoded = text.encode("utf-8", "replace")
                yield Form(encoded, notes)
                yield Form(encoded + b"\n", (*notes, (NEWLINE, "and with a line break at the end")))


def _escaped(document: Any, plain: str, options: dict[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """The text, and the text with other escapes where they make a difference."""
    yield plain, ()
    slashes = "/" in plain
    if slashes:
        yield plain.replace("/", "\\/"), ((ESCAPING, "signed with each slash written as \\/"),)
    if not plain.isascii():
        escaped = json.dumps(document, ensure_ascii=True, **options)
        yield escaped, ((ESCAPING, "signed with letters beyond ASCII written as \\u escapes"),)
        if slashes:
            yield escaped.replace("/", "\\/"), ((ESCAPING, "signed with \\u escapes and each slash written as \\/"),)


def _in_orders(document: Any) -> Iterator[tuple[Any, tuple[tuple[str, str], ...], _Layouts]]:
    """The document in other orders of its keys, with the layouts in which each is written: all for the likely ones."""
    yield document, (), _LAYOUTS
    ordered = _sorted(document)
    if json.dumps(ordered) != json.dumps(document):
        yield ordered, ((KEY_ORDER, "signed with the keys in alphabetical order"),), _LAYOUTS
    if isinstance(document, dict):
        for order in _ORDERS:
            if document.keys() == set(order) and tuple(document) != order:
                note = (KEY_ORDER, f"signed with the members in the order {', '.join(order)}")
                yield {name: document[name] for name in order}, (note,), _LAYOUTS[:2]


def _sorted(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: _sorted(document[name]) for name in sorted(document)}
    return [_sorted(each) for each in document] if isinstance(document, list) else document


def _recoded(body: bytes) -> Iterator[Form]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    yield Form(text.encode(), ((CHARSET, "signed without the byte order mark that was sent"),))
    yield Form(text.encode("utf-8-sig"), ((CHARSET, "signed with a byte order mark that was not sent"),))
    for coding in ("latin-1", "cp1252", "utf-16-le", "utf-16-be", "utf-16"):
        try:
            yield Form(text.encode(coding), ((CHARSET, f"signed in {coding}, sent in UTF-8"),))
        except UnicodeEncodeError:
            continue


def _parts(body: bytes) -> Iterator[Form]:
    yield Form(b"", ((LEFT_OUT, "signed without the body"),))
    document = _document(body)
    if isinstance(document, dict) and isinstance(document.get("params"), dict):
        for layout, options in _LAYOUTS[:2]:
            text = json.dumps(document["params"], ensure_ascii=False, **options)
            yield Form(text.encode("utf-8", "replace"), ((LEFT_OUT, f"signed over the params alone, {layout}"),))
    yield Form(body.hex().encode(), ((CHARSET, "signed over the body's hexadecimal text"),))


def _document(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
