"""The lobby: its player, its routes, its client of the operator API."""
