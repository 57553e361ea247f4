"""Fixtures of the fault suite: stands of wallets, and how long it plays."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration.wallet.stand import WalletStand, new_ledger, wallet_stand
from tests.servers import LocalServers, Servers

ROUNDS_SETTING = "STAKEWIRE_FAULT_ROUNDS"


@pytest.fixture(scope="session")
def rounds() -> int:
    """How often each fault is played; a setting raises it for a long run."""
    return int(os.environ.get(ROUNDS_SETTING, "1"))


@pytest.fixture(scope="module")
def stand(servers: Servers) -> Iterator[WalletStand]:
    """A stand without a running wallet, on the session's servers."""
    with new_ledger(servers) as url, wallet_stand(url, servers.kafka_bootstrap_servers) as made:
        yield made


@pytest.fixture(scope="module")
def own_servers() -> Iterator[LocalServers]:
    """Servers of this module's own, to be killed."""
    with LocalServers() as local:
        yield local


@pytest.fixture(scope="module")
def own_stand(own_servers: LocalServers) -> Iterator[WalletStand]:
    """A stand on servers that may be killed."""
    url = own_servers.postgres.create_database("stakewire")
    servers = Servers(url, own_servers.kafka.bootstrap_servers, own_servers.postgres, own_servers.kafka)
    with new_ledger(servers) as ledger, wallet_stand(ledger, servers.kafka_bootstrap_servers) as made:
        yield made
