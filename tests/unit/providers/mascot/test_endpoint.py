"""Settings of the Operator API: which addresses are taken, which key signs, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import SettingsError
from shared.providers.client import ProviderNotConfigured
from shared.providers.mascot.endpoint import Endpoint, find_endpoint
from shared.providers.mascot.settings import mascot_settings
from shared.settings import load_accounts_file
from tests.unit.providers.conftest import mascot_account

SIGNED = "https://api.provider.example/v1/signed/"


def endpoint(environment: dict[str, str] | None = None, keys: dict[str, bytes] | None = None, **settings: Any) -> Endpoint:
    account = mascot_account(keys=keys, **settings)
    return find_endpoint(account, mascot_settings(account), environment or {})


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (SIGNED, SIGNED),
        ("https://api.provider.example/v1/signed", SIGNED),
        ("https://api.provider.example:8443/mascot/v1/signed/", "https://api.provider.example:8443/mascot/v1/signed/"),
        ("http://127.0.0.1:8084/mascot/v1/signed/", "http://127.0.0.1:8084/mascot/v1/signed/"),
        ("http://127.0.0.1:8084/mascot/v1/", "http://127.0.0.1:8084/mascot/v1/"),
        ("http://[::1]:8084/v1/signed/", "http://[::1]:8084/v1/signed/"),
        ("http://10.1.2.3/v1/signed/", "http://10.1.2.3/v1/signed/"),
        ("http://simulator:8084/v1/signed/", "http://simulator:8084/v1/signed/"),
    ],
)
def test_addresses_that_are_taken(given: str, used: str) -> None:
    assert endpoint(operator_api_url=given).url == used


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("api.provider.example/v1/signed/", "expected an address such as https://"),
        ("ftp://api.provider.example/v1/signed/", "expected an address such as https://"),
        ("https:///v1/signed/", "expected an address such as https://"),
        ("https://api.provider.example/v2/", "ends in /v1/signed/"),
        ("https://api.provider.example/", "ends in /v1/signed/"),
        ("http://api.provider.example/v1/signed/", "must begin with https://"),
        ("http://203.0.113.5.example/v1/signed/", "must begin with https://"),
        ("http://8.8.8.8/v1/signed/", "must begin with https://"),
        ("https://user:pw@api.provider.example/v1/signed/", "user name, password, query or fragment"),
        ("https://api.provider.example/v1/signed/?a=1", "user name, password, query or fragment"),
        ("https://api.provider.example:99999/v1/signed/", "no URL"),
        ("https://api.provider.example/v1/ signed/v1/", "without blanks"),
        ("https://api.provider.example/v1/", "needs operator_api_certificate"),
        ("env:", "names no environment variable"),
        ("env:A-B", "names no environment variable"),
    ],
)
def test_addresses_that_are_not_taken(given: str, said: str) -> None:
    with pytest.raises(SettingsError, match=rf"provider_accounts\.mascot-demo\.settings: .*{said}") as caught:
        endpoint(operator_api_url=given)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"operator_api_key": "old"}, "operator_api_key: 'old' is none of the account's keys"),
        ({"operator_api_timeout_s": 0}, "operator_api_timeout_s"),
        ({"operator_api_timeout_s": 30, "operator_api_deadline_s": 10}, "operator_api_deadline_s"),
        ({"bank_group": "{brand}"}, "must hold {currency}"),
        ({"bank_group": "{currency}{player}"}, "nothing else in braces"),
        ({"bank_group": "{currency:>50}"}, "nothing else in braces"),
        ({"bank_group": "{currency"}, "not a template"),
        ({"base_host": "https://games.casino.example"}, "base_host"),
        ({"base_host": "games..example"}, "base_host"),
        ({"base_host": "games.example\n"}, "base_host"),
        ({"static_host": ""}, "static_host"),
        ({"restore_policy": "Maybe"}, "restore_policy"),
        ({"operator_api_certificate": ""}, "operator_api_certificate"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        mascot_settings(mascot_account(**settings))


def test_the_first_key_signs_unless_another_is_chosen() -> None:
    first, chosen = endpoint(operator_api_url=SIGNED).key, endpoint(operator_api_url=SIGNED, operator_api_key="next").key
    assert first is not None
    assert chosen is not None
    assert (first.key_id, chosen.key_id) == ("main", "next")


def test_signed_calls_need_a_key() -> None:
    with pytest.raises(SettingsError, match="at least one key"):
        endpoint(operator_api_url=SIGNED, keys={})


def test_the_address_may_come_from_the_environment() -> None:
    found = endpoint({"MASCOT_URL": "http://127.0.0.1:9084/mascot/v1/signed"}, operator_api_url="env:MASCOT_URL")
    assert found.url == "http://127.0.0.1:9084/mascot/v1/signed/"
    assert (found.host, found.port, found.is_tls, found.subject) == ("127.0.0.1", 9084, False, b"casino:7")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "MASCOT_URL, which is not set"),
        ({"MASCOT_URL": ""}, "MASCOT_URL, which is not set"),
        ({"MASCOT_URL": "http://api.provider.example/v1/signed/"}, "MASCOT_URL: the address must begin with https://"),
        ({"MASCOT_URL": "https://api.provider.example/v1/"}, "MASCOT_URL: .*needs operator_api_certificate"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ProviderNotConfigured, match=said) as caught:
        endpoint(environment, operator_api_url="env:MASCOT_URL")
    assert "MASCOT_URL" in caught.value.advice


def test_certificates_are_relative_to_the_settings_file(tmp_path: Path) -> None:
    file = tmp_path / "stakewire.toml"
    file.write_text(
        "[provider_accounts.m]\ndialect = 'mascot'\n"
        "[provider_accounts.m.settings]\ncasino_id = 1\noperator_api_certificate = 'tls/client.pem'\noperator_api_ca = '/etc/ca.pem'\n"
        "operator_api_url = 'https://api.provider.example/v1/'\nauth = 'mtls'\ntrusted_proxies = ['10.0.0.0/8']\n"
        "certificate_header = 'x-client-verify'\ncertificate_value = 'SUCCESS'\n"
        "[provider_accounts.m.currency_map.EUR]\ncurrency = 'EUR'\n",
        encoding="utf-8",
    )
    account = load_accounts_file(file).provider_accounts["m"]
    found = find_endpoint(account, mascot_settings(account), {})
    assert (found.certificate, found.authorities) == (tmp_path / "tls" / "client.pem", Path("/etc/ca.pem"))
    assert found.key is None
