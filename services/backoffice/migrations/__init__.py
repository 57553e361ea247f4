"""The schemas `projections` and `office`."""
