"""Seals over all chains, and anchors in place of operations that went to the archive."""

from shared.database.migrate import run_sql_beside

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes everything in 0005_seals_and_anchors.sql."""
    run_sql_beside(__file__)
