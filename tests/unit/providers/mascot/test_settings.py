"""Settings of a Mascot account: a wrong one stops the start with a message that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import SettingsError
from shared.providers.dialect import Callback, NonceRule, Refusal, Verified
from shared.providers.mascot.dialect import MascotDialect
from shared.providers.registry import DIALECTS, open_dialect
from shared.settings.accounts import ProviderAccount

MTLS: dict[str, Any] = {
    "auth": "mtls",
    "trusted_proxies": ["10.0.0.0/8"],
    "certificate_header": "X-Client-Verify",
    "certificate_value": "SUCCESS",
}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"casino_id": "one"}, "casino_id"),
        ({"casino_id": -1}, "casino_id"),
        ({"auth": "none"}, "auth"),
        ({"timestamp_window_s": 0}, "timestamp_window_s"),
        ({"nonce": "ignore"}, "nonce"),
        ({"late_bet_code": 1}, "late_bet_code"),
        ({"deadline_ms": 50}, "deadline_ms"),
        ({"auth_failure_status": 500}, "auth_failure_status"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"allowed_addresses": ["everywhere"]}, "allowed_addresses"),
        ({"auth": "mtls"}, "certificate_header"),
        ({**MTLS, "trusted_proxies": []}, "trusted_proxies"),
        ({**MTLS, "certificate_pattern": "x"}, "certificate_value or certificate_pattern"),
        ({**MTLS, "certificate_value": None, "certificate_pattern": "("}, "certificate_pattern"),
    ],
)
def test_wrong_setting_is_named(account: Callable[..., ProviderAccount], settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        open_dialect(account(**settings))
    assert "provider_accounts.mascot-demo" in str(caught.value)


def test_signature_mode_needs_a_key(account: Callable[..., ProviderAccount]) -> None:
    with pytest.raises(SettingsError, match="at least one key"):
        open_dialect(account(keys={}))


@pytest.mark.parametrize("key_id", ["a=b", "ä", "k" * 65])
def test_key_ids_must_fit_the_header(account: Callable[..., ProviderAccount], key_id: str) -> None:
    with pytest.raises(SettingsError, match="key id"):
        open_dialect(account(keys={key_id: b"x"}))


def test_unknown_dialect_lists_those_there_are(account: Callable[..., ProviderAccount]) -> None:
    entry = account()
    with pytest.raises(SettingsError, match="mascot"):
        open_dialect(ProviderAccount(entry.name, "nobody", entry.brands, entry.settings, entry.currencies, entry.games, entry.keys))
    assert "mascot" in DIALECTS


def test_secrets_do_not_show_in_the_account(account: Callable[..., ProviderAccount]) -> None:
    assert "demo-key" not in repr(account())


def test_nonce_rule_follows_the_settings(account: Callable[..., ProviderAccount]) -> None:
    assert MascotDialect(account()).nonces == NonceRule(300, "answer")
    assert MascotDialect(account(nonce="refuse", timestamp_window_s=60)).nonces == NonceRule(60, "refuse")
    assert MascotDialect(account(**MTLS)).nonces is None


@pytest.mark.parametrize(
    ("peer", "value", "accepted"),
    [
        ("10.1.2.3", b"SUCCESS", True),
        ("10.1.2.3", b"FAILED", False),
        ("10.1.2.3", b"SUCCESS ", False),
        ("10.1.2.3", None, False),
        ("192.0.2.1", b"SUCCESS", False),
        ("", b"SUCCESS", False),
    ],
)
def test_mtls_mode_believes_the_header_only_from_the_trusted_proxy(
    account: Callable[..., ProviderAccount],
    peer: str,
    value: bytes | None,
    accepted: bool,  # noqa: FBT001 - a table
) -> None:
    dialect = MascotDialect(account(keys={}, **MTLS))
    headers = {} if value is None else {b"x-client-verify": value}
    outcome = dialect.verify(Callback(headers, b"{}", peer=peer), 0)
    assert isinstance(outcome, Verified if accepted else Refusal)


def test_answers_in_mtls_mode_carry_no_signature(account: Callable[..., ProviderAccount]) -> None:
    dialect = MascotDialect(account(keys={}, **MTLS))
    assert b"x-signature" not in dict(dialect.refuse(Refusal("syntax", "x", -32602), Verified()).headers)
