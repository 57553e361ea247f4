"""The overlay's RTP: what a certificate says where the provider's list is silent."""

from shared.database.migrate import run_sql_beside

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Does everything in 0003_own_rtp.sql."""
    run_sql_beside(__file__)
