"""The stack in containers, as docker-compose.yml describes it. Skipped with the reason where Docker does not answer."""
