"""The gateway: HTTP from providers (callbacks) to commands of the wallet, and its replies back. Keeps no state of its own."""
