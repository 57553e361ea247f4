"""Tests of the wallet's pure parts: decisions, chain, working set, intake."""
