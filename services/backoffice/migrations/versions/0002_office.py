"""The schema `office`: users, sign-ins, notes, findings that people look after, audit log."""

from shared.database.migrate import run_sql_beside

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything in 0002_office.sql."""
    run_sql_beside(__file__)
