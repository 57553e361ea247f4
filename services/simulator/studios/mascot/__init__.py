"""Mascot's studio: Seamless API v2 as the provider speaks it (JSON-RPC 2.0, HMAC-SHA256 over nonce, timestamp, body)."""
