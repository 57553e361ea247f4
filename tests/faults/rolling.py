"""A whole local stack whose services are restarted one by one, and callers that notice what it is like."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import http.client
import itertools
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local import parts
from deploy.local.parts import Service
from deploy.local.ports import free_ports
from deploy.local.processes import Processes
from deploy.local.settings import StackSettings, load_stack_settings
from tests.operator_api.api import Answer, Api

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
PAUSE_S = 0.05
"""The pace of a caller, and of his retries."""
RETRYABLE = frozenset({0, 429, 502, 503, 504})
"""Answers after which a caller repeats his request; 0 stands for a lost or refused connection."""


@dataclass
class Balancer:
    """Hands TCP connections to the gateways in turn; one that refuses is passed over. As plain as a balancer can be."""

    ports: list[int] = field(default_factory=list)
    port: int = 0
    refused: int = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, turn: Callable[[], int]) -> None:
        """One connection of a caller, from its beginning to its end."""
        start = turn()
        try:
            for number in range(len(self.ports)):
                with contextlib.suppress(OSError):
                    answers, requests = await asyncio.open_connection(HOST, self.ports[(start + number) % len(self.ports)])
                    try:
                        await asyncio.gather(_pass_on(reader, requests), _pass_on(answers, writer))
                    finally:
                        requests.transport.abort()
                    return
            self.refused += 1
        finally:
            writer.transport.abort()


@asynccontextmanager
async def balancer() -> AsyncIterator[Balancer]:
    """A balancer without gateways yet."""
    made, turns, works = Balancer(), itertools.count(), set[asyncio.Task[None]]()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        work = asyncio.create_task(made.take(reader, writer, lambda: next(turns)))
        works.add(work)
        work.add_done_callback(works.discard)

    server = await asyncio.start_server(connected, HOST, 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for work in list(works):
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await server.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, to its end; then the other side hears of the end too, after all that was passed on."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@dataclass
class RunningStack:
    """The stack of a run folder, and a second gateway beside its own."""

    run_dir: Path
    settings: StackSettings
    content: dict[str, Any]

    @classmethod
    def of(cls, run_dir: Path) -> RunningStack:
        """The stack that was started with two wallets in this run folder."""
        settings = load_stack_settings({"STAKEWIRE_RUN_DIR": str(run_dir), "STAKEWIRE_WALLETS": "2"})
        return cls(run_dir, settings, json.loads(settings.stack_file.read_text()))

    def __post_init__(self) -> None:
        """Knows the processes."""
        self.processes = Processes(self.run_dir)
        self.services: dict[str, Service] = {each.name: each for each in parts.services(self.settings)}
        self.services["gateway-2"] = dataclasses.replace(self.services["gateway"], name="gateway-2", port=free_ports(1)[0])

    def start(self, name: str) -> None:
        """Starts a service and waits until it is ready."""
        service = self.services[name]
        content = self.content
        self.processes.start(service.command(self.settings, content["database_url"], content["kafka_bootstrap_servers"]))
        self.processes.wait_until(name, lambda: parts.is_ready(HOST, service.port), parts.START_TIMEOUT_S)

    def restart(self, name: str) -> None:
        """As an upgrade does: SIGTERM, the process ends by itself, a new one starts."""
        began = time.monotonic()
        assert self.processes.stop(name, timeout_s=60)
        assert time.monotonic() - began < 60, f"{name} did not end by itself"
        self.start(name)

    def api(self, name: str) -> Api:
        """An HTTP service with the demo's key of the operator API."""
        return Api(self.services[name].port, self.content["operator_api_key"])

    def simulator(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the simulator."""
        answer = Api(self.services["simulator"].port).call(method, path, body)
        assert answer.status < 300, answer
        return answer.json


@dataclass
class Caller:
    """Sends one request after the other, each until it succeeds; what was answered, and the longest that one took."""

    name: str
    request: Callable[[int], Answer]
    answers: Counter[int] = field(default_factory=Counter)
    done: int = 0
    longest_ms: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def call(self, over: Callable[[], bool]) -> None:
        """Goes on until it is over; blocks."""
        for number in itertools.count():
            if over() or self.wrong:
                return
            began = time.monotonic()
            while not self._once(number):
                time.sleep(PAUSE_S)  # the pace of retries
            self.longest_ms = max(self.longest_ms, (time.monotonic() - began) * 1_000)
            time.sleep(PAUSE_S)

    def _once(self, number: int) -> bool:
        """Whether the request came to its end."""
        try:
            answer = self.request(number)
        except (OSError, http.client.HTTPException):
            self.answers[0] += 1
            return False
        self.answers[answer.status] += 1
        if answer.status in RETRYABLE:
            return False
        if answer.status < 300:
            self.done += 1
        else:
            self.wrong.append(f"{self.name}: {answer}")
        return True
