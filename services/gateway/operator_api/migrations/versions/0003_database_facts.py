"""What the metrics tell of the database: connections, transactions, cache, write-ahead log, standbys, hot tables."""

from shared.database.migrate import run_sql_beside

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything in 0003_database_facts.sql."""
    run_sql_beside(__file__)
