"""The load generator: a process of its own that keeps a number of connections busy for a fixed time.

Closed loop: each connection sends its next call when the answer to the last one is whole. Requests (callbacks, deposits
or launches) are made and signed before the clock starts. It only counts; what the numbers mean is not its business.

Standard input: one JSON object (`Order`). Standard output: one JSON object a line: {"event": "start"}, {"event": "end"}
at the edges of the measured time, then {"event": "result", ...} (`Tally`).
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol, cast

import uvloop
from typing_extensions import override

from tests.bench.operator_wire import prepare_deposits, prepare_launches
from tests.bench.order import Kind, Order, Tally
from tests.bench.wire import Sender, prepare

CONNECT_LIMIT_S: Final = 20.0
LAST_ANSWER_LIMIT_S: Final = 30.0
FAULTS_KEPT: Final = 5


class Request(Protocol):
    """One prepared request."""

    @property
    def raw(self) -> bytes:
        """Its bytes."""
        ...

    @property
    def amount(self) -> int:
        """What it deposits, in minor units."""
        ...

    def fault_of(self, answer: bytes) -> str:
        """What is wrong with the answer; empty where nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class Traffic:
    """One kind of calls. A good answer begins with `status` and holds `word`; the first of a connection is looked at whole."""

    prepare: Callable[[Order], Sequence[Request]]
    status: bytes
    word: bytes


def _callbacks(order: Order) -> Sequence[Request]:
    sender = Sender(order.host, order.port, order.path, order.casino_id, order.key_id, bytes.fromhex(order.key_hex))
    return prepare(sender, order.players, order.tag, order.requests_max)


TRAFFIC: Final[dict[Kind, Traffic]] = {
    "callbacks": Traffic(_callbacks, b"HTTP/1.1 200 ", b'"newBalance"'),
    "deposits": Traffic(prepare_deposits, b"HTTP/1.1 201 ", b'"operation_id"'),
    "launches": Traffic(prepare_launches, b"HTTP/1.1 201 ", b'"launch_url"'),
}


class Run:
    """The state of one run, shared by its connections."""

    def __init__(self, order: Order, requests: Sequence[Request], loop: asyncio.AbstractEventLoop) -> None:
        self.order = order
        self.traffic = TRAFFIC[order.kind]
        self.tally = Tally()
        self.latencies = array("Q")
        self.measuring = False
        self.over = False
        self.finished = loop.create_future()
        self.busy = 0
        self.samples: list[tuple[bytes, Request]] = []
        self._requests = requests
        self._next = 0
        self._started_ns = 0
        self._cpu_s = 0.0

    def take(self) -> Request | None:
        """The next request; None when the run is over. A list that is used up ends it early."""
        if self.over:
            return None
        if self._next == len(self._requests):
            if not self.order.constant:
                self.tally.exhausted = True
                self.end()
                return None
            self._next = 0
        self._next += 1
        return self._requests[self._next - 1]

    def start(self) -> None:
        """The measured time begins."""
        if not self.over:
            self.measuring = True
            _tell({"event": "start"})
            self._cpu_s, self._started_ns = time.process_time(), time.perf_counter_ns()

    def end(self) -> None:
        """The measured time is over; what is under way is still waited for."""
        if self.over:
            return
        self.over = True
        if self.measuring:
            self.tally.seconds = (time.perf_counter_ns() - self._started_ns) / 1e9
            self.tally.cpu_s = time.process_time() - self._cpu_s
            self.measuring = False
            _tell({"event": "end"})

    def idle(self) -> None:
        """A connection has nothing more to do."""
        self.busy -= 1
        if not self.busy and not self.finished.done():
            self.finished.set_result(None)

    def result(self) -> Tally:
        """The tally with what is computed at the end."""
        tally, ordered = self.tally, sorted(self.latencies)
        tally.unanswered = self.busy
        tally.measured = len(ordered)
        if ordered:
            tally.p50_us = ordered[len(ordered) // 2] / 1e3
            tally.p99_us = ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] / 1e3
            tally.mean_us = sum(ordered) / len(ordered) / 1e3
        if not self.order.constant:
            found = [fault for raw, request in self.samples if (fault := request.fault_of(raw))]
            tally.faults += found[:FAULTS_KEPT]
        return tally


class Client(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._buffer = b""
        self._sent_ns = 0
        self._first = True

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; `send` starts the loop."""
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """A server that closes a connection in use ends the run of that connection; its call stays unanswered."""
        if self._request is not None:
            self._run.tally.faults.append(f"connection lost with a call under way: {exc!r}")

    def send(self) -> None:
        """Sends the next request, if there is one."""
        self._request = self._run.take()
        if self._request is None or self._transport is None:
            self._run.idle()
            return
        self._sent_ns = time.perf_counter_ns()
        self._transport.write(self._request.raw)

    @override
    def data_received(self, data: bytes) -> None:
        """Waits until an answer is whole, counts it and goes on."""
        if self._buffer:
            data = self._buffer + data
        end = data.find(b"\r\n\r\n")
        at = data.find(b"content-length: ", 0, end)
        if end < 0 or at < 0 or len(data) < end + 4 + int(data[at + 16 : data.index(b"\r", at)]):
            self._buffer = data
            return
        self._buffer = b""
        self._count(data, time.perf_counter_ns())
        self.send()

    def _count(self, data: bytes, now_ns: int) -> None:
        run, request = self._run, self._request
        assert request is not None, "an answer came without a call"
        if data.startswith(run.traffic.status) and (run.order.constant or run.traffic.word in data):
            run.tally.answered += 1
            run.tally.amount += request.amount
            if run.measuring:
                run.latencies.append(now_ns - self._sent_ns)
                if run.order.stamps:
                    run.tally.stamps.append((self._sent_ns, now_ns))
        else:
            run.tally.refused += 1
            if len(run.tally.faults) < FAULTS_KEPT:
                run.tally.faults.append(f"answer {data[-200:]!r}")
        if self._first:
            self._first = False
            run.samples.append((data, request))


async def run_order(order: Order) -> Tally:
    """Carries an order out."""
    requests = TRAFFIC[order.kind].prepare(order)
    loop = asyncio.get_running_loop()
    run = Run(order, requests, loop)
    clients = []
    async with asyncio.timeout(CONNECT_LIMIT_S):
        for _ in range(order.connections):
            _, client = await loop.create_connection(lambda: Client(run), order.host, order.port)
            clients.append(client)
    gc.collect()
    gc.disable()
    run.busy = len(clients)
    loop.call_later(order.warm_up_s, run.start)
    loop.call_later(order.warm_up_s + order.seconds, run.end)
    for client in clients:
        client.send()
    try:
        async with asyncio.timeout(order.warm_up_s + order.seconds + LAST_ANSWER_LIMIT_S):
            await run.finished
    except TimeoutError:
        run.tally.faults.append(f"{run.busy} calls had no answer after {LAST_ANSWER_LIMIT_S:g} s")
    return run.result()


def _tell(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Reads the order, carries it out, tells the result."""
    document = json.loads(sys.stdin.readline())
    document["players"] = [tuple(each) for each in document["players"]]
    tally = uvloop.run(run_order(Order(**document)))
    _tell({"event": "result", **asdict(tally)})


if __name__ == "__main__":
    main()
