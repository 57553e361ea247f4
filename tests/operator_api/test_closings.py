"""An excluded player's sessions are closed at their providers, by the wallet's event: once it can be, and whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts import Exclude
from shared.kafka.producer import Producer
from shared.kafka.topics import EVENTS, TopicNames
from tests.operator_api.api import Api
from tests.operator_api.calls import ask
from tests.operator_api.stand import Stand
from tests.waiting import wait_until

PATIENT_S = 120.0


def launched(api: Api, player_id: str, **more: Any) -> dict[str, Any]:
    body = {"player_id": player_id, "currency": "EUR", "provider_account": "mascot", "game_id": "riot"}
    session: dict[str, Any] = api.post("/v1/sessions", body | more)
    return session


def exclude(api: Api, player_id: str) -> Any:
    answer = api.call("POST", f"/v1/players/{player_id}/exclusion", {"for_ever": True}, key=secrets.token_hex(8))
    assert answer.status == 200, answer
    return answer.json


def is_open(running: Stand, session: dict[str, Any]) -> bool:
    """Whether the provider still has its side of a session open: it lists it, or plays a spin of it."""
    wanted = session["launch_url"].rpartition("/")[2]
    for casino in (11, 12):
        call = {
            "jsonrpc": "2.0",
            "method": "Session.List",
            "params": {"Status": "Open", "PlayerIds": [session["provider_player_id"]]},
            "id": 1,
        }
        answer = running.simulator.call("POST", "/mascot/v1/", call, X_Subject=f"casino:{casino}")
        assert answer.status == 200, answer
        if wanted in [each["SessionId"] for each in answer.json["result"]["Sessions"]]:
            return True
    return False


def closings(running: Stand, outcome: str, account: str = "mascot") -> float:
    """How many closings of an account came to this, by the process's own metrics."""
    text = Api(running.ports["operator-api"]).call("GET", "/metrics").text
    name = f'stakewire_operator_closings_total{{account="{account}",outcome="{outcome}"}} '
    return sum(float(line.removeprefix(name)) for line in text.splitlines() if line.startswith(name))


def wait_closed(running: Stand, *sessions: dict[str, Any]) -> None:
    wait_until(lambda: not any(is_open(running, each) for each in sessions), "the provider has closed its side", PATIENT_S)


def test_excluded_while_playing(running: Stand, api: Api) -> None:
    """Both sides end, at every provider account that he has a session at; another player plays on."""
    player_id, other = api.player(money="100"), api.player(money="100")
    here, there, others = launched(api, player_id), launched(api, player_id, provider_account="impatient"), launched(api, other)
    assert running.spin(here["launch_url"], 100)["outcome"]["state"] == "done"
    closed = exclude(api, player_id)
    assert set(closed["closed_sessions"]) == {here["session_id"], there["session_id"]}
    assert {api.get(f"/v1/sessions/{each['session_id']}")["status"] for each in (here, there)} == {"closed"}
    wait_closed(running, here, there)
    assert is_open(running, others)
    assert running.spin(others["launch_url"], 100)["outcome"]["state"] == "done"


def test_accounts_that_are_closed_and_players_who_are_erased(running: Stand, api: Api) -> None:
    for what in ("close", "erase"):
        player_id = api.player(money="100")
        session = launched(api, player_id)
        answer = api.call("POST", f"/v1/players/{player_id}/{what}", {"reason": "asked for it"}, key=secrets.token_hex(8))
        assert answer.status == 200
        assert api.get(f"/v1/sessions/{session['session_id']}")["status"] == "closed"
        wait_closed(running, session)


def test_a_provider_that_is_down_is_asked_again_until_it_answers(behaving: Stand, api: Api) -> None:
    player_id, done = api.player(money="100"), closings(behaving, "closed")
    session = launched(api, player_id)
    behaving.fault("Session.Close", "down", times=None)
    exclude(api, player_id)
    wait_until(lambda: "a session is not closed at its provider yet" in behaving.log("operator-api"), "it was tried", PATIENT_S)
    assert is_open(behaving, session)
    assert behaving.spin(session["launch_url"], 100)["outcome"]["state"] == "refused"
    assert api.balance(player_id) == "100.00"
    behaving.no_faults()
    wait_closed(behaving, session)
    wait_until(lambda: closings(behaving, "closed") > done, "it is counted", PATIENT_S)


