"""Settings from the environment: a wrong one is named as the variable that a person sets, with what is valid."""

from __future__ import annotations

import pytest

from services.wallet.settings import WalletSettings
from shared.errors import SettingsError
from shared.settings import ServiceSettings, load_settings

NAMES = (
    "DATABASE_URL",
    "KAFKA_BOOTSTRAP_SERVERS",
    "STAKEWIRE_PORT",
    "STAKEWIRE_BASE_PORT",
    "STAKEWIRE_TOPIC_PREFIX",
    "STAKEWIRE_HOST",
)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_every_setting_has_a_default() -> None:
    settings = load_settings(ServiceSettings)
    assert (settings.database_url, settings.kafka_bootstrap_servers) == ("", "127.0.0.1:8087")
    assert settings.listen_port(5) == 8085


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h:1/d")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "k:1,k:2")
    monkeypatch.setenv("STAKEWIRE_BASE_PORT", "9000")
    settings = load_settings(ServiceSettings)
    assert (settings.database_url, settings.kafka_bootstrap_servers) == ("postgresql://u:p@h:1/d", "k:1,k:2")
    assert settings.listen_port(5) == 9005


def test_a_services_own_port_goes_before_the_base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_PORT", "7001")
    assert load_settings(ServiceSettings).listen_port(5) == 7001


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("STAKEWIRE_PORT", "http", "should be a valid integer"),
        ("STAKEWIRE_PORT", "70000", "less than or equal to 65535"),
        ("STAKEWIRE_TOPIC_PREFIX", "a b", "should match pattern"),
        ("STAKEWIRE_LOG_LEVEL", "loud", "should match pattern"),
        ("STAKEWIRE_WALLET_BATCH_MAX", "0", "greater than or equal to 1"),
        ("STAKEWIRE_WALLET_SESSION_TIMEOUT_MS", "5999", "greater than or equal to 6000"),
    ],
)
def test_a_wrong_value_is_named_by_its_variable(variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=rf"(?s)environment are not valid:\n  {variable}: .*{said}"):
        load_settings(WalletSettings)


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_PORT", "x")
    monkeypatch.setenv("STAKEWIRE_WALLET_LOCK_TIMEOUT_MS", "x")
    with pytest.raises(SettingsError) as caught:
        load_settings(WalletSettings)
    assert {line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]} == {
        "STAKEWIRE_PORT",
        "STAKEWIRE_WALLET_LOCK_TIMEOUT_MS",
    }


def test_a_wrong_value_is_not_repeated_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_PORT", "a-secret-in-the-wrong-place")
    with pytest.raises(SettingsError) as caught:
        load_settings(WalletSettings)
    assert "a-secret" not in str(caught.value)
