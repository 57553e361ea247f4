"""Which commands a ledger restored without its last WAL leaves unapplied for good."""

from shared.database.migrate import run_sql_beside

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes everything in 0006_skipped_commands.sql."""
    run_sql_beside(__file__)
