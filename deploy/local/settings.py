"""The settings of a local stack, read from the environment. The one place that knows their names and defaults."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import SettingError
from deploy.local.ports import BASE_PORT_DEFAULT, BASE_PORT_SETTING, Ports, parse_base_port

RUN_DIR_SETTING = "STAKEWIRE_RUN_DIR"
CONFIG_FILE_SETTING = "STAKEWIRE_CONFIG_FILE"
HOST_SETTING = "STAKEWIRE_HOST"
WALLETS_SETTING = "STAKEWIRE_WALLETS"
DATABASE_SETTING = "DATABASE_URL"
KAFKA_SETTING = "KAFKA_BOOTSTRAP_SERVERS"
WALLETS_MAX = 64
STATE_FILE = "state.json"


@dataclass(frozen=True)
class StackSettings:
    """What a local stack is made of.

    `database_url` and `kafka_bootstrap_servers` name servers to use; None = the stack starts its own.
    """

    run_dir: Path
    config_file: Path
    ports: Ports
    host: str = "127.0.0.1"
    wallets: int = 1
    database_url: str | None = None
    kafka_bootstrap_servers: str | None = None

    @property
    def reach_host(self) -> str:
        """The address under which this machine reaches its own services: loopback when they listen everywhere."""
        return "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound.

    @property
    def demo_config_file(self) -> Path:
        """The TOML file that the first start makes."""
        return _demo_config_file(self.run_dir)

    @property
    def secrets(self) -> Path:
        """The folder of the demo secrets, one file each."""
        return self.demo_config_file.parent / "secrets"

    @property
    def state_file(self) -> Path:
        """What a running stack must not change; it is there while a part runs."""
        return self.run_dir / STATE_FILE

    @property
    def stack_file(self) -> Path:
        """The file that tells other programs where everything is."""
        return self.run_dir / "stack.json"


def load_stack_settings(environment: Mapping[str, str] = os.environ) -> StackSettings:
    """Return the settings from the environment; a running stack's own base port is the default.

    Raises:
        SettingError: a value cannot be used.
    """
    run_dir = Path(environment.get(RUN_DIR_SETTING) or default_run_dir()).absolute()
    base_port = environment.get(BASE_PORT_SETTING) or str(running_base_port(run_dir) or BASE_PORT_DEFAULT)
    config_file = environment.get(CONFIG_FILE_SETTING)
    return StackSettings(
        run_dir=run_dir,
        config_file=Path(config_file).absolute() if config_file else _demo_config_file(run_dir),
        ports=Ports(parse_base_port(base_port)),
        host=environment.get(HOST_SETTING) or "127.0.0.1",
        wallets=_wallets(environment.get(WALLETS_SETTING) or "1"),
        database_url=environment.get(DATABASE_SETTING) or None,
        kafka_bootstrap_servers=environment.get(KAFKA_SETTING) or None,
    )


def running_base_port(run_dir: Path) -> int | None:
    """Return the base port that the stack in this run folder was started with; None when it was stopped or never started."""
    try:
        state = json.loads((run_dir / STATE_FILE).read_text(encoding="utf-8"))
        return int(state["base_port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _demo_config_file(run_dir: Path) -> Path:
    return run_dir / "config" / "stakewire.toml"


def default_run_dir() -> Path:
    """Return `.run` of the checkout this code belongs to, or of the current folder when it was installed elsewhere."""
    checkout = Path(__file__).resolve().parents[2]
    return (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / ".run"


def _wallets(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= WALLETS_MAX:
        return int(text)
    raise SettingError(f"{WALLETS_SETTING}={text!r} cannot be used: it must be a whole number from 1 to {WALLETS_MAX}.")
