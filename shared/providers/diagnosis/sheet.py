"""The sheet on which an examination is written down: what was looked at, and what was found. The same for every provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.providers.diagnosis.doctor import Check, Examination
from shared.providers.diagnosis.finding import Note, Scrubber, Words


class Sheet:
    """One examination."""

    def __init__(self, scrubber: Scrubber, words: Mapping[str, Words]) -> None:
        self._scrubber = scrubber
        self._words = words
        self._found: list[Note] = []
        self._checks: list[Check] = []

    def told(self, name: str, notes: Sequence[Note], ok: str) -> bool:
        """Writes down what came of one check; `ok` is what is said where nothing was found. Says whether all was well."""
        self._found.extend(notes)
        said = notes[0].said if notes else ok
        self._checks.append(Check(name, "failed" if notes else "ok", self._scrubber.clean(said)))
        return not notes

    def skipped(self, name: str, why: str) -> None:
        """Writes down what was not looked at."""
        self._checks.append(Check(name, "skipped", self._scrubber.clean(why)))

    def examination(self) -> Examination:
        """What came of it all."""
        return Examination(tuple(self._scrubber.finding(each, self._words) for each in self._found), tuple(self._checks))
