"""Traces of single bets across all services: off by default, and then nothing of OpenTelemetry is even imported.

Whoever makes spans holds a `Tracer`, or None where tracing is off: that comparison is all that a bet pays then. A trace
never decides anything, and what cannot be sent to the collector is dropped. docs/tracing.md has the picture.
"""

from shared.tracing.parents import HEADER, Parent, parse_traceparent, sampled_parent
from shared.tracing.switch import tracing

__all__ = ["HEADER", "Parent", "parse_traceparent", "sampled_parent", "tracing"]
