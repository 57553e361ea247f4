"""The doctor: why a callback failed, what proves it, and what its sender must change. Pure: no clock, no I/O, no wallet.

What all providers share lies here; the rules of a provider lie in its folder, `shared/providers/<name>/diagnosis`.
"""

from shared.providers.diagnosis.compare import fields_that_differ, similar_ids
from shared.providers.diagnosis.doctor import Check, Doctor, Examination, Seen, Stage
from shared.providers.diagnosis.finding import Finding, encode_finding

__all__ = ["Check", "Doctor", "Examination", "Finding", "Seen", "Stage", "encode_finding", "fields_that_differ", "similar_ids"]
