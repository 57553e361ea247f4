"""What we know of each provider, on our side: one folder a dialect, and one line in `registry` that names it."""
