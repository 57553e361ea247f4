"""Errors of the catalogue. A class per meaning.

CatalogueError
├── AccountNotFoundError     the configuration has no such provider account, or it cannot be called
├── SyncUnderWayError        another process, or another task here, is syncing this provider account
├── SyncFailedError          the provider or the database did not do it; nothing was changed
├── NotConfirmableError      a sync that waits for no confirmation
├── GameUnknownError         the catalogue has no such game
└── CollectionRefusedError   a collection cannot be like this
"""

from __future__ import annotations

from shared.errors import StakewireError


class CatalogueError(StakewireError):
    """Something in the catalogue went wrong."""


class AccountNotFoundError(CatalogueError):
    """The configuration has no such provider account, or none that can be called."""


class SyncUnderWayError(CatalogueError):
    """This provider account is being synced already."""


class SyncFailedError(CatalogueError):
    """A sync came to no good end. Nothing was changed.

    Attributes:
        sync_id: its number among the syncs; 0 where it was not noted.
        advice: what to do; never holds a secret.
    """

    def __init__(self, message: str, *, sync_id: int = 0, advice: str = "") -> None:
        super().__init__(message)
        self.sync_id = sync_id
        self.advice = advice


class NotConfirmableError(CatalogueError):
    """This sync waits for no confirmation."""


class GameUnknownError(CatalogueError):
    """The catalogue has no such game."""


class CollectionRefusedError(CatalogueError):
    """A collection cannot be like this; the message says why."""
