"""A pool of connections that act in a role: the rights are the role's, whoever has logged in."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog

from shared.errors import SettingsError

log = structlog.get_logger(__name__)

CONNECT_TIMEOUT_S = 10.0
RETRY_S = 1.0


async def open_pool(
    database_url: str, *, role: str, application_name: str, size_max: int = 4, statement_timeout_ms: int = 5_000
) -> asyncpg.Pool:
    """Connects; each connection acts as `role` and gives up a statement after `statement_timeout_ms`.

    Raises:
        SettingsError: there is no address, or the database knows no such role (its schema is missing).
        OSError, asyncpg.PostgresError: the database does not answer or does not let us in.
    """
    if not database_url:
        raise SettingsError("DATABASE_URL is not set; expected postgresql://user:password@host:port/name")
    try:
        return await asyncpg.create_pool(
            database_url,
            min_size=1,
            max_size=size_max,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=statement_timeout_ms / 1_000 + 5,
            server_settings={
                "role": role,
                "application_name": application_name,
                "lock_timeout": str(statement_timeout_ms),
                "statement_timeout": str(statement_timeout_ms),
                "idle_in_transaction_session_timeout": str(statement_timeout_ms * 2),
                "jit": "off",
            },
        )
    except asyncpg.InvalidParameterValueError as error:
        raise SettingsError(
            f"the database knows no role {role} ({error}); run `stakewire migrate` with a role that owns the schema"
        ) from error


async def wait_for_pool(database_url: str, *, role: str, application_name: str, size_max: int) -> asyncpg.Pool:
    """As `open_pool`, but waits for the database, however long it takes to come."""
    while True:
        try:
            return await open_pool(database_url, role=role, application_name=application_name, size_max=size_max)
        except (OSError, asyncpg.PostgresError) as error:
            log.warning("the database does not answer yet; trying again", cause=repr(error), again_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)
