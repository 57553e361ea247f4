"""Who may connect: allow-lists, forwarded addresses, certificates seen by a proxy."""

from __future__ import annotations

import pytest

from shared.providers.edge import Edge, EdgeSettings

PROXIES = {"trusted_proxies": ["10.0.0.0/8", "fd00::/8"]}


def edge(**settings: object) -> Edge:
    return Edge(EdgeSettings.model_validate(settings))


def test_without_proxies_the_peer_is_the_caller_whatever_it_claims() -> None:
    assert edge().caller("192.0.2.1", {b"x-forwarded-for": b"198.51.100.7"}) == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("192.0.2.1", b"198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("10.0.0.1", b"198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", b"203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", b"203.0.113.9, 198.51.100.7 , 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("fd00::1", b"2001:db8::7", "2001:db8::7"),
        ("10.0.0.1", b"unknown", ""),
        ("10.0.0.1", b"198.51.100.7, garbage", ""),
        ("10.0.0.1", b"198.51.100.7:1234", ""),
        ("10.0.0.1", b"1" * 2_000, ""),
        ("::ffff:10.0.0.1", b"198.51.100.7", "198.51.100.7"),
    ],
)
def test_behind_trusted_proxies_the_last_foreign_address_is_the_caller(peer: str, forwarded: bytes, caller: str) -> None:
    headers = {b"x-forwarded-for": forwarded} if forwarded else {}
    assert edge(**PROXIES).caller(peer, headers) == caller


def test_the_header_of_forwarded_addresses_is_a_setting() -> None:
    assert edge(**PROXIES, forwarded_header="X-Real-IP").caller("10.0.0.1", {b"x-real-ip": b"198.51.100.7"}) == "198.51.100.7"


@pytest.mark.parametrize(
    ("address", "admitted"),
    [("198.51.100.7", True), ("198.51.100.8", False), ("203.0.113.255", True), ("2001:db8::1", True), ("", False), ("x", False)],
)
def test_allow_list(address: str, admitted: bool) -> None:  # noqa: FBT001 - a table
    allowed = edge(allowed_addresses=["198.51.100.7", "203.0.113.0/24", "2001:db8::/32"])
    assert allowed.admits(address) is admitted


def test_without_an_allow_list_everybody_is_admitted() -> None:
    assert edge().admits("anything")


@pytest.mark.parametrize(
    ("value", "certified"),
    [(b"CN=callback,O=Mascot", True), (b"CN=callback,O=Mascot,X", False), (b"x", False), (b"a" * 5_000, False)],
)
def test_certificate_pattern_must_match_the_whole_value(value: bytes, certified: bool) -> None:  # noqa: FBT001 - a table
    checked = edge(**PROXIES, certificate_header="X-Client-DN", certificate_pattern="CN=[a-z]+,O=Mascot")
    assert checked.certified("10.0.0.1", {b"x-client-dn": value}) is certified
    assert not checked.certified("192.0.2.1", {b"x-client-dn": value})


def test_certificate_value_is_no_pattern() -> None:
    checked = edge(**PROXIES, certificate_header="X-Client-DN", certificate_value="CN=a.b")
    assert checked.certified("10.0.0.1", {b"x-client-dn": b"CN=a.b"})
    assert not checked.certified("10.0.0.1", {b"x-client-dn": b"CN=axb"})


def test_without_settings_no_certificate_is_believed() -> None:
    assert not edge(**PROXIES).certified("10.0.0.1", {b"": b"", b"x-client-dn": b"x"})
