"""The command line's own parts, run in this process."""
