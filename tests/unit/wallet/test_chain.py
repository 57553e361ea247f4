"""The hash chain and the events: by the documented rule, byte for byte the same whenever they are made."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.wallet.chain import event_of, seal, verify_link
from services.wallet.decisions import model
from services.wallet.decisions.model import GENESIS
from shared import contracts
from shared.contracts import codec
from tests.unit.wallet import chain_rule
from tests.unit.wallet.builders import EUR, HOUSE, NOW, moved, stored

CANONICAL = (
    '{"player":"yq56eglbosaurqen","seq":2,"provider_account":"mascot-demo","namespace":"tx","external_id":"1:UOwGgNHPgq3OkqRE",'
    '"kind":"bet_and_win","status":"applied","occurred_at_ms":1800000000000,"gaming_day":"2027-01-15","brand":"main","currency":"EUR",'
    '"stake":400000,"win":200000,"round_id":"1wawxl:39","game_id":"riot","game_state":"live","balance_after":9800000,"movements":['
    '{"debit_account":"player","credit_account":"provider:mascot-demo","amount":400000,"currency":"EUR","balance_after":9600000},'
    '{"debit_account":"provider:mascot-demo","credit_account":"player","amount":200000,"currency":"EUR","balance_after":9800000}]}'
)
BEFORE = "00" * 31 + "01"
DIGEST = "b80dc835259e5f0ca05de0a25c6e7e843de00a845e9ad852ccb2b35a68cb74d6"
"""Of BEFORE and CANONICAL, by sha256sum."""

OPERATION = stored(
    "bet_and_win",
    seq=2,
    external_id="1:UOwGgNHPgq3OkqRE",
    occurred_at_ms=NOW,
    stake=4 * EUR,
    win=2 * EUR,
    round_id="1wawxl:39",
    game_state="live",
    balance_after=98 * EUR,
    movements=(moved("player", HOUSE, 4 * EUR, 96 * EUR), moved(HOUSE, "player", 2 * EUR, 98 * EUR)),
)

amounts = st.integers(0, 2**63 - 1)
movements = st.builds(
    model.Movement, debit_account=st.text(), credit_account=st.text(), amount=amounts, currency=st.text(), balance_after=amounts
)
FIELD_VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text() | st.sampled_from(["OK", ',"previous_hash":"x"', '"}', "\\", "\x00\x1f\x7f", "é\u2028😀", "</script>"]),
    int: st.integers(-(2**63), 2**63 - 1),
    bool: st.booleans(),
    tuple[model.Movement, ...]: st.lists(movements, max_size=3).map(tuple),
}
HASHES = ("previous_hash", "hash")
operations = st.builds(
    model.Operation,
    **{field.name: FIELD_VALUES[field.type] for field in msgspec.structs.fields(model.Operation) if field.name not in HASHES},
)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)


def sealed(before: str, operation: model.Operation) -> tuple[model.Operation, bytes]:
    """The operation as it is stored, and its event."""
    digest, event = seal(before, operation)
    return replace(operation, previous_hash=before, hash=digest), event


@pytest.mark.parametrize(
    ("struct", "contract"), [(model.Operation, contracts.OperationRecorded), (model.Movement, contracts.Movement)]
)
def test_the_ledgers_values_have_the_fields_and_defaults_of_the_contract(struct: type[msgspec.Struct], contract: type) -> None:
    ours = [(field.name, MISSING if field.required else field.default) for field in msgspec.structs.fields(struct)]
    assert ours == [(field.name, field.default) for field in fields(contract)]


def test_the_rule_gives_what_other_tools_give() -> None:
    digest, event = seal(BEFORE, OPERATION)
    assert event.decode() == f'{CANONICAL[:-1]},"previous_hash":"{BEFORE}","hash":"{DIGEST}"}}'
    assert digest == DIGEST
    assert chain_rule.check_link(event, BEFORE)["seq"] == 2


@given(hashes, operations)
def test_any_consumer_can_check_an_event_by_its_own_text(before: str, operation: model.Operation) -> None:
    _, event = seal(before, operation)
    chain_rule.check_link(event, before)


@given(hashes, operations)
def test_an_event_is_the_operation(before: str, operation: model.Operation) -> None:
    stored_, event = sealed(before, operation)
    told = codec.decode_event(event)
    for field in msgspec.structs.fields(model.Operation):
        if field.name != "movements":
            assert getattr(told, field.name) == getattr(stored_, field.name)
    assert [msgspec.structs.astuple(item) for item in stored_.movements] == [
        tuple(getattr(item, field.name) for field in fields(item)) for item in told.movements
    ]


@given(hashes, operations)
def test_an_event_made_again_is_the_same_byte_for_byte(before: str, operation: model.Operation) -> None:
    stored_, event = sealed(before, operation)
    # As it comes back from the ledger: other objects with the same values.
    read = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(stored_)), type=model.Operation)
    for each in (stored_, read):
        assert event_of(each) == event
        assert verify_link(before, each)


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(model.Operation) if field.name not in HASHES])
def test_a_change_of_any_field_breaks_the_chain(name: str) -> None:
    stored_, _ = sealed(BEFORE, OPERATION)
    value = getattr(stored_, name)
    changed = () if name == "movements" else not value if isinstance(value, bool) else value + type(value)(1)
    assert not verify_link(BEFORE, replace(stored_, **{name: changed}))


def test_another_predecessor_breaks_the_chain() -> None:
    stored_, _ = sealed(BEFORE, OPERATION)
    assert verify_link(BEFORE, stored_)
    assert not verify_link(GENESIS, stored_)


def test_fields_at_their_default_are_left_out() -> None:
    _, event = seal(GENESIS, stored("end_round", currency="", round_id="", game_id="", balance_after=0))
    assert sorted(json.loads(event)) == [
        "brand", "external_id", "gaming_day", "hash", "kind", "namespace", "occurred_at_ms", "player", "previous_hash",
        "provider_account", "seq", "status",
    ]  # fmt: skip


def test_a_chain_by_the_rule() -> None:
    raws, head = [], chain_rule.GENESIS
    for seq in (1, 2, 3):
        head, event = seal(head, replace(OPERATION, seq=seq, external_id=f"t{seq}"))
        raws.append(event)
    assert [event["seq"] for event in chain_rule.check_chain(raws)] == [1, 2, 3]
    for broken in (
        raws[1:],
        [raws[0], raws[2]],
        [raws[0], raws[0]],
        [raws[0], raws[1].replace(b'"stake":4', b'"stake":5'), raws[2]],
    ):
        with pytest.raises(AssertionError):
            chain_rule.check_chain(broken)
