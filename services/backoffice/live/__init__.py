"""The live board: what happens now."""
