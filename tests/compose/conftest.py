"""One stack in containers for all tests of this folder: built, brought up once, taken away with its volumes."""

import faulthandler
from collections.abc import Iterator

import pytest

from tests.compose.stack import ComposeStack, build_images, compose_stack, why_no_compose, why_no_docker


@pytest.fixture(scope="session")
def compose() -> None:
    """`docker compose` answers; it needs no daemon to read a file."""
    if reason := why_no_compose():
        pytest.skip(reason)


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """A stack whose images are built, and that is not up yet."""
    if reason := why_no_docker():
        pytest.skip(reason)
    with compose_stack(tmp_path_factory.mktemp("compose")) as stack:
        # The first build fetches all packages, which may take longer than any test; it has a limit of its own.
        faulthandler.cancel_dump_traceback_later()
        build_images(stack)
        yield stack


@pytest.fixture(scope="package")
def stack(built: ComposeStack) -> ComposeStack:
    """The whole stack with the simulator, healthy."""
    built.up()
    return built
