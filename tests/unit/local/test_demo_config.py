"""The demo configuration is what the services read, and what `stack.json` tells."""

import re
from pathlib import Path

import pytest

from deploy.local import demo_config, parts
from deploy.local.errors import SettingError
from deploy.local.settings import StackSettings, load_stack_settings
from shared.providers.mascot.settings import mascot_settings
from shared.settings import load_accounts_file

SETTINGS = {
    "casino_id": 1,
    "operator_api_url": "env:STAKEWIRE_DEMO_MASCOT_URL",
    "cover_url": "env:STAKEWIRE_DEMO_COVER_URL",
    "history_url": "env:STAKEWIRE_DEMO_HISTORY_URL",
}


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    loaded = load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path)})
    demo_config.ensure_demo_config(loaded)
    return loaded


def test_services_and_stack_file_see_the_same_account_and_key(settings: StackSettings) -> None:
    account = load_accounts_file(settings.config_file).provider_accounts["mascot-demo"]
    told = demo_config.provider_accounts(settings)["mascot-demo"]
    assert told["dialect"] == account.dialect == "mascot"
    assert told["settings"] == account.settings == SETTINGS
    assert {name: secret.encode() for name, secret in told["keys"].items()} == account.keys
    assert told["callback_url"] == "http://127.0.0.1:8080/callbacks/mascot-demo"
    assert {wire: units.mapping.digits for wire, units in account.currencies.items()} == {"EUR": 2, "USD": 2, "BTC": 8}


def test_the_demo_account_is_valid_for_its_dialect(settings: StackSettings) -> None:
    account = load_accounts_file(settings.config_file).provider_accounts["mascot-demo"]
    assert mascot_settings(account).operator_api_url == SETTINGS["operator_api_url"]


def test_a_changed_configuration_and_its_secrets_stay(settings: StackSettings) -> None:
    changed = settings.config_file.read_text().replace("casino_id = 1", "casino_id = 7")
    settings.config_file.write_text(changed)
    before = demo_config.provider_accounts(settings)
    demo_config.ensure_demo_config(settings)
    assert demo_config.provider_accounts(settings) == before
    assert before["mascot-demo"]["settings"] == SETTINGS | {"casino_id": 7}


def test_every_service_is_told_where_the_accounts_operator_api_is(tmp_path: Path) -> None:
    loaded = load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path), "STAKEWIRE_BASE_PORT": "9480", "STAKEWIRE_HOST": "0.0.0.0"})  # noqa: S104
    for service in parts.services(loaded):
        environment = service.command(loaded, "postgresql://x", "x:1").env
        assert environment["STAKEWIRE_DEMO_MASCOT_URL"] == "http://127.0.0.1:9484/mascot/v1/signed/"
        assert environment["STAKEWIRE_SIMULATOR_URL"] == "http://127.0.0.1:9484"


def test_only_the_lobby_and_the_console_are_given_the_demo_key_and_all_know_where_the_covers_are(tmp_path: Path) -> None:
    loaded = load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path), "STAKEWIRE_BASE_PORT": "9480"})
    given = {service.name: service.command(loaded, "postgresql://x", "x:1").env for service in parts.services(loaded)}
    key_file = str(loaded.secrets / demo_config.OPERATOR_API_KEY)
    assert {name for name, environment in given.items() if key_file in environment.values()} == {"catalogue", "backoffice"}
    assert given["backoffice"]["STAKEWIRE_BACKOFFICE_OPERATOR_API_URL"] == "http://127.0.0.1:9481"
    assert given["backoffice"]["STAKEWIRE_BACKOFFICE_CATALOGUE_URL"] == "http://127.0.0.1:9482"
    assert given["backoffice"]["STAKEWIRE_BACKOFFICE_OPERATOR_KEY_FILE"] == key_file
    assert given["catalogue"]["STAKEWIRE_LOBBY_OPERATOR_API_URL"] == "http://127.0.0.1:9481"
    assert given["catalogue"]["STAKEWIRE_LOBBY_OPERATOR_KEY_FILE"] == key_file
    assert given["operator-api"]["STAKEWIRE_DEMO_HISTORY_URL"] == "http://127.0.0.1:9484/mascot/history/{token}"
    assert given["catalogue"]["STAKEWIRE_DEMO_COVER_URL"] == "http://127.0.0.1:9484/mascot/covers/{game_id}.svg"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not toml", "cannot be read as TOML"),
        ("[provider_accounts.a]\n", "'dialect'"),
        (
            '[provider_accounts.a]\ndialect = "mascot"\nkeys = { main = "file:secrets/none" }\n',
            "a.keys.main refers to the file secrets/none",
        ),
        ('[provider_accounts.a]\ndialect = "mascot"\nkeys = { main = "plain" }\n', "expected 'file:<path>' or 'env:"),
    ],
)
def test_a_broken_configuration_is_named(settings: StackSettings, content: str, message: str) -> None:
    settings.config_file.write_text(content)
    with pytest.raises(SettingError, match=re.escape(message)):
        demo_config.provider_accounts(settings)
