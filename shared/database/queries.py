"""Named queries in .sql files: `-- name: <name>` starts one; the line after it says what it is for."""

from __future__ import annotations

import re
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load_queries(path: Path) -> dict[str, str]:
    """The queries of one file, by name."""
    parts = _NAME.split(path.read_text(encoding="utf-8"))[1:]
    return {name: body.strip().rstrip(";") for name, body in zip(parts[::2], parts[1::2], strict=True)}
