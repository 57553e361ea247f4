"""Mascot Gaming: Seamless API v2 (they call us) over JSON-RPC 2.0."""
