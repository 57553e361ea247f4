"""Tests of what the HTTP interfaces share."""
