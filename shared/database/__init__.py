"""What every service with tables of its own needs: migrations in SQL, named queries, a pool that acts in a role.

`shared.database.migrate` is imported by itself: only commands need it, and it is large.
"""

from shared.database.pool import open_pool, wait_for_pool
from shared.database.queries import load_queries

__all__ = ["load_queries", "open_pool", "wait_for_pool"]
