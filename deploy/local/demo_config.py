"""The demo configuration: brands, one provider account and random secrets, made at the first start and then left alone.

What a person changes in the TOML file stays; only a missing file is written.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

from deploy.local.errors import SettingError
from deploy.local.files import secret_file, write_private
from deploy.local.settings import StackSettings

SECRETS = "secrets"
OPERATOR_API_KEY = "operator-api-key"
CONSOLE_PASSWORD = "console-password"  # noqa: S105 - the name of a file.
CONSOLE_LOGIN = "demo"
DATABASE_PASSWORD = "postgres-password"  # noqa: S105 - the name of a file.
MASCOT_KEY = "mascot-demo-main"
# Where the account's Operator API is, as the services are told by the stack: the simulator's, whatever its port.
MASCOT_URL_VARIABLE = "STAKEWIRE_DEMO_MASCOT_URL"
# The address of a game's cover, with {game_id}: the simulator draws them.
COVER_URL_VARIABLE = "STAKEWIRE_DEMO_COVER_URL"
# The provider's page of a session's history, with {token}: the simulator has one.
HISTORY_URL_VARIABLE = "STAKEWIRE_DEMO_HISTORY_URL"
# Wire code and digits of the demo account's currencies.
CURRENCIES = (("EUR", 2), ("USD", 2), ("BTC", 8))

HEADER = """\
# Brands and provider accounts of this stack. Made at the first start; after a change: `stakewire down`, `stakewire up`
# (in containers: `docker compose restart`).
# A key is a reference: "file:<path relative to this file>" or "env:<variable>"; a secret itself does not belong here.

[brands.main]
time_zone = "UTC"
gaming_day_start = "00:00"
currencies = ["EUR", "USD", "BTC"]

[provider_accounts.mascot-demo]
dialect = "mascot"
brands = ["main"]

[provider_accounts.mascot-demo.settings]
casino_id = 1
operator_api_url = "env:STAKEWIRE_DEMO_MASCOT_URL"
cover_url = "env:STAKEWIRE_DEMO_COVER_URL"
history_url = "env:STAKEWIRE_DEMO_HISTORY_URL"

[provider_accounts.mascot-demo.keys]
main = "file:secrets/mascot-demo-main"
"""


def ensure_demo_config(settings: StackSettings) -> None:
    """Write the configuration and its secrets where they are missing."""
    secret_file(settings.secrets / DATABASE_PASSWORD)
    write_demo_config(settings.demo_config_file)


def write_demo_config(config_file: Path) -> bool:
    """Write the configuration and, beside it, the secrets that it and the lobby refer to, where they are missing.

    Returns:
        Whether the configuration was missing. It is written last: one that is there has its secrets.
    """
    for name in (OPERATOR_API_KEY, MASCOT_KEY):
        secret_file(config_file.parent / SECRETS / name)
    console_password(config_file)
    if config_file.exists():
        return False
    write_private(config_file, HEADER + "".join(_currency(code, digits) for code, digits in CURRENCIES))
    return True


def console_password(config_file: Path) -> str:
    """Return the password of the demo's sign-in to the console: 96 bits at random, short enough to be typed."""
    return secret_file(config_file.parent / SECRETS / CONSOLE_PASSWORD, random_bytes=12)


def addresses(simulator: str) -> dict[str, str]:
    """Return what the demo account's settings refer to, by variable: all of it is the simulator's, at this address."""
    return {
        MASCOT_URL_VARIABLE: f"{simulator}/mascot/v1/signed/",
        COVER_URL_VARIABLE: f"{simulator}/mascot/covers/{{game_id}}.svg",
        HISTORY_URL_VARIABLE: f"{simulator}/mascot/history/{{token}}",
    }


def provider_accounts(settings: StackSettings) -> dict[str, dict[str, Any]]:
    """Return the provider accounts as `stack.json` tells them: dialect, callback address, settings, keys with their secrets.

    Raises:
        SettingError: the file is not TOML, lacks what every account has, or a secret it refers to is not there.
    """
    path = settings.config_file
    base = f"http://{settings.reach_host}:{settings.ports.callbacks}/callbacks"
    try:
        accounts = tomllib.loads(path.read_text(encoding="utf-8")).get("provider_accounts", {})
        return {
            name: {
                "dialect": account["dialect"],
                "callback_url": f"{base}/{name}",
                "settings": account.get("settings", {}),
                "keys": {key: _secret(path, f"{name}.keys.{key}", reference) for key, reference in account.get("keys", {}).items()},
            }
            for name, account in accounts.items()
        }
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingError(
            f"{path} cannot be read as TOML: {error}. Correct it, or delete it to get the demo configuration again."
        ) from error
    except (KeyError, AttributeError, TypeError) as error:
        raise SettingError(
            f"{path} is not a configuration of provider accounts: {error!r} is missing or of another type."
        ) from error


def _currency(code: str, digits: int) -> str:
    return f'\n[provider_accounts.mascot-demo.currency_map.{code}]\ncurrency = "{code}"\nfactor_exponent = 0\ndigits = {digits}\n'


def _secret(config_file: Path, where: str, reference: str) -> str:
    scheme, _, rest = reference.partition(":")
    if scheme == "env" and rest in os.environ:
        return os.environ[rest]
    if scheme == "file":
        try:
            return (config_file.parent / rest).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingError(
                f"{config_file}: {where} refers to the file {rest}, which cannot be read ({error.strerror})."
            ) from error
    raise SettingError(f"{config_file}: {where} = {reference!r}: expected 'file:<path>' or 'env:<variable that is set>'.")
