"""Errors of the gateway. Callers of a callback never see one: they get an answer in their protocol's words.

GatewayError
└── ListenError   the address cannot be listened on
"""

from __future__ import annotations

from shared.errors import StakewireError


class GatewayError(StakewireError):
    """Something in the gateway went wrong."""


class ListenError(GatewayError):
    """The address cannot be listened on."""
