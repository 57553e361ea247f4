"""How this process reaches Kafka: encryption and identity, read once from the environment. Every client takes it from here.

KAFKA_SECURITY_PROTOCOL   PLAINTEXT (default), SSL, SASL_PLAINTEXT, SASL_SSL
KAFKA_SASL_MECHANISM      SCRAM-SHA-512 (default), SCRAM-SHA-256, PLAIN
KAFKA_SASL_USERNAME       and KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE
KAFKA_SSL_CAFILE          who may have signed the brokers' certificates; without it the system's authorities
KAFKA_SSL_CERTFILE        and KAFKA_SSL_KEYFILE: a certificate of our own, where the brokers ask for one

An empty variable counts as one that is not set. Where the brokers are is another setting (KAFKA_BOOTSTRAP_SERVERS).
"""

from __future__ import annotations

import functools
import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.errors import SettingsError

PROTOCOL: Final = "KAFKA_SECURITY_PROTOCOL"
MECHANISM: Final = "KAFKA_SASL_MECHANISM"
USERNAME: Final = "KAFKA_SASL_USERNAME"
PASSWORD: Final = "KAFKA_SASL_PASSWORD"  # noqa: S105  # the name of the variable
PASSWORD_FILE: Final = "KAFKA_SASL_PASSWORD_FILE"  # noqa: S105  # as above
CAFILE: Final = "KAFKA_SSL_CAFILE"
CERTFILE: Final = "KAFKA_SSL_CERTFILE"
KEYFILE: Final = "KAFKA_SSL_KEYFILE"
PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
_SASL_ONLY: Final = (MECHANISM, USERNAME, PASSWORD, PASSWORD_FILE)
_TLS_ONLY: Final = (CAFILE, CERTFILE, KEYFILE)
PASSWORD_FILE_BYTES_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Encryption and identity towards Kafka. Made by `read_security`, which has checked that the parts fit together."""

    protocol: str = "PLAINTEXT"
    mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    def for_aiokafka(self, bootstrap_servers: str) -> dict[str, Any]:
        """The options of a consumer or producer of aiokafka."""
        options: dict[str, Any] = {"bootstrap_servers": bootstrap_servers, "security_protocol": self.protocol}
        if self.tls is not None:
            options["ssl_context"] = self.tls
        if self.mechanism:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options

    def for_librdkafka(self, bootstrap_servers: str) -> dict[str, Any]:
        """The configuration of a client of confluent-kafka. It holds the password: not for a log."""
        given = {
            "sasl.mechanism": self.mechanism,
            "sasl.username": self.username,
            "sasl.password": self.password,
            "ssl.ca.location": self.cafile,
            "ssl.certificate.location": self.certfile,
            "ssl.key.location": self.keyfile,
        }
        return {
            "bootstrap.servers": bootstrap_servers,
            "security.protocol": self.protocol,
            **{key: value for key, value in given.items() if value},
        }


def aiokafka_options(bootstrap_servers: str) -> dict[str, Any]:
    """The first options of every aiokafka client: where Kafka is and how this process reaches it. SettingsError as below."""
    return process_security().for_aiokafka(bootstrap_servers)


def librdkafka_options(bootstrap_servers: str) -> dict[str, Any]:
    """The first entries of the configuration of every confluent-kafka client. SettingsError as below."""
    return process_security().for_librdkafka(bootstrap_servers)


@functools.cache
def process_security() -> KafkaSecurity:
    """What this process's environment says, read once. SettingsError where that does not fit together."""
    return read_security(os.environ)


