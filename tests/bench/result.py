"""`.run/bench.json`, where two benches leave their numbers: neither takes away what the other wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from deploy.local.files import write_private_json
from deploy.local.parts import CHECKOUT

RESULT: Final = CHECKOUT / ".run" / "bench.json"
WALLET: Final = "wallet"
"""The key of the wallet's bench; everything else is the callbacks'."""


def keep_callbacks(document: dict[str, Any], path: Path = RESULT) -> None:
    """Writes what the bench of the callbacks found."""
    before = _read(path)
    write_private_json(path, document | ({WALLET: before[WALLET]} if WALLET in before else {}))


def keep_wallet(document: dict[str, Any], path: Path = RESULT) -> None:
    """Writes what the wallet's bench found."""
    write_private_json(path, _read(path) | {WALLET: document})


def _read(path: Path) -> dict[str, Any]:
    """What is there; nothing where the file is missing or was never finished."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
