"""The provider's side of the wire: automatic players, signed callbacks, own books, and their comparison with the wallet.

Written from the protocol documents; it shares no code with the operator's dialects but the signature vectors.
As a library: `play(target, plan)` plays, `compare_books(...)` compares; as a service: `python -m services.simulator`.
"""
