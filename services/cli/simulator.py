"""The simulator's and the wallet's HTTP addresses as the command line needs them. Small on purpose: no retries, short limits."""

import http.client
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from shared.errors import StakewireError

TIMEOUT_S = 5.0
COMPARE_TIMEOUT_S = 60.0
BODY_BYTES_MAX = 16 * 1024 * 1024
LAG_METRIC = "stakewire_wallet_lag_records"
T = TypeVar("T")


class SimulatorError(StakewireError):
    """The simulator did not answer, or answered what was not asked."""


class Play(msgspec.Struct, frozen=True):
    """What is to be played. `rounds` None = endless; `rate_per_s` None = as fast as it goes; shares are from 0 to 1."""

    players: int = 8
    rounds: int | None = None
    rate_per_s: float | None = None
    rollback_share: float = 0.02
    retry_share: float = 0.05
    seed: int | None = None


class PlayState(msgspec.Struct, frozen=True):
    """How far a play is. Speeds are of the last seconds, in callbacks a second and milliseconds."""

    state: str
    rounds_done: int = 0
    callbacks: int = 0
    callbacks_per_s: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: int = 0
    problems: list[str] = []

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be played."""
        return self.state != "running"


class Comparison(msgspec.Struct, frozen=True):
    """The simulator's own books against the wallet's."""

    agree: bool
    players: int = 0
    operations: int = 0
    differences: list[object] = []


class _Started(msgspec.Struct, frozen=True):
    play_id: str


class Simulator:
    """The simulator at one address."""

    def __init__(self, url: str) -> None:
        """Use the simulator at `url`, such as http://127.0.0.1:8084."""
        self._host = urlsplit(url).netloc

    def start(self, play: Play) -> str:
        """Start a play and return its id."""
        return _decode(self._call("POST", "/play", msgspec.json.encode(play)), _Started).play_id

    def state(self, play_id: str) -> PlayState:
        """Return how far a play is."""
        return _decode(self._call("GET", f"/play/{play_id}"), PlayState)

    def stop(self, play_id: str) -> None:
        """End a play."""
        self._call("DELETE", f"/play/{play_id}")

    def compare(self) -> Comparison:
        """Compare the simulator's books with the wallet's, which waits until the wallet has caught up."""
        return _decode(self._call("POST", "/books/compare", b"{}", COMPARE_TIMEOUT_S), Comparison)

    def _call(self, method: str, path: str, body: bytes | None = None, timeout_s: float = TIMEOUT_S) -> bytes:
        status, answer = call(self._host, method, path, body, timeout_s)
        if status not in (http.client.OK, http.client.ACCEPTED, http.client.CREATED, http.client.NO_CONTENT):
            raise SimulatorError(
                f"The simulator at {self._host} answered {method} {path} with {status}: {answer[:300].decode('utf-8', 'replace')}"
            )
        return answer


def call(host: str, method: str, path: str, body: bytes | None = None, timeout_s: float = TIMEOUT_S) -> tuple[int, bytes]:
    """Send one HTTP request and return status and body.

    Raises:
        SimulatorError: there was no answer within `timeout_s` seconds.
    """
    connection = http.client.HTTPConnection(host, timeout=timeout_s)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body is not None else {})
        response = connection.getresponse()
        return response.status, response.read(BODY_BYTES_MAX)
    except (OSError, http.client.HTTPException) as error:
        raise SimulatorError(f"{method} http://{host}{path} got no answer ({error}). See `stakewire status`.") from error
    finally:
        connection.close()


def wallet_lag(hosts: list[str]) -> int | None:
    """Return how many commands the wallets at these `host:port` have not applied yet; None when one does not tell."""
    total = 0.0
    for host in hosts:
        try:
            status, body = call(host, "GET", "/metrics")
        except SimulatorError:
            return None
        if status != http.client.OK:
            return None
        families = text_string_to_metric_families(body.decode("utf-8", "replace"))
        total += sum(sample.value for family in families for sample in family.samples if sample.name == LAG_METRIC)
    return int(total)


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise SimulatorError(f"The simulator's answer is not a {kind.__name__}: {error}") from error
