"""The archive of provider callbacks on `gateway.callbacks`: what crossed the wire, for history and diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandKey:
    """What a command does under one id of the provider's, and which id that takes back (empty unless it is an undo)."""

    kind: str
    namespace: str
    external_id: str
    target_namespace: str = ""
    target_external_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRecord:
    """One callback: raw request and answer, timings in microseconds, verdict and diagnosis.

    Bodies are text where they are UTF-8 and base64 otherwise (`*_base64`). `request_headers` never hold secrets: of a
    signature only the key id stays. `verdict` is `answered`, `refused` (authentication, syntax, size) or `unknown`.
    `command_id` and `kind` are those of the command that was sent to the wallet, `keys` its idempotency keys; all empty
    where none was sent.
    `finding` is the code of what the diagnosis has found, `finding_facts` the JSON text of the whole of it (`code`, `title`,
    `severity`, `said`, `evidence`, `advice`, `rule`); both empty where there is nothing to say. `kept_share` is the share of such
    callbacks that is archived: a record stands for 1 / `kept_share` of them.
    """

    request_id: str
    provider_account: str
    dialect: str
    received_at_ms: int
    remote_address: str
    request_headers: dict[str, str]
    request_body: str
    response_status: int
    response_body: str
    verdict: str
    request_base64: bool = False
    response_base64: bool = False
    method: str = ""
    player: str = ""
    external_id: str = ""
    result: str = ""
    diagnosis: str = ""
    verify_us: int = 0
    parse_us: int = 0
    wallet_us: int = 0
    total_us: int = 0
    command_id: str = ""
    kind: str = ""
    keys: tuple[CommandKey, ...] = ()
    finding: str = ""
    finding_facts: str = ""
    kept_share: float = 1.0
    schema: int = SCHEMA
