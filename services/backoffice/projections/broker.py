"""FastStream's broker as we use it: secured as every client of ours, without injection, telling only what went wrong."""

from __future__ import annotations

import logging
from typing import Final

from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.kafka.connection import KafkaSecurity, process_security

METADATA_AGE_MS: Final = 30_000
"""So soon a topic is seen that was made after the start."""
_SASL: Final = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
_logger: Final = logging.getLogger("stakewire.backoffice.kafka")


def new_broker(bootstrap_servers: str) -> KafkaBroker:
    """One that only consumes. SettingsError where the environment does not say how to reach Kafka."""
    _logger.setLevel(logging.ERROR)  # it warns of every topic that it does not make
    return KafkaBroker(
        bootstrap_servers.split(","),
        security=security_of(process_security()),
        metadata_max_age_ms=METADATA_AGE_MS,
        client_id="stakewire-backoffice",
        apply_types=False,
        consumer_only=True,
        allow_auto_create_topics=False,
        logger=_logger,
    )


def security_of(security: KafkaSecurity) -> BaseSecurity | None:
    """Encryption and identity in FastStream's words; None without either."""
    encrypted = security.protocol.endswith("SSL")
    if security.mechanism:
        kind = _SASL[security.mechanism]
        return kind(username=security.username, password=security.password, ssl_context=security.tls, use_ssl=encrypted)
    return BaseSecurity(ssl_context=security.tls, use_ssl=True) if encrypted else None
