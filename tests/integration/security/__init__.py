"""Kafka and PostgreSQL as production runs them: encrypted, with identities, each service with its own rights."""
