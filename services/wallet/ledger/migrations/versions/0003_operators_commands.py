"""What the operator's commands need: a draining player, a cancelled grant, an erased profile, pages of sessions."""

from shared.database.migrate import run_sql_beside

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Changes everything in 0003_operators_commands.sql."""
    run_sql_beside(__file__)
