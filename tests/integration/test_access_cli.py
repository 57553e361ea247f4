"""`stakewire keys` and `stakewire switch` on real servers: what they do, and what they tell."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner
from typer.testing import Result as Outcome

from services.cli.keys import register_demo_key
from services.cli.main import app
from services.gateway.switches import SwitchBoard, SwitchReader
from shared.access import SCOPES, KeyStore, hash_token, read_audit
from shared.kafka.admin import apply_topics
from shared.kafka.topics import SWITCHES, TopicNames

CONFIG = """
[brands.main]
[brands.blue]
[provider_accounts.mascot-demo]
dialect = "mascot"
brands = ["main", "blue"]
"""


@pytest.fixture
def names(
    operator_url: str, kafka_bootstrap_servers: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TopicNames:
    """The environment of the command: a database, a Kafka with the topic, a configuration."""
    (tmp_path / "stakewire.toml").write_text(CONFIG, encoding="utf-8")
    for name, value in {
        "DATABASE_URL": operator_url,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
        "STAKEWIRE_TOPIC_PREFIX": topic_prefix,
        "STAKEWIRE_CONFIG_FILE": str(tmp_path / "stakewire.toml"),
        "STAKEWIRE_RUN_DIR": str(tmp_path / "run"),
        "LOGNAME": "anna",
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    found = TopicNames(topic_prefix)
    apply_topics(kafka_bootstrap_servers, found, topics=(SWITCHES,))
    return found


async def run(*arguments: str) -> Outcome:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))


async def told(*arguments: str) -> Any:
    outcome = await run(*arguments, "--json")
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


async def refused(*arguments: str) -> str:
    outcome = await run(*arguments)
    assert outcome.exit_code != 0
    return f"{outcome.exception} {outcome.output}"


@pytest.mark.usefixtures("names")
async def test_a_key_is_made_shown_once_and_revoked(operator_pool: asyncpg.Pool) -> None:
    store = KeyStore(operator_pool)
    made = await run(
        "keys", "create", "--brand", "blue", "--scope", "read", "--scope", "play", "--label", "site [1]", "--expires", "90d"
    )
    assert made.exit_code == 0, made.output
    token = made.stdout.splitlines()[-1]
    key = await store.find_by_token_hash(hash_token(token))
    assert key is not None
    assert (key.brand, key.scopes, key.label, key.created_by) == ("blue", frozenset({"read", "play"}), "site [1]", "cli:anna")
    assert key.expires_at is not None
    assert round((key.expires_at - key.created_at).total_seconds()) == 90 * 86_400
    (listed,) = await told("keys", "list")
    assert (listed["key_id"], listed["scopes"], listed["state"]) == (key.key_id, ["play", "read"], "active")
    table = await run("keys", "list")
    assert all(word in table.stdout for word in (key.key_id, "blue", "play read", "active", "site [1]"))
    assert token not in table.stdout
    assert (await run("keys", "revoke", key.key_id, "--reason", "left in a log")).exit_code == 0
    (listed,) = await told("keys", "list", "--brand", "blue")
    assert listed["state"] == "revoked"
    assert (await read_audit(operator_pool, subject=key.key_id))[0].change.reason == "left in a log"


@pytest.mark.usefixtures("names")
async def test_rotation_leaves_both_keys_valid_for_the_overlap(operator_pool: asyncpg.Pool) -> None:
    old = await told("keys", "create", "--scope", "money")
    new = await told("keys", "create", "--replaces", old["key_id"], "--overlap", "2h")
    assert (new["brand"], new["scopes"], new["expires_at"]) == ("main", ["money"], None)
    ending = await KeyStore(operator_pool).find_by_token_hash(hash_token(old["token"]))
    assert ending is not None
    assert ending.expires_at is not None
    assert 7_100 < (ending.expires_at - ending.created_at).total_seconds() < 7_300


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("keys", "create"), "play, money, read, admin"),
        (("keys", "create", "--scope", "root"), "root"),
        (("keys", "create", "--scope", "read", "--brand", "green"), "there are|has blue, main"),
        (("keys", "create", "--scope", "read", "--expires", "soon"), "24h or 90d"),
        (("keys", "create", "--replaces", "key_nobody"), "keys list"),
        (("keys", "revoke", "key_nobody"), "keys list"),
        (("switch", "set", "open", "--account", "mascot-demo", "--reason", "x"), "live, drain, off"),
        (("switch", "set", "off", "--reason", "x"), "--everything"),
        (("switch", "set", "off", "--account", "mascot", "--reason", "x"), "mascot-demo"),
        (("switch", "set", "off", "--brand", "green", "--reason", "x"), "blue, main"),
        (("switch", "set", "off", "--brand", "blue", "--reason", " "), "say why"),
    ],
)
async def test_what_cannot_be_is_told_in_words_and_changes_nothing(
    operator_pool: asyncpg.Pool, arguments: tuple[str, ...], words: str
) -> None:
    said = await refused(*arguments)
    assert any(each in said for each in words.split("|")), said
    assert await read_audit(operator_pool) == []


async def test_a_switch_is_set_published_and_listed(names: TopicNames, kafka_bootstrap_servers: str) -> None:
    outcome = await run("switch", "set", "drain", "--account", "mascot-demo", "--game", "riot", "--reason", "maintenance [14:00]")
    assert outcome.exit_code == 0, outcome.output
    assert "game riot of mascot-demo for all brands: drain, no launches and no new rounds" in outcome.stdout
    assert "Kafka has not taken it" not in outcome.stdout
    assert (await run("switch", "set", "off", "--everything", "--reason", "emergency")).exit_code == 0
    listed = await told("switch", "list")
    assert [(each["provider_account"], each["game_id"], each["state"], each["published"]) for each in listed] == [
        ("", "", "off", True),
        ("mascot-demo", "riot", "drain", True),
    ]
    table = (await run("switch", "list")).stdout
    assert all(word in table for word in ("drain", "maintenance [14:00]", "cli:anna", "all"))
    reader = SwitchReader(kafka_bootstrap_servers, names, SwitchBoard())
    try:
        async with asyncio.timeout(60):
            await reader.start()
        assert reader.board.state_of("main", "other", "") == "off"
        assert {each.reason for each in reader.board} == {"maintenance [14:00]", "emergency"}
    finally:
        await reader.stop()


async def test_the_stacks_own_key_is_let_in_once(operator_url: str, operator_pool: asyncpg.Pool) -> None:
    for _ in range(2):
        await asyncio.to_thread(register_demo_key, operator_url, "d" * 43)
    (key,) = await KeyStore(operator_pool).list()
    assert (key.brand, key.scopes, key.label, key.expires_at) == ("main", frozenset(SCOPES), "demo", None)


async def test_a_database_without_tables_is_named(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("STAKEWIRE_RUN_DIR", str(tmp_path))
    assert "stakewire migrate" in await refused("keys", "list")
