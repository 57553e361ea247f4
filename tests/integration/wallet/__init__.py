"""The wallet on real PostgreSQL and Kafka: batches in this process, and the wallet as a process of its own."""
