"""One callback is one trace, from the provider's request through Kafka, wallet and PostgreSQL back to the answer."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command
from shared.access import ROLE, SCOPES, KeyStore
from shared.database import open_pool
from shared.identity import partition_of, player_key
from shared.kafka.topics import COMMANDS
from shared.providers.mascot import signature
from tests.collector import Collector, Seen, collecting
from tests.integration.wallet.line import EUR, create, deposit, open_line
from tests.integration.wallet.stand import HOST, READY_S, WalletStand, wallet_stand

ALICE = player_key("main", "alice")
KEY = signature.MacKey("main", b"demo-key-1")
STRANGER = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
STAKE = 41_937
"""In cents, and a number that nothing else in a trace has."""
CONFIG = """
[brands.main]
currencies = ["EUR"]
[provider_accounts.mascot-demo]
dialect = "mascot"
[provider_accounts.mascot-demo.settings]
casino_id = 7
[provider_accounts.mascot-demo.keys]
main = "file:main.key"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
[provider_accounts.mascot-demo.games]
riot = "live"
"""


@dataclass
class Stack:
    """A wallet, a gateway, and a provider who calls it."""

    stand: WalletStand
    session: aiohttp.ClientSession
    port: int
    log_imports: bool = False
    nonce: int = field(default=0)

    def start(self, name: str, module: str, port: int, **settings: str) -> None:
        """Starts a service; everything it imports is in its log, where asked for."""
        environment = {
            "STAKEWIRE_CONFIG_FILE": str(self.stand.folder / "traced.toml"),
            "STAKEWIRE_HOST": HOST,
            "STAKEWIRE_PORT": str(port),
            "STAKEWIRE_TOPIC_PREFIX": self.stand.prefix,
            "STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0",
            "DATABASE_URL": self.stand.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.stand.kafka_bootstrap_servers,
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        imports = ["-X", "importtime"] if self.log_imports else []
        argv = [sys.executable, *imports, "-m", module]
        self.stand.processes.start(Command(name=name, argv=argv, cwd=CHECKOUT, env=environment))
        self.stand.processes.wait_until(name, partial(is_ready, HOST, port), READY_S)

    def log_of(self, name: str) -> str:
        """What a service has said."""
        return self.stand.processes.log_file(name).read_text(encoding="utf-8", errors="replace")

    async def call(self, reference: str, *, key: signature.MacKey = KEY, **headers: str) -> dict[str, Any]:
        """A bet."""
        params = {"callerId": 7, "playerName": f"{ALICE}_EUR", "withdraw": STAKE, "deposit": 0, "currency": "EUR", "gameId": "riot"}
        call = {"jsonrpc": "2.0", "method": "withdrawAndDeposit", "params": {**params, "transactionRef": reference}, "id": 1}
        body = json.dumps(call).encode()
        self.nonce += 1
        signed = {
            name.decode(): value.decode() for name, value in signature.sign(key, b"casino:7", self.nonce, int(time.time()), body)
        }
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"http://{HOST}:{self.port}/callbacks/mascot-demo"
        async with self.session.post(url, data=body, headers={"content-type": "application/json", **signed, **own}) as answer:
            content: dict[str, Any] = await answer.json(content_type=None)
            return content


@pytest.fixture
def wallet(operator_url: str, kafka_bootstrap_servers: str) -> Iterator[WalletStand]:
    """Topics and a database for one test; no wallet runs yet."""
    with wallet_stand(operator_url, kafka_bootstrap_servers) as stand:
        (stand.folder / "main.key").write_bytes(b"demo-key-1")
        (stand.folder / "traced.toml").write_text(CONFIG, encoding="utf-8")
        yield stand


@asynccontextmanager
async def running(stand: WalletStand, settings: dict[str, str], *, log_imports: bool = False) -> AsyncIterator[Stack]:
    """Wallet and gateway with these settings; Alice has money."""
    ports = free_ports(2)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        stack = Stack(stand, session, ports[0], log_imports)
        await asyncio.to_thread(stack.start, "wallet", "services.wallet", ports[1], **settings)
        await asyncio.to_thread(stack.start, "gateway", "services.gateway", ports[0], **settings)
        async with open_line(stand) as line:
            await line.done(create("alice"))
            await line.done(deposit(ALICE, 100_000 * EUR))
        yield stack


def traced(endpoint: str, share: str = "1") -> dict[str, str]:
    return {"STAKEWIRE_TRACE_SHARE": share, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}


def check_wallets_part(trace: dict[str, Seen], name: str, topic: str) -> None:
    """The wallet's spans hang beneath the sending of the command, in their order, inside of the request."""
    apply = trace[name]
    assert (apply.service, apply.kind, apply.parent) == ("stakewire-wallet", "consumer", trace[f"send {topic}"].span)
    statements = [trace[each] for each in ("load", "save", "commit")]
    for each in statements:
        assert (each.kind, each.parent, each.attributes) == ("client", apply.span, {"db.system.name": "postgresql"})
    reply = trace["send wallet.replies"]
    assert (reply.kind, reply.parent) == ("producer", apply.span)
    order = [apply, *statements, reply]
    assert [each.start_ns for each in order] == sorted(each.start_ns for each in order)
    assert all(each.start_ns <= each.end_ns <= apply.end_ns for each in order)
    assert apply.events == ("taken from Kafka", "begun", "decided")
    assert (apply.attributes["stakewire.batch_commands"], apply.attributes["stakewire.outcome"]) == (1, "committed")


