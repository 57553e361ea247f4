"""How Kafka is reached: what the environment may say, what clients make of it, and that no client goes another way."""

from __future__ import annotations

import ast
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from services.gateway.operator_api.settings import OperatorApiSettings
from services.gateway.settings import GatewaySettings
from services.simulator.settings import SimulatorSettings
from services.wallet.settings import WalletSettings
from shared.errors import SettingsError
from shared.kafka.connection import (
    CAFILE,
    CERTFILE,
    KEYFILE,
    MECHANISM,
    PASSWORD,
    PASSWORD_FILE,
    PROTOCOL,
    USERNAME,
    KafkaSecurity,
    process_security,
    read_security,
)
from shared.settings import ServiceSettings, load_settings

CHECKOUT = Path(__file__).parents[3]
SERVERS = "kafka-1:9093,kafka-2:9093"
SASL = {PROTOCOL: "SASL_SSL", USERNAME: "wallet", PASSWORD: "open-sesame"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def pem(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of a certificate of our own, and of those who sign the brokers'."""
    folder = tmp_path_factory.mktemp("pem")
    issued = authority.issue_cert("wallet")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return {CAFILE: str(folder / "ca.pem"), CERTFILE: str(folder / "cert.pem"), KEYFILE: str(folder / "key.pem")}


def test_without_settings_it_is_plain() -> None:
    security = read_security({PASSWORD: "", USERNAME: "", CAFILE: ""})
    assert security == KafkaSecurity()
    assert security.for_aiokafka(SERVERS) == {"bootstrap_servers": SERVERS, "security_protocol": "PLAINTEXT"}
    assert security.for_librdkafka(SERVERS) == {"bootstrap.servers": SERVERS, "security.protocol": "PLAINTEXT"}


def test_a_name_and_a_password_over_tls(pem: dict[str, str]) -> None:
    security = read_security(SASL | {CAFILE: pem[CAFILE]})
    options = security.for_aiokafka(SERVERS)
    context = options.pop("ssl_context")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) == 1
    assert options == {
        "bootstrap_servers": SERVERS,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "wallet",
        "sasl_plain_password": "open-sesame",
    }
    assert security.for_librdkafka(SERVERS) == {
        "bootstrap.servers": SERVERS,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "wallet",
        "sasl.password": "open-sesame",
        "ssl.ca.location": pem[CAFILE],
    }


def test_a_certificate_of_our_own(pem: dict[str, str]) -> None:
    security = read_security({PROTOCOL: "SSL"} | pem)
    assert isinstance(security.for_aiokafka(SERVERS)["ssl_context"], ssl.SSLContext)
    assert security.for_librdkafka(SERVERS) == {
        "bootstrap.servers": SERVERS,
        "security.protocol": "SSL",
        "ssl.ca.location": pem[CAFILE],
        "ssl.certificate.location": pem[CERTFILE],
        "ssl.key.location": pem[KEYFILE],
    }


def test_the_password_may_lie_in_a_file_and_is_in_no_text(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open-sesame\n", encoding="utf-8")
    security = read_security({PROTOCOL: "SASL_PLAINTEXT", USERNAME: "wallet", PASSWORD_FILE: str(tmp_path / "password")})
    assert security.password == "open-sesame"
    assert "sesame" not in repr(security)
    assert "sesame" not in str(security)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({PROTOCOL: "TLS"}, "KAFKA_SECURITY_PROTOCOL: 'TLS' is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ({MECHANISM: "PLAIN"}, "KAFKA_SASL_MECHANISM is set, but KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ({USERNAME: "wallet", PASSWORD: "x"}, "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD are set, but"),
        ({PROTOCOL: "SSL", USERNAME: "wallet"}, "set KAFKA_SECURITY_PROTOCOL to SASL_SSL"),
        (SASL | {PROTOCOL: "SASL_PLAINTEXT", CAFILE: "ca.pem"}, "KAFKA_SSL_CAFILE is set, but"),
        (SASL | {MECHANISM: "GSSAPI"}, "'GSSAPI' is none of SCRAM-SHA-512, SCRAM-SHA-256, PLAIN"),
        (SASL | {USERNAME: ""}, "KAFKA_SASL_USERNAME is not set"),
        (SASL | {PASSWORD: ""}, "neither KAFKA_SASL_PASSWORD_FILE nor KAFKA_SASL_PASSWORD is set"),
        (SASL | {PASSWORD_FILE: "p"}, "are both set; set one of them"),
        (SASL | {PASSWORD: "", PASSWORD_FILE: "/nowhere/p"}, "/nowhere/p cannot be read .No such file"),
        (SASL | {PASSWORD: "", PASSWORD_FILE: "/dev/null"}, "/dev/null is empty"),
        (SASL | {CAFILE: "/nowhere/ca.pem"}, "KAFKA_SSL_CAFILE: /nowhere/ca.pem cannot be read"),
        (SASL | {CAFILE: "/dev/null"}, "KAFKA_SSL_CAFILE: /dev/null holds no certificates"),
        (SASL | {CERTFILE: "/dev/null"}, "KAFKA_SSL_CERTFILE is set, but KAFKA_SSL_KEYFILE is not"),
        (SASL | {CERTFILE: "/dev/null", KEYFILE: "/dev/null"}, "are not a certificate and its key"),
    ],
)
def test_what_does_not_fit_together_is_told(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        read_security(environment)
    assert "open-sesame" not in str(caught.value)


@pytest.fixture
def wrong_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(PROTOCOL, "SASL_SSL")
    process_security.cache_clear()
    yield
    process_security.cache_clear()


@pytest.mark.usefixtures("wrong_environment")
@pytest.mark.parametrize("cls", [GatewaySettings, OperatorApiSettings, WalletSettings, SimulatorSettings, ServiceSettings])
def test_a_service_does_not_start_with_settings_that_do_not_fit(cls: type[ServiceSettings]) -> None:
    with pytest.raises(SettingsError, match="KAFKA_SASL_USERNAME is not set"):
        load_settings(cls)


LIBRARIES = {
    "aiokafka": ({"AIOKafkaConsumer", "AIOKafkaProducer"}, "aiokafka_options"),
    "confluent_kafka": ({"Producer", "Consumer", "SerializingProducer", "DeserializingConsumer"}, "librdkafka_options"),
    "confluent_kafka.admin": ({"AdminClient"}, "librdkafka_options"),
}


def clients_of(source: str) -> list[tuple[ast.expr, str, list[ast.expr]]]:
    """Where a client is made or derived from: what names it, the options it must have, and what is spread into its arguments."""
    tree = ast.parse(source)
    named = {
        alias.asname or alias.name: LIBRARIES[node.module][1]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in LIBRARIES
        for alias in node.names
        if alias.name in LIBRARIES[node.module][0]
    }
    derived = {
        node.name: named[base.id]
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        if isinstance(base, ast.Name) and base.id in named
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        parents = derived if isinstance(node.func, ast.Attribute) and node.func.attr == "__init__" else {}
        options = named.get(node.func.id) if isinstance(node.func, ast.Name) else next(iter(parents.values()), None)
        if options is None:
            continue
        spread = [each.value for each in node.keywords if each.arg is None]
        for argument in node.args:
            if isinstance(argument, ast.Dict):
                spread += [value for key, value in zip(argument.keys, argument.values, strict=True) if key is None]
        found.append((node.func, options, spread))
    return found


def takes_the_settings(options: str, spread: list[ast.expr]) -> bool:
    """Whether the settings of the connection are among what a client is made with."""
    calls = [each.func for each in spread if isinstance(each, ast.Call)]
    return any(isinstance(each, ast.Name) and each.id == options for each in calls)


def test_every_client_takes_the_settings_of_the_connection() -> None:
    sources = [path for folder in ("services", "shared", "deploy") for path in (CHECKOUT / folder).rglob("*.py")]
    seen, without = [], []
    for path in sources:
        for made, options, spread in clients_of(path.read_text(encoding="utf-8")):
            place = f"{path.relative_to(CHECKOUT)}:{made.lineno}"
            seen.append(place)
            if not takes_the_settings(options, spread):
                without.append(place)
    assert without == []
    assert len(seen) >= 8, seen


def test_a_client_by_another_way_would_be_seen() -> None:
    """Whole modules of these libraries are not imported under another name, by which a client could be made unseen."""
    ((_, options, spread),) = clients_of("from aiokafka import AIOKafkaProducer as P\nP(bootstrap_servers='k')")
    assert not takes_the_settings(options, spread)
    ((_, options, spread),) = clients_of("from confluent_kafka.admin import AdminClient\nAdminClient({'bootstrap.servers': 'k'})")
    assert not takes_the_settings(options, spread)
    for folder in ("services", "shared", "deploy"):
        for path in (CHECKOUT / folder).rglob("*.py"):
            imports = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Import)]
            names = {alias.name.partition(".")[0] for node in imports for alias in node.names}
            assert not names & {"aiokafka", "confluent_kafka", "kafka"}, path
