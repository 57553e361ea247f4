"""A client against a provider's side in this process. Every pool of connections is closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from shared.providers.mascot.client import MascotClient
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.provider_side import ProviderSide

OpenClient = Callable[..., Awaitable[MascotClient]]


@pytest.fixture
async def provider() -> AsyncIterator[ProviderSide]:
    async with ProviderSide() as side:
        yield side


@pytest.fixture
async def open_mascot(provider: ProviderSide) -> AsyncIterator[OpenClient]:
    """Opens a started client of an account with these settings; by default it signs its calls to `provider`."""
    async with AsyncExitStack() as stack:

        async def open_(**settings: Any) -> MascotClient:
            client = MascotClient(mascot_account(**{"operator_api_url": provider.url(), **settings}))
            await client.start()
            stack.push_async_callback(client.close)
            return client

        yield open_
