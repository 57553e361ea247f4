"""Tests of what all services share: money, identity, contracts, settings, the producer wrapper."""
