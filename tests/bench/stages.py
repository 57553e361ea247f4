"""Where the time of one lone callback goes: stamps of generator, gateway and wallet, put together call by call."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, Literal

Stamps = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Step:
    """One point on the way of a callback, and what happens from the point before up to it.

    `pick`: the first stamp after the point before, or the last one before the point that follows (for what may also
    happen in between, such as empty answers of the broker).
    """

    process: Literal["gateway", "wallet"]
    stamp: str
    words: str
    part: str
    pick: Literal["first", "last"] = "first"


STEPS: Final = (
    Step("gateway", "http_in", "to the gateway: socket, event loop", "HTTP in"),
    Step("gateway", "verify", "HTTP parsed, task started", "HTTP in"),
    Step("gateway", "verified", "signature", "verify"),
    Step("gateway", "parsed", "nonce, JSON-RPC to command", "parse"),
    Step("gateway", "handed_over", "command encoded and buffered", "first hop"),
    Step("gateway", "produce", "aiokafka's sender wakes up", "first hop"),
    Step("wallet", "fetch_arrived", "request encoded, broker appends, answers the wallet's fetch", "first hop", "last"),
    Step("wallet", "take", "aiokafka's fetcher: decode, wake up", "first hop"),
    Step("wallet", "taken", "command decoded", "wallet: decode"),
    Step("wallet", "apply", "to the batch loop", "wallet: begin"),
    Step("wallet", "load", "connection from the pool, BEGIN", "wallet: begin"),
    Step("wallet", "loaded", "lock and load", "wallet: load"),
    Step("wallet", "save", "decide", "wallet: decide"),
    Step("wallet", "saved", "save", "wallet: save"),
    Step("wallet", "committed", "COMMIT", "wallet: commit"),
    Step("wallet", "replied", "reply encoded and buffered", "second hop"),
    Step("wallet", "produce", "aiokafka's sender wakes up", "second hop"),
    Step("gateway", "fetch_arrived", "request encoded, broker appends, answers the gateway's fetch", "second hop", "last"),
    Step("gateway", "deliver", "aiokafka's fetcher: decode, wake up", "second hop"),
    Step("gateway", "render", "reply decoded, its caller woken", "render"),
    Step("gateway", "rendered", "answer rendered and signed", "render"),
    Step("gateway", "write", "counted, queued for the archive", "HTTP out"),
)
LAST: Final = ("written, back at the caller: socket, event loop", "HTTP out")


@dataclass(frozen=True, slots=True)
class Stage:
    """Time from one point to the next, median over the calls, in microseconds."""

    words: str
    part: str
    us: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The stages of a lone callback. `calls` were put together, `left_out` could not be. `p50_us` with the stamps on."""

    stages: list[Stage]
    calls: int
    left_out: int
    p50_us: float

    def parts(self) -> dict[str, float]:
        """Microseconds by part, in the order of the way."""
        sums: dict[str, float] = {}
        for stage in self.stages:
            sums[stage.part] = sums.get(stage.part, 0.0) + stage.us
        return sums


def read_stamps(file: Path) -> Stamps:
    """The stamps that a probed service has written."""
    stamps: Stamps = json.loads(file.read_text(encoding="utf-8"))
    return stamps


def take_apart(calls: list[tuple[int, int]], gateway: Stamps, wallet: Stamps) -> Breakdown:
    """`calls` are (sent, received) in nanoseconds, one after the other."""
    found = [times for sent, received in calls if (times := _times(sent, received, {"gateway": gateway, "wallet": wallet}))]
    labels = [(step.words, step.part) for step in STEPS] + [LAST]
    stages = [
        Stage(words, part, median(times[at + 1] - times[at] for times in found) / 1e3)
        for at, (words, part) in enumerate(labels)
        if found
    ]
    whole = median(received - sent for sent, received in calls) / 1e3 if calls else 0.0
    return Breakdown(stages, len(found), len(calls) - len(found), whole)


def _times(sent: int, received: int, stamps: dict[str, Stamps]) -> list[int]:
    """The call's way as one rising line of times; empty where a point is missing or out of order."""
    times = [sent]
    for at, step in enumerate(STEPS):
        own = stamps[step.process][step.stamp]
        if step.pick == "first":
            place = bisect_left(own, times[-1])
        else:
            following = STEPS[at + 1]
            next_ones = stamps[following.process][following.stamp]
            after = bisect_left(next_ones, times[-1])
            if after == len(next_ones):
                return []
            place = bisect_right(own, next_ones[after]) - 1
        if not 0 <= place < len(own) or not times[-1] <= own[place] <= received:
            return []
        times.append(own[place])
    return [*times, received]
