"""`python -m services.gateway.wallets_first <host> <port> <limit>`: waits until no wallet is older than this release.

An old wallet may not know what a newer gateway sends. Where an orchestrator renews all services at once, this runs before
the gateway starts (Helm's init container). `host` has the addresses of all wallets, `limit` is in seconds. Ends with 0 when
every wallet tells this version or a later one, or none runs; with 1 after the limit. A wallet that does not answer for
`SILENT_S` is not counted: its node may be gone for good. Standard library only: it is to start quickly.
"""

from __future__ import annotations

import http.client
import re
import socket
import sys
import time
from importlib import metadata

AGAIN_S = 2.0
ANSWER_S = 2.0
SILENT_S = 30.0
TOLD_EVERY_S = 30.0
PAGE_BYTES_MAX = 4_000_000
NO_SUCH_NAME = {socket.EAI_NONAME, socket.EAI_NODATA}
BUILD = re.compile(rb'^stakewire_build_info\{[^}]*version="([^"]*)"', re.MULTILINE)


def order(version: str) -> tuple[int, ...]:
    """A version as numbers to compare: "0.10.1" -> (0, 10, 1); what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.partition("+")[0].split("."))


def addresses(host: str) -> set[str] | None:
    """The addresses behind a name; empty where there is none, None where the name server does not answer."""
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except socket.gaierror as error:
        return set() if error.errno in NO_SUCH_NAME else None


def version_of(address: str, port: int) -> str | None:
    """What a wallet says it is, "0" if it is so old that it does not say; None where it does not answer."""
    connection = http.client.HTTPConnection(address, port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/metrics")
        found = BUILD.search(connection.getresponse().read(PAGE_BYTES_MAX))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return found[1].decode("ascii", "replace") if found else "0"


class Watch:
    """Looks at the wallets; remembers since when one has been silent."""

    def __init__(self, host: str, port: int, ours: str) -> None:
        self._host = host
        self._port = port
        self._ours = ours
        self._silent_since_s: dict[str, float] = {}

    def why_wait(self) -> str:
        """What to wait for; empty where nothing is."""
        wallets = addresses(self._host)
        if wallets is None:
            return "the name server does not answer"
        reasons = [reason for address in sorted(wallets) if (reason := self._why_not(address))]
        return ", ".join(reasons)

    def _why_not(self, address: str) -> str:
        version = version_of(address, self._port)
        if version is not None:
            self._silent_since_s.pop(address, None)
            return f"the wallet at {address} is {version}" if order(version) < order(self._ours) else ""
        now_s = time.monotonic()
        silent_s = now_s - self._silent_since_s.setdefault(address, now_s)
        return f"the wallet at {address} has not answered yet" if silent_s < SILENT_S else ""


def main(host: str, port: int, limit_s: float, ours: str) -> int:
    """Looks again and again until there is nothing to wait for, or the limit is over; returns the exit code."""
    watch, began_s = Watch(host, port, ours), time.monotonic()
    told_s = began_s - TOLD_EVERY_S
    while why := watch.why_wait():
        now_s = time.monotonic()
        if now_s - began_s >= limit_s:
            print(f"waited {limit_s:.0f} s for wallets of {ours}: {why}; look why they are not renewed", flush=True)  # noqa: T201
            return 1
        if now_s - told_s >= TOLD_EVERY_S:
            print(f"waiting for wallets of {ours}: {why}", flush=True)  # noqa: T201  # the pod's log is where a person looks
            told_s = now_s
        time.sleep(AGAIN_S)
    print(f"no wallet is older than {ours}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), metadata.version("stakewire")))
