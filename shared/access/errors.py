"""What can go wrong with access keys.

AccessError
├── KeyNotFoundError         there is no such key
├── KeyRefusedError          a key cannot be made or changed like this
└── AccessUnavailableError   nobody can say now whether a token is valid
"""

from __future__ import annotations

from shared.errors import StakewireError


class AccessError(StakewireError):
    """Something about access keys went wrong."""


class KeyNotFoundError(AccessError):
    """There is no key with this id."""


class KeyRefusedError(AccessError):
    """A key cannot be made or changed like this; the message says what is accepted."""


class AccessUnavailableError(AccessError):
    """The database that knows the keys does not answer, and this token was not seen lately."""
