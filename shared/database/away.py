"""What a client of the database raises when the database goes away, restarts or refuses: try again later."""

from __future__ import annotations

from typing import Final

import asyncpg

DATABASE_AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""The last one is what asyncpg says at the next statement when the server's last word came right behind an answer."""
