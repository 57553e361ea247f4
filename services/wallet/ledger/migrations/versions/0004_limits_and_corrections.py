"""What limits, exclusion and corrections by hand need: tables, their place in a batch's load and save."""

from shared.database.migrate import run_sql_beside

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes everything in 0004_limits_and_corrections.sql."""
    run_sql_beside(__file__)
