"""`stakewire migrate`: brings the schemas of all services in the one database up to date."""

from services.cli import where
from services.cli.output import say


def migrate() -> None:
    """Bring the database up to date: the ledger, what the operator API keeps, the catalogue, the back office; safe to repeat.

    `up`, `run` and `demo` do this by themselves. On a server of your own, run it before the new services start, with a
    role that owns the schemas and may create the extensions pg_trgm and unaccent.

    Example: `DATABASE_URL=postgresql://owner:secret@db/stakewire stakewire migrate`
    """
    migrate_all(where.database_url())
    say("the schemas of the ledger, of the operator API, of the catalogue and of the back office are up to date")


def migrate_all(database_url: str) -> None:
    """Apply all missing migrations of all services.

    Raises:
        MigrationError: one could not be applied; those of the services before it are kept.
    """
    from services.backoffice.migrate import upgrade as upgrade_backoffice
    from services.catalogue.migrate import upgrade as upgrade_catalogue
    from services.gateway.operator_api.migrate import upgrade as upgrade_operator_api
    from services.wallet.ledger.migrate import upgrade as upgrade_ledger

    upgrade_ledger(database_url)
    upgrade_operator_api(database_url)
    upgrade_catalogue(database_url)
    upgrade_backoffice(database_url)
