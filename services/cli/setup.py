"""`stakewire setup`: makes servers that are elsewhere ready for the services; what a stack in containers runs once at its start."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from deploy.local import demo_config
from deploy.local.files import secret_file
from deploy.local.settings import load_stack_settings
from services.cli import where
from services.cli.output import say
from services.cli.schema import migrate_all
from shared.errors import SettingsError, StakewireError

CONNECT_TIMEOUT_S = 5
ASK_AGAIN_S = 0.5


class ServerAwayError(StakewireError):
    """A server did not answer in time."""


def setup(
    wait_s: Annotated[float, typer.Option("--wait", min=0, help="Seconds that each server may take to answer.")] = 120,
    replication: Annotated[
        int, typer.Option(min=1, max=9, help="Copies of each new topic; 3 on a cluster, 1 on a single node.")
    ] = 1,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Write the demo's configuration where there is none, and let its key in.")
    ] = True,
) -> None:
    """Make servers that are elsewhere ready: schema, topics, the demo's configuration and key. Safe to repeat.

    Waits for PostgreSQL (DATABASE_URL) and Kafka (KAFKA_BOOTSTRAP_SERVERS), then does what `migrate` and `topics apply` do.
    Where STAKEWIRE_CONFIG_FILE names a file that is not there, the demo's configuration is written to it, with random
    secrets beside it, and the operator API lets the demo's key in. A file that is there is never changed, and without the
    demo's key beside it no key is let in.

    Example: `DATABASE_URL=postgresql://owner:secret@db/stakewire KAFKA_BOOTSTRAP_SERVERS=kafka:9092 stakewire setup`
    """
    from shared.kafka.admin import apply_topics

    database_url, kafka = where.database_url(), where.kafka_bootstrap_servers()
    config_file = load_stack_settings().config_file
    if not demo and not config_file.exists():
        raise SettingsError(f"{config_file}: no such file; put the brands and provider accounts there, or leave out --no-demo")
    wait_for_database(database_url, wait_s)
    migrate_all(database_url)
    say("schema: up to date")
    wait_for_kafka(kafka, wait_s)
    created = apply_topics(kafka, where.topic_names(), replication=replication)
    say(f"topics: created {', '.join(created)}" if created else "topics: all were there")
    say(prepare_demo(config_file, database_url) if demo else f"configuration: {config_file}")


def wait_for_database(database_url: str, wait_s: float) -> None:
    """Wait until the database lets us in.

    Raises:
        ServerAwayError: it did not within `wait_s` seconds; with its last words.
    """

    def ask() -> None:
        with psycopg.connect(database_url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute("SELECT 1")

    _until_it_works(ask, psycopg.Error, "PostgreSQL", "DATABASE_URL", wait_s)


def wait_for_kafka(bootstrap_servers: str, wait_s: float) -> None:
    """Wait until Kafka tells its topics.

    Raises:
        ServerAwayError: it did not within `wait_s` seconds; with its last words.
    """
    from confluent_kafka import KafkaException

    from shared.kafka.admin import admin_client

    def ask() -> None:
        admin_client(bootstrap_servers).list_topics(timeout=CONNECT_TIMEOUT_S)

    _until_it_works(ask, KafkaException, "Kafka", "KAFKA_BOOTSTRAP_SERVERS", wait_s)


def prepare_demo(config_file: Path, database_url: str) -> str:
    """Write the demo's configuration where there is none, and let its key in; return in words what was done."""
    from services.cli.keys import register_demo_key
    from services.cli.stack import register_demo_user

    key_file = config_file.parent / demo_config.SECRETS / demo_config.OPERATOR_API_KEY
    if config_file.exists() and not key_file.exists():
        return f"configuration: {config_file} is an operator's own; no demo key"
    written = demo_config.write_demo_config(config_file)
    register_demo_key(database_url, secret_file(key_file))
    register_demo_user(database_url, demo_config.CONSOLE_LOGIN, demo_config.console_password(config_file))
    return (
        f"configuration: {config_file} {'written' if written else 'was there'}; the operator API knows the demo's key, and the console "
        f"the user {demo_config.CONSOLE_LOGIN}, whose password is in {key_file.with_name(demo_config.CONSOLE_PASSWORD)}"
    )


def _until_it_works(ask: Callable[[], None], failure: type[Exception], server: str, setting: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            ask()
        except failure as error:
            if time.monotonic() > deadline:
                raise ServerAwayError(
                    f"{server} did not answer within {wait_s:g} s: {str(error).strip()}. Look whether it runs and whether {setting} "
                    "names it, with the right user and password."
                ) from error
            time.sleep(ASK_AGAIN_S)
        else:
            say(f"{server}: answers")
            return
