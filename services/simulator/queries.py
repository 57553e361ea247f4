"""Named queries of a `.sql` file: each begins with the line `-- name: <name>`. Reads files, runs nothing."""

from __future__ import annotations

from pathlib import Path


def named_queries(path: Path) -> dict[str, str]:
    """Name -> text of every query in the file."""
    blocks = path.read_text(encoding="utf-8").split("-- name: ")[1:]
    return {name.strip(): query.strip() for name, _, query in (block.partition("\n") for block in blocks)}
