"""The play engine: seats the players, deals out rounds at the wanted rate, stops cleanly, tells how it went.

Usable as a library: `result = await play(target, plan)`.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from services.simulator.errors import SimulatorError
from services.simulator.measure import Meter
from services.simulator.plan import Plan, PlayResult, PlayState
from services.simulator.studios.mascot.player import AutomaticPlayer
from services.simulator.studios.mascot.studio import MascotStudio
from services.simulator.target import Target

SEATED_AT_ONCE: Final = 32
STOP_SETTLE_S: Final = 5.0
BEHIND_S_MAX: Final = 1.0
"""A play that cannot keep its rate does not make up for more than this."""


async def play(target: Target, plan: Plan) -> PlayResult:
    """Plays a plan to its end and returns the result; the books stay open for a comparison."""
    async with MascotStudio(target) as studio:
        return await Play(studio, plan).run()


class Play:
    """One play at one studio. `run` it once; `stop` and `result` may be called at any time."""

    def __init__(self, studio: MascotStudio, plan: Plan, play_id: str | None = None) -> None:
        self.play_id = play_id or secrets.token_hex(6)
        self.plan = plan
        self.meter = Meter()
        self.state: PlayState = "running"
        self._studio = studio
        self._stopping = asyncio.Event()
        self._stop_asked = False
        self._players: list[AutomaticPlayer] = []
        self._rounds_started = 0
        self._rounds_done = 0
        self._next_round_at = 0.0
        self._failure = ""

    @property
    def player_keys(self) -> list[str]:
        """The players of this play."""
        return [player.seat.player.player for player in self._players]

    def stop(self) -> None:
        """Ends the play after the rounds that are being played."""
        self._stop_asked = True
        self._stopping.set()

    async def run(self) -> PlayResult:
        """Plays; never raises for what goes wrong in the play itself: the result tells."""
        try:
            await self._seat_players()
            self.meter.started = time.monotonic()
            self._next_round_at = time.monotonic()
            await self._all_of([self._keep_playing(player) for player in self._players])
            await self._settle()
        finally:
            self.meter.stop()
            for player in self._players:
                self._studio.release(player.seat.player.player)
        if self._failure:
            self.state = "failed"
        else:
            self.state = "stopped" if self._stop_asked else "finished"
        return self.result()

    def result(self) -> PlayResult:
        """How the play stands now."""
        meter = self.meter
        staked, won = meter.counts["staked"], meter.counts["won"]
        return PlayResult(
            play_id=self.play_id,
            state=self.state,
            rounds_done=self._rounds_done,
            callbacks=meter.callbacks,
            callbacks_per_s=meter.rate_per_s(),
            p50_ms=meter.percentile_ms(0.5),
            p99_ms=meter.percentile_ms(0.99),
            errors=meter.errors,
            problems=[*([self._failure] if self._failure else []), *meter.problems],
            problem_count=meter.problem_count,
            unresolved=sum(player.seat.unresolved for player in self._players),
            duration_s=round((meter.stopped or time.monotonic()) - meter.started, 3),
            counts=dict(meter.counts),
            rtp=f"{self._studio.rtp.numerator}/{self._studio.rtp.denominator}",
            rtp_actual=f"{won}/{staked}",
            failure=self._failure,
        )

    async def _seat_players(self) -> None:
        rng = random.Random(self.plan.seed)  # noqa: S311  # a game's draws, not cryptography
        limit = asyncio.Semaphore(SEATED_AT_ONCE)

        async def seat(number: int, own: random.Random) -> None:
            async with limit:
                if not self._stopping.is_set():
                    name = f"sim-{self.play_id}-{number}"
                    self._players.append(await self._studio.new_player(name, self.plan, self.meter, own))

        generators = [random.Random(rng.getrandbits(64)) for _ in range(self.plan.players)]  # noqa: S311  # as above
        await self._all_of([seat(number, own) for number, own in enumerate(generators)])

    async def _all_of(self, works: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Runs all to their end, then raises the first fault of ours."""
        for outcome in await asyncio.gather(*map(self._guarded, works), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Ends the play where one player cannot go on; the others finish their rounds and their books."""
        try:
            await work
        except SimulatorError as error:
            self._fail(str(error))
        except Exception as error:  # a fault of ours must end the play in order, with its text in the result
            self._fail(f"the simulator itself failed: {error!r}")
            raise

    def _fail(self, text: str) -> None:
        self._failure = self._failure or text
        self._stopping.set()

    async def _keep_playing(self, player: AutomaticPlayer) -> None:
        seat = player.seat
        while not self._stopping.is_set() and self._take_round():
            if self.plan.rate_per_s is not None and not await self._paced(self.plan.rate_per_s):
                return
            if player.must_wait and not await self._waited_for(seat.quiet):
                return
            async with seat.lock:
                await player.play_round()
            self._rounds_done += 1

    def _take_round(self) -> bool:
        if self.plan.rounds is not None and self._rounds_started >= self.plan.rounds:
            return False
        self._rounds_started += 1
        return True

    async def _paced(self, rate_per_s: float) -> bool:
        """Waits for this round's moment; False where the play stops before."""
        now = time.monotonic()
        at = max(self._next_round_at, now - BEHIND_S_MAX)
        self._next_round_at = at + 1 / rate_per_s
        if at <= now:
            return True
        try:
            await asyncio.wait_for(self._stopping.wait(), at - now)
        except TimeoutError:
            return True
        return False

    async def _waited_for(self, event: asyncio.Event) -> bool:
        """Waits for an event; False where the play stops before."""
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return not self._stopping.is_set()

    async def _settle(self) -> None:
        """Waits for open rollbacks and deposits, within the plan's limit; the rest goes on in the background."""
        limit_s = min(self.plan.settle_s, STOP_SETTLE_S) if self._stop_asked else self.plan.settle_s
        until = time.monotonic() + limit_s
        for player in self._players:
            left_s = max(0.0, until - time.monotonic())
            try:
                async with self._studio.at_rest(player.seat.player, left_s):
                    pass
            except TimeoutError:
                continue
