"""`stakewire setup` on real servers: what a stack in containers runs once at its start, and again at every later one."""

from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from deploy.local.ports import free_ports
from services.cli.main import app
from services.cli.setup import ServerAwayError
from shared.access import hash_token
from shared.errors import SettingsError
from shared.kafka.admin import check_topics
from shared.kafka.topics import COMMANDS, TopicNames
from shared.settings import load_accounts_file


class Setup:
    """The command with this test's servers, topics and configuration file."""

    def __init__(self, database_url: str, kafka: str, prefix: str, config_file: Path) -> None:
        self.database_url, self.kafka, self.names, self.config_file = database_url, kafka, TopicNames(prefix), config_file
        self.prefix = prefix

    def run(self, *arguments: str, **changes: str) -> Result:
        settings = {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "STAKEWIRE_TOPIC_PREFIX": self.prefix,
            "STAKEWIRE_CONFIG_FILE": str(self.config_file),
        }
        return CliRunner().invoke(app, ["setup", *arguments], env=settings | changes)

    def keys(self) -> list[bytes]:
        """The hashes of the tokens that the operator API lets in."""
        with psycopg.connect(self.database_url) as connection:
            return [bytes(row[0]) for row in connection.execute("SELECT token_sha256 FROM operator.api_keys").fetchall()]

    def users(self) -> list[tuple[str, str]]:
        """Who may sign in to the console, and as what."""
        with psycopg.connect(self.database_url) as connection:
            return [(row[0], row[1]) for row in connection.execute("SELECT login, role FROM office.users").fetchall()]

    def files(self) -> dict[str, str]:
        folder = self.config_file.parent
        return {str(each.relative_to(folder)): each.read_text() for each in folder.rglob("*") if each.is_file()}


@pytest.fixture
def setup(database_url: str, kafka_bootstrap_servers: str, topic_prefix: str, tmp_path: Path) -> Setup:
    return Setup(database_url, kafka_bootstrap_servers, topic_prefix, tmp_path / "config" / "stakewire.toml")


def test_empty_servers_are_made_ready_and_a_second_time_changes_nothing(setup: Setup) -> None:
    first = setup.run()
    assert first.exit_code == 0, first.output
    assert f"topics: created {setup.names.of(COMMANDS)}" in first.output
    check_topics(setup.kafka, setup.names)
    token = (setup.config_file.parent / "secrets" / "operator-api-key").read_text().strip()
    assert setup.keys() == [hash_token(token)]
    assert set(load_accounts_file(setup.config_file).provider_accounts) == {"mascot-demo"}
    secrets = {"secrets/operator-api-key", "secrets/mascot-demo-main", "secrets/console-password"}
    assert set(setup.files()) == {"stakewire.toml", *secrets}
    assert setup.users() == [("demo", "admin")]

    files = setup.files()
    second = setup.run()
    assert second.exit_code == 0, second.output
    assert "topics: all were there" in second.output
    assert (setup.files(), setup.keys()) == (files, [hash_token(token)])
    assert setup.users() == [("demo", "admin")]
    for secret in secrets:
        assert files[secret].strip() not in first.output + second.output


def test_an_operators_own_configuration_is_left_alone_and_no_key_is_let_in(setup: Setup) -> None:
    setup.config_file.parent.mkdir()
    setup.config_file.write_text('[brands.mine]\ncurrencies = ["EUR"]\n')
    before = setup.files()
    done = setup.run()
    assert done.exit_code == 0, done.output
    assert "an operator's own; no demo key" in done.output
    assert (setup.files(), setup.keys()) == (before, [])


def test_without_a_demo_a_missing_configuration_is_an_error_before_anything_is_done(setup: Setup) -> None:
    done = setup.run("--no-demo", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert isinstance(done.exception, SettingsError)
    assert str(setup.config_file) in str(done.exception)
    assert not setup.config_file.parent.exists()


@pytest.mark.parametrize("server", ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"])
def test_a_server_that_does_not_answer_is_named(setup: Setup, server: str) -> None:
    port = free_ports(1)[0]
    nowhere = {"DATABASE_URL": f"postgresql://u:hidden@127.0.0.1:{port}/x", "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"}
    done = setup.run("--wait", "0", **{server: nowhere[server]})
    assert isinstance(done.exception, ServerAwayError)
    assert server in str(done.exception)
    assert "hidden" not in str(done.exception) + done.output
    assert not setup.config_file.exists()
