"""Why a signed call was not believed: headers, their forms, the clock, and how the signature was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from shared.providers.diagnosis.budget import Budget
from shared.providers.diagnosis.finding import Note, shown
from shared.providers.dialect import Callback
from shared.providers.mascot.diagnosis import headers as h
from shared.providers.mascot.diagnosis.keyring import Keyring
from shared.providers.mascot.diagnosis.shapes import shapes_of
from shared.providers.mascot.diagnosis.signing import Claimed, Solved, solve
from shared.providers.mascot.signature import NONCE, SIGNATURE, SUBJECT, TIMESTAMP
from shared.settings.accounts import ProviderAccount

_HOUR_S: Final = 3_600
_PREFIX: Final = "casino:"


class Findings(msgspec.Struct, frozen=True):
    """What was found of the authentication, most important first; `fits` says that the signature is as it should be."""

    notes: tuple[Note, ...]
    fits: bool


class Authenticity:
    """The rules of one account in signature mode."""

    def __init__(self, account: ProviderAccount, others: Mapping[str, ProviderAccount], window_s: int) -> None:
        self._ring = Keyring(account, others)
        self._casino_id = account.settings.get("casino_id")
        self._casinos = {each.settings.get("casino_id"): name for name, each in others.items() if name != account.name}
        self._window_s = window_s

    def look(self, callback: Callback, at_s: float | None, *, thorough: bool = True) -> Findings:
        """What is wrong with the authentication of a call that came at `at_s` (None: nobody knows). No notes: nothing is."""
        gathered = h.gather(callback.headers)
        missing = h.missing_note(gathered, callback.headers)
        values = gathered.values
        stamp, stamp_note = h.read_timestamp(values[TIMESTAMP]) if TIMESTAMP in values else (None, None)
        nonce, nonce_note = h.read_nonce(values[NONCE]) if NONCE in values else (None, None)
        budget = Budget()
        solved = None
        can_try = stamp is not None and nonce is not None and SIGNATURE in values
        if thorough and can_try and stamp is not None and nonce is not None:
            shapes = shapes_of(values[SIGNATURE], self._ring.key_ids)
            solved = solve(shapes, Claimed(nonce, stamp, callback.body), self._ring, budget)
        renamed = h.renamed_note(gathered)
        if renamed is not None and solved is None:
            # Under another name they are only what they seem to be: the signature has not shown it.
            renamed = Note("header_missing", f"Headers are missing. {renamed.said}", renamed.evidence)
        subject = self._subject_note(values.get(SUBJECT), solved)
        skew = self._skew_note(stamp, at_s) if stamp is not None and stamp_note is None else None
        of_headers = [each for each in (renamed, missing, subject, stamp_note, nonce_note) if each is not None]
        if solved is not None:
            made = _notes_of(solved)
            if subject is not None and subject.code == "other_account":
                made = []
            notes = [*of_headers, *made, *([skew] if skew is not None else [])]
            return Findings(_with_verdict(notes, solved), not solved.remarks)
        if of_headers:
            return Findings((*of_headers, *([skew] if skew is not None else [])), fits=False)
        return Findings((self._mismatch(callback, skew, budget, thorough=thorough),), fits=False)

    def _subject_note(self, value: bytes | None, solved: Solved | None) -> Note | None:
        wanted = f"{_PREFIX}{self._casino_id}"
        if value is None or value == wanted.encode():
            return None
        text = value.decode("latin-1")
        stripped = text.strip().strip("\"'").lower().removeprefix("casino").lstrip(": =")
        if stripped == str(self._casino_id):
            return Note("subject_form", f"X-Subject is {shown(text)}; expected is {wanted!r}, in this very form.")
        named = (
            self._casinos.get(int(stripped))
            if stripped.isascii() and stripped.isdigit() and len(stripped) < len(str(2**63))
            else None
        )
        if named is not None and solved is not None and solved.account == named:
            said = f"The request is one for the provider account {named!r}, sent to the address of this one."
            return Note("other_account", said, (f"X-Subject {shown(text)} and the key are those of {named!r}.",))
        whose = f", the casino of the provider account {named!r}" if named is not None else ""
        return Note("subject_other_casino", f"X-Subject is {shown(text)}{whose}; expected is {wanted!r}.")

    def _skew_note(self, stamp: int, at_s: float | None) -> Note | None:
        if at_s is None or abs(at_s - stamp) <= self._window_s:
            return None
        off_s = round(at_s - stamp)
        side = "behind" if off_s > 0 else "ahead"
        said = f"The clock of the sender is {abs(off_s)} s {side}; {self._window_s} s are allowed."
        nearest = round(off_s / _HOUR_S)
        local = ""
        if nearest and abs(off_s - nearest * _HOUR_S) <= self._window_s // 2:
            local = (
                f"That is about {abs(nearest)} {'hour' if abs(nearest) == 1 else 'hours'}: local time may have been taken for UTC."
            )
        held = "Or the request was held back, or repeated with its old headers, for so long." if off_s > 0 else ""
        return Note("clock_skew", said, tuple(each for each in (local, held) if each))

    def _mismatch(self, callback: Callback, skew: Note | None, budget: Budget, *, thorough: bool) -> Note:
        said = "The signature fits none of the keys."
        late = skew.said if skew is not None else ""
        if not thorough:
            return Note("signature_mismatch", said).but("It was not looked into: too many like it came at once.", late)
        value = callback.headers.get(SIGNATURE, b"")
        if not shapes_of(value, self._ring.key_ids):
            held = f"X-Signature holds {len(value)} characters that are neither hex nor base64 of any usual length."
            return Note("signature_unreadable", "X-Signature holds no signature.", (held,)).but(late)
        tried = (
            f"{budget.used} other ways to make it were tried and none of them fits: other keys of this configuration, keys in other"
            " forms, other packings of nonce and timestamp, the same document written otherwise, other algorithms."
        )
        left = "So the key itself is another one, or the body, the nonce or the timestamp was changed on the way."
        return Note("signature_mismatch", said, (tried, left)).but(late)


def _notes_of(solved: Solved) -> list[Note]:
    """One note: the remark that comes first, with the others as its evidence."""
    if not solved.remarks:
        return []
    (code, said), *more = solved.remarks
    key = (
        f"Under this assumption the signature fits the key {solved.key_id!r}."
        if solved.key_id
        else "Under this assumption it fits."
    )
    return [Note(code, said, (*(each for _, each in more), key))]


def _with_verdict(notes: list[Note], solved: Solved) -> tuple[Note, ...]:
    """Where only something beside the signature is wrong, it is said that the signature itself is right."""
    if not notes or solved.remarks:
        return tuple(notes)
    return (notes[0].but("The signature itself is right."), *notes[1:])
