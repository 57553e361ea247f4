"""The error base of the whole project. A class per meaning; the docstring of a class is its message.

StakewireError
├── SettingsError      a setting is missing or wrong: the service refuses to start
├── MoneyError         an amount that is not exact, or not in range
├── ContractError      bytes on a topic that are not a value of our contracts
└── TopicError         a topic is missing or not as it should be
"""

from __future__ import annotations


class StakewireError(Exception):
    """Something went wrong. Subclasses say what happened, what was expected and what to do."""


class SettingsError(StakewireError):
    """A setting is missing or wrong; names the file, the key and what is valid."""


class MoneyError(StakewireError):
    """An amount does not fit: too many digits, out of range, or not a number at all."""


class ContractError(StakewireError):
    """Bytes on a topic are not a value of our contracts."""


class TopicError(StakewireError):
    """A topic is missing, or has other partitions or settings than it should have."""
