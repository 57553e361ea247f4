"""Faults on purpose: processes killed at each step, zombies, servers that go away. Long with `make faults`."""
