"""A Kafka that lets nobody in without a password or a certificate, and does nothing for anybody without a rule.

Clients come by SASL_SSL with SCRAM-SHA-512, or by SSL with a certificate of their own; the node's own lines are
encrypted and authenticated too. `admin` is the super user by whom the first rules are made.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import guard
from deploy.local.kafka import KafkaSettings, LocalKafka
from deploy.local.ports import free_ports
from deploy.local.processes import Processes
from shared.kafka.connection import KafkaSecurity, read_security
from tests.integration.security.certificates import Authority
from tests.servers import temporary_folder

HOST = "127.0.0.1"
ADMIN = "admin"
USERS = (
    ADMIN,
    "node",
    "setup",
    "gateway",
    "operator-api",
    "wallet",
    "catalogue",
    "backoffice",
    "technician",
    "simulator",
    "stranger",
)


@dataclass(frozen=True)
class SecureKafka:
    """Where it answers, and what its users know."""

    bootstrap_servers: str
    tls_servers: str
    folder: Path
    authority: Authority
    passwords: dict[str, str]

    def environment(self, user: str, **changes: str) -> dict[str, str]:
        """The variables by which a process comes in as `user`."""
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD_FILE": str(self.folder / f"{user}.password"),
            "KAFKA_SSL_CAFILE": str(self.authority.file),
            **changes,
        }

    def security(self, user: str, **changes: str) -> KafkaSecurity:
        """The same for a client in this process."""
        return read_security(self.environment(user, **changes))


@contextmanager
def secure_kafka() -> Iterator[SecureKafka]:
    """Starts one and removes it at the end."""
    with temporary_folder() as folder:
        processes = Processes(folder)
        watcher, pipe = guard.watch(folder, folder)
        try:
            kafka, made = _make(folder, processes)
            kafka.start()
            yield made
        finally:
            processes.stop("kafka", timeout_s=0)
            os.close(pipe)
            watcher.wait(timeout=60)
            shutil.rmtree(folder / "kafka", ignore_errors=True)


def _make(folder: Path, processes: Processes) -> tuple[LocalKafka, SecureKafka]:
    port, controller_port, tls_port = free_ports(3)
    authority = Authority(folder)
    authority.issue("node", HOST)
    passwords = {user: uuid.uuid4().hex for user in USERS}
    for user, password in passwords.items():
        (folder / f"{user}.password").write_text(password + "\n", encoding="utf-8")
    listeners = f"BROKER://{HOST}:{port},TLS://{HOST}:{tls_port},CONTROLLER://{HOST}:{controller_port}"
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    properties = {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "BROKER:SASL_SSL,TLS:SSL,CONTROLLER:SSL",
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.broker.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.broker.scram-sha-512.sasl.jaas.config": f'{login} username="node" password="{passwords["node"]}";',
        "listener.name.tls.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "node.both.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.file,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:node",
    }
    settings = KafkaSettings(folder / "kafka", port, controller_port, properties=properties, scram=passwords)
    made = SecureKafka(f"{HOST}:{port}", f"{HOST}:{tls_port}", folder, authority, passwords)
    return LocalKafka(settings, processes), made
