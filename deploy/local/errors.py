"""What can go wrong while the local stack starts or stops. Every message says what happened, what was expected and what to do.

LocalRuntimeError (a StakewireError)
├── SettingError        a setting has a value that cannot be used
├── PortTaken           another program listens where one of our parts should
├── StartFailed         a part ended or did not become healthy in time
├── StopFailed          a part is still there after SIGKILL
├── DownloadFailed      a file of Apache Kafka could not be fetched or is not the expected one
└── StackBusy           another command holds the lock of this stack
"""

from shared.errors import StakewireError


class LocalRuntimeError(StakewireError):
    """Base of all errors of the local runtime; the text is meant for the person at the terminal."""


class SettingError(LocalRuntimeError):
    """A setting (environment variable or file) has a value that cannot be used."""


class PortTaken(LocalRuntimeError):
    """Another program listens on a port that one of our parts needs."""


class StartFailed(LocalRuntimeError):
    """A part ended, or did not become healthy, while it was being started."""


class StopFailed(LocalRuntimeError):
    """A part is still running after SIGTERM and SIGKILL."""


class DownloadFailed(LocalRuntimeError):
    """A file of Apache Kafka could not be fetched, or is not the one that was locked."""


class StackBusy(LocalRuntimeError):
    """Another command holds the lock of this stack for longer than we are willing to wait."""


class Interrupted(LocalRuntimeError):
    """A start was given up by the person who asked for it."""
