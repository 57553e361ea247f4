"""The local runtime's small parts."""
