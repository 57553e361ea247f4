"""The pure parts of the catalogue."""
