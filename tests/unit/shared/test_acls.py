"""Access to Kafka as files say it: what may stand in them, the rules that come of them, and how brokers' rules differ."""

from pathlib import Path

import pytest

from services.gateway.operator_api.closings import GROUP
from services.wallet.settings import WalletSettings
from shared.errors import SettingsError
from shared.kafka.acls import Rule, compare, load_access, rules_of
from shared.kafka.topics import TOPICS, TopicNames
from tests.integration.security.stand import ACCESS, ACCESS_DEMO

NAMES = TopicNames("p.")


def test_only_the_gateways_principals_write_commands_and_only_the_wallets_replies_and_events() -> None:
    writers: dict[str, set[str]] = {topic.name: set() for topic in TOPICS}
    for principal, grants in load_access([ACCESS]).items():
        for name in grants.write:
            writers[name].add(principal)
    assert writers == {
        "wallet.commands": {"User:gateway", "User:operator-api"},
        "wallet.replies": {"User:wallet"},
        "wallet.events": {"User:wallet"},
        "wallet.dead-letters": {"User:wallet"},
        "gateway.callbacks": {"User:gateway"},
        "gateway.switches": {"User:operator-api"},
        "catalogue.games": {"User:catalogue"},
    }


def test_the_groups_are_those_that_the_services_join() -> None:
    access = load_access([ACCESS])
    assert access["User:wallet"].groups == (WalletSettings.model_fields["wallet_group"].default,)
    assert access["User:operator-api"].groups == (GROUP,)


def test_the_demo_adds_the_simulator() -> None:
    assert set(load_access([ACCESS, ACCESS_DEMO])) - set(load_access([ACCESS])) == {"User:simulator"}


def test_rules_carry_the_prefix() -> None:
    rules = rules_of(load_access([ACCESS]), NAMES)
    of_wallet = {rule for rule in rules if rule.principal == "User:wallet"}
    assert of_wallet == {
        Rule("User:wallet", "read", "topic", "p.wallet.commands"),
        Rule("User:wallet", "write", "topic", "p.wallet.replies"),
        Rule("User:wallet", "write", "topic", "p.wallet.events"),
        Rule("User:wallet", "write", "topic", "p.wallet.dead-letters"),
        Rule("User:wallet", "read", "group", "p.stakewire-wallet"),
    }
    assert Rule("User:setup", "create", "cluster", "kafka-cluster") in rules
    assert Rule("User:technician", "alter", "cluster", "kafka-cluster") not in rules


@pytest.mark.parametrize(
    ("stray", "expected"),
    [
        (Rule("User:mallory", "write", "topic", "p.wallet.commands"), "unexpected"),
        (Rule("User:gateway", "write", "topic", "p.wallet.events", permission="deny"), "unexpected"),
        (Rule("User:wallet", "write", "topic", "p.wallet.events", host="10.0.0.1"), "unexpected"),
        (Rule("User:mallory", "read", "group", "p.stakewire-wallet"), "unexpected"),
        (Rule("User:gateway", "alter", "cluster", "kafka-cluster"), "unexpected"),
        (Rule("User:mallory", "write", "topic", "p.wall", pattern="prefixed"), "wider"),
        (Rule("User:mallory", "all", "topic", "*"), "wider"),
        (Rule("User:mallory", "all", "group", "*"), "wider"),
        (Rule("User:gateway", "write", "topic", "q.wallet.commands"), ""),
        (Rule("User:mallory", "write", "topic", "orders"), ""),
        (Rule("User:mallory", "alter", "cluster", "kafka-cluster"), ""),
        (Rule("User:mallory", "write", "transactional_id", "*"), ""),
    ],
)
def test_rules_besides_the_files(stray: Rule, expected: str) -> None:
    access = load_access([ACCESS])
    difference = compare(access, NAMES, rules_of(access, NAMES) | {stray})
    found = {"unexpected": difference.unexpected, "wider": difference.wider}
    assert difference.missing == ()
    assert {name: rules for name, rules in found.items() if rules} == ({expected: (stray,)} if expected else {})
    assert (str(stray) in str(difference)) is bool(expected)


def test_rules_that_are_missing() -> None:
    access = load_access([ACCESS])
    gone = Rule("User:wallet", "write", "topic", "p.wallet.events")
    difference = compare(access, NAMES, rules_of(access, NAMES) - {gone})
    assert (difference.missing, difference.unexpected, difference.wider) == ((gone,), (), ())
    assert str(difference) == "missing: User:wallet may write topic p.wallet.events"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('["User:x"]\npurpose = "p"\nread = ["orders"]', "'orders' is no topic; there are catalogue.games"),
        ('["User:x"]\npurpose = "p"\nreads = []', "User:x.reads: Extra inputs are not permitted"),
        ('["User:x"]\nread = []', "User:x.purpose: Field required"),
        ('["x"]\npurpose = "p"', "'x' is no principal; expected 'User:'"),
        ('["User:*"]\npurpose = "p"', "is no principal"),
        ("[", "not readable as TOML"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "access.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"access\.toml: ") as caught:
        load_access([tmp_path / "access.toml"])
    assert words in str(caught.value)


def test_a_principal_in_two_files_is_refused() -> None:
    with pytest.raises(SettingsError, match="stands in another of the files too"):
        load_access([ACCESS, ACCESS])
