"""The scenario catalogue: checks of the data itself, drivers that speak a dialect, and the runner on real services."""
