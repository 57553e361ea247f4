"""Where a request comes from. What a header says is believed only from a trusted proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import Scope

from services.backoffice.console.settings import Network


def peer(scope: Scope) -> str:
    """Who is at the other end of the connection."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def is_trusted(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return any((mapped or found) in network for network in networks)


def client_address(scope: Scope, networks: Sequence[Network]) -> str:
    """The peer; behind trusted proxies the last address of X-Forwarded-For that is none of theirs."""
    address = peer(scope)
    if not is_trusted(address, networks):
        return address
    told = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    for part in reversed(told.split(",")):
        try:
            address = str(ipaddress.ip_address(part.strip()))
        except ValueError:
            break
        if not is_trusted(address, networks):
            break
    return address
