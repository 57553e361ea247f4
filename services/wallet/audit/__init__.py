"""Proving the books: checks of the ledger, seals over it, and the archive of its closed months. Moves no money."""
