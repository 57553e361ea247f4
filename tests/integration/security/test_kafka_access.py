"""Who may do what, tried by each user; and what the command line says of rules that are missing or too many."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from shared.kafka.topics import COMMANDS, EVENTS, TOPICS
from tests.integration.security.broker import ADMIN, SecureKafka
from tests.integration.security.stand import ACCESS, stakewire
from tests.waiting import wait_until

WRITERS = {
    "wallet.commands": {"gateway", "operator-api"},
    "wallet.replies": {"wallet"},
    "wallet.events": {"wallet"},
    "wallet.dead-letters": {"wallet"},
    "gateway.callbacks": {"gateway"},
    "gateway.switches": {"operator-api"},
    "catalogue.games": {"catalogue"},
}
READERS = {
    "wallet.commands": {"wallet", "technician"},
    "wallet.replies": {"gateway", "operator-api", "technician"},
    "wallet.events": {"operator-api", "backoffice", "technician"},
    "wallet.dead-letters": {"backoffice", "technician"},
    "gateway.callbacks": {"backoffice", "technician"},
    "gateway.switches": {"gateway", "operator-api", "backoffice", "technician"},
    "catalogue.games": {"gateway", "operator-api", "backoffice", "technician"},
}
JOINERS = {
    "stakewire-wallet": {"wallet"},
    "operator-api-closings": {"operator-api"},
    "stakewire-backoffice": {"backoffice"},
}
USERS = ("gateway", "operator-api", "wallet", "catalogue", "backoffice", "technician", "stranger")


@pytest.fixture(scope="module")
def prefix(kafka: SecureKafka) -> str:
    """Topics apart from those that services use, with the same rules."""
    prefix = f"rights{uuid.uuid4().hex[:6]}."
    done = stakewire(kafka, ADMIN, "topics", "apply", "--access", ACCESS, STAKEWIRE_TOPIC_PREFIX=prefix)
    assert done.returncode == 0, done.stdout + done.stderr
    return prefix


def options(kafka: SecureKafka, user: str) -> dict[str, Any]:
    return kafka.security(user).for_librdkafka(kafka.bootstrap_servers) | {"log_level": 2}


def may_write(producer: Producer, topic: str) -> bool:
    answers: list[KafkaError | None] = []
    producer.produce(topic, b"tried", key=b"k", partition=0, on_delivery=lambda error, _: answers.append(error))
    assert producer.flush(30) == 0
    (error,) = answers
    assert error is None or error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, error
    return error is None


def may_read(kafka: SecureKafka, user: str, topic: str) -> bool:
    # Nothing is committed: nobody is let into this group, and the end would wait for that for ever.
    settings = {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer(options(kafka, user) | settings)
    try:
        seen = consumer.list_topics(topic, timeout=30).topics[topic].error
        if seen is not None:  # it may not even know of the topic
            assert seen.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED, seen
            return False
        consumer.assign([TopicPartition(topic, 0, 0)])
        while True:
            message = consumer.poll(30)
            assert message is not None
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                return True
            if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                return False
            # It looks for the group's coordinator too, though it reads without the group.
            assert error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED, error
    finally:
        consumer.close()


def may_join(kafka: SecureKafka, user: str, prefix: str, group: str) -> bool:
    consumer = Consumer(options(kafka, user) | {"group.id": prefix + group, "enable.auto.commit": False})
    answers: list[bool] = []

    def asked() -> list[bool]:
        message = consumer.poll(1)
        error = None if message is None else message.error()
        if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            answers.append(False)
        return answers

    try:
        # Whoever has a group may read one of these; of the others a member gets no partition.
        consumer.subscribe([prefix + topic.name for topic in TOPICS], on_assign=lambda *_: answers.append(True))
        wait_until(asked, f"{user} is let into {group} or not")
        return answers[0]
    finally:
        consumer.close()


@pytest.mark.parametrize("user", USERS)
def test_what_a_user_may_write(kafka: SecureKafka, prefix: str, user: str) -> None:
    producer = Producer(options(kafka, user))
    allowed = {topic.name for topic in TOPICS if may_write(producer, prefix + topic.name)}
    assert allowed == {name for name, users in WRITERS.items() if user in users}


@pytest.mark.parametrize("user", USERS)
def test_what_a_user_may_read_and_which_groups_it_may_join(kafka: SecureKafka, prefix: str, user: str) -> None:
    assert {topic.name for topic in TOPICS if may_read(kafka, user, prefix + topic.name)} == {
        name for name, users in READERS.items() if user in users
    }
    assert {group for group in JOINERS if may_join(kafka, user, prefix, group)} == {
        name for name, users in JOINERS.items() if user in users
    }


def test_a_certificate_is_an_identity_too(kafka: SecureKafka, prefix: str) -> None:
    pair = kafka.authority.issue("wallet")
    by_certificate = {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SASL_USERNAME": "",
        "KAFKA_SASL_PASSWORD_FILE": "",
        "KAFKA_SSL_CERTFILE": str(pair.certificate),
        "KAFKA_SSL_KEYFILE": str(pair.key),
    }
    producer = Producer(kafka.security("wallet", **by_certificate).for_librdkafka(kafka.tls_servers) | {"log_level": 2})
    assert may_write(producer, prefix + EVENTS.name)
    assert not may_write(producer, prefix + COMMANDS.name)


def test_the_check_tells_a_missing_rule_and_apply_makes_it(kafka: SecureKafka, prefix: str) -> None:
    checked = ("topics", "check", "--access", ACCESS)
    fine = stakewire(kafka, "technician", *checked, STAKEWIRE_TOPIC_PREFIX=prefix)
    assert (fine.returncode, fine.stdout) == (0, "all topics are as they should be, and so is who may do what\n"), fine.stderr
    admin = AdminClient(options(kafka, ADMIN))
    rule = (ResourceType.TOPIC, prefix + EVENTS.name, ResourcePatternType.LITERAL, "User:wallet", "*",
            AclOperation.WRITE, AclPermissionType.ALLOW)  # fmt: skip
    (removed,) = admin.delete_acls([AclBindingFilter(*rule)]).values()
    assert len(removed.result(30)) == 1

    def check() -> str:
        done = stakewire(kafka, "technician", *checked, STAKEWIRE_TOPIC_PREFIX=prefix)
        return done.stderr if done.returncode == 1 else ""

    wait_until(lambda: f"missing: User:wallet may write topic {prefix}wallet.events" in check(), "the check tells it")
    applied = stakewire(kafka, "setup", "topics", "apply", "--access", ACCESS, STAKEWIRE_TOPIC_PREFIX=prefix)
    assert (applied.returncode, "made 1 rules" in applied.stdout) == (0, True), applied.stdout + applied.stderr
    wait_until(lambda: not check(), "all is as it should be")


def test_rules_that_are_not_in_the_file_are_told_and_removed_only_when_asked(kafka: SecureKafka, prefix: str) -> None:
    admin = AdminClient(options(kafka, ADMIN))
    name = prefix + COMMANDS.name
    ours = AclBinding(ResourceType.TOPIC, name, ResourcePatternType.LITERAL, "User:stranger", "*",
                      AclOperation.WRITE, AclPermissionType.ALLOW)  # fmt: skip
    wide = AclBinding(ResourceType.TOPIC, prefix, ResourcePatternType.PREFIXED, "User:stranger", "*",
                      AclOperation.READ, AclPermissionType.ALLOW)  # fmt: skip
    for future in admin.create_acls([ours, wide]).values():
        future.result(30)

    def apply(*more: str) -> str:
        done = stakewire(kafka, "setup", "topics", "apply", "--access", ACCESS, *more, STAKEWIRE_TOPIC_PREFIX=prefix)
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = f"User:stranger may write topic {name}"
    wait_until(lambda: f"left, though not in the file (--remove-others takes it away): {told}" in apply(), "it is told")
    output = apply("--remove-others")
    assert f"removed: {told}" in output
    beyond = f"User:stranger may read topic everything that begins with {prefix}"
    assert f"left, because it reaches beyond our topics: {beyond}" in output
    checked = stakewire(kafka, "technician", "topics", "check", "--access", ACCESS, STAKEWIRE_TOPIC_PREFIX=prefix)
    assert checked.returncode == 1
    assert beyond in checked.stderr
    assert told not in checked.stderr
    (removed,) = admin.delete_acls([AclBindingFilter(ResourceType.TOPIC, prefix, ResourcePatternType.PREFIXED, "User:stranger",
                                                     "*", AclOperation.READ, AclPermissionType.ALLOW)]).values()  # fmt: skip
    assert len(removed.result(30)) == 1


def test_who_may_not_see_or_change_the_rules_is_told_so(kafka: SecureKafka) -> None:
    seen = stakewire(kafka, "gateway", "topics", "check", "--access", ACCESS)
    assert seen.returncode == 1
    assert "this principal may not see the rules; it needs `inspect`" in seen.stderr
    wrong = stakewire(kafka, "setup", "topics", "check", KAFKA_SASL_PASSWORD_FILE="", KAFKA_SASL_PASSWORD="wrong")
    assert wrong.returncode == 1
    assert "Authentication failed" in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_brokers_without_an_authorizer_are_told_from_brokers_without_rules(
    kafka: SecureKafka, kafka_bootstrap_servers: str, topic_prefix: str
) -> None:
    plain = dict.fromkeys(kafka.environment("setup"), "") | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "STAKEWIRE_TOPIC_PREFIX": topic_prefix,
    }
    done = stakewire(kafka, "setup", "topics", "apply", "--access", ACCESS, **plain)
    assert done.returncode == 1
    assert "the brokers have no authorizer" in done.stderr
    assert stakewire(kafka, "setup", "topics", "check", **plain).returncode == 0


def test_the_check_tells_settings_that_differ(kafka_bootstrap_servers: str, kafka: SecureKafka, topic_prefix: str) -> None:
    plain = dict.fromkeys(kafka.environment("setup"), "") | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "STAKEWIRE_TOPIC_PREFIX": topic_prefix,
    }
    missing = stakewire(kafka, "setup", "topics", "check", **plain)
    assert missing.returncode == 1
    assert f"{topic_prefix}wallet.commands is missing" in missing.stderr
    assert stakewire(kafka, "setup", "topics", "apply", **plain).returncode == 0
    _set_retention(kafka_bootstrap_servers, topic_prefix + EVENTS.name)
    differs = stakewire(kafka, "setup", "topics", "check", **plain)
    assert differs.returncode == 1
    assert f"{topic_prefix}wallet.events has retention.ms=3600000, expected 604800000" in differs.stderr


def _set_retention(bootstrap_servers: str, topic: str) -> None:
    entry = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})  # kept: its calls end with it
    (done,) = admin.incremental_alter_configs([resource]).values()
    done.result(30)


def test_an_access_file_that_is_wrong_is_refused(kafka: SecureKafka, tmp_path: Path) -> None:
    file = tmp_path / "access.toml"
    file.write_text('["User:gateway"]\npurpose = "x"\nwrite = ["wallet.comands"]\n', encoding="utf-8")
    done = stakewire(kafka, "setup", "topics", "check", "--access", file)
    assert done.returncode == 1
    assert "'wallet.comands' is no topic; there are" in done.stderr
