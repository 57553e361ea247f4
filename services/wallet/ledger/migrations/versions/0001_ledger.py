"""The ledger's tables, the wallet's role and its rights."""

from shared.database.migrate import run_sql_beside

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything in 0001_ledger.sql."""
    run_sql_beside(__file__)
