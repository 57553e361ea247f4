"""History: a player's rounds, transactions and callbacks, page by page."""
