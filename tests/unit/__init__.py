"""Tests that need no server: pure functions and small parts."""
