"""The catalogue's API as its users meet it: the whole application over HTTP, on real PostgreSQL and Kafka."""
