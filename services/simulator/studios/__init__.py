"""One folder a provider's studio: how that provider signs, plays, retries and rolls back."""
