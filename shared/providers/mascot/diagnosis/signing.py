"""The search for how a signature that does not fit was made. A hypothesis counts only if the signature fits under it.

One deviation at a time first, then two, the likeliest first, within the budget. Nothing that was computed leaves this module.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from shared.providers.diagnosis.bodies import Form, forms_of
from shared.providers.diagnosis.budget import PAIR_BODY_BYTES_MAX, Budget
from shared.providers.mascot.diagnosis import packing
from shared.providers.mascot.diagnosis.keyring import KeyGuess, Keyring
from shared.providers.mascot.diagnosis.shapes import ALGORITHMS, Remark, Shape

RIGHT_ALGORITHM: Final = "sha256"
PAIR_FORMS: Final = 16
PAIR_PACKINGS: Final = 14
ORDER: Final = (
    "key_of_other_account", "key_id_mixed_up", "key_empty", "key_encoding", "key_whitespace", "nonce_cut", "nonce_rounded",
    "nonce_packing", "timestamp_packing", "byte_order", "packed_as_text", "packing_order", "packing_position", "packing_left_out",
    "body_left_out", "body_charset", "body_key_order", "body_escaping", "body_spacing", "body_line_ends", "body_trailing_newline",
    "signature_no_hmac", "signature_algorithm", "signature_form", "signature_prefix", "key_id_case", "key_id_missing",
    "key_id_unknown", "signature_cut", "signature_encoding", "signature_case",
)  # fmt: skip
"""Of several remarks, the first here gives the finding its code; the others are evidence."""


class Claimed(NamedTuple):
    """The values that were signed, as the headers have them."""

    nonce: int
    stamp: int
    body: bytes


class Solved(msgspec.Struct, frozen=True):
    """How the signature was made: empty `remarks` = as the protocol says. `account` is another one whose key it is."""

    key_id: str
    remarks: tuple[Remark, ...]
    account: str = ""


class _Guess(NamedTuple):
    key: KeyGuess
    message: bytes
    remarks: tuple[Remark, ...] = ()
    plain: Callable[[str, bytes, bytes], bytes] | None = None


def solve(shapes: list[Shape], claimed: Claimed, ring: Keyring, budget: Budget) -> Solved | None:
    """How the signature was made; None where none of the hypotheses fits or the budget is spent."""
    for shape in shapes:
        for guess in _guesses(shape, claimed, ring):
            if not budget.take():
                return None
            if _fits(shape, guess):
                return _solved(shape, guess)
    return None


def _solved(shape: Shape, guess: _Guess) -> Solved:
    remarks = list(guess.remarks)
    if guess.key.remark is not None:
        remarks.append(guess.key.remark)
    algorithm = RIGHT_ALGORITHM if shape.cut else ALGORITHMS[len(shape.mac)]
    if guess.plain is not None:
        said = f"The signature is a plain {_name(algorithm)} over key and message; HMAC-SHA256 is expected."
        remarks.append(("signature_no_hmac", said))
    elif algorithm != RIGHT_ALGORITHM:
        remarks.append(("signature_algorithm", f"The signature was computed with HMAC-{_name(algorithm, dash=False)}."))
    for code, said in shape.remarks:
        fits = f" It fits the key {guess.key.key_id!r}." if code in ("key_id_unknown", "key_id_missing", "signature_prefix") else ""
        remarks.append((code, said + fits))
    remarks.sort(key=lambda each: ORDER.index(each[0]))
    return Solved(guess.key.key_id, tuple(remarks), guess.key.account)


def _name(algorithm: str, *, dash: bool = True) -> str:
    return algorithm.upper().replace("SHA", "SHA-") if dash else algorithm.upper()


def _guesses(shape: Shape, claimed: Claimed, ring: Keyring) -> Iterator[_Guess]:
    rights, mixed, misread = ring.right(shape.key_id), ring.mixed_up(shape.key_id), ring.misread(shape.key_id)
    message = packing.right(*claimed)
    yield from (_Guess(key, message) for key in (*rights, *mixed, *misread))
    if shape.cut:
        return
    for key in rights:
        yield from (_Guess(key, other, (remark,)) for other, remark in packing.others(*claimed))
    forms = list(forms_of(claimed.body))
    for form in forms:
        yield from (_Guess(key, _with_body(claimed, form), _of_form(form)) for key in rights)
    for key in rights:
        for plain, text in _plains(claimed, message):
            yield _Guess(key, text, plain=plain)
    if len(claimed.body) <= PAIR_BODY_BYTES_MAX:
        yield from _pairs(claimed, rights, [*mixed, *misread], forms[:PAIR_FORMS])


def _pairs(claimed: Claimed, rights: list[KeyGuess], wrongs: list[KeyGuess], forms: list[Form]) -> Iterator[_Guess]:
    """Two deviations at once."""
    for key in wrongs:
        for other, remark in islice(packing.others(*claimed), PAIR_PACKINGS):
            yield _Guess(key, other, (remark,))
    for key in wrongs:
        yield from (_Guess(key, _with_body(claimed, form), _of_form(form)) for form in forms)
    for key in rights:
        for form in forms:
            for other, remark in islice(packing.others(claimed.nonce, claimed.stamp, form.body), PAIR_PACKINGS):
                yield _Guess(key, other, (remark, *_of_form(form)))


def _with_body(claimed: Claimed, form: Form) -> bytes:
    return packing.right(claimed.nonce, claimed.stamp, form.body)


def _of_form(form: Form) -> tuple[Remark, ...]:
    return tuple((code, f"The body was {note}.".replace("was and", "was signed")) for code, note in form.notes)


def _plains(claimed: Claimed, message: bytes) -> Iterator[tuple[Callable[[str, bytes, bytes], bytes], bytes]]:
    for text in (message, claimed.body):
        yield _key_first, text
        yield _key_last, text
        yield _key_nowhere, text


def _key_first(algorithm: str, key: bytes, message: bytes) -> bytes:
    return hashlib.new(algorithm, key + message, usedforsecurity=False).digest()


def _key_last(algorithm: str, key: bytes, message: bytes) -> bytes:
    return hashlib.new(algorithm, message + key, usedforsecurity=False).digest()


def _key_nowhere(algorithm: str, _: bytes, message: bytes) -> bytes:
    return hashlib.new(algorithm, message, usedforsecurity=False).digest()


def _fits(shape: Shape, guess: _Guess) -> bool:
    algorithm = RIGHT_ALGORITHM if shape.cut else ALGORITHMS[len(shape.mac)]
    if guess.plain is not None:
        made = guess.plain(algorithm, guess.key.secret, guess.message)
    else:
        made = hmac.digest(guess.key.secret, guess.message, algorithm)
    return hmac.compare_digest(made[: len(shape.mac)] if shape.cut else made, shape.mac)
