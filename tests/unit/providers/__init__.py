"""Unit tests of the dialects: wire bytes in, plain values out."""
