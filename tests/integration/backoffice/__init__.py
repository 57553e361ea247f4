"""The back office on real servers."""
