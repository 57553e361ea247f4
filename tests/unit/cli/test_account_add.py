"""`stakewire account add` and `list`: a valid entry, comments kept, secrets of their own, and nothing half done."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli import accounts_file
from services.cli.main import app
from shared.errors import SettingsError
from shared.providers.mascot.settings import mascot_settings
from shared.providers.registry import open_dialect
from shared.settings import load_accounts_file

FILE = """\
# Our casino's own words.
[brands.main]
time_zone = "Europe/Malta" # where we are
currencies = ["EUR", "BTC"]

[brands.second]

[provider_accounts.mascot-old] # the first one
dialect = "mascot"
[provider_accounts.mascot-old.settings]
casino_id = 1
[provider_accounts.mascot-old.keys]
main = "file:secrets/old"
[provider_accounts.mascot-old.currency_map.EUR]
currency = "EUR"
"""
BASE = ("--name", "mascot-eu", "--casino-id", "12", "--currency", "EUR")
URL = "https://api.provider.example/v1/signed/"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAKEWIRE_RUN_DIR", str(tmp_path / "run"))
    path = tmp_path / "etc" / "stakewire.toml"
    (path.parent / "secrets").mkdir(parents=True)
    (path.parent / "secrets" / "old").write_text("old-secret")
    path.write_text(FILE, encoding="utf-8")
    monkeypatch.setenv("STAKEWIRE_CONFIG_FILE", str(path))
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["account", *arguments])


def add(*arguments: str) -> Result:
    return run("add", "mascot", *arguments)


def said(result: Result) -> str:
    """All that was printed, as one line without the frame of an error."""
    error = str(result.exception) if result.exception else ""
    return " ".join((result.output + " " + error).replace("│", " ").split())


def test_an_account_is_added_and_the_services_can_read_it(config: Path) -> None:
    result = add(*BASE, "--currency", "mBTC=BTC:5:-3", "--brand", "main", "--brand", "second", "--operator-api-url", URL)
    assert result.exit_code == 0, said(result)
    account = load_accounts_file(config).provider_accounts["mascot-eu"]
    open_dialect(account)
    assert account.brands == ("main", "second")
    assert account.settings == {"casino_id": 12, "operator_api_url": URL}
    assert mascot_settings(account).auth == "signature"
    assert [(wire, entry.mapping.currency, entry.mapping.digits, entry.mapping.factor_exponent) for wire, entry in account.currencies.items()] == [
        ("EUR", "EUR", 2, 0),
        ("mBTC", "BTC", 5, -3),
    ]  # fmt: skip
    assert tomllib.loads(config.read_text())["provider_accounts"]["mascot-eu"]["keys"] == {"main": "file:secrets/mascot-eu-main"}


def test_what_was_in_the_file_stays_to_the_letter(config: Path) -> None:
    assert add(*BASE).exit_code == 0
    text = config.read_text(encoding="utf-8")
    assert text.startswith(FILE)
    assert tomllib.loads(text)["provider_accounts"]["mascot-old"] == tomllib.loads(FILE)["provider_accounts"]["mascot-old"]
    assert not list(config.parent.glob(".*"))


def test_the_key_is_made_at_random_and_private(config: Path) -> None:
    assert add(*BASE, "--key-id", "main", "--key-id", "2027").exit_code == 0
    account = load_accounts_file(config).provider_accounts["mascot-eu"]
    assert list(account.keys) == ["main", "2027"]
    assert account.keys["main"] != account.keys["2027"]
    for key_id in account.keys:
        file = config.parent / "secrets" / f"mascot-eu-{key_id}"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(file.read_text().strip()) >= 43


def test_what_to_send_to_the_provider_is_told_and_no_secret(config: Path) -> None:
    result = add(*BASE, "--our-address", "198.51.100.7", "--public-url", "https://callbacks.casino.example/")
    secret = (config.parent / "secrets" / "mascot-eu-main").read_text().strip()
    for words in (
        "https://callbacks.casino.example/callbacks/mascot-eu", "casino id 12", "key ids main", "198.51.100.7",
        str(config.parent / "secrets" / "mascot-eu-main"), "operator_api_url", "allowed_addresses", "stakewire account check mascot-eu",
    ):  # fmt: skip
        assert words in said(result)
    assert secret not in result.output


def test_the_same_for_programs(config: Path) -> None:
    result = add(*BASE, "--json", "--operator-api-url", URL, "--provider-address", "203.0.113.0/24")
    told = json.loads(result.output)
    assert told["send"]["casino id"] == "12"
    assert told["secrets"] == {"main": str(config.parent / "secrets" / "mascot-eu-main")}
    assert not any("operator_api_url" in line or "allowed_addresses" in line for line in told["expect"])


def test_a_key_that_the_provider_sent_is_used(config: Path) -> None:
    (config.parent / "secrets" / "mascot-eu-main").write_text("from-the-provider\n")
    result = add(*BASE)
    assert "was there already" in said(result)
    assert load_accounts_file(config).provider_accounts["mascot-eu"].keys == {"main": b"from-the-provider"}


def test_an_existing_name_is_refused_and_nothing_changes(config: Path) -> None:
    assert add(*BASE).exit_code == 0
    before, key = config.read_bytes(), (config.parent / "secrets" / "mascot-eu-main").read_bytes()
    result = add(*BASE)
    assert result.exit_code == 1
    assert "there is a provider account mascot-eu already" in said(result)
    assert (config.read_bytes(), (config.parent / "secrets" / "mascot-eu-main").read_bytes()) == (before, key)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--name", "Mascot_EU"), "cannot be the name of an account"),
        (("--name", "../../escape"), "cannot be the name of an account"),
        (("--name", "."), "cannot be the name of an account"),
        (("--brand", "third"), "'third' is not a brand of this file; there are main, second"),
        (("--operator-api-url", "http://api.provider.example/v1/signed/"), "must begin with https://"),
        (("--operator-api-url", "https://api.provider.example/v1/"), "needs operator_api_certificate"),
        (("--auth", "none"), "settings: auth: Input should be 'signature' or 'mtls'"),
        (("--auth", "mtls"), "needs certificate_header"),
        (("--provider-address", "everywhere"), "allowed_addresses"),
        (("--base-host", "https://x.example"), "base_host"),
        (("--key-id", "a=b"), "--key-id 'a=b'"),
        (("--key-id", "../x"), "--key-id '../x'"),
        (("--currency", "euro"), "'euro' is not known"),
        (("--currency", "EUR:x"), "expected <provider's code>"),
        (("--currency", "EUR:2:0:1"), "expected <provider's code>"),
        (("--currency", "=EUR"), "expected <provider's code>"),
        (("--currency", "USD:99"), "digits"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_made(config: Path, arguments: tuple[str, ...], words: str) -> None:
    before = sorted(config.parent.rglob("*"))
    result = add(*BASE, *arguments)
    assert result.exit_code != 0
    assert words in said(result)
    assert config.read_text(encoding="utf-8") == FILE
    assert sorted(config.parent.rglob("*")) == before


@pytest.mark.parametrize(
    ("left_out", "named"), [(0, "--name is missing"), (2, "--casino-id is missing"), (4, "--currency is missing")]
)
def test_without_a_terminal_a_missing_option_is_named(config: Path, left_out: int, named: str) -> None:
    result = add(*(*BASE[:left_out], *BASE[left_out + 2 :]))
    assert result.exit_code == 2
    assert named in said(result)
    assert config.read_text(encoding="utf-8") == FILE


def test_a_missing_file_is_made_with_the_brand_main(tmp_path: Path, config: Path) -> None:
    path = tmp_path / "new" / "stakewire.toml"
    result = add(*BASE, "--config", str(path))
    assert result.exit_code == 0, said(result)
    assert config.read_text(encoding="utf-8") == FILE
    assert list(load_accounts_file(path).provider_accounts) == ["mascot-eu"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_mtls_needs_no_key(config: Path) -> None:
    result = add(
        *BASE, "--auth", "mtls", "--trusted-proxy", "10.0.0.0/8", "--certificate-header", "x-verify", "--certificate-value", "SUCCESS",
    )  # fmt: skip
    assert result.exit_code == 0, said(result)
    account = load_accounts_file(config).provider_accounts["mascot-eu"]
    assert account.keys == {}
    assert "none: callbacks come with the provider's client certificate" in said(result)


def test_a_file_that_is_not_valid_before_is_left_alone(config: Path) -> None:
    for text in ("[brands.main", "provider_accounts = 5\n", FILE.replace('dialect = "mascot"', "")):
        config.write_text(text, encoding="utf-8")
        result = add(*BASE)
        assert isinstance(result.exception, SettingsError)
        assert config.read_text(encoding="utf-8") == text
        assert not (config.parent / "secrets" / "mascot-eu-main").exists()


def test_the_mode_of_the_file_stays_and_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    config.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    assert add(*BASE, "--config", str(link)).exit_code == 0
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert "mascot-eu" in load_accounts_file(config).provider_accounts


def test_a_change_by_someone_else_meanwhile_is_not_lost(config: Path) -> None:
    new = accounts_file.NewAccount("mascot-eu", "mascot", ("main",), {"casino_id": 12}, {"EUR": {"currency": "EUR"}}, ("main",))
    text = accounts_file._with_account(config, FILE, new)
    (config.parent / "secrets" / "mascot-eu-main").write_text("x")
    config.write_text(FILE + "# more\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="changed by someone else meanwhile"):
        accounts_file._replace(config, FILE, text, "mascot-eu")
    assert config.read_text(encoding="utf-8") == FILE + "# more\n"


def test_accounts_are_listed_without_secrets(config: Path) -> None:
    add(*BASE, "--operator-api-url", URL)
    rows: list[dict[str, Any]] = json.loads(run("list", "--json").output)
    assert [(row["name"], row["provider"], row["keys"]) for row in rows] == [
        ("mascot-old", "", ["main"]),
        ("mascot-eu", URL, ["main"]),
    ]
    shown = run("list")
    assert shown.exit_code == 0
    assert "mascot-old" in shown.output
    assert "old-secret" not in shown.output + json.dumps(rows)
    assert config.exists()


def test_at_a_terminal_what_is_missing_is_asked_for(config: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "account", "add", "mascot", "--name", "mascot-eu"],
        cwd=Path(__file__).parents[3],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, b"twelve\n12\nEUR BTC\n\n")
    shown = b""
    try:
        while chunk := os.read(ours, 4_096):
            shown += chunk
    except OSError:  # Linux tells the end of a terminal so.
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=60) == 0, shown.decode()
    account = load_accounts_file(config).provider_accounts["mascot-eu"]
    assert account.settings == {"casino_id": 12}
    assert [(wire, entry.mapping.digits) for wire, entry in account.currencies.items()] == [("EUR", 2), ("BTC", 8)]
    assert b"integer" in shown
