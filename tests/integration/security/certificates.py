"""Certificates of throw-away authorities, as files that Java, OpenSSL and PostgreSQL read."""

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its key in PEM form, apart and in one file."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Signs certificates into a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        """Make the authority; its own certificate lies in `file`."""
        self._folder = folder
        self._ca = trustme.CA(organization_name=f"Stakewire tests, {name}")
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, *hosts: str) -> KeyPair:
        """A certificate with `name` as its common name, valid for `hosts`."""
        issued = self._ca.issue_cert(*hosts or (name,), common_name=name)
        # Java reads keys of this form only.
        key = load_pem_private_key(issued.private_key_pem.bytes(), password=None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        pair = KeyPair(*(self._folder / f"{name}.{kind}.pem" for kind in ("cert", "key", "both")))
        pair.certificate.write_bytes(chain)
        pair.key.write_bytes(key)
        pair.both.write_bytes(key + chain)
        return pair
