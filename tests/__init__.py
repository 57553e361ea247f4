"""Tests of Stakewire: `unit` needs nothing, all other folders run on a real PostgreSQL and a real Kafka."""
