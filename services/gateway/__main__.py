"""`python -m services.gateway`: the callbacks listener, until a signal."""

from __future__ import annotations

import sys

import uvloop

from services.gateway.callbacks.server import serve
from services.gateway.settings import GatewaySettings
from shared.errors import StakewireError
from shared.settings import load_settings
from shared.telemetry import configure_logs


def main() -> int:
    """Runs the gateway; returns the exit code: 2 for wrong settings."""
    try:
        settings = load_settings(GatewaySettings)
        configure_logs("gateway", settings.log_level)
        uvloop.run(serve(settings))
    except StakewireError as error:
        sys.stderr.write(f"gateway: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
