"""What can be checked of the database's address without a database: that the certificates' files it names are there.

A driver that does not find one only says "no such file", and a service would take that for a database that is away.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from shared.errors import SettingsError

_FILES: Final = ("sslrootcert", "sslcert", "sslkey")


def check_tls_files(url: str) -> None:
    """SettingsError where a file that the query of a `postgresql://` address names cannot be read; says nothing else of it."""
    try:
        query = dict(parse_qsl(urlsplit(url).query))
    except ValueError:
        return  # no address at all: the driver says what is wrong with it
    for name in _FILES:
        if name not in query:
            continue
        try:
            Path(query[name]).read_bytes()
        except OSError as error:
            raise SettingsError(
                f"{name}={query[name]} cannot be read ({error.strerror}); expected a file in PEM form, named by its whole path"
            ) from None
