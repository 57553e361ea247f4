"""How Stakewire is started: the local runtime and, later, containers and charts. Holds no business rule and imports no service."""
