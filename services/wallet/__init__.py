"""The wallet: the only owner of money. Takes commands from Kafka in batches, one PostgreSQL transaction each."""
