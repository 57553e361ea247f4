"""Client certificates and the provider's: right, none, wrong authority, broken files. TLS is verified always."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from shared.providers.client import LaunchRequest, ProviderError, ProviderNotConfigured, ProviderUnreachable
from shared.providers.mascot.client import MascotClient
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.provider_side import PLAIN_PATH, SIGNED_PATH, ProviderSide

LAUNCH = LaunchRequest(session_id="s1", provider_player_id="p_EUR", brand="main", currency="EUR", game_id="riot")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA(organization_name="the provider's authority")


@pytest.fixture
async def tls_provider(authority: trustme.CA) -> AsyncIterator[ProviderSide]:
    """A provider that wants a client certificate of its own authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    async with ProviderSide(tls=context) as side:
        yield side


@pytest.fixture
def folder(tmp_path: Path, authority: trustme.CA) -> Path:
    """The folder of a settings file with the certificates that an account may name."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("casino.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "other-ca.pem"))
    other.issue_cert("casino.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "other-client.pem"))
    return tmp_path


def client_of(folder: Path, **settings: Any) -> MascotClient:
    account = mascot_account(keys={"main": b"demo-key-1"}, operator_api_deadline_s=5.0, **settings)
    return MascotClient(replace(account, folder=folder))


async def failure(client: MascotClient) -> ProviderError:
    try:
        await client.start()
        with pytest.raises(ProviderError) as caught:
            await client.launch(LAUNCH)
    finally:
        await client.close()
    return caught.value


async def test_our_certificate_says_who_we_are_and_nothing_is_signed(tls_provider: ProviderSide, folder: Path) -> None:
    client = client_of(
        folder,
        operator_api_url=tls_provider.url(PLAIN_PATH),
        operator_api_certificate="client.pem",
        operator_api_ca="ca.pem",
    )
    await client.start()
    try:
        launched = await client.launch(LAUNCH)
    finally:
        await client.close()
    assert launched.provider_session_id == "qx9sgvvpihtrlug"
    assert {call.path for call in tls_provider.calls} == {"/v1/"}
    assert not any(name.lower().startswith("x-") for call in tls_provider.calls for name in call.headers)


async def test_without_a_certificate_the_provider_breaks_off(tls_provider: ProviderSide, folder: Path) -> None:
    error = await failure(client_of(folder, operator_api_url=tls_provider.url(SIGNED_PATH), operator_api_ca="ca.pem"))
    assert isinstance(error, ProviderUnreachable)
    assert "operator_api_certificate" in error.advice
    assert not error.may_have_happened
    assert tls_provider.calls == []


async def test_with_a_certificate_of_another_authority_the_provider_breaks_off(tls_provider: ProviderSide, folder: Path) -> None:
    client = client_of(
        folder,
        operator_api_url=tls_provider.url(PLAIN_PATH),
        operator_api_certificate="other-client.pem",
        operator_api_ca="ca.pem",
    )
    error = await failure(client)
    assert isinstance(error, ProviderUnreachable)
    assert "other-client.pem" in error.advice
    assert tls_provider.calls == []


@pytest.mark.parametrize("ca", [None, "other-ca.pem"])
async def test_a_server_of_an_authority_that_we_do_not_trust_is_not_asked(
    tls_provider: ProviderSide, folder: Path, ca: str | None
) -> None:
    client = client_of(
        folder,
        operator_api_url=tls_provider.url(SIGNED_PATH),
        operator_api_certificate="client.pem",
        **({} if ca is None else {"operator_api_ca": ca}),
    )
    error = await failure(client)
    assert isinstance(error, ProviderUnreachable)
    assert "is not accepted" in str(error)
    assert "operator_api_ca" in error.advice
    assert tls_provider.calls == []


async def test_a_server_of_another_name_is_not_asked(authority: trustme.CA, folder: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.provider.example").configure_cert(context)
    async with ProviderSide(tls=context) as side:
        error = await failure(client_of(folder, operator_api_url=side.url(SIGNED_PATH), operator_api_ca="ca.pem"))
        assert "is not accepted" in str(error)
        assert side.calls == []


async def test_https_to_a_server_without_it_says_so(provider: ProviderSide, folder: Path) -> None:
    error = await failure(client_of(folder, operator_api_url=provider.url().replace("http:", "https:")))
    assert isinstance(error, ProviderUnreachable)
    assert "did not agree to an encrypted connection" in str(error)


@pytest.mark.parametrize(
    ("setting", "content"),
    [
        ("operator_api_certificate", None),
        ("operator_api_certificate", "no PEM"),
        ("operator_api_certificate", "certificate without key"),
        ("operator_api_ca", None),
        ("operator_api_ca", "no PEM"),
    ],
)
async def test_a_file_that_cannot_be_used_is_named_at_the_start(
    folder: Path, authority: trustme.CA, setting: str, content: str | None
) -> None:
    if content == "certificate without key":
        content = authority.cert_pem.bytes().decode()
    if content is not None:
        (folder / "bad.pem").write_text(content, encoding="utf-8")
    settings = {"operator_api_certificate": "client.pem", "operator_api_ca": "ca.pem", setting: "bad.pem"}
    client = client_of(folder, operator_api_url="https://api.provider.example/v1/", **settings)
    with pytest.raises(ProviderNotConfigured, match=rf"mascot-demo\.settings\.{setting}: the file {folder}/bad\.pem") as caught:
        await client.start()
    assert "PEM" in caught.value.advice
    await client.close()


async def test_an_encrypted_private_key_is_refused_and_nobody_is_asked_for_its_password(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - trustme brings it

    pem = (folder / "client.pem").read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"hunter2")
    )
    (folder / "locked.pem").write_bytes(locked + pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    client = client_of(folder, operator_api_url="https://api.provider.example/v1/", operator_api_certificate="locked.pem")
    with pytest.raises(ProviderNotConfigured, match="encrypted"):
        await client.start()
