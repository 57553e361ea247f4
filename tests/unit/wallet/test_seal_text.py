"""The canonical text of a seal by its document, and the chain of seals."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from services.wallet.audit.canonical import (
    Account,
    Head,
    HeadsDigest,
    Seal,
    accounts_digest,
    balances_of,
    balances_text,
    root_of,
    with_root,
    wrong_with,
)

FIRST = with_root(Seal(seal=1, sealed_at="2026-03-01T00:00:00.000Z", players=2, operations=9, heads="aa" * 32, accounts="bb" * 32))
SECOND = with_root(replace(FIRST, seal=2, previous_root=FIRST.root))
THIRD = with_root(replace(FIRST, seal=3, previous_root=SECOND.root))


def test_the_root_is_the_digest_of_the_documented_lines() -> None:
    text = (
        "stakewire seal 1\nnumber 1\nsealed_at 2026-03-01T00:00:00.000Z\nplayers 2\noperations 9\n"
        f"heads {'aa' * 32}\naccounts {'bb' * 32}\nprevious {'00' * 32}\n"
    )
    assert FIRST.root == hashlib.sha256(text.encode()).hexdigest()


def test_the_digests_are_those_of_the_documented_lines() -> None:
    digest = HeadsDigest()
    digest.feed([Head("a2", 3, "11" * 32, "EUR=5,USD=-1")])
    digest.feed([Head("b", 4, "22" * 32, "-")])
    text = f"a2 3 {'11' * 32} EUR=5,USD=-1\nb 4 {'22' * 32} -\n"
    assert (digest.hex(), digest.players, digest.operations) == (hashlib.sha256(text.encode()).hexdigest(), 2, 7)
    accounts = [Account("player", "main", "EUR", 5), Account("cash", "main", "USD", 0), Account("cash", "main", "EUR", -5)]
    lines = "cash main EUR -5\ncash main USD 0\nplayer main EUR 5\n"
    assert accounts_digest(accounts) == hashlib.sha256(lines.encode()).hexdigest()


@given(st.dictionaries(st.from_regex(r"[A-Z0-9]{2,8}", fullmatch=True), st.integers(-(2**63), 2**63 - 1)))
def test_balances_come_back_from_their_text(balances: dict[str, int]) -> None:
    assert balances_of(balances_text(balances)) == balances


def test_a_chain_of_seals() -> None:
    assert wrong_with([]) == []
    assert wrong_with([FIRST, SECOND, THIRD]) == []
    for broken in (
        [SECOND, THIRD],
        [FIRST, THIRD],
        [FIRST, FIRST],
        [FIRST, replace(SECOND, players=3), THIRD],
        [THIRD, SECOND, FIRST],
    ):
        assert wrong_with(broken)
    # One made anew fits itself, but not its successor.
    anew = with_root(replace(SECOND, players=3))
    assert [number for number, _ in wrong_with([FIRST, anew, THIRD])] == [3]


@pytest.mark.parametrize("name", [each.name for each in fields(Seal) if each.name != "root"])
def test_every_field_is_under_the_root(name: str) -> None:
    value = getattr(FIRST, name)
    assert root_of(replace(FIRST, **{name: value + type(value)(1)})) != FIRST.root
