"""Kafka as this project uses it: the topics, administration, and one producer wrapper."""
