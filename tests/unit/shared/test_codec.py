"""Every contract over the wire and back; what readers of another version, and readers of rubbish, may rely on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared import contracts
from shared.contracts import (
    CallbackRecord,
    Command,
    DeadLetter,
    GetGrant,
    GrantPage,
    GrantView,
    MoneyCommand,
    OperationPage,
    OperationRecorded,
    PlayCommand,
    PlayerQuery,
    PlayerView,
    Reply,
    ReplyBundle,
    SessionPage,
    SessionView,
    SwitchSet,
    codec,
)
from shared.contracts.replies import RESULTS, Result
from shared.errors import ContractError
from tests.unit.shared.values import values_of

READERS: dict[type, Callable[[bytes], Any]] = {
    **dict.fromkeys(codec.COMMAND_CLASSES.values(), codec.decode_command),
    ReplyBundle: codec.decode_replies,
    OperationRecorded: codec.decode_event,
    CallbackRecord: codec.decode_callback,
    DeadLetter: codec.decode_dead_letter,
    SwitchSet: codec.decode_switch,
}
VIEWS = (PlayerView, SessionView, GrantView, SessionPage, GrantPage, OperationPage)
CONTRACTS = [pytest.param(cls, read, id=cls.__name__) for cls, read in READERS.items()]
FEW = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BET = {"kind": "bet", "command_id": "c1", "player": "p", "provider_account": "a", "namespace": "tx", "external_id": "1", "stake": 5}


def _default_of(field: Field[Any]) -> Any:
    """What a field is where nothing is said, MISSING where something must be."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def raw(**fields_: Any) -> bytes:
    return json.dumps({**BET, **fields_}).encode()


@pytest.mark.parametrize(("cls", "read"), CONTRACTS)
@FEW
@given(data=st.data())
def test_every_value_comes_back_as_it_was(cls: type, read: Callable[[bytes], Any], data: st.DataObject) -> None:
    value = data.draw(values_of(cls))
    assert read(codec.encode(value)) == value


@pytest.mark.parametrize(("cls", "read"), CONTRACTS)
@FEW
@given(data=st.data())
def test_fields_of_a_later_version_are_ignored(cls: type, read: Callable[[bytes], Any], data: st.DataObject) -> None:
    value = data.draw(values_of(cls))
    later = {"later": {"a": [1, None, 2.5]}, **json.loads(codec.encode(value)), "more": "x"}
    assert read(json.dumps(later).encode()) == value


@pytest.mark.parametrize(("cls", "read"), CONTRACTS)
@FEW
@given(data=st.data())
def test_fields_with_a_default_may_be_left_out(cls: type, read: Callable[[bytes], Any], data: st.DataObject) -> None:
    value = data.draw(values_of(cls))
    needed = {field.name for field in fields(cls) if _default_of(field) is MISSING} | {"kind"}
    found = read(json.dumps({name: each for name, each in json.loads(codec.encode(value)).items() if name in needed}).encode())
    for field in fields(cls):
        assert getattr(found, field.name) == (getattr(value, field.name) if field.name in needed else _default_of(field))


@pytest.mark.parametrize(("cls", "read"), CONTRACTS)
@FEW
@given(data=st.data())
def test_a_needed_field_that_is_missing_or_of_another_type_is_refused(
    cls: type, read: Callable[[bytes], Any], data: st.DataObject
) -> None:
    value = json.loads(codec.encode(data.draw(values_of(cls))))
    needed = sorted(field.name for field in fields(cls) if _default_of(field) is MISSING)
    name = data.draw(st.sampled_from(needed))
    without = {key: each for key, each in value.items() if key != name}
    for broken in (without, {**value, name: None}, {**value, name: 1.5}, {**value, name: [[]]}):
        with pytest.raises(ContractError, match=rf"{name}\b"):
            read(json.dumps(broken).encode())


def test_every_command_is_known_by_its_kind() -> None:
    public = {each for each in vars(contracts).values() if isinstance(each, type) and issubclass(each, Command)}
    assert set(codec.COMMAND_CLASSES.values()) == public - {Command, PlayCommand, MoneyCommand, PlayerQuery}
    for kind, cls in codec.COMMAND_CLASSES.items():
        assert {field.name: field.default for field in fields(cls)}["kind"] == kind


def test_a_kind_of_a_newer_version_says_what_to_do_and_whom_to_answer() -> None:
    with pytest.raises(
        codec.UnknownKindError, match=r"'jackpot_spin'.*known are activate_session.*Upgrade the wallet before"
    ) as caught:
        codec.decode_command(raw(kind="jackpot_spin", caller="gateway-1", reply_partition=3))
    assert caught.value.header == codec.Header(
        kind="jackpot_spin", command_id="c1", player="p", caller="gateway-1", reply_partition=3
    )