def read_security(environment: Mapping[str, str]) -> KafkaSecurity:
    """Reads and checks the settings; SettingsError names the variable, what is wrong and what is expected."""
    given = {name: environment[name] for name in (PROTOCOL, *_SASL_ONLY, *_TLS_ONLY) if environment.get(name)}
    protocol = given.get(PROTOCOL, "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise SettingsError(f"{PROTOCOL}: {protocol!r} is none of {', '.join(PROTOCOLS)}")
    sasl, tls = protocol.startswith("SASL_"), protocol.endswith("SSL")
    if not sasl:
        _refuse_idle(given, _SASL_ONLY, protocol, "SASL_SSL (or SASL_PLAINTEXT)")
    if not tls:
        _refuse_idle(given, _TLS_ONLY, protocol, "SASL_SSL (or SSL)")
    security: dict[str, Any] = {"protocol": protocol}
    if sasl:
        security |= _identity(given, protocol)
    if tls:
        security |= _encryption(given)
    return KafkaSecurity(**security)


def _refuse_idle(given: Mapping[str, str], names: Iterable[str], protocol: str, expected: str) -> None:
    """What is set and would not be used is a connection less safe than somebody believes."""
    idle = [name for name in names if name in given]
    if idle:
        verb = "is" if len(idle) == 1 else "are"
        raise SettingsError(
            f"{', '.join(idle)} {verb} set, but {PROTOCOL} is {protocol}, which does not use it; set {PROTOCOL} to {expected}"
        )


def _identity(given: Mapping[str, str], protocol: str) -> dict[str, str]:
    mechanism = given.get(MECHANISM, MECHANISMS[0])
    if mechanism not in MECHANISMS:
        raise SettingsError(f"{MECHANISM}: {mechanism!r} is none of {', '.join(MECHANISMS)}")
    if USERNAME not in given:
        raise SettingsError(f"{PROTOCOL} is {protocol}, but {USERNAME} is not set; expected the name of this service at Kafka")
    if PASSWORD in given and PASSWORD_FILE in given:
        raise SettingsError(f"{PASSWORD} and {PASSWORD_FILE} are both set; set one of them")
    if PASSWORD in given:
        password = given[PASSWORD]
    elif PASSWORD_FILE in given:
        password = _password(Path(given[PASSWORD_FILE]))
    else:
        raise SettingsError(f"{PROTOCOL} is {protocol}, but neither {PASSWORD_FILE} nor {PASSWORD} is set; set one of them")
    return {"mechanism": mechanism, "username": given[USERNAME], "password": password}


def _password(path: Path) -> str:
    try:
        raw = path.read_bytes()
        password = raw.decode().strip() if len(raw) <= PASSWORD_FILE_BYTES_MAX else ""
    except OSError as error:
        raise SettingsError(
            f"{PASSWORD_FILE}: {path} cannot be read ({error.strerror}); expected a file with the password"
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{PASSWORD_FILE}: {path} is not UTF-8 text; expected a file with the password") from None
    if not password:
        raise SettingsError(
            f"{PASSWORD_FILE}: {path} is empty or longer than {PASSWORD_FILE_BYTES_MAX} bytes; expected a file with the password"
        )
    return password


def _encryption(given: Mapping[str, str]) -> dict[str, Any]:
    if (CERTFILE in given) != (KEYFILE in given):
        there, missing = (CERTFILE, KEYFILE) if CERTFILE in given else (KEYFILE, CERTFILE)
        raise SettingsError(f"{there} is set, but {missing} is not; a certificate of our own needs both")
    for name in _TLS_ONLY:
        if name in given:
            _check_readable(name, given[name])
    cafile, certfile, keyfile = (given.get(name, "") for name in _TLS_ONLY)
    try:
        context = ssl.create_default_context(cafile=cafile or None)
    except ssl.SSLError as error:
        raise SettingsError(f"{CAFILE}: {cafile} holds no certificates in PEM form ({error.reason})") from None
    if certfile:
        try:
            context.load_cert_chain(certfile, keyfile, password=_no_passphrase)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                f"{CERTFILE}, {KEYFILE}: {certfile} and {keyfile} are not a certificate and its key in PEM form without "
                f"a passphrase ({error.reason if isinstance(error, ssl.SSLError) else error})"
            ) from None
    return {"cafile": cafile, "certfile": certfile, "keyfile": keyfile, "tls": context}


def _check_readable(name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"{name}: {path} cannot be read ({error.strerror}); expected a file in PEM form") from None


def _no_passphrase() -> str:
    """Asked for a key that is encrypted: without this, OpenSSL would ask whoever sits at the terminal."""
    raise OSError("the key is encrypted")
