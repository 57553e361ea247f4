"""The file of brands and provider accounts: what it gives, and errors that name file, key and what is valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.contracts import Brand, CurrencyMapping, ProviderAccountFacts
from shared.errors import SettingsError
from shared.settings import AccountsFile, load_accounts_file, load_brands

GOOD = """
[brands.main]
time_zone = "Europe/Malta"
gaming_day_start = "06:00"
currencies = ["EUR", "BTC"]

[provider_accounts.mascot-demo]
dialect = "mascot"
brands = ["main"]
[provider_accounts.mascot-demo.settings]
casino_id = 1
[provider_accounts.mascot-demo.keys]
main = "file:secrets/main"
next = "env:MASCOT_NEXT_KEY"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
[provider_accounts.mascot-demo.currency_map.mBTC]
currency = "BTC"
factor_exponent = -3
digits = 8
[provider_accounts.mascot-demo.games]
riot = "off"
"""
ACCOUNT = "provider_accounts.mascot-demo"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "main").write_bytes(b" a-secret\n")
    monkeypatch.setenv("MASCOT_NEXT_KEY", "another-secret")
    return tmp_path


def load(folder: Path, text: str) -> AccountsFile:
    path = folder / "stakewire.toml"
    path.write_text(text, encoding="utf-8")
    return load_accounts_file(path)


def test_a_good_file(folder: Path) -> None:
    found = load(folder, GOOD)
    assert found.brands == {
        "main": Brand(brand="main", time_zone="Europe/Malta", gaming_day_start="06:00", currencies=("EUR", "BTC"))
    }
    account = found.provider_accounts["mascot-demo"]
    assert account.keys == {"main": b"a-secret", "next": b"another-secret"}
    assert (account.settings, account.games) == ({"casino_id": 1}, {"riot": "off"})
    assert account.currencies["EUR"].to_units(400) == 400_000
    assert account.facts == ProviderAccountFacts(
        provider_account="mascot-demo",
        dialect="mascot",
        brands=("main",),
        currency_map=(
            CurrencyMapping(wire="EUR", currency="EUR"),
            CurrencyMapping(wire="mBTC", currency="BTC", factor_exponent=-3, digits=8),
        ),
    )


def test_secrets_do_not_show_when_an_account_is_printed(folder: Path) -> None:
    account = load(folder, GOOD).provider_accounts["mascot-demo"]
    assert "secret" not in repr(account)
    assert "secret" not in repr(account.facts)


def test_an_empty_file_has_the_brand_main(folder: Path) -> None:
    assert load(folder, "").brands == {"main": Brand(brand="main", currencies=("EUR",))}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"Europe/Malta"', '"Malta/Europe"', r"brands\.main\.time_zone: .*not an IANA time zone such as 'Europe/Malta'"),
        ('"Europe/Malta"', '"../../etc/passwd"', r"brands\.main\.time_zone: .*not an IANA time zone"),
        ('"06:00"', '"24:00"', r"brands\.main\.gaming_day_start: String should match pattern"),
        ('"06:00"', '"6:00"', r"brands\.main\.gaming_day_start: String should match pattern"),
        ('["EUR", "BTC"]', '["EUR", "euro"]', r"brands\.main\.currencies: .*'euro' is not known; expected a three-letter"),
        ('["EUR", "BTC"]', "[]", r"brands\.main\.currencies: .*at least 1"),
        ('dialect = "mascot"', "", rf"{ACCOUNT}\.dialect: Field required"),
        ("mascot-demo", "operator", r"provider_accounts\.operator: 'operator' is the name of the operator's own side"),
        ('dialect = "mascot"', 'dialect = "mascot"\ndialekt = 1', rf"{ACCOUNT}\.dialekt: Extra inputs are not permitted"),
        ('brands = ["main"]', 'brands = ["other"]', rf"{ACCOUNT}\.brands: 'other' is not a brand of this file; there are main"),
        ('currency = "BTC"', 'currency = "bits"', rf"{ACCOUNT}\.currency map 'mBTC': currency 'bits' is not known"),
        ("digits = 8", "digits = 19", rf"{ACCOUNT}\.currency_map\.mBTC\.digits: .*less than or equal to 18"),
        ("factor_exponent = -3", "factor_exponent = 0.5", rf"{ACCOUNT}\.currency_map\.mBTC\.factor_exponent: .*valid integer"),
        ('"off"', '"broken"', rf"{ACCOUNT}\.games\.riot: Input should be 'live' or 'off'"),
        ('"file:secrets/main"', '"file:secrets/none"', rf"{ACCOUNT}\.keys\.main: the secret file secrets/none cannot be read"),
        ('"file:secrets/main"', '"file:"', rf"{ACCOUNT}\.keys\.main: write 'file:<path>' or 'env:<NAME>'"),
        ('"env:MASCOT_NEXT_KEY"', '"env:NO_SUCH_KEY"', rf"{ACCOUNT}\.keys\.next: the environment variable NO_SUCH_KEY is not set"),
        ("mascot-demo", "Mascot_Demo", r"provider_accounts\.Mascot_Demo: .*made of a-z, 0-9 and '-', at most 63"),
        ("[brands.main]", "[brands.main", "not readable as TOML"),
        ("[brands.main]", "[brand.main]", "brand: Extra inputs are not permitted"),
    ],
)
def test_an_error_names_file_key_and_what_is_valid(folder: Path, before: str, after: str, said: str) -> None:
    assert before in GOOD
    with pytest.raises(SettingsError, match=rf"(?s)^{folder}/stakewire\.toml: .*{said}"):
        load(folder, GOOD.replace(before, after))


def test_a_secret_in_the_file_itself_is_refused_and_not_repeated(folder: Path) -> None:
    with pytest.raises(SettingsError, match=rf"{ACCOUNT}\.keys\.main: .*does not belong in this file") as caught:
        load(folder, GOOD.replace("file:secrets/main", "hunter2"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n", b"x" * 16_385])
def test_a_secret_file_must_hold_something_of_a_fair_size(folder: Path, content: bytes) -> None:
    (folder / "secrets" / "main").write_bytes(content)
    with pytest.raises(SettingsError, match="must hold 1 to 16384 bytes"):
        load(folder, GOOD)


def test_a_missing_file_is_named_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: no such file; set STAKEWIRE_CONFIG_FILE"):
        load_accounts_file(tmp_path / "none.toml")


def test_a_file_that_is_no_text_is_not_readable(tmp_path: Path) -> None:
    path = tmp_path / "stakewire.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not readable as TOML"):
        load_accounts_file(path)


def test_brands_are_read_without_the_secrets_of_the_providers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(folder, GOOD)
    (folder / "secrets" / "main").unlink()
    monkeypatch.delenv("MASCOT_NEXT_KEY")
    assert load_brands(folder / "stakewire.toml") == whole.brands
    with pytest.raises(SettingsError, match="no such file"):
        load_brands(folder / "elsewhere.toml")
