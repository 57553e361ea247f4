"""`python -m tests.integration.backoffice.ingest_process <database> <kafka> <prefix>`: an ingest alone, to be killed by a test."""

from __future__ import annotations

import asyncio
import sys

from services.backoffice.migrate import ROLE
from services.backoffice.projections.gaps import NoLedger
from services.backoffice.projections.ingest import Ingest
from shared.database import open_pool
from shared.kafka.topics import TopicNames
from tests.integration.backoffice.stand import KEPT_DAYS


async def main(database_url: str, bootstrap_servers: str, prefix: str) -> None:
    """Runs until it is killed."""
    pool = await open_pool(database_url, role=ROLE, application_name="ingest")
    await Ingest(pool, bootstrap_servers, TopicNames(prefix), NoLedger(), callbacks_kept_days=KEPT_DAYS).start()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
