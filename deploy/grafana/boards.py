"""The list of dashboards, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from deploy.grafana import database, gateway, kafka, overview, wallet
from deploy.grafana.panels import as_json

FOLDER: Final = Path(__file__).parent / "dashboards"
BOARDS: Final = {"overview": overview, "gateway": gateway, "wallet": wallet, "kafka": kafka, "database": database}


def rendered() -> dict[str, str]:
    """File name -> the JSON that Grafana reads."""
    return {f"{name}.json": as_json(module.build()) for name, module in BOARDS.items()}
