"""What a list of games is filtered by, as one function for all orders."""

from shared.database.migrate import run_sql_beside

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything in 0002_found.sql."""
    run_sql_beside(__file__)
