"""How old an account's keys are, and how long its certificates hold. Reads files' times and certificates, never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

from shared.settings.accounts import ProviderAccount


class KeyAge(msgspec.Struct, frozen=True):
    """A key for signatures. `since` is when its file was written last; None where it comes from the environment."""

    key_id: str
    since: datetime | None


class CertificateAge(msgspec.Struct, frozen=True):
    """A certificate of the account's settings. `problem` says why nothing is known of it."""

    setting: str
    subject: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    problem: str = ""


def key_ages(account: ProviderAccount) -> list[KeyAge]:
    """The account's keys, by id."""
    return [KeyAge(key_id, _written(account.key_files.get(key_id))) for key_id in sorted(account.keys)]


def certificate_ages(files: Mapping[str, Path]) -> list[CertificateAge]:
    """The certificates in PEM files, by the setting that names each."""
    return [_certificate(setting, path) for setting, path in sorted(files.items())]


def _written(path: Path | None) -> datetime | None:
    try:
        return None if path is None else datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def _certificate(setting: str, path: Path) -> CertificateAge:
    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except OSError as error:
        return CertificateAge(setting, problem=f"the file cannot be read ({error.strerror})")
    except (ValueError, IndexError):
        return CertificateAge(setting, problem="the file holds no certificate")
    return CertificateAge(setting, first.subject.rfc4514_string(), first.not_valid_before_utc, first.not_valid_after_utc)
