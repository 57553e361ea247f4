"""All services at a Kafka with passwords, TLS and rules: money moves, and who does not know the password waits in the open."""

import time

import pytest
from confluent_kafka import Consumer, TopicPartition

from shared.kafka.topics import CALLBACKS, DEAD_LETTERS, EVENTS, GAMES, Topic
from tests.integration.security.stand import PARTS, SecureStand, shown, stakewire
from tests.waiting import wait_until

WATCHED_S = 12.0
"""As long as a service that is not let in is watched: several of its attempts."""


def records_on(stand: SecureStand, topic: Topic) -> int:
    """How many records there are on a topic, as the backoffice sees it."""
    consumer = Consumer(
        stand.kafka.security("backoffice").for_librdkafka(stand.kafka.bootstrap_servers) | {"group.id": "stakewire-backoffice"}
    )
    try:
        marks = [
            consumer.get_watermark_offsets(TopicPartition(topic.name, number), timeout=30) for number in range(topic.partitions)
        ]
        return sum(high - low for low, high in marks)
    finally:
        consumer.close()


def test_the_demo_passes_and_every_service_did_its_part(stand: SecureStand) -> None:
    simulator = f"http://127.0.0.1:{stand.ports['simulator']}"
    done = stakewire(stand.kafka, "technician", "demo", "--rounds", 200, "--players", 4, "--simulator", simulator)
    assert done.returncode == 0, done.stdout + done.stderr
    assert records_on(stand, EVENTS) > 200
    assert records_on(stand, DEAD_LETTERS) == 0
    wait_until(lambda: records_on(stand, CALLBACKS) > 200, "the callbacks are archived")
    wait_until(lambda: records_on(stand, GAMES) > 0, "the catalogue has published the games")
    assert stand.trouble() == []


def test_commands_act_with_the_rights_of_their_user(stand: SecureStand) -> None:
    create = ("players", "create", "anna", "--currency", "EUR")
    allowed = stakewire(stand.kafka, "operator-api", *create)
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    forbidden = stakewire(stand.kafka, "technician", *create)
    assert forbidden.returncode == 1
    assert "Traceback" not in forbidden.stderr
    switched = stakewire(
        stand.kafka, "operator-api", "switch", "set", "off", "--account", "mascot-demo", "--game", "riot", "--reason", "test",
        DATABASE_URL=stand.database_url, STAKEWIRE_CONFIG_FILE=str(stand.folder / "stakewire.toml"),
    )  # fmt: skip
    assert switched.returncode == 0, switched.stdout + switched.stderr
    assert "has not taken it yet" not in switched.stdout


@pytest.mark.parametrize("name", ["wallet", "gateway"])
def test_a_wrong_password_leaves_a_service_alive_not_ready_and_saying_why(stand: SecureStand, name: str) -> None:
    password = "not-the-password-of-anybody"
    stand.start("locked-out", PARTS[name], user=name, KAFKA_SASL_PASSWORD_FILE="", KAFKA_SASL_PASSWORD=password)
    try:
        wait_until(lambda: any("Authentication failed" in line for line in stand.lines("locked-out")), "it says why")
        began, before = time.monotonic(), len(stand.lines("locked-out"))
        while time.monotonic() - began < WATCHED_S:
            assert stand.processes.find("locked-out") is not None, stand.lines("locked-out")
            assert stand.health("locked-out", "live")[0] == 200
            assert stand.health("locked-out", "ready")[0] == 503
            time.sleep(1)  # it is watched for as long as it takes to see it try again, not waited for
        lines = stand.lines("locked-out")
        assert len(lines) - before <= WATCHED_S * 10, "it fills the log"
        assert all(shown(line).get("level") != "critical" for line in lines)
        assert not [line for line in lines if "Traceback" in line or password in line]
    finally:
        stand.processes.stop("locked-out")
        stand.processes.log_file("locked-out").unlink()
