"""What can go wrong with switches.

SwitchError
└── SwitchRefusedError   a switch cannot be set like this
"""

from __future__ import annotations

from services.gateway.errors import GatewayError


class SwitchError(GatewayError):
    """Something about switches went wrong."""


class SwitchRefusedError(SwitchError):
    """A switch cannot be set like this; the message says what is accepted."""
