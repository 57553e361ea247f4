"""A bare uvicorn that answers a constant: what HTTP alone costs in Python on this machine."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn

BODY: Final = b'{"jsonrpc":"2.0","result":{"newBalance":10000,"transactionId":"constant-1"},"id":0}'
START: Final = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}
END: Final = {"type": "http.response.body", "body": BODY}


async def app(_scope: dict[str, Any], _receive: object, send: Callable[[Any], Awaitable[None]]) -> None:
    """The whole application."""
    await send(START)
    await send(END)


def main(host: str, port: int) -> None:
    """Serves until a signal."""
    uvicorn.run(app, host=host, port=port, loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
