"""Unit tests of the Mascot dialect."""
