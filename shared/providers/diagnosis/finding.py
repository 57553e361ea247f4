"""What a diagnosis says, in an integrator's words. Values only; no secret ever enters one (`Scrubber`)."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

Severity = Literal["error", "warning", "info"]
EVIDENCE_MAX: Final = 8
TEXT_CHARS_MAX: Final = 600
SHOWN_CHARS_MAX: Final = 64
HIDDEN: Final = "(hidden)"
_SECRET_CHARS_MIN: Final = 6
_SECRET_BEGINNING_CHARS: Final = 12


class Finding(msgspec.Struct, frozen=True):
    """One diagnosis.

    `code` is stable and groups like with like; `said` is what is wrong in this case, `evidence` what shows it, `advice` what
    the sender changes, `rule` what the protocol says. `info` is worth knowing, no failure.
    """

    code: str
    title: str
    severity: Severity
    said: str
    evidence: tuple[str, ...]
    advice: str
    rule: str


class Note(msgspec.Struct, frozen=True):
    """A finding before its words: the code, what is wrong here, and what shows it."""

    code: str
    said: str
    evidence: tuple[str, ...] = ()

    def but(self, *evidence: str) -> Note:
        """The same with more evidence."""
        return Note(self.code, self.said, (*self.evidence, *(each for each in evidence if each)))


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a code wherever it is found."""

    title: str
    advice: str
    rule: str
    severity: Severity = "error"


def load_words(path: Path) -> dict[str, Words]:
    """The words of a provider's codes, from a TOML file with a table for each."""
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), dict[str, Words])


class Scrubber:
    """Takes what must not be shown out of a text: every key of the configuration, in each form in which it may be written."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SECRET_CHARS_MIN}
        self._forms = sorted(forms, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """The text without secrets, of bounded length, on one line."""
        text = "".join(each if each.isprintable() else "\ufffd" for each in text)
        for form in self._forms:
            text = _without(text, form)
        return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "\u2026"

    def finding(self, note: Note, words: Mapping[str, Words]) -> Finding:
        """A note with the words of its code."""
        known = words[note.code]
        evidence = tuple(self.clean(each) for each in note.evidence[:EVIDENCE_MAX])
        return Finding(note.code, known.title, known.severity, self.clean(note.said), evidence, known.advice, known.rule)


def encode_finding(finding: Finding) -> str:
    """A finding as the JSON text that the archive keeps."""
    return msgspec.json.encode(finding).decode()


def shown(text: str | bytes) -> str:
    """A text from the wire as it may stand in a sentence: quoted, short."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return repr(text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 1] + "\u2026")


def _without(text: str, form: str) -> str:
    """The text without the form, and without the beginning of it where it was cut short."""
    start = form[:_SECRET_BEGINNING_CHARS]
    at = text.find(start)
    while at >= 0:
        end = at + len(start)
        while end < len(text) and end - at < len(form) and text[end] == form[end - at]:
            end += 1
        text = text[:at] + HIDDEN + text[end:]
        at = text.find(start, at + len(HIDDEN))
    return text


def _forms(secret: bytes) -> set[str]:
    return {
        secret.decode("latin-1"),
        secret.hex(),
        secret.hex().upper(),
        base64.b64encode(secret).decode().rstrip("="),
        base64.urlsafe_b64encode(secret).decode().rstrip("="),
    }
