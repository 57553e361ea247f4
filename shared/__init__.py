"""What more than one service needs: contracts, money, identity, settings, Kafka, telemetry, dialects. Imports no service."""
