"""Tools for the wallet's technicians: they read the ledger and the topics, and send again what was said or asked before.

Nothing here writes to the ledger, and nothing here decides about money: that is the wallet's, whoever asks.
"""
