"""Lists of operations on the wire, written out by hand: what a gateway of another make may send, and what it is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.contracts import Batch, BatchItem, ItemReply, Reply, ReplyBundle, Result, RollbackItem, RollbackList, codec
from shared.errors import ContractError

HEADER = {"command_id": "c1", "player": "p", "provider_account": "a", "namespace": "", "external_id": ""}
BET = {"kind": "bet", "namespace": "tx", "external_id": "1", "stake": 5}
UNDO = {"namespace": "undo", "external_id": "1", "target_namespace": "tx", "target_external_id": "1"}


def read(kind: str, *items: dict[str, Any], **fields: Any) -> Any:
    return codec.decode_command(json.dumps({"kind": kind, **HEADER, "items": items, **fields}).encode())


def test_a_batch_keeps_its_items_and_their_order() -> None:
    command = read("batch", BET, {"kind": "win", "namespace": "tx", "external_id": "2", "win": 7, "later": 1}, currency="EUR")
    assert isinstance(command, Batch)
    assert command.items == (
        BatchItem(kind="bet", namespace="tx", external_id="1", stake=5),
        BatchItem(kind="win", namespace="tx", external_id="2", win=7),
    )
    assert (command.currency, command.overspent) == ("EUR", "overdraft")
    assert codec.decode_command(codec.encode(command)) == command


def test_a_list_of_rollbacks_names_its_originals() -> None:
    command = read("rollback_list", UNDO, overspent="refuse")
    assert isinstance(command, RollbackList)
    assert (command.items, command.overspent) == ((RollbackItem(**UNDO),), "refuse")
    assert codec.decode_command(codec.encode(command)) == command


WRONG = [
    pytest.param("batch", {**BET, "kind": "deposit"}, id="a kind that is no call of a game"),
    pytest.param("batch", {**BET, "kind": "batch"}, id="a batch in a batch"),
    pytest.param("batch", {**BET, "stake": 1.5}, id="a fraction for an amount"),
    pytest.param("batch", {"kind": "bet", "stake": 5}, id="no key"),
    pytest.param("rollback_list", {"namespace": "undo", "external_id": "1"}, id="no original"),
]


@pytest.mark.parametrize(("kind", "item"), WRONG)
def test_a_list_with_one_wrong_item_is_no_list(kind: str, item: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match="not a command"):
        read(kind, item)


@pytest.mark.parametrize("kind", ["batch", "rollback_list"])
def test_a_list_names_its_items(kind: str) -> None:
    with pytest.raises(ContractError, match="items"):
        codec.decode_command(json.dumps({"kind": kind, **HEADER}).encode())


def test_a_prize_is_of_a_known_class() -> None:
    prize = {"kind": "promo_win", **HEADER, "external_id": "1", "win": 5}
    assert codec.decode_command(json.dumps({**prize, "promo_class": "cashback"}).encode()).kind == "promo_win"
    with pytest.raises(ContractError, match="promo_class"):
        codec.decode_command(json.dumps({**prize, "promo_class": "lottery"}).encode())


def test_a_reply_tells_of_each_item_and_that_of_an_older_wallet_of_none() -> None:
    items = (ItemReply(external_id="1", result=Result.NOT_DONE), ItemReply(external_id="2", result="X", transaction_id="p-3"))
    bundle = ReplyBundle(replies=(Reply(command_id="c1", caller="g", result=Result.INSUFFICIENT_FUNDS, items=items),))
    assert codec.decode_replies(codec.encode(bundle)) == bundle
    (older,) = codec.decode_replies(b'{"replies":[{"command_id":"c1","caller":"g","result":"OK"}]}').replies
    assert older.items == ()
