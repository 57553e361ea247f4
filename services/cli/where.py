"""Where commands find the servers: the environment first, then the stack that runs here."""

import json
import os
import tomllib
from typing import Any

from deploy.local import demo_config
from deploy.local.settings import DATABASE_SETTING, KAFKA_SETTING, StackSettings, load_stack_settings
from shared.errors import SettingsError
from shared.kafka.connection import process_security
from shared.kafka.topics import TopicNames
from shared.settings.database import check_tls_files

TOPIC_PREFIX_SETTING = "STAKEWIRE_TOPIC_PREFIX"


def database_url() -> str:
    """Return the wallet's database: `DATABASE_URL`, or that of the running stack.

    Raises:
        SettingsError: neither is there, or a certificate's file that it names is not.
    """
    url = os.environ.get(DATABASE_SETTING) or str(_from_stack("database_url", DATABASE_SETTING))
    try:
        check_tls_files(url)
    except SettingsError as error:
        raise SettingsError(f"{DATABASE_SETTING}: {error}") from None
    return url


def kafka_bootstrap_servers() -> str:
    """Return Kafka's address: `KAFKA_BOOTSTRAP_SERVERS`, or that of the running stack.

    Raises:
        SettingsError: neither is there, or the settings of how to reach it do not fit together.
    """
    process_security()
    return os.environ.get(KAFKA_SETTING) or str(_from_stack("kafka_bootstrap_servers", KAFKA_SETTING))


def topic_names() -> TopicNames:
    """Return the topics' names, behind the prefix of `STAKEWIRE_TOPIC_PREFIX` if set."""
    return TopicNames(os.environ.get(TOPIC_PREFIX_SETTING, ""))


def brands() -> dict[str, list[str]] | None:
    """Return the brands of the configuration with their provider accounts; None where there is no configuration here.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = load_stack_settings().config_file
    if not path.exists():
        return None
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read as TOML: {error}") from error
    accounts = content.get("provider_accounts", {})
    return {
        brand: [name for name, account in accounts.items() if brand in account.get("brands", ["main"])]
        for brand in content.get("brands", {"main": {}})
    }


def know_the_stack() -> None:
    """Let this command know what the stack's services are told by variables: the demo account's provider is the simulator."""
    content = stack_file(load_stack_settings()) or {}
    if "simulator" in content:
        for variable, address in demo_config.addresses(content["simulator"]).items():
            os.environ.setdefault(variable, address)


def stack_file(settings: StackSettings) -> dict[str, Any] | None:
    """Return what `stack.json` tells of the running stack; None when none runs."""
    try:
        content = json.loads(settings.stack_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _from_stack(key: str, setting: str) -> object:
    settings = load_stack_settings()
    content = stack_file(settings)
    if content is None or key not in content:
        raise SettingsError(
            f"{setting} is not set and no stack runs in {settings.run_dir}. Start one (`stakewire up`) or set {setting}."
        )
    return content[key]