def test_an_event_that_comes_twice_is_handled_twice_and_harms_nothing(running: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    session = launched(api, player_id)
    exclude(api, player_id)
    wait_closed(running, session)
    key, done = session["session_id"].partition(".")[0], closings(running, "closed")
    repeated = next(each for each in events_of(running, key) if b'"kind":"exclude"' in each)
    assert api.call("POST", f"/v1/players/{player_id}/exclusion/lift", {"reason": "over"}, key="lift").status == 200
    later = launched(api, player_id)
    asyncio.run(publish(running, key, b"", b"rubbish", b'{"kind":"exclude"}', b'"kind":"exclude"', repeated))
    wait_until(lambda: closings(running, "closed") > done, "the repetition was handled", PATIENT_S)
    assert closings(running, "unreadable", "") >= 2
    assert is_open(running, later)
    assert running.spin(later["launch_url"], 100)["outcome"]["state"] == "done"


def test_a_restart_in_the_middle_loses_no_closing(behaving: Stand, api: Api) -> None:
    player_id = api.player(money="100")
    session = launched(api, player_id)
    behaving.fault("Session.Close", "down", times=None)
    behaving.processes.stop("operator-api")
    # By the wallet alone, as by another process of the operator API that died right after.
    key = session["session_id"].partition(".")[0]
    until_ms = 4_000_000_000_000
    header: dict[str, Any] = {
        "provider_account": "operator",
        "namespace": "operator",
        "external_id": "restart",
        "deadline_ms": 60_000,
    }
    (reply,) = ask(behaving, Exclude(command_id="", player=key, **header, until_ms=until_ms, reason="a test", author="tests"))
    assert reply.result == "OK"
    for _ in range(2):
        behaving.start("operator-api")
        behaving.wait_ready("operator-api")
        tried = partial(waits, behaving, session["session_id"])
        wait_until(tried, "the closing was tried and waits", PATIENT_S)
        # Killed while it waits for the provider: the event is not committed.
        behaving.processes.stop("operator-api", timeout_s=0)
        assert is_open(behaving, session)
    behaving.no_faults()
    behaving.start("operator-api")
    behaving.wait_ready("operator-api")
    wait_closed(behaving, session)


def waits(running: Stand, session_id: str) -> bool:
    """Whether the process that runs now has tried to close a session and tries again."""
    text = Api(running.ports["operator-api"]).call("GET", "/metrics").text
    line = next(each for each in text.splitlines() if each.startswith("stakewire_operator_closings_under_way "))
    return float(line.rpartition(" ")[2]) > 0 and session_id in running.log("operator-api")


def events_of(running: Stand, player: str) -> list[bytes]:
    """A player's records on `wallet.events`."""

    async def read() -> list[bytes]:
        name = TopicNames(running.topic_prefix).of(EVENTS)
        consumer = AIOKafkaConsumer(bootstrap_servers=running.kafka_bootstrap_servers, enable_auto_commit=False)
        await consumer.start()
        found: list[bytes] = []
        try:
            partitions = [TopicPartition(name, number) for number in range(EVENTS.partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [record.value for record in records if record.key == player.encode()]
        finally:
            await consumer.stop()
        return found

    return asyncio.run(read())


async def publish(running: Stand, player: str, *values: bytes) -> None:
    """Records on `wallet.events` under a player's key."""
    producer = Producer(running.kafka_bootstrap_servers)
    await producer.start()
    try:
        for value in values:
            await (await producer.send(TopicNames(running.topic_prefix).of(EVENTS), value, key=player.encode(), partition=0))
    finally:
        await producer.stop()
