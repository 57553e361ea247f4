"""The running simulator: books, studios of all provider accounts and their desk for operators, plays, comparisons. No HTTP here."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

import msgspec
import structlog

from services.simulator.books import Books
from services.simulator.cashier import Asks
from services.simulator.errors import SimulatorError
from services.simulator.faults import FaultStand
from services.simulator.ledger_events import EventReader
from services.simulator.plan import Plan, PlayResult
from services.simulator.play import Play
from services.simulator.settings import SimulatorSettings
from services.simulator.stocktake import Comparison, compare_books
from services.simulator.studios.mascot.operator_api.desk import OperatorDesk
from services.simulator.studios.mascot.studio import MascotStudio
from services.simulator.target import target_of
from shared.errors import StakewireError
from shared.kafka.topics import TopicNames
from shared.settings import ProviderAccount

log = structlog.get_logger(__name__)

PLAYS_AT_ONCE: Final = 8
START_RETRY_S: Final = 2.0
STOP_LIMIT_S: Final = 10.0


class NotReadyError(SimulatorError):
    """Kafka is not reachable yet: nothing can be played."""


class TooManyPlaysError(SimulatorError):
    """As many plays run as may run at once."""


class UnknownAccountError(SimulatorError):
    """There is no such provider account to play."""


class Line(Asks, Protocol):
    """What the service needs of the requester."""

    @property
    def ready(self) -> bool:
        """Whether commands can be sent."""
        ...

    async def start(self) -> None:
        """Connects."""
        ...

    async def stop(self) -> None:
        """Disconnects."""
        ...


class Simulator:
    """One process's simulator. `start` returns at once; what needs Kafka is there as soon as Kafka is."""

    def __init__(self, settings: SimulatorSettings, accounts: dict[str, ProviderAccount], requester: Line) -> None:
        self._settings = settings
        self._requester = requester
        self.books = Books(settings.books_path)
        self.studios = {
            name: MascotStudio(
                target_of(
                    account,
                    settings.callbacks_of(name),
                    self.books,
                    requester,
                    timeout_s=settings.callback_timeout_s,
                    test_players=settings.simulator_test_players,
                )
            )
            for name, account in accounts.items()
            if account.dialect == "mascot"
        }
        self.desk = OperatorDesk(settings.desk_path, accounts, self.studios, self.books, public_url=settings.public_url)
        self.faults = FaultStand(accounts, self.studios)
        self._plays: dict[str, tuple[Play, asyncio.Task[None]]] = {}
        self._comparing = asyncio.Lock()
        self._connecting: asyncio.Task[None] | None = None
        self._connected = False

    @property
    def ready(self) -> bool:
        """Whether plays can be started."""
        return self._connected and self._requester.ready

    async def start(self) -> None:
        """Opens the studios, takes up open rollbacks and marks plays of a process before this one as failed."""
        for play_id, raw in self.books.running_plays():
            result = msgspec.json.decode(raw, type=PlayResult)
            ended = msgspec.structs.replace(result, state="failed", failure="the simulator was stopped while the play ran")
            self.books.put_play(play_id, 0, ended.state, msgspec.json.encode(ended).decode())
        for studio in self.studios.values():
            await studio.start()
        self.desk.start()
        self.faults.start()
        self._connecting = asyncio.create_task(self._connect(), name="connect")

    async def stop(self) -> None:
        """Ends the plays in order, within a limit; what stays open is taken up by the next start."""
        for play, _ in self._plays.values():
            play.stop()
        tasks = [task for _, task in self._plays.values()]
        if self._connecting is not None:
            self._connecting.cancel()
            tasks.append(self._connecting)
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_LIMIT_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.faults.close()
        await self.desk.close()
        for studio in self.studios.values():
            await studio.close()
        if self._connected:
            await self._requester.stop()
        self.books.close()

    def start_play(self, provider_account: str, plan: Plan) -> str:
        """Starts a play and returns its id. Raises UnknownAccountError, TooManyPlaysError, NotReadyError."""
        studio = self.studios.get(provider_account)
        if studio is None:
            known = ", ".join(sorted(self.studios)) or "none"
            raise UnknownAccountError(f"provider account {provider_account!r} cannot be played; there are: {known}")
        if len(self._plays) >= PLAYS_AT_ONCE:
            raise TooManyPlaysError(f"{PLAYS_AT_ONCE} plays run already, the most at once; stop one with DELETE /play/<id>")
        if not self.ready:
            raise NotReadyError("Kafka is not reachable yet, so that players cannot be made; see /health/ready and try again")
        play = Play(studio, plan)
        self._keep(play.result())
        self._plays[play.play_id] = (play, asyncio.create_task(self._run(play), name=f"play {play.play_id}"))
        return play.play_id

    def result(self, play_id: str) -> PlayResult | None:
        """How a play stands or ended, None where there is no such play."""
        running = self._plays.get(play_id)
        if running is not None:
            return running[0].result()
        stored = self.books.play(play_id)
        return msgspec.json.decode(stored[1], type=PlayResult) if stored else None

    def stop_play(self, play_id: str) -> PlayResult | None:
        """Ends a play after the rounds that are being played; None where there is no such play."""
        running = self._plays.get(play_id)
        if running is not None:
            running[0].stop()
        return self.result(play_id)

    async def compare(self, timeout_s: float) -> Comparison:
        """Compares all books with the wallet; one comparison runs at a time."""
        until = time.monotonic() + timeout_s
        async with self._comparing:
            reader = EventReader(self._settings.kafka_bootstrap_servers, TopicNames(self._settings.topic_prefix), self.books)
            return await compare_books(self.books, self.studios, reader, timeout_s=max(1.0, until - time.monotonic()))

    async def _connect(self) -> None:
        while True:
            try:
                await self._requester.start()
            except (StakewireError, OSError) as error:
                log.warning("the simulator is not connected", cause=str(error), again_in_s=START_RETRY_S)
                await asyncio.sleep(START_RETRY_S)
            else:
                self._connected = True
                log.info("the simulator is connected", provider_accounts=sorted(self.studios))
                return

    async def _run(self, play: Play) -> None:
        try:
            result = await play.run()
        except Exception as error:
            log.exception("a play ended with a fault of the simulator", play_id=play.play_id)
            result = msgspec.structs.replace(play.result(), state="failed", failure=repr(error))
        finally:
            self._plays.pop(play.play_id, None)
        self._keep(result)
        log.info("play ended", **msgspec.to_builtins(msgspec.structs.replace(result, problems=result.problems[:5])))

    def _keep(self, result: PlayResult) -> None:
        self.books.put_play(result.play_id, int(time.time() * 1000), result.state, msgspec.json.encode(result).decode())
