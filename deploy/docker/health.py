"""The containers' health check: exit code 0 where this container's service says that it is ready. Plain sockets, for a quick start.

It is a program, not a module: the images copy it, and it imports nothing of ours.
"""

import os
import socket
import sys

TIMEOUT_S = 10.0
STATUS_LINE_BYTES = 64
REQUEST = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def main() -> int:
    """Ask; return the exit code: 0 ready, 1 not ready or no answer."""
    try:
        with socket.create_connection(("127.0.0.1", int(os.environ["STAKEWIRE_PORT"])), TIMEOUT_S) as connection:
            connection.sendall(REQUEST)
            answer = connection.recv(STATUS_LINE_BYTES)
    except (OSError, KeyError, ValueError) as error:
        sys.stdout.write(f"no answer: {error!r}\n")
        return 1
    sys.stdout.write(answer.partition(b"\r\n")[0].decode("latin-1") + "\n")
    return 0 if answer.split(b" ", 2)[1:2] == [b"200"] else 1


if __name__ == "__main__":
    sys.exit(main())
