"""Callbacks that were answered as unknown: at which stage the answer was lost, from what the gateway has measured."""

from __future__ import annotations

from typing import Final

from shared.providers.diagnosis.doctor import Seen
from shared.providers.diagnosis.finding import Note

_MS: Final = 1_000


def note_of(seen: Seen, deadline_ms: int) -> Note:
    """The note of a callback whose outcome nobody knew when it was answered. `deadline_ms` is the account's."""
    times = _times(seen)
    said = f" (said: {seen.detail})" if seen.detail else ""
    if seen.stage == "shed":
        return Note("unknown_shed", f"The command was not sent to the wallet{said}; nothing was done.", (times,))
    if seen.stage == "internal":
        return Note("unknown_internal", "The gateway met a fault of its own; its log has it under the request's id.", (times,))
    if seen.stage == "deadline":
        return Note(
            "unknown_deadline",
            f"The wallet did not answer within {deadline_ms} ms: the command waited in the queue or in the wallet.",
            (times, "It was handed to the queue, so that it may have been applied or may still be."),
        )
    return Note("unknown_wallet", f"The wallet answered that it does not know what became of it{said}.", (times,))


def _times(seen: Seen) -> str:
    parts = (("checking", seen.verify_us), ("reading", seen.parse_us), ("queue and wallet", seen.wallet_us))
    told = ", ".join(f"{name} {us / _MS:.1f} ms" for name, us in parts)
    return f"Times: {told}; {seen.total_us / _MS:.1f} ms in all."
