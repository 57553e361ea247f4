"""The bench: Stakewire end to end against a fair baseline and a bare HTTP server, in one run, told as ratios.

`python -m tests.bench` (`make bench`) runs it; docs/bench.md says what is compared and how to read it.
"""