async def test_a_callback_is_one_trace_across_both_processes(wallet: WalletStand) -> None:
    async with collecting() as collector, running(wallet, traced(collector.endpoint)) as stack:
        assert "result" in await stack.call("t1", traceparent=f"00-{STRANGER}-01", x_request_id="req-77")
        topic, name = wallet.names.of(COMMANDS), "callback withdrawAndDeposit"
        names = {name, f"send {topic}", "wait for reply", "apply bet", "load", "save", "commit", "send wallet.replies"}
        trace = await collector.trace_with(*names)
        assert set(trace) == names
        root = trace[name]
        # A provider's header makes no trace of ours his, and is only named.
        assert (root.parent, root.links, root.trace == STRANGER[:32]) == ("", (STRANGER,), False)
        assert (root.service, root.kind, root.failed) == ("stakewire-gateway", "server", False)
        assert root.attributes["stakewire.correlation_id"] == "req-77"
        assert root.attributes["stakewire.provider_account"] == "mascot-demo"
        assert root.attributes["stakewire.player"] == ALICE
        assert (root.attributes["http.response.status_code"], root.attributes["stakewire.result"]) == (200, "OK")
        send, wait = trace[f"send {topic}"], trace["wait for reply"]
        assert (send.kind, send.parent, wait.parent) == ("producer", root.span, root.span)
        check_wallets_part(trace, "apply bet", topic)
        for span in (send, wait):
            assert root.start_ns <= span.start_ns
        assert wait.end_ns <= root.end_ns
        assert [each for each in collector.spans if each.trace == root.trace and each.failed] == []
        check_nothing_is_told(collector)
        await refused_is_logged_with_its_trace(stack, collector)


def check_nothing_is_told(collector: Collector) -> None:
    """No amount, no id of the provider's, no key."""
    for body in collector.bodies:
        for word in (str(STAKE), str(STAKE * 1_000), "demo-key-1", "alice", "x-signature"):
            assert word.encode() not in body


async def refused_is_logged_with_its_trace(stack: Stack, collector: Collector) -> None:
    assert "error" in await stack.call("t2", key=signature.MacKey("main", b"wrong"))
    trace = await collector.trace_with("callback other")
    (line,) = [json.loads(each) for each in stack.log_of("gateway").splitlines() if "callback refused" in each]
    assert line["trace_id"] == trace["callback other"].trace
    assert trace["callback other"].attributes["stakewire.verdict"] == "refused"


