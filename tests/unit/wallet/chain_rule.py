"""The hash rule of `wallet.events` as its document states it, written from that text alone: no code of the project.

hash = SHA-256(previous hash as 32 raw bytes + canonical bytes), lower-case hex. The canonical bytes are the record's own
text up to `,"previous_hash"` with a closing brace.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

GENESIS = "00" * 32


def check_link(raw: bytes, previous_hash: str) -> dict[str, Any]:
    """The event, after its hash and its link to the event before were checked; AssertionError where they are wrong."""
    event: dict[str, Any] = json.loads(raw)
    end = raw.index(b',"previous_hash"')
    digest = hashlib.sha256(bytes.fromhex(previous_hash) + raw[:end] + b"}").hexdigest()
    assert event["previous_hash"] == previous_hash, f"{event['player']}-{event['seq']} follows another operation than the last"
    assert event["hash"] == digest, f"{event['player']}-{event['seq']} has another hash than its text"
    return event


def check_chain(raws: list[bytes]) -> list[dict[str, Any]]:
    """A player's events from the first on: numbered 1..n, each with the right hash after the one before."""
    events: list[dict[str, Any]] = []
    head = GENESIS
    for seq, raw in enumerate(raws, 1):
        event = check_link(raw, head)
        assert event["seq"] == seq, f"number {event['seq']} stands where {seq} is expected"
        head = event["hash"]
        events.append(event)
    return events
