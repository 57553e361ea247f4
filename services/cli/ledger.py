"""`stakewire migrate` and other commands on the ledger's database."""

from services.cli import where
from services.cli.output import say


def migrate() -> None:
    """Bring the ledger's schema up to date; safe to repeat.

    `up`, `run` and `demo` do this by themselves. On a server of your own, run it before the new wallet starts, with a
    role that owns the schema.

    Example: `DATABASE_URL=postgresql://owner:secret@db/stakewire stakewire migrate`
    """
    from services.wallet.ledger.migrate import upgrade

    upgrade(where.database_url())
    say("the ledger's schema is up to date")
