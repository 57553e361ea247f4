"""`python -m services.simulator`: the simulator as a service on base port + 4."""

from __future__ import annotations

import sys

import uvicorn

from services.simulator.api import make_app
from services.simulator.service import Simulator
from services.simulator.settings import PORT_OFFSET, SimulatorSettings
from shared.errors import StakewireError
from shared.kafka.topics import TopicNames
from shared.requester import Requester
from shared.settings import load_accounts_file, load_settings
from shared.telemetry import configure_logs
from shared.web.serving import EndingServer


def main() -> int:
    """Runs until a signal; 2 where settings or books are wrong."""
    try:
        settings = load_settings(SimulatorSettings)
        configure_logs("simulator", settings.log_level)
        accounts = load_accounts_file(settings.config_file).provider_accounts
        requester = Requester(settings.kafka_bootstrap_servers, TopicNames(settings.topic_prefix))
        simulator = Simulator(settings, accounts, requester)
    except StakewireError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the person who starts it reads this
        return 2
    config = uvicorn.Config(
        make_app(simulator),
        host=settings.host,
        port=settings.listen_port(PORT_OFFSET),
        loop="uvloop",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = EndingServer(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
