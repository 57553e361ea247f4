"""What a consumer of `wallet.events` remembers of each player, to see gaps and forks by itself. Reads nothing, stores nothing.

A player's events are numbered 1..n and each names the hash of the one before it. The same number with another hash means
that the ledger has two pasts: it was restored from a backup, or a standby took over that had not got everything. What was
made of the events from then on is then wrong: a consumer stops and alarms (ForkError), and people decide.

Memory is bounded: the last hashes of so many players who were heard of last. What is older is taken as known, unseen.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from enum import StrEnum
from typing import Final

import msgspec
from prometheus_client import Counter

from shared.errors import ContractError, StakewireError

PLAYERS_MAX: Final = 50_000
HASHES_KEPT: Final = 32
"""Of each player; with 50,000 players at most about 25 MB."""
HASH_HEX: Final = 64
GENESIS: Final = "0" * HASH_HEX
KNOWN_HEX: Final = 16
"""So much of a hash is kept: 64 bits tell two pasts apart."""

_forks = Counter(
    "stakewire_events_forks_total", "Events that contradict what was read before; anything but 0 is an emergency", ["consumer"]
)
_gaps = Counter("stakewire_events_gaps_total", "Events whose predecessor was not read", ["consumer"])


class ForkError(StakewireError):
    """Two different events claim the same place in a player's history."""

    def __init__(self, player: str, seq: int, known: str, came: str) -> None:
        super().__init__(
            f"the history of player {player} has a fork: operation {seq} was known with a hash that begins with {known}, and came with "
            f"{came}. The ledger was restored, or another server took over, without everything that had been told. Stop what depends on "
            "the events, and see docs/operations.md, `A fork`."
        )
        self.player, self.seq = player, seq


class Link(StrEnum):
    """How an event fits what was read before."""

    FIRST = "first"
    """Nothing is remembered of the player."""
    NEXT = "next"
    """It follows the last one."""
    AGAIN = "again"
    """It is known, with this very hash."""
    OLD = "old"
    """It lies before what is remembered; whether it is the same cannot be told."""
    GAP = "gap"
    """Events before it are missing: fetch them (`stakewire republish --player`), or read them from the ledger."""


class EventHead(msgspec.Struct, frozen=True):
    """The part of an event that makes the chain."""

    player: str
    seq: int
    previous_hash: str
    hash: str


_head: Final = msgspec.json.Decoder(EventHead).decode


def head_of(raw: bytes) -> EventHead:
    """The place of an event in its player's chain, without reading the rest. ContractError where it has none."""
    try:
        head = _head(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ContractError(f"a record of wallet.events has no place in a chain: {error}") from error
    if head.seq < 1 or len(head.hash) != HASH_HEX or len(head.previous_hash) != HASH_HEX:
        raise ContractError(f"operation {head.seq} of {head.player!r} has no place in a chain")
    return head


class EventChain:
    """One for a consumer; `consumer` is its name in the metrics."""

    def __init__(self, consumer: str, *, players_max: int = PLAYERS_MAX, hashes_kept: int = HASHES_KEPT) -> None:
        if players_max < 1 or hashes_kept < 2:  # noqa: PLR2004  # with one hash alone no successor could be checked again
            raise ValueError("at least one player and two hashes must be kept")
        self._players: OrderedDict[str, tuple[int, array[int]]] = OrderedDict()
        """Player -> number of the last event, and the hashes of the last events up to it."""
        self._players_max = players_max
        self._hashes_kept = hashes_kept
        self._forks = _forks.labels(consumer)
        self._gaps = _gaps.labels(consumer)

    def remember(self, player: str, seq: int, digest: str) -> None:
        """Takes up what a consumer has stored of its own, so that it sees a fork across its restarts too."""
        self._keep(player, seq, array("Q", [_short(digest)]))

    def take(self, head: EventHead) -> Link:
        """How an event fits; ForkError (counted) where it contradicts what was read before. Order of a player's events matters."""
        known = self._players.get(head.player)
        came = _short(head.hash)
        if known is None:
            self._keep(
                head.player, head.seq, array("Q", [_short(head.previous_hash), came]) if head.seq > 1 else array("Q", [came])
            )
            return Link.FIRST
        last, hashes = known
        if head.seq > last + 1:
            self._gaps.inc()
            self._keep(head.player, head.seq, array("Q", [_short(head.previous_hash), came]))
            return Link.GAP
        self._check(head, head.seq - 1, head.previous_hash, last, hashes)
        if head.seq == last + 1:
            hashes.append(came)
            self._keep(head.player, head.seq, hashes[-self._hashes_kept :])
            return Link.NEXT
        self._players.move_to_end(head.player)
        return Link.AGAIN if self._check(head, head.seq, head.hash, last, hashes) else Link.OLD

    def _check(self, head: EventHead, seq: int, digest: str, last: int, hashes: array[int]) -> bool:
        """Whether the hash of operation `seq` is remembered. ForkError where it is, and is another one."""
        if seq == 0:
            known = _short(GENESIS)
        elif last - len(hashes) < seq <= last:
            known = hashes[seq - last - 1]
        else:
            return False
        if known != _short(digest):
            self._forks.inc()
            raise ForkError(head.player, seq, f"{known:016x}", digest[:KNOWN_HEX])
        return True

    def _keep(self, player: str, seq: int, hashes: array[int]) -> None:
        self._players[player] = (seq, hashes)
        self._players.move_to_end(player)
        if len(self._players) > self._players_max:
            self._players.popitem(last=False)


def _short(digest: str) -> int:
    try:
        return int(digest[:KNOWN_HEX], 16)
    except ValueError as error:
        raise ContractError(f"{digest!r} is no hash") from error
