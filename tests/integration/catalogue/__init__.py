"""The catalogue on real PostgreSQL and Kafka, with the provider's side in this process."""