async def test_an_operator_s_request_is_one_trace_too(wallet: WalletStand) -> None:
    async with collecting() as collector, running(wallet, traced(collector.endpoint)) as stack:
        (port,) = free_ports(1)
        await asyncio.to_thread(stack.start, "operator-api", "services.gateway.operator_api", port, **traced(collector.endpoint))
        pool = await open_pool(wallet.database_url, role=ROLE, application_name="test")
        token = (await KeyStore(pool).create("main", SCOPES, actor="test")).token
        await pool.close()
        own = {"authorization": f"Bearer {token}", "idempotency-key": "d-1"}
        url = f"http://{HOST}:{port}/v1/players/alice"
        async with stack.session.post(f"{url}/deposits", json={"amount": "1.00", "currency": "EUR"}, headers=own) as answer:
            assert answer.status == 201, await answer.text()
        name = "POST /v1/players/{player_id}/deposits"
        trace = await collector.trace_with(name, f"send {wallet.names.of(COMMANDS)}", "apply deposit", "send wallet.replies")
        root = trace[name]
        assert (root.service, root.parent, root.attributes["http.response.status_code"]) == ("stakewire-operator-api", "", 201)
        check_wallets_part(trace, "apply deposit", wallet.names.of(COMMANDS))
        async with stack.session.get(url, headers=own) as answer:
            assert answer.status == 200
        query = await collector.trace_with("GET /v1/players/{player_id}", "apply get_player", "read", "send wallet.replies")
        assert query["read"].parent == query["apply get_player"].span
        assert query["apply get_player"].attributes["stakewire.outcome"] == "read"
        check_nothing_is_told(collector)


async def test_without_a_collector_bets_go_on_and_the_end_is_in_time(wallet: WalletStand) -> None:
    async with running(wallet, traced(f"http://{HOST}:{free_ports(1)[0]}")) as stack:
        for number in range(20):
            assert "result" in await stack.call(f"t{number}")
        while "traces are not exported" not in stack.log_of("gateway"):  # noqa: ASYNC110  # written by another process
            await asyncio.sleep(0.05)
        for name in ("gateway", "wallet"):
            await asyncio.to_thread(stack.stand.processes.stop, name, timeout_s=30)
            assert stack.log_of(name).count("traces are not exported") == 1
    assert wallet.trouble() == []


@pytest.mark.parametrize(("share", "headers"), [("0", 0), ("1", 5)])
async def test_only_sampled_commands_carry_a_header_and_off_imports_nothing(share: str, headers: int, wallet: WalletStand) -> None:
    async with collecting() as collector, running(wallet, traced(collector.endpoint, share), log_imports=True) as stack:
        for number in range(5):
            assert "result" in await stack.call(f"t{number}", traceparent=f"00-{STRANGER}-01")
        found = await records(wallet)
        assert len(found) == 7  # the player's creation and deposit came from the test, which makes no traces
        assert sum(bool(each.headers) for each in found) == headers
        if share == "0":
            for name in ("gateway", "wallet"):
                log = stack.log_of(name)
                assert "import time:" in log
                assert "opentelemetry" not in log
            assert collector.spans == []
        else:
            await collector.trace_with("callback withdrawAndDeposit", "apply bet")


async def records(wallet: WalletStand) -> list[Any]:
    """Alice's commands."""
    part = TopicPartition(wallet.names.of(COMMANDS), partition_of(ALICE, COMMANDS.partitions))
    consumer = AIOKafkaConsumer(bootstrap_servers=wallet.kafka_bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([part])
        end = (await consumer.end_offsets([part]))[part]
        found: list[Any] = []
        while len(found) < end:
            found += (await consumer.getmany(part, timeout_ms=500)).get(part, [])
        return found
    finally:
        await consumer.stop()
