"""The keys with which a call may have been signed: ours under another id, another account's, or ours in a wrong form."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from shared.providers.mascot.diagnosis.shapes import Remark
from shared.settings.accounts import ProviderAccount


class KeyGuess(msgspec.Struct, frozen=True):
    """A key to try. `remark` is None for the right one; `account` names another provider account whose key it is."""

    key_id: str
    secret: bytes
    remark: Remark | None = None
    account: str = ""

    def __repr__(self) -> str:
        """Without the key."""
        return f"KeyGuess({self.key_id!r}, {self.account!r})"


class Keyring:
    """The keys of one account and of the others of its dialect."""

    def __init__(self, account: ProviderAccount, others: Mapping[str, ProviderAccount]) -> None:
        self._own = dict(account.keys)
        self._others = {name: dict(each.keys) for name, each in others.items() if name != account.name}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the account's own keys."""
        return tuple(self._own)

    def right(self, named: str) -> list[KeyGuess]:
        """The key that is named; where none of ours is, all of them: which one fits says which id belongs there."""
        wanted = [named] if named in self._own else list(self._own)
        return [KeyGuess(key_id, self._own[key_id]) for key_id in wanted]

    def mixed_up(self, named: str) -> list[KeyGuess]:
        """Other keys of this account, and those of other accounts."""
        guesses = [
            KeyGuess(
                key_id,
                secret,
                ("key_id_mixed_up", f"The signature fits the key {key_id!r} of this account, while X-Signature names {named!r}."),
            )
            for key_id, secret in self._own.items()
            if named in self._own and key_id != named
        ]
        for account, keys in self._others.items():
            for key_id, secret in keys.items():
                said = f"The signature fits the key {key_id!r} of the provider account {account!r}, not one of this account."
                guesses.append(KeyGuess(key_id, secret, ("key_of_other_account", said), account))
        return guesses

    def misread(self, named: str) -> list[KeyGuess]:
        """The account's keys in wrong forms, the named one first."""
        guesses = []
        for key_id in sorted(self._own, key=lambda each: each != named):
            guesses += [KeyGuess(key_id, secret, remark) for secret, remark in _misread(self._own[key_id])]
        return [*guesses, KeyGuess("", b"", ("key_empty", "The signature was made with an empty key."))]


def _misread(secret: bytes) -> Iterator[tuple[bytes, Remark]]:
    for end, what in ((b"\n", "a line break (LF)"), (b"\r\n", "a line break (CR LF)"), (b" ", "a blank"), (b"\0", "a zero byte")):
        yield secret + end, ("key_whitespace", f"The key was used with {what} behind it.")
    yield b" " + secret, ("key_whitespace", "The key was used with a blank before it.")
    yield b'"' + secret + b'"', ("key_whitespace", "The key was used with quotation marks around it.")
    for read, what in ((bytes.fromhex, "hexadecimal"), (_from_base64, "base64")):
        try:
            decoded = read(secret.decode("ascii"))
        except (ValueError, binascii.Error):
            continue
        yield decoded, ("key_encoding", f"The key was decoded from {what} before it was used; its text itself is the key.")
    for text, what in (
        (secret.hex().encode(), "hexadecimal text"),
        (secret.hex().upper().encode(), "hexadecimal text in capitals"),
        (base64.b64encode(secret), "base64 text"),
    ):
        yield text, ("key_encoding", f"The {what} of the key was used as the key; the key itself is expected.")
    yield hashlib.sha256(secret).digest(), ("key_encoding", "The SHA-256 of the key was used as the key.")


def _from_base64(text: str) -> bytes:
    plain = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
