"""The schema `projections`: what is made of the topics, and the back office's role."""

from shared.database.migrate import run_sql_beside

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything in 0001_projections.sql."""
    run_sql_beside(__file__)
