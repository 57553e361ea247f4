"""What is refused before a call is read: method, path, address, size, and client certificates."""

from __future__ import annotations

import ipaddress
from typing import Final

from shared.providers.diagnosis.doctor import Seen
from shared.providers.diagnosis.finding import Note, shown
from shared.providers.edge import Edge
from shared.providers.mascot.diagnosis.headers import PROXY_SIGNS
from shared.providers.mascot.settings import MascotSettings
from shared.providers.mascot.signature import SIGNATURE

_CHECK_WORDS: Final = ("SUCCESS", "FAILED", "NONE")
"""What reverse proxies write of a certificate; anything else might be a shared secret and is not shown."""


def method_note(seen: Seen) -> Note:
    """Another method than POST."""
    return Note("http_method", f"The request came with {seen.http_method[:16]}; callbacks come with POST.")


def path_note(seen: Seen) -> Note:
    """Something behind the account's name in the URL."""
    return Note("http_path", f"The address goes on with {shown(seen.callback.path)} behind the account's name.")


def size_note(seen: Seen) -> Note:
    """A body above the limit, which was not read."""
    length = seen.callback.headers.get(b"content-length", b"").decode("latin-1")
    told = (
        f"Content-Length says {length} bytes."
        if length.isascii() and length.isdigit()
        else "Content-Length does not tell its size."
    )
    return Note("body_too_large", "The body is larger than the gateway takes (65536 bytes by default); it was not read.", (told,))


def address_note(seen: Seen, edge: Edge) -> Note:
    """An address that is not on the list, and whether a proxy stands between."""
    callback, address = seen.callback, seen.address or seen.callback.peer
    forwarded = callback.headers.get(edge.forwarded_header, b"").decode("latin-1")
    where = ", ".join(name for header, name in PROXY_SIGNS.items() if header in callback.headers)
    if address == callback.peer and forwarded and not edge.trusts(callback.peer):
        first = next((each.strip() for each in forwarded.split(",") if _is_address(each.strip())), "")
        if first and edge.admits(first):
            said = f"The request came from the proxy {address}, which is not among trusted_proxies: its header is not believed."
            return Note("proxy_not_trusted", said, (f"The header names the caller {first}, which is on the list.",))
    came = f"It came through a trusted proxy ({callback.peer}), whose header says so." if address != callback.peer else ""
    hint = f"The request carries {where}, but not from a trusted proxy." if where and address == callback.peer else ""
    return Note("address_refused", f"The address {address or '(not readable)'} is not among allowed_addresses.").but(came, hint)


def certificate_note(seen: Seen, edge: Edge, settings: MascotSettings) -> Note:
    """Client certificates: header missing, not from a trusted proxy, or not the value that means verified."""
    name = settings.certificate_header or ""
    peer, value = seen.callback.peer, seen.callback.headers.get(name.encode())
    signed = (
        "It carries X-Signature: the sender signs, while this account is set to certificates."
        if SIGNATURE in seen.callback.headers
        else ""
    )
    if value is None:
        return Note(
            "certificate_missing", f"The header {name} of the proxy's check is missing.", (f"The connection came from {peer}.",)
        ).but(signed)
    if not edge.trusts(peer):
        said = f"The header {name} came from {peer}, which is not among trusted_proxies: it is not believed."
        return Note("certificate_untrusted", said).but(signed)
    text = value.decode("latin-1")
    told = shown(text) if text.upper().startswith(_CHECK_WORDS) else f"another value of {len(text)} characters"
    return Note("certificate_failed", f"The proxy's check says {told}, not the value that means verified.").but(signed)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
