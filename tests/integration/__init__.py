"""Tests that need the real servers."""
