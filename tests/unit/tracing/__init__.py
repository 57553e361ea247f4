"""Traces: headers, spans, the way out."""
