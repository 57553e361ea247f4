"""`python -m services.backoffice`: the back office, until a signal."""

from __future__ import annotations

import sys

import uvloop

from services.backoffice.server import serve
from services.backoffice.settings import BackofficeSettings
from shared.errors import StakewireError
from shared.settings import load_settings
from shared.telemetry import configure_logs


def main() -> int:
    """Runs the back office; returns the exit code: 2 for wrong settings."""
    try:
        settings = load_settings(BackofficeSettings)
        configure_logs("backoffice", settings.log_level)
        uvloop.run(serve(settings))
    except StakewireError as error:
        sys.stderr.write(f"backoffice: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
