"""The ledger in PostgreSQL: the only place that holds SQL."""
