"""The table of services: what the stack runs beside its servers, in which order, on which port. Starts nothing itself.

A new service is one line here, and one in `urls` if it has an address for people or programs.
"""

import http.client
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.local import demo_config
from deploy.local.processes import Command
from deploy.local.settings import StackSettings

CHECKOUT = Path(__file__).resolve().parents[2]
READY_PATH = "/health/ready"
HEALTH_TIMEOUT_S = 2.0
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Service:
    """A process of ours: its name in the stack, its module, and the port with its health and metrics."""

    name: str
    module: str
    port: int
    stop_timeout_s: float = 15.0
    plays: bool = False
    """Whether it launches games for the demo's player, with the demo's key of the operator API."""
    administers: bool = False
    """Whether people work with it, through the operator API."""

    def command(self, settings: StackSettings, database_url: str, kafka_bootstrap_servers: str) -> Command:
        """Return how it is started."""
        return Command(
            name=self.name,
            argv=[sys.executable, "-m", self.module],
            cwd=CHECKOUT,
            env={
                "STAKEWIRE_CONFIG_FILE": str(settings.config_file),
                "STAKEWIRE_BASE_PORT": str(settings.ports.base),
                "STAKEWIRE_PORT": str(self.port),
                "STAKEWIRE_HOST": settings.host,
                "STAKEWIRE_RUN_DIR": str(settings.run_dir),
                "STAKEWIRE_SIMULATOR_URL": urls(settings)["simulator"],
                "STAKEWIRE_OPERATOR_CALLBACK_URL": f"{urls(settings)['callbacks']}/callbacks",
                # They are all there is to see in the demo's reports.
                "STAKEWIRE_SIMULATOR_TEST_PLAYERS": "false",
                **demo_config.addresses(urls(settings)["simulator"]),
                "DATABASE_URL": database_url,
                "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap_servers,
                # A wallet that died and is started again takes its partitions back at once instead of waiting for Kafka to
                # miss the dead one.
                "STAKEWIRE_WALLET_INSTANCE_ID": f"local-{self.name}",
                "PYTHONUNBUFFERED": "1",
                **(_lobby(settings) if self.plays else {}),
                **(_office(settings) if self.administers else {}),
            },
            stop_timeout_s=self.stop_timeout_s,
        )


def services(settings: StackSettings) -> Iterator[Service]:
    """Yield the services in the order they start; they stop in reverse, so that those that send work to others end first."""
    ports = settings.ports
    for number in range(1, settings.wallets + 1):
        yield Service("wallet" if number == 1 else f"wallet-{number}", "services.wallet", ports.wallet(number))
    yield Service("gateway", "services.gateway", ports.callbacks)
    yield Service("operator-api", "services.gateway.operator_api", ports.operator_api, stop_timeout_s=30.0)
    yield Service("simulator", "services.simulator", ports.simulator)
    yield Service("catalogue", "services.catalogue", ports.catalogue, plays=True)
    yield Service("backoffice", "services.backoffice", ports.backoffice, administers=True)


def urls(settings: StackSettings) -> dict[str, str]:
    """Return the addresses for `stack.json` and for people, by the names used there."""
    base = f"http://{settings.reach_host}"
    return {
        "lobby": f"{base}:{settings.ports.catalogue}/",
        "callbacks": f"{base}:{settings.ports.callbacks}",
        "operator_api": f"{base}:{settings.ports.operator_api}",
        "catalogue": f"{base}:{settings.ports.catalogue}",
        "backoffice": f"{base}:{settings.ports.backoffice}/",
        "simulator": f"{base}:{settings.ports.simulator}",
    }


def _lobby(settings: StackSettings) -> dict[str, str]:
    """What the lobby plays with: the operator API, and the demo's key for it."""
    return {
        "STAKEWIRE_LOBBY_OPERATOR_API_URL": urls(settings)["operator_api"],
        "STAKEWIRE_LOBBY_OPERATOR_KEY_FILE": str(settings.secrets / demo_config.OPERATOR_API_KEY),
    }


def _office(settings: StackSettings) -> dict[str, str]:
    """What the back office works through: the operator API and the catalogue, and the demo's key for both."""
    return {
        "STAKEWIRE_BACKOFFICE_OPERATOR_API_URL": urls(settings)["operator_api"],
        "STAKEWIRE_BACKOFFICE_CATALOGUE_URL": urls(settings)["catalogue"],
        "STAKEWIRE_BACKOFFICE_OPERATOR_KEY_FILE": str(settings.secrets / demo_config.OPERATOR_API_KEY),
    }


def is_ready(host: str, port: int, path: str = READY_PATH) -> bool:
    """Tell whether a service answers its readiness check with 200."""
    connection = http.client.HTTPConnection(host, port, timeout=HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
