"""Who may call our interfaces: access keys with scopes, bound to a brand; and the record of what was changed by hand."""

from shared.access.audit import AuditEntry, Change, audit_as_of, read_audit, write_audit
from shared.access.errors import AccessError, AccessUnavailableError, KeyNotFoundError, KeyRefusedError
from shared.access.keys import SCOPES, ApiKey, hash_token, new_key_id, new_token
from shared.access.ring import KeyRing, RingLimits
from shared.access.store import ROLE, KeyStore, NewKey

__all__ = [
    "ROLE",
    "SCOPES",
    "AccessError",
    "AccessUnavailableError",
    "ApiKey",
    "AuditEntry",
    "Change",
    "KeyNotFoundError",
    "KeyRefusedError",
    "KeyRing",
    "KeyStore",
    "NewKey",
    "RingLimits",
    "audit_as_of",
    "hash_token",
    "new_key_id",
    "new_token",
    "read_audit",
    "write_audit",
]
