"""One look a second for everybody who watches the live board; nobody watching, no look.

Each viewer has a short queue. One who reads too slowly loses frames and gets a whole one next; one who reads nothing at all
is let go. Whether viewers are still signed in is asked for all of them at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

import structlog
from prometheus_client import Counter, Gauge

from services.backoffice.live import frames
from services.backoffice.live.board import Look
from services.backoffice.live.frames import Ended
from shared.database.away import DATABASE_AWAY
from shared.errors import StakewireError

log = structlog.get_logger(__name__)

EVERY_S: Final = 1.0
VIEWERS_MAX: Final = 200
VIEWERS_OF_SIGN_IN_MAX: Final = 10
QUEUE_MAX: Final = 5
QUIET_S: Final = 10.0
"""After so long without a frame a viewer gets a sign of life."""

CHECK_EVERY_S: Final = 5.0
LOOK_LIMIT_S: Final = 10.0
TROUBLE: Final = "The numbers stand still: the database does not answer."
FAULT: Final = "The numbers stand still because of a fault of ours; the log has it."

_viewers = Gauge("stakewire_backoffice_live_viewers", "Who watches the live board of this process")
_looks = Counter("stakewire_backoffice_live_looks_total", "Looks at the projections for the live board", ["result"])
_dropped = Counter("stakewire_backoffice_live_dropped_frames_total", "Frames that slow viewers did not get")
for _result in ("read", "failed"):
    _looks.labels(_result)


class TooManyViewers(StakewireError):
    """No more viewers are taken."""


class Looker(Protocol):
    """Where looks come from."""

    async def look(self) -> Look:
        """One look."""
        ...

    def whole(self, look: Look) -> Look:
        """The same with all of the past."""
        ...


SignedIn = Callable[[Collection[bytes]], Awaitable[set[bytes]]]
"""Which of these sign-ins still hold."""


class Viewer:
    """One open page. `take` gives what is to be sent next."""

    def __init__(self, token_sha256: bytes) -> None:
        self.token_sha256 = token_sha256
        self.needs_whole = True
        self._frames: deque[bytes] = deque()
        self._there = asyncio.Event()
        self._ended: bytes | None = None

    def give(self, frame: bytes) -> None:
        """Queues a frame. Where the queue is full it is emptied: a whole frame takes the place of all."""
        if len(self._frames) >= QUEUE_MAX:
            _dropped.inc(len(self._frames) + 1)
            self._frames.clear()
            self.needs_whole = True
            if self._ended is None:
                self._there.clear()
            return
        self._frames.append(frame)
        self._there.set()

    def end(self, why: Ended) -> None:
        """What is queued is sent, then the reason, then nothing."""
        if self._ended is None:
            self._ended = frames.over(why)
            self._there.set()

    async def take(self) -> tuple[bytes, bool]:
        """The next bytes, and whether they are the last ones. After a quiet while a sign of life."""
        try:
            async with asyncio.timeout(QUIET_S):
                await self._there.wait()
        except TimeoutError:
            return frames.STILL_HERE, False
        if self._frames:
            frame = self._frames.popleft()
            if not self._frames and self._ended is None:
                self._there.clear()
            return frame, False
        return self._ended or frames.over("stopped"), True


class Hub:
    """One for the process. `stop` ends all streams; it may be called more than once."""

    def __init__(self, looker: Looker, signed_in: SignedIn, *, every_s: float = EVERY_S, viewers_max: int = VIEWERS_MAX) -> None:
        self._looker = looker
        self._signed_in = signed_in
        self._every_s = every_s
        self._viewers_max = viewers_max
        self._viewers: set[Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        self._number = 0
        self._last: Look | None = None
        self._stopped = False

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    def join(self, token_sha256: bytes) -> Viewer:
        """A new viewer. TooManyViewers above the limits of the process and of one sign-in."""
        if self._stopped or len(self._viewers) >= self._viewers_max:
            raise TooManyViewers(f"{self._viewers_max} pages show the live board already; close one, or try again later")
        if sum(each.token_sha256 == token_sha256 for each in self._viewers) >= VIEWERS_OF_SIGN_IN_MAX:
            raise TooManyViewers(f"you have {VIEWERS_OF_SIGN_IN_MAX} pages with the live board open already; close one")
        viewer = Viewer(token_sha256)
        self._viewers.add(viewer)
        _viewers.set(len(self._viewers))
        if self._last is not None:
            self._give_whole([viewer], self._last)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="live-board")
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A viewer has gone; with the last one the looking ends."""
        self._viewers.discard(viewer)
        _viewers.set(len(self._viewers))
        if not self._viewers and self._task is not None:
            self._task.cancel()
            self._task = None
            self._last = None

    def end_all(self) -> None:
        """Ends every stream: the process stops. New viewers are not taken any more."""
        self._stopped = True
        for viewer in self._viewers:
            viewer.end("stopped")

    async def stop(self) -> None:
        """Ends streams and looking."""
        self.end_all()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = checked_at = loop.time()
        while True:
            await self._look()
            if loop.time() - checked_at >= CHECK_EVERY_S:
                await self._check_sign_ins()
                checked_at = loop.time()
            next_at = max(next_at + self._every_s, loop.time())
            await asyncio.sleep(next_at - loop.time())

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_LIMIT_S):
                look = await self._looker.look()
        except DATABASE_AWAY as error:
            log.warning("the live board could not be read", cause=repr(error))
            self._tell_trouble(TROUBLE)
            return
        except Exception:
            # Those who watch must hear of it, and the next look may go well.
            log.exception("the live board could not be made because of a fault of ours")
            self._tell_trouble(FAULT)
            return
        _looks.labels("read").inc()
        self._number += 1
        self._last = look
        behind = [viewer for viewer in self._viewers if viewer.needs_whole]
        following = [viewer for viewer in self._viewers if not viewer.needs_whole]
        if following:
            frame = frames.event("more", self._number, look)
            for viewer in following:
                viewer.give(frame)
        if behind:
            self._give_whole(behind, look)

    def _tell_trouble(self, words: str) -> None:
        _looks.labels("failed").inc()
        self._last = None
        frame = frames.trouble(words)
        for viewer in self._viewers:
            viewer.needs_whole = True
            viewer.give(frame)

    def _give_whole(self, viewers: Collection[Viewer], look: Look) -> None:
        frame = frames.event("whole", self._number, self._looker.whole(look))
        for viewer in viewers:
            viewer.needs_whole = False
            viewer.give(frame)

    async def _check_sign_ins(self) -> None:
        tokens = {viewer.token_sha256 for viewer in self._viewers}
        try:
            holding = await self._signed_in(tokens)
        except DATABASE_AWAY as error:
            log.warning("sign-ins of the live board could not be checked", cause=repr(error))
            return
        for viewer in self._viewers:
            if viewer.token_sha256 in tokens - holding:
                viewer.end("signed-out")
