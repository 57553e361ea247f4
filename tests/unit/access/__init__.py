"""Access keys without a database."""
