"""`python -m services.gateway.operator_api`: the operator's API, until a signal."""

from __future__ import annotations

import sys

import uvloop

from services.gateway.operator_api.server import serve
from services.gateway.operator_api.settings import OperatorApiSettings
from shared.errors import StakewireError
from shared.settings import load_settings
from shared.telemetry import configure_logs


def main() -> int:
    """Runs the operator's API; returns the exit code: 2 for wrong settings."""
    try:
        settings = load_settings(OperatorApiSettings)
        configure_logs("operator-api", settings.log_level)
        uvloop.run(serve(settings))
    except StakewireError as error:
        sys.stderr.write(f"operator API: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
