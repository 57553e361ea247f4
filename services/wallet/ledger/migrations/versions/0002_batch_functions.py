"""The functions that load and save a batch."""

from shared.database.migrate import run_sql_beside

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything in 0002_batch_functions.sql."""
    run_sql_beside(__file__)
