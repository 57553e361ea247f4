"""Small file helpers of the local runtime: atomic and private writes. Knows nothing of what is written."""

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may enter (mode 0700), unless it is there."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read (mode 0600), whole or not at all."""
    private_folder(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_private_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with `write_private`."""
    write_private(path, json.dumps(value, indent=2) + "\n")


def secret_file(path: Path, random_bytes: int = 32) -> str:
    """Return the secret kept in a file, made at random (URL-safe) the first time."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(random_bytes) + "\n")
    return path.read_text(encoding="utf-8").strip()


def tail(path: Path, lines: int = 15) -> str:
    """Return the last lines of a log file for an error message; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
