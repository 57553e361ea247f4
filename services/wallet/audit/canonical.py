"""The texts that seals are made of: the same bytes for everybody who computes a root (docs/books.md). Pure.

All lines are UTF-8 and end with a line feed; lists are sorted by the bytes of their lines' names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.wallet.decisions.model import GENESIS

FORMAT: Final = "stakewire seal 1"
NOTHING: Final = "-"
"""In place of balances where a player has no account."""


class Head(Struct, frozen=True):
    """Where a player's chain stood when it was sealed; `balances` as `balances_text` writes them."""

    player: str
    seq: int
    hash: str
    balances: str


class Account(Struct, frozen=True, order=True):
    """The sum of one account, in units: what came in less what went out. `account` is `player` for all players together."""

    account: str
    brand: str
    currency: str
    units: int


class Seal(Struct, frozen=True, kw_only=True):
    """One seal, as it is handed out: its own line of JSON is enough to compute `root` again.

    `heads` and `accounts` are the digests of the heads and of the accounts' sums, `operations` counts those of all
    players, `previous_root` is the root of the seal before (zeros before the first), `sealed_at` is UTC.
    """

    seal: int
    sealed_at: str
    players: int
    operations: int
    heads: str
    accounts: str
    previous_root: str = GENESIS
    root: str = ""


def balances_text(balances: Mapping[str, int]) -> str:
    """Balances in units by currency as `EUR=500,USD=0`."""
    return ",".join(f"{currency}={balances[currency]}" for currency in sorted(balances)) or NOTHING


def balances_of(text: str) -> dict[str, int]:
    """What `balances_text` wrote."""
    if text == NOTHING:
        return {}
    return {currency: int(units) for currency, _, units in (part.partition("=") for part in text.split(","))}


class HeadsDigest:
    """SHA-256 over the heads of all players, fed in the order of their keys' bytes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.players = 0
        self.operations = 0

    def feed(self, heads: Iterable[Head]) -> None:
        """The next heads, in order."""
        for head in heads:
            self._digest.update(f"{head.player} {head.seq} {head.hash} {head.balances}\n".encode())
            self.players += 1
            self.operations += head.seq

    def hex(self) -> str:
        """The digest of all that was fed."""
        return self._digest.hexdigest()


def accounts_digest(accounts: Iterable[Account]) -> str:
    """SHA-256 over the accounts' sums."""
    lines = [f"{each.account} {each.brand} {each.currency} {each.units}\n".encode() for each in sorted(accounts)]
    return hashlib.sha256(b"".join(lines)).hexdigest()


def text_of(seal: Seal) -> str:
    """The canonical text of a seal: what its root is the SHA-256 of."""
    return (
        f"{FORMAT}\nnumber {seal.seal}\nsealed_at {seal.sealed_at}\nplayers {seal.players}\noperations {seal.operations}\n"
        f"heads {seal.heads}\naccounts {seal.accounts}\nprevious {seal.previous_root}\n"
    )


def root_of(seal: Seal) -> str:
    """The root that the seal's content gives."""
    return hashlib.sha256(text_of(seal).encode()).hexdigest()


def with_root(seal: Seal) -> Seal:
    """The seal with its root."""
    return replace(seal, root=root_of(seal))


def wrong_with(seals: Iterable[Seal]) -> list[tuple[int, str]]:
    """What does not fit in the chain of all seals, from the first: (number of the seal, in words)."""
    found: list[tuple[int, str]] = []
    number, root = 0, GENESIS
    for seal in seals:
        if seal.seal != number + 1:
            found.append((seal.seal, f"seal {seal.seal} follows seal {number}; they are numbered 1..n without a gap"))
        elif seal.previous_root != root:
            found.append((seal.seal, f"seal {seal.seal} names another root before it than that of seal {number}"))
        if root_of(seal) != seal.root:
            found.append((seal.seal, f"the root of seal {seal.seal} is not that of its content; something was changed afterwards"))
        number, root = seal.seal, seal.root
    return found
