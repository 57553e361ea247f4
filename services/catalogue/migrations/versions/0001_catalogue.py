"""The schema `catalogue`: games, their history, syncs, the operator's overlay and collections; the catalogue's role."""

from shared.database.migrate import run_sql_beside

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything in 0001_catalogue.sql."""
    run_sql_beside(__file__)
