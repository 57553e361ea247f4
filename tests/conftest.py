"""Fixtures for all tests: real servers on demand, a fresh database, a topic prefix of one's own."""

import os
import signal
import uuid
from collections.abc import Iterator

import pytest

from tests.server_choice import Choice, ChoiceError, choose, open_servers, with_images
from tests.servers import Servers

CHOICE = pytest.StashKey[Choice]()


def pytest_configure(config: pytest.Config) -> None:
    """Decide once, at the start, so that a wrong setting ends the run at once and the header can tell."""
    # A run that was started in the background begins with Ctrl-C ignored, and so would every process that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        config.stash[CHOICE] = choose(os.environ)
    except ChoiceError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_report_header(config: pytest.Config) -> str:
    """Which servers the tests get, and why."""
    return f"servers: {config.stash[CHOICE]}"


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """PostgreSQL and Kafka for the whole session; started the first time a test asks for them."""
    choice = with_images(pytestconfig.stash[CHOICE])
    if choice != pytestconfig.stash[CHOICE]:
        reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"servers: {choice}")
    with open_servers(choice) as opened:
        yield opened


@pytest.fixture
def database_url(servers: Servers) -> Iterator[str]:
    """The address of an empty database of this test's own."""
    url = servers.new_database()
    yield url
    servers.drop_database(url)


@pytest.fixture(scope="session")
def kafka_bootstrap_servers(servers: Servers) -> str:
    """Where the session's Kafka answers."""
    return servers.kafka_bootstrap_servers


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for this test's topics and groups, so that tests share one Kafka without meeting."""
    return f"t{uuid.uuid4().hex[:10]}."
