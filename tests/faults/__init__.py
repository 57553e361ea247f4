"""What dies, freezes and comes back: real wallet processes, and servers that are killed. `make faults` plays more of it."""