RUBBISH = {
    "nothing": b"",
    "no JSON": b"bet 5",
    "half of it": raw()[:-3],
    "two values": raw() + b"{}",
    "an array": b"[]",
    "null": b"null",
    "bytes that are no UTF-8": raw(external_id="X").replace(b"X", b"\xff"),
    "a surrogate in UTF-8": raw(external_id="X").replace(b"X", b"\xed\xa0\x80"),
    "half of a surrogate pair": raw(external_id="X").replace(b"X", rb"\ud800"),
    "a surrogate pair turned round": raw(external_id="X").replace(b"X", rb"\udc00\ud800"),
    "a fraction for an amount": raw(stake=1.5),
    "an amount in words": raw(stake="5"),
    "true for an amount": raw(stake=True),
    "a kind that is no text": raw(kind=1),
}


@pytest.mark.parametrize("before", [b'"items":[{"kind":"bet"}],', b'"facts":{"kind":"bet"},', b""])
def test_a_record_that_does_not_say_its_own_kind_is_no_bet(before: bytes) -> None:
    """It has all that a bet needs, and something in it is called one: money moves only where the command itself says so."""
    said = b'"command_id":"c","player":"p","provider_account":"a","namespace":"tx","external_id":"t","stake":5'
    with pytest.raises(codec.UnknownKindError):
        codec.decode_command(b"{" + before + said + b"}")
    # The kind may stand anywhere, as JSON has it.
    assert codec.decode_command(b"{" + before + said + b',"kind":"bet"}').kind == "bet"


@pytest.mark.parametrize("record", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_is_no_command(record: bytes) -> None:
    with pytest.raises(ContractError):
        codec.decode_command(record)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@FEW
@given(data=st.data())
def test_what_a_query_finds_comes_back_as_it_was(view: type, data: st.DataObject) -> None:
    found = data.draw(values_of(view))
    bundle = ReplyBundle(replies=(Reply(command_id="c1", caller="api", result="OK", data=codec.encode(found).decode()),))
    (reply,) = codec.decode_replies(codec.encode(bundle)).replies
    assert codec.decode_view(view, reply) == found


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("rubbish", ["", "{}", "[]", "null", "{"])
def test_rubbish_is_no_answer_to_a_query(view: type, rubbish: str) -> None:
    with pytest.raises(ContractError, match=rf"^not a {view.__name__}"):
        codec.decode_view(view, Reply(command_id="c1", caller="api", result="OK", data=rubbish))


def test_a_query_names_no_key() -> None:
    query = GetGrant(command_id="c1", player="p", provider_account="operator", namespace="", external_id="", grant_id="g")
    assert codec.decode_command(codec.encode(query)) == query


@pytest.mark.parametrize(
    "read",
    [codec.decode_replies, codec.decode_event, codec.decode_callback, codec.decode_dead_letter, codec.decode_switch],
)
@pytest.mark.parametrize("record", [b"", b"{}", b"[]", b"\xff", b'{"schema":"1"}'])
def test_rubbish_is_none_of_the_other_contracts(read: Callable[[bytes], Any], record: bytes) -> None:
    with pytest.raises(ContractError, match=r"^not a "):
        read(record)


def test_a_whole_number_written_as_a_float_is_no_amount() -> None:
    with pytest.raises(ContractError):
        codec.decode_command(raw(stake=5).replace(b": 5", b": 5.0"))


def test_whom_to_answer_can_be_read_where_the_rest_cannot() -> None:
    found = codec.decode_header(raw(stake="many", caller="gateway-1", reply_partition=7))
    assert found == codec.Header(kind="bet", command_id="c1", player="p", caller="gateway-1", reply_partition=7)
    assert codec.decode_header(b"{}") == codec.Header(reply_partition=-1)
    assert codec.decode_header(b"rubbish") is None
    assert codec.decode_header(b'{"command_id":"\xff"}') is None


def test_the_vocabulary_of_results_is_that_of_the_model() -> None:
    assert {
        "OK", "INSUFFICIENT_FUNDS", "PLAYER_NOT_FOUND", "PLAYER_BLOCKED", "TOKEN_UNKNOWN", "TOKEN_EXPIRED", "WRONG_CURRENCY",
        "GAME_FORBIDDEN", "LIMIT_EXCEEDED", "ORIGINAL_NOT_FOUND", "ORIGINAL_CANCELLED", "ORIGINAL_SETTLED", "DUPLICATE_DIFFERENT",
        "BAD_REQUEST", "NOT_DONE", "UNKNOWN",
    } == RESULTS  # fmt: skip
    assert all(value == name for name, value in vars(Result).items() if name.isupper())
