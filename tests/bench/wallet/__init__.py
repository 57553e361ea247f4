"""The wallet's bench: commands through Kafka into the ledger, against two ledgers that do one transaction a command.

`python -m tests.bench.wallet` (`make bench-wallet`) runs it; docs/bench.md says what is compared and how to read it.
"""
