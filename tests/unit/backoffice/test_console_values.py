"""What the console works out by itself: money, moments, ways back, addresses, ids that are searched for, roles of groups."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from services.backoffice.console.acting import ReasonMissing, order_or_new, reason_of
from services.backoffice.console.addresses import client_address
from services.backoffice.console.render import make_environment, money, percent
from services.backoffice.console.settings import ConsoleSettings
from services.backoffice.console.who import safe_next
from services.backoffice.office.directory import keys_of
from shared.errors import SettingsError
from shared.identity import player_key
from shared.providers.credentials import certificate_ages
from shared.settings import load_settings

KEY = player_key("main", "alice")


@pytest.mark.parametrize(
    ("units", "currency", "shown"),
    [(0, "EUR", "0.00"), (123_456_789, "EUR", "1,234.56789"), (-100_000, "EUR", "-1.00"), (10**15, "EUR", "10,000,000,000.00"),
     (1, "BTC", "0.00000001"), (5, "gone", "5 units")],
)  # fmt: skip
def test_money_is_shown_to_the_last_unit(units: int, currency: str, shown: str) -> None:
    assert money(units, currency) == shown


def test_shares_and_moments() -> None:
    assert percent(Decimal("0.95105")) == "95.10 %"
    assert percent(None) == "–"  # noqa: RUF001
    template = make_environment().from_string("{{ at|when(style) }}")
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    told = template.render(at=at, style="seconds", zone="Europe/Malta")
    assert told == '<time datetime="2026-07-01T22:30:00.000+00:00">2026-07-02 00:30:00 CEST</time>'
    assert "22:30 UTC" in template.render(at=at, style="minutes", zone="No/Where")
    assert "2026-07-01" in template.render(at=date(2026, 7, 1), style="day", zone="UTC")


def test_what_comes_from_outside_is_text() -> None:
    assert make_environment().from_string("{{ name }}").render(name="<script>") == "&lt;script&gt;"


@given(st.text(max_size=60))
def test_the_way_back_stays_here(path: str) -> None:
    for told in (path, "/" + path):
        found = safe_next(told)
        assert found.startswith("/")
        assert not found.startswith(("//", "/\\"))
        assert "\\" not in found
        assert found in {told, "/"}


@pytest.mark.parametrize(
    "words", [KEY, f"{KEY}_EUR", f"{KEY}.Xk3v9QwLmN0aZr7TbY1c", f"{KEY}-12", "alice"],
)  # fmt: skip
def test_every_id_of_a_player_leads_to_his_key(words: str) -> None:
    assert KEY in keys_of(words, ["second", "main"])


def test_forwarded_addresses_are_believed_from_trusted_proxies_alone() -> None:
    networks = load_settings(ConsoleSettings, trusted_proxies="10.0.0.0/8").networks
    headers = [(b"x-forwarded-for", b"203.0.113.5")]
    assert client_address({"type": "http", "client": ("10.0.0.1", 1), "headers": headers}, networks) == "203.0.113.5"
    assert client_address({"type": "http", "client": ("192.0.2.1", 1), "headers": headers}, networks) == "192.0.2.1"
    assert client_address({"type": "http", "client": None, "headers": headers}, networks) == ""


def test_the_highest_role_of_the_groups_counts() -> None:
    settings = load_settings(ConsoleSettings, roles="a=viewer, b=finance,c d=support")
    assert settings.role_for(["a", "b", "c d"]) == "finance"
    assert settings.role_for(["x"]) is None
    assert load_settings(ConsoleSettings, role_of_others="viewer").role_for([]) == "viewer"


@pytest.mark.parametrize(
    "wrong",
    [{"roles": "a=root"}, {"roles": "a"}, {"trusted_proxies": "10.0.0.0/99"}, {"proxy_user_header": "X-User"}, {"passwords": False},
     {"oidc_issuer": "https://id.example"}, {"oidc_scopes": "profile"}, {"url": "office.example"}, {"idle_s": 1}],
)  # fmt: skip
def test_settings_that_make_no_sense_stop_the_start(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        load_settings(ConsoleSettings, **wrong)


def test_reasons_and_orders() -> None:
    assert reason_of("  a\n reason ") == "a reason"
    for wrong in ("", "  ", "x" * 201, "a\x07b"):
        with pytest.raises(ReasonMissing):
            reason_of(wrong)
    assert order_or_new("console-0123456789") == "console-0123456789"
    assert order_or_new("") != order_or_new("")
    assert order_or_new("a b" * 10) != "a b" * 10


def test_certificates_tell_until_when_they_hold(tmp_path: Path) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=casino")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = builder.not_valid_before(ends - timedelta(days=90)).not_valid_after(ends).sign(key, hashes.SHA256())
    (tmp_path / "good.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "bad.pem").write_text("no certificate")
    files = {name: tmp_path / f"{name}.pem" for name in ("good", "bad", "gone")}
    bad, gone, good = certificate_ages(files)
    assert (good.subject, good.not_after, good.problem) == ("CN=casino", ends, "")
    assert (bad.problem, bad.not_after) == ("the file holds no certificate", None)
    assert "cannot be read" in gone.problem
