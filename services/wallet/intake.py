"""From Kafka records to commands: decoding, expiry, and the clock that expiry trusts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import structlog
from msgspec import Struct
from prometheus_client import Counter

from shared.contracts import Batch, Command
from shared.contracts.codec import UnknownKindError, decode_command, decode_header
from shared.errors import ContractError
from shared.tracing import Parent, sampled_parent

log = structlog.get_logger(__name__)

CLOCK_TOLERANCE_MS: Final = 2_000
COMMAND_BYTES_MAX: Final = 65_536
ADDRESS_CHARS_MAX: Final = 512
"""Of command id and caller together: replies are bundled by number, and a bundle must fit a record."""
CLOCK_WINDOW_MS: Final = 20_000
"""Record times must be off for half of this, without exception, before old records alone raise the alarm."""
QUERIES: Final = frozenset(
    {
        "get_balance",
        "get_player",
        "get_session",
        "list_sessions",
        "get_grant",
        "list_grants",
        "list_operations",
        "get_limits",
        "get_round",
        "authenticate",
    }
)
"""Kinds that change nothing: taken again after a crash they are only answered again."""
EXPIRING: Final = QUERIES | {"bet", "bet_and_win", "withdraw", "open_session"}
"""Kinds that a late wallet skips; wins, rollbacks and all else are applied however late (architecture section 4).

A Batch is skipped where one of its items would be, and is not stored yet.
"""

_clock_alarms = Counter("stakewire_wallet_clock_alarms_total", "Batches whose record times disagree with this clock")


class Taken(Struct, kw_only=True):
    """One record in the wallet's hands. `command` is None where it could not be read: `cause` says why.

    `late`: it was deferred and is free now; its position has been passed already. `again`: it was given to the ledger before
    without our hearing whether it was committed. `parent`: the span that sent it, where its trace is recorded; then `taken_ns` is
    when it was decoded, in Unix nanoseconds.
    """

    partition: int
    offset: int
    timestamp_ms: int
    key: str
    raw: bytes
    command: Command | None = None
    cause: str = ""
    deferred_at: float = 0.0
    late: bool = False
    again: bool = False
    parent: Parent | None = None
    taken_ns: int = 0


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def take(records: Iterable[Any]) -> list[Taken]:
    """Decodes consumer records. What cannot be decoded keeps its place, with the cause."""
    return [_decode(record) for record in records]


def _decode(record: Any) -> Taken:
    raw: bytes = record.value or b""
    taken = Taken(
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp,
        key=(record.key or b"").decode("utf-8", "replace"),
        raw=raw,
    )
    if record.headers:
        taken.parent, taken.taken_ns = sampled_parent(record.headers), time.time_ns()
    if len(raw) > COMMAND_BYTES_MAX:
        # Its event or its reply might be larger than Kafka takes, and would hold up everything behind it.
        taken.cause = f"a command of {len(raw)} bytes; at most {COMMAND_BYTES_MAX} bytes are taken"
        return taken
    try:
        command = decode_command(raw)
        if len(command.command_id) + len(command.caller) > ADDRESS_CHARS_MAX:
            taken.cause = f"command id and caller are longer than {ADDRESS_CHARS_MAX} characters"
        elif command.player != taken.key:
            taken.cause = f"the record's key {taken.key!r} is not the command's player {command.player!r}"
        else:
            taken.command = command
    except UnknownKindError as error:
        taken.cause = str(error)
    except ContractError as error:
        taken.cause = str(error)
    return taken


def is_expired(taken: Taken, at_ms: int, margin_ms: int) -> bool:
    """Whether the command's caller had given up (and was told UNKNOWN) before `at_ms`."""
    command = taken.command
    if command is None or at_ms - taken.timestamp_ms <= command.deadline_ms + margin_ms:
        return False
    return may_expire(command)


def may_expire(command: Command) -> bool:
    """Whether a late wallet skips the command, where it is not stored yet."""
    return command.kind in EXPIRING or (isinstance(command, Batch) and any(item.kind in EXPIRING for item in command.items))


class ClockWatch:
    """Whether record times may be used for expiry.

    A record from the future says at once that the clocks disagree. Records that are old although the wallet waits for
    them say so only when they are all old, for a while: one burst of old ones is what a broker's outage leaves behind.
    """

    def __init__(self) -> None:
        self._behind: deque[tuple[int, int]] = deque()
        """(when, how old) of the youngest record of each batch that came to an idle wallet, oldest first."""

    def agree(self, youngest_ms: int, at_ms: int, waiting_since_ms: int | None) -> bool:
        """Looks at one batch: the time of its youngest record, the time now, since when the wallet had waited for it.

        `waiting_since_ms` is None where the wallet was not idle: then its own lag may be what makes a record old.
        """
        if youngest_ms - at_ms > CLOCK_TOLERANCE_MS:
            return self._disagree(at_ms, at_ms - youngest_ms)
        if waiting_since_ms is not None:
            self._behind.append((at_ms, waiting_since_ms - youngest_ms))
        while self._behind and at_ms - self._behind[0][0] > CLOCK_WINDOW_MS:
            self._behind.popleft()
        if not self._behind or at_ms - self._behind[0][0] < CLOCK_WINDOW_MS // 2:
            return True
        least = min(behind for _, behind in self._behind)
        return least <= CLOCK_TOLERANCE_MS or self._disagree(at_ms, least)

    def _disagree(self, at_ms: int, behind_ms: int) -> bool:
        _clock_alarms.inc()
        log.error(
            "the clocks of gateway and wallet disagree, nothing is expired; check time synchronisation",
            record_behind_ms=behind_ms,
            at_ms=at_ms,
        )
        return False


def reply_address(taken: Taken) -> tuple[str, str, int] | None:
    """(command id, caller, reply partition) of a record, also where the rest of it could not be read."""
    if taken.command is not None:
        return taken.command.command_id, taken.command.caller, taken.command.reply_partition
    header = decode_header(taken.raw)
    if header is None or not header.command_id or len(header.command_id) + len(header.caller) > ADDRESS_CHARS_MAX:
        return None
    return header.command_id, header.caller, header.reply_partition
