"""Which servers a test run takes, decided by settings and by what Docker says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.containers import ContainersUnavailableError
from tests.server_choice import ChoiceError, Source, choose

URL = "postgresql://somebody:secret@db/test"


def docker(*missing: str) -> Callable[[], tuple[str, list[str]]]:
    return lambda: ("28.1", list(missing))


def no_docker() -> tuple[str, list[str]]:
    raise ContainersUnavailableError("Docker does not answer (no such socket)")


def not_to_be_asked() -> tuple[str, list[str]]:
    raise AssertionError("Docker was asked although nothing depends on it")


def test_containers_where_docker_answers() -> None:
    choice = choose({}, docker())
    assert choice.source is Source.CONTAINERS
    assert str(choice) == "PostgreSQL and Kafka from containers (Docker 28.1 answers)"


def test_the_local_runtime_where_docker_does_not_answer() -> None:
    choice = choose({}, no_docker)
    assert choice.source is Source.LOCAL
    assert str(choice) == "PostgreSQL and Kafka from the local runtime (Docker does not answer (no such socket))"


def test_images_that_are_not_here_are_told() -> None:
    choice = choose({}, docker("postgres:18"))
    assert (choice.source, choice.missing) == (Source.CONTAINERS, ("postgres:18",))
    assert "to be pulled: postgres:18" in str(choice)


def test_local_when_asked_without_asking_docker() -> None:
    choice = choose({"TEST_SERVERS": "local"}, not_to_be_asked)
    assert str(choice) == "PostgreSQL and Kafka from the local runtime (TEST_SERVERS=local)"


def test_containers_asked_for_without_docker_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ChoiceError, match=r"Docker does not answer \(no such socket\)\. Start Docker .* TEST_SERVERS=local"):
        choose({"TEST_SERVERS": "containers"}, no_docker)


def test_a_setting_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ChoiceError, match="expected containers, local or auto"):
        choose({"TEST_SERVERS": "kubernetes"}, not_to_be_asked)


def test_both_given_are_taken_and_no_password_is_shown() -> None:
    choice = choose({"TEST_DATABASE_URL": URL, "TEST_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}, not_to_be_asked)
    assert str(choice) == "PostgreSQL given by TEST_DATABASE_URL, Kafka given by TEST_KAFKA_BOOTSTRAP_SERVERS"
    assert (choice.database_url, choice.kafka) == (URL, "kafka:9092")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"TEST_DATABASE_URL": URL}, "PostgreSQL given by TEST_DATABASE_URL, Kafka from containers (Docker 28.1 answers)"),
        (
            {"TEST_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "TEST_SERVERS": "containers"},
            "Kafka given by TEST_KAFKA_BOOTSTRAP_SERVERS, PostgreSQL from containers (TEST_SERVERS=containers)",
        ),
    ],
)
def test_one_given_and_the_other_from_containers(settings: dict[str, str], expected: str) -> None:
    assert str(choose(settings, docker())) == expected
