"""`python -m services.catalogue`: the catalogue, until a signal."""

from __future__ import annotations

import sys

import uvloop

from services.catalogue.server import serve
from services.catalogue.settings import CatalogueSettings
from shared.errors import StakewireError
from shared.settings import load_settings
from shared.telemetry import configure_logs


def main() -> int:
    """Runs the catalogue; returns the exit code: 2 for wrong settings."""
    try:
        settings = load_settings(CatalogueSettings)
        configure_logs("catalogue", settings.log_level)
        uvloop.run(serve(settings))
    except StakewireError as error:
        sys.stderr.write(f"catalogue: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
