"""Tables as CSV for spreadsheets: a text that one would calculate is made a text; numbers stay numbers. Knows no report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from shared.errors import MoneyError
from shared.web.values import shown

CELL_CHARS_MAX: Final = 4_000
MEDIA_TYPE: Final = "text/csv; charset=utf-8"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a text that some spreadsheet would calculate begins with (the last four are full-width)."""

Cell = str | int | bool | Decimal | datetime | None


def csv_lines(rows: Iterable[Sequence[Cell]]) -> str:
    """Rows as RFC 4180 lines."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def amount(units: int, currency: str) -> Decimal:
    """Units as a number in major units; in units where nobody knows the currency any more."""
    try:
        return Decimal(shown(units, currency))
    except MoneyError:
        return Decimal(units)


def download(name: str) -> dict[str, str]:
    """The headers of an answer that is kept as a file. `name` is ours, never from outside."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return format(value, "f")
        case int():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds")
        case _:
            text = value[:CELL_CHARS_MAX]
            return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text
