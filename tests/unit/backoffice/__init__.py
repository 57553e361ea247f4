"""Tests of the back office's pure parts."""
