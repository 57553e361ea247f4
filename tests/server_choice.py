"""Which PostgreSQL and Kafka a test run takes, and why: given ones, containers, or the local runtime.

    TEST_DATABASE_URL, TEST_KAFKA_BOOTSTRAP_SERVERS   given servers, each alone too
    TEST_SERVERS=containers | local | auto            the others; auto (the default): containers where Docker answers

Tests that stop and kill servers start local ones of their own (`own_servers`) whatever is taken here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tests.containers import ContainerServers, ContainersUnavailableError, docker_answers, pull
from tests.servers import DATABASE_SETTING, KAFKA_SETTING, LocalServers, Servers

SERVERS_SETTING: Final = "TEST_SERVERS"
AUTO: Final = "auto"
WHAT_TO_DO: Final = (
    "Start Docker (and have its images: `docker pull postgres:18`, `docker pull apache/kafka:4.1.1`), "
    f"or set {SERVERS_SETTING}=local to test on the local runtime."
)


class Source(StrEnum):
    """Where servers that nobody gave come from."""

    CONTAINERS = "containers"
    LOCAL = "local"


class ChoiceError(Exception):
    """The settings ask for what cannot be had; the message says what to do."""


@dataclass(frozen=True)
class Choice:
    """Where the servers come from. `database_url`, `kafka`: addresses of given ones, empty for none. `missing`: images to pull."""

    database_url: str
    kafka: str
    source: Source
    why: str
    missing: tuple[str, ...] = ()
    is_asked: bool = False

    def __str__(self) -> str:
        """One line for people; it has no address in it, which would have a password."""
        given = [(DATABASE_SETTING, "PostgreSQL", self.database_url), (KAFKA_SETTING, "Kafka", self.kafka)]
        parts = [f"{name} given by {setting}" for setting, name, address in given if address]
        others = " and ".join(name for _, name, address in given if not address)
        if others:
            parts.append(f"{others} from {'containers' if self.source is Source.CONTAINERS else 'the local runtime'} ({self.why})")
        return ", ".join(parts)


def choose(settings: Mapping[str, str], look: Callable[[], tuple[str, list[str]]] = docker_answers) -> Choice:
    """Decide by the settings and, where they leave it open, by whether Docker answers.

    Args:
        settings: the environment.
        look: tells Docker's version and the images that would have to be pulled.

    Raises:
        ChoiceError: a setting that does not exist, or containers are asked for and Docker does not answer.
    """
    database_url, kafka = settings.get(DATABASE_SETTING, ""), settings.get(KAFKA_SETTING, "")
    asked = settings.get(SERVERS_SETTING) or AUTO
    if asked not in {AUTO, *Source}:
        raise ChoiceError(f"{SERVERS_SETTING} is {asked!r}; expected containers, local or auto.")
    if (database_url and kafka) or asked == Source.LOCAL:
        return Choice(database_url, kafka, Source.LOCAL, f"{SERVERS_SETTING}={asked}")
    try:
        version, missing = look()
    except ContainersUnavailableError as error:
        if asked == Source.CONTAINERS:
            raise ChoiceError(f"{SERVERS_SETTING}=containers, but {_lower(error)}. {WHAT_TO_DO}") from error
        return Choice(database_url, kafka, Source.LOCAL, _lower(error))
    why = f"{SERVERS_SETTING}=containers" if asked == Source.CONTAINERS else f"Docker {version} answers"
    if missing:
        why += f"; to be pulled: {', '.join(missing)}"
    return Choice(database_url, kafka, Source.CONTAINERS, why, tuple(missing), is_asked=asked == Source.CONTAINERS)


def with_images(choice: Choice) -> Choice:
    """Pull what is missing; where that fails, fall back to the local runtime unless containers were asked for.

    Raises:
        ChoiceError: containers were asked for, and an image could not be pulled.
    """
    if not choice.missing:
        return choice
    try:
        pull(list(choice.missing))
    except ContainersUnavailableError as error:
        if choice.is_asked:
            raise ChoiceError(f"{SERVERS_SETTING}=containers, but {error}. {WHAT_TO_DO}") from error
        return replace(choice, source=Source.LOCAL, why=f"Docker answers, but {error}", missing=())
    return replace(choice, missing=())


@contextmanager
def open_servers(choice: Choice) -> Iterator[Servers]:
    """Start what was not given, and stop and delete it at the end."""
    with ExitStack() as cleanup:
        url, kafka = choice.database_url, choice.kafka
        with_postgres, with_kafka = not url, not kafka
        if not (with_postgres or with_kafka):
            yield Servers(url, kafka, None, None)
        elif choice.source is Source.CONTAINERS:
            boxes = cleanup.enter_context(ContainerServers(with_postgres=with_postgres, with_kafka=with_kafka))
            yield Servers(url or boxes.postgres.url, kafka or boxes.kafka.bootstrap_servers, None, None)
        else:
            local = cleanup.enter_context(LocalServers(with_postgres=with_postgres, with_kafka=with_kafka))
            yield Servers(
                database_url=url or local.postgres.create_database("stakewire"),
                kafka_bootstrap_servers=kafka or local.kafka.bootstrap_servers,
                local_postgres=local.postgres if with_postgres else None,
                local_kafka=local.kafka if with_kafka else None,
            )


def _lower(error: Exception) -> str:
    text = str(error)
    return text if text.startswith("Docker") else text[:1].lower() + text[1:]
