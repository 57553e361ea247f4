"""The ports of a stack, all counted from one base, and the check that a port is free. Starts nothing."""

import errno
import random
import socket
from dataclasses import dataclass

import psutil

from deploy.local.errors import PortTaken, SettingError

BASE_PORT_SETTING = "STAKEWIRE_BASE_PORT"
BASE_PORT_DEFAULT = 8080
BASE_PORT_MIN = 1024
# The highest offset in use: two wallets and more start at +10, and 64 of them are more than one machine will run.
PORT_OFFSET_MAX = 10 + 64
BASE_PORT_MAX = 65535 - PORT_OFFSET_MAX
# Where ports for tests are looked for: above the well-known ones, below the first outgoing port of any usual system.
FREE_PORT_MIN, FREE_PORT_MAX = 10_000, 32_000
FREE_PORT_TRIES_MAX = 1_000


@dataclass(frozen=True)
class Ports:
    """The ports of one stack; `base` moves them all."""

    base: int = BASE_PORT_DEFAULT

    @property
    def callbacks(self) -> int:
        """The gateway's listener for providers."""
        return self.base

    @property
    def operator_api(self) -> int:
        """The gateway's listener for the operator."""
        return self.base + 1

    @property
    def catalogue(self) -> int:
        """The catalogue's HTTP listener."""
        return self.base + 2

    @property
    def backoffice(self) -> int:
        """The back office's HTTP listener."""
        return self.base + 3

    @property
    def simulator(self) -> int:
        """The simulator's HTTP listener."""
        return self.base + 4

    @property
    def postgres(self) -> int:
        """The local PostgreSQL."""
        return self.base + 6

    @property
    def kafka(self) -> int:
        """The local Kafka broker."""
        return self.base + 7

    @property
    def kafka_controller(self) -> int:
        """The local Kafka controller, used by the broker only."""
        return self.base + 8

    def wallet(self, number: int) -> int:
        """Return the health port of wallet `number` (from 1): +5 for the first, +10, +11, ... for further ones."""
        return self.base + 5 if number == 1 else self.base + 8 + number


def parse_base_port(text: str) -> int:
    """Return the base port that a setting names.

    Raises:
        SettingError: the text is not a number, or leaves no room for the other ports.
    """
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not BASE_PORT_MIN <= port <= BASE_PORT_MAX:
        raise SettingError(
            f"{BASE_PORT_SETTING}={text!r} cannot be used: it must be a whole number from {BASE_PORT_MIN} to {BASE_PORT_MAX}."
        )
    return port


def is_port_open(host: str, port: int, timeout_s: float = 0.5) -> bool:
    """Tell whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def ensure_port_free(host: str, port: int, part: str, setting: str) -> None:
    """Check that `part` can listen on the port.

    Args:
        host: the address that the part will bind.
        port: the port to check.
        part: the part's name for the message.
        setting: the setting that moves the port, for the message.

    Raises:
        PortTaken: something else listens there, or the address cannot be bound.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A part that was just stopped leaves connections in TIME_WAIT; the servers set this option too.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise PortTaken(
                    f"{part} cannot listen on {host}:{port} ({error.strerror}). Set {setting} to another address."
                ) from error
            raise PortTaken(
                f"Port {port} on {host} is needed by {part}, but {_holder(port)} already listens there. "
                f"Stop that program, or move the whole stack with {setting} (for example {setting}={_suggestion(port)})."
            ) from error


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Return `count` different ports that are free at this moment.

    They lie below the range that operating systems take for outgoing connections: a port from that range may be taken
    by any connection of any program while its server restarts.

    Raises:
        PortTaken: no free ports were found in a fair number of tries.
    """
    found: list[int] = []
    for _ in range(FREE_PORT_TRIES_MAX):
        port = random.randrange(FREE_PORT_MIN, FREE_PORT_MAX)  # noqa: S311 - nobody has to guess it.
        if port not in found and _can_bind(host, port):
            found.append(port)
        if len(found) == count:
            return found
    raise PortTaken(
        f"No {count} free ports were found between {FREE_PORT_MIN} and {FREE_PORT_MAX} on {host}. See what listens there."
    )


def _can_bind(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _holder(port: int) -> str:
    """Name the program behind a listening port as well as this user may know it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass  # Not ours to see; the message stays general.
    return "another program"


def _suggestion(port: int) -> int:
    """Return a base port some hundreds away from a taken one, for the message."""
    away = port // 100 * 100 + 280
    return away if away <= BASE_PORT_MAX else BASE_PORT_DEFAULT
