"""The gateway as a process, on a real Kafka: the whole road, the archive, health, drain, and a start without Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.local.ports import free_ports
from shared.contracts import codec
from shared.contracts.archive import CallbackRecord
from shared.contracts.commands import Bet, GetBalance
from shared.contracts.replies import Reply, Result
from shared.identity import player_key
from shared.kafka.admin import apply_topics
from shared.kafka.topics import CALLBACKS, TopicNames
from shared.providers.mascot import signature
from tests.integration.gateway_responder import ok, responding, silent

LIMIT_S = 60.0
KEY = signature.MacKey("main", b"demo-key-1")
PLAYER = player_key("main", "alice")
SETTINGS = """
[brands.main]
currencies = ["EUR"]
[provider_accounts.mascot-demo]
dialect = "mascot"
[provider_accounts.mascot-demo.settings]
casino_id = 7
deadline_ms = 3000
[provider_accounts.mascot-demo.keys]
main = "file:main.key"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
"""


@dataclass
class Gateway:
    """A gateway process and how to speak to it."""

    process: subprocess.Popen[bytes]
    port: int
    log_file: Path
    session: aiohttp.ClientSession
    nonce: int = 0

    def log(self) -> str:
        return self.log_file.read_text("utf-8")

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return answer.status, await answer.text()

    async def call(self, method: str, params: dict[str, Any], request_id: object = 1, **headers: str) -> aiohttp.ClientResponse:
        """A signed call whose answer was read and has a right signature."""
        common = {"callerId": 7, "playerName": f"{PLAYER}_EUR"}
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": common | params, "id": request_id}).encode()
        self.nonce += 1
        timestamp = int(time.time())
        signed = {name.decode(): value.decode() for name, value in signature.sign(KEY, b"casino:7", self.nonce, timestamp, body)}
        url = f"http://127.0.0.1:{self.port}/callbacks/mascot-demo"
        answer = await self.session.post(url, data=body, headers={"content-type": "application/json", **signed, **headers})
        mac = KEY.mac(int(answer.headers["x-nonce"]), int(answer.headers["x-timestamp"]), await answer.read())
        assert answer.headers["x-signature"] == f"main={mac.decode()}"
        return answer

    async def bet(self, reference: str = "t1", **params: Any) -> dict[str, Any]:
        answer = await self.call("withdrawAndDeposit", bet(reference) | params)
        assert answer.status == 200
        content: dict[str, Any] = await answer.json()
        return content

    async def until_ready(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while True:
                assert self.process.poll() is None, self.log()
                with contextlib.suppress(aiohttp.ClientError):
                    if (await self.get("/health/ready"))[0] == 200:
                        return
                await asyncio.sleep(0.05)

    async def until_draining(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            while (await self.get("/health/ready"))[0] != 503:  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.02)

    async def exit_code(self) -> int:
        async with asyncio.timeout(LIMIT_S):
            return await asyncio.to_thread(self.process.wait)


def bet(reference: str) -> dict[str, Any]:
    return {"withdraw": 400, "deposit": 0, "currency": "EUR", "transactionRef": reference, "gameId": "riot"}


def settings_file(folder: Path) -> Path:
    (folder / "main.key").write_bytes(b"demo-key-1")
    path = folder / "stakewire.toml"
    path.write_text(SETTINGS, encoding="utf-8")
    return path


@pytest.fixture
def prefix(kafka_bootstrap_servers: str, topic_prefix: str) -> str:
    apply_topics(kafka_bootstrap_servers, TopicNames(topic_prefix))
    return topic_prefix


@contextlib.asynccontextmanager
async def running(folder: Path, kafka: str, prefix: str, **environment: str) -> AsyncIterator[Gateway]:
    (port,) = free_ports(1)
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "STAKEWIRE_CONFIG_FILE": str(settings_file(folder)),
        "STAKEWIRE_TOPIC_PREFIX": prefix,
        "STAKEWIRE_PORT": str(port),
        "STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0.5",
    }
    log_file = folder / "gateway.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
            [sys.executable, "-m", "services.gateway"],
            env={**os.environ, **variables, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT_S)) as session:
            yield Gateway(process, port, log_file, session)
    finally:
        process.kill()
        process.wait()


async def test_the_whole_road(tmp_path: Path, kafka_bootstrap_servers: str, prefix: str) -> None:
    async with (
        responding(kafka_bootstrap_servers, prefix) as responder,
        running(tmp_path, kafka_bootstrap_servers, prefix) as gateway,
    ):
        await gateway.until_ready()
        answer = await gateway.call("withdrawAndDeposit", bet("t1"), "a-1", **{"x-request-id": "req-1"})
        assert answer.status == 200
        expected = {"jsonrpc": "2.0", "result": {"newBalance": 9800, "transactionId": f"{PLAYER}-1"}, "id": "a-1"}
        assert await answer.json() == expected
        balance = await gateway.call("getBalance", {"currency": "EUR"}, 0)
        assert await balance.json() == {"jsonrpc": "2.0", "result": {"balance": 9800}, "id": 0}
        rollback = await gateway.call("rollbackTransaction", {"transactionRef": "t1"}, 5)
        assert await rollback.read() == b'{"jsonrpc":"2.0","result":{},"id":5}'
        first, second, third = responder.commands
        assert isinstance(first, Bet)
        assert isinstance(second, GetBalance)
        assert (first.stake, first.external_id, first.deadline_ms, third.kind) == (400_000, "t1", 3_000, "rollback")
        assert first.command_id.startswith("req-1.")
        assert "server" not in answer.headers


async def test_many_connections_at_once(tmp_path: Path, kafka_bootstrap_servers: str, prefix: str) -> None:
    def numbered(command: Any) -> Reply:
        return Reply(
            command_id=command.command_id,
            caller=command.caller,
            result=Result.OK,
            currency="EUR",
            transaction_id=command.external_id,
        )

    async with responding(kafka_bootstrap_servers, prefix, numbered), running(tmp_path, kafka_bootstrap_servers, prefix) as gateway:
        await gateway.until_ready()
        answers = await asyncio.gather(*(gateway.bet(f"t{number}") for number in range(300)))
        assert [answer["result"]["transactionId"] for answer in answers] == [f"t{number}" for number in range(300)]
        status, page = await gateway.get("/metrics")
        assert status == 200
        counted = 'stakewire_gateway_callbacks_total{account="mascot-demo",method="withdrawAndDeposit",result="OK"} 300.0'
        assert counted in page


async def test_wallet_that_is_silent_is_an_unknown_outcome_at_the_deadline(
    tmp_path: Path, kafka_bootstrap_servers: str, prefix: str
) -> None:
    async with (
        responding(kafka_bootstrap_servers, prefix, silent) as responder,
        running(tmp_path, kafka_bootstrap_servers, prefix) as gateway,
    ):
        await gateway.until_ready()
        started = time.monotonic()
        answer = await gateway.bet()
        assert answer["error"]["code"] == 8
        assert 3.0 <= time.monotonic() - started < 10
        responder.answering = ok
        assert "result" in await gateway.bet()
        assert "callback answered as unknown" in gateway.log()


async def archived(bootstrap_servers: str, prefix: str, wanted: int) -> list[CallbackRecord]:
    """The first records of the archive, in the order they were received."""
    topic = TopicNames(prefix).of(CALLBACKS)
    partitions = [TopicPartition(topic, number) for number in range(CALLBACKS.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    await consumer.start()
    records: list[CallbackRecord] = []
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        async with asyncio.timeout(LIMIT_S):
            while len(records) < wanted:
                records.append(codec.decode_callback((await consumer.getone()).value))
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: record.received_at_ms)


async def test_callbacks_are_archived_without_secrets(tmp_path: Path, kafka_bootstrap_servers: str, prefix: str) -> None:
    async with responding(kafka_bootstrap_servers, prefix), running(tmp_path, kafka_bootstrap_servers, prefix) as gateway:
        await gateway.until_ready()
        await gateway.bet()
        url = f"http://127.0.0.1:{gateway.port}/callbacks/mascot-demo"
        async with gateway.session.post(url, data=b"{}", headers={"authorization": "Basic c2VjcmV0"}) as answer:
            assert answer.status == 401
        answered, refused = await archived(kafka_bootstrap_servers, prefix, 2)
        assert (answered.verdict, answered.result, answered.player, answered.external_id) == ("answered", "OK", PLAYER, "t1")
        assert answered.request_headers["x-signature"] == "main"
        assert answered.wallet_us > 0
        assert (refused.verdict, refused.result, refused.response_status) == ("refused", "refused_authentication", 401)
        assert "c2VjcmV0" not in codec.encode(refused).decode()
        assert "demo-key-1" not in gateway.log()


async def test_drain_finishes_what_is_pending_and_closes_connections(
    tmp_path: Path, kafka_bootstrap_servers: str, prefix: str
) -> None:
    async with (
        responding(kafka_bootstrap_servers, prefix, silent) as responder,
        running(tmp_path, kafka_bootstrap_servers, prefix, STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S="3") as gateway,
    ):
        await gateway.until_ready()
        pending = asyncio.create_task(gateway.call("withdrawAndDeposit", bet("t1")))
        async with asyncio.timeout(LIMIT_S):
            await responder.arrived.wait()
        gateway.process.send_signal(signal.SIGTERM)
        await gateway.until_draining()
        responder.answering = ok
        still_served = await gateway.call("withdrawAndDeposit", bet("t2"))
        assert (still_served.status, still_served.headers["connection"]) == (200, "close")
        late = await pending
        assert late.headers["connection"] == "close"
        assert (await late.json())["error"]["code"] == 8
        assert await gateway.exit_code() == 0
        assert "gateway has stopped" in gateway.log()
        assert len(await archived(kafka_bootstrap_servers, prefix, 2)) == 2


async def test_second_signal_skips_the_announcement(tmp_path: Path, kafka_bootstrap_servers: str, prefix: str) -> None:
    async with running(tmp_path, kafka_bootstrap_servers, prefix, STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S="60") as gateway:
        await gateway.until_ready()
        gateway.process.send_signal(signal.SIGTERM)
        await gateway.until_draining()
        gateway.process.send_signal(signal.SIGTERM)
        assert await gateway.exit_code() == 0


async def test_without_kafka_it_is_alive_not_ready_and_answers_unknown(tmp_path: Path, topic_prefix: str) -> None:
    (nobody,) = free_ports(1)
    async with running(tmp_path, f"127.0.0.1:{nobody}", topic_prefix) as gateway:
        async with asyncio.timeout(LIMIT_S):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    assert (await gateway.get("/health/live"))[0] == 200
                    break
                await asyncio.sleep(0.05)
        assert (await gateway.get("/health/ready"))[0] == 503
        started = time.monotonic()
        assert (await gateway.bet())["error"]["code"] == 8
        assert time.monotonic() - started < 2
        gateway.process.terminate()
        assert await gateway.exit_code() == 0


def test_wrong_settings_stop_the_start_with_a_message(tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    path.write_text(SETTINGS.replace("casino_id = 7", 'casino_id = "seven"'), encoding="utf-8")
    environment = {**os.environ, "STAKEWIRE_CONFIG_FILE": str(path), "STAKEWIRE_GATEWAY_PENDING_MAX": "8192"}
    command = [sys.executable, "-m", "services.gateway"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, "casino_id" in done.stderr, "mascot-demo" in done.stderr) == (2, True, True)
    environment["STAKEWIRE_GATEWAY_PENDING_MAX"] = "many"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, "STAKEWIRE_GATEWAY_PENDING_MAX" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr
