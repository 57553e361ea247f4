"""Dead letters without servers: which may be sent again, what is shown of them, whether the ledger's is the same."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from services.wallet.decisions.model import Operation
from services.wallet.tools.letters import (
    LetterError,
    Opened,
    open_letter,
    place_of,
    refusal_to_retry,
    same_content,
    shown,
    state_of,
    without_secrets,
)
from services.wallet.tools.scan import Found
from shared.contracts import (
    Batch,
    BatchItem,
    Bet,
    BetAndWin,
    Command,
    DeadLetter,
    Deposit,
    EndRound,
    GetBalance,
    OpenSession,
    Rollback,
    RollbackItem,
    RollbackList,
    Win,
    Withdraw,
    codec,
)
from shared.contracts.archive import CommandKey
from shared.contracts.keys import keys_of

HEAD: dict[str, Any] = {"command_id": "c", "player": "p", "provider_account": "a", "namespace": "tx", "external_id": "1"}
SENT_AGAIN: list[Command] = [
    Win(win=5, **HEAD),
    Rollback(target_namespace="tx", target_external_id="0", **HEAD),
    EndRound(round_id="r", **HEAD),
    Deposit(currency="EUR", amount=5, **HEAD),
]
NEVER: list[Command] = [
    Bet(stake=5, **HEAD),
    BetAndWin(stake=5, win=5, **HEAD),
    Withdraw(currency="EUR", amount=5, **HEAD),
    OpenSession(session_id="s", currency="EUR", game_id="g", **HEAD),
    GetBalance(**{**HEAD, "external_id": ""}),
]


def opened(raw: bytes, key: str = "p") -> Opened:
    letter = DeadLetter(
        cause="not applicable", detail="d", origin_topic="wallet.commands", origin_partition=3, origin_offset=9, record_key=key,
        record_base64=base64.b64encode(raw).decode(), at_ms=1_000,
    )  # fmt: skip
    found = open_letter(Found(2, 17, 1_000, b"p", codec.encode(letter)))
    assert found is not None
    return found


@pytest.mark.parametrize("command", SENT_AGAIN, ids=lambda command: command.kind)
def test_what_is_applied_however_late_may_be_sent_again(command: Command) -> None:
    assert refusal_to_retry(opened(codec.encode(command))) == ""


@pytest.mark.parametrize("command", NEVER, ids=lambda command: command.kind)
def test_what_its_caller_has_given_up_may_not(command: Command) -> None:
    assert refusal_to_retry(opened(codec.encode(command))).startswith(f"a {command.kind} ")


@pytest.mark.parametrize(
    ("raw", "key"), [(b"", "p"), (b"x", "p"), (b'{"kind":"jackpot"}', "p"), (codec.encode(SENT_AGAIN[0]), "q")]
)
def test_what_the_wallet_cannot_read_may_not(raw: bytes, key: str) -> None:
    assert refusal_to_retry(opened(raw, key)).startswith("it cannot be read: ")


def test_a_letter_tells_what_it_is() -> None:
    letter = opened(codec.encode(SENT_AGAIN[0])).letter
    assert (letter.id, letter.player, letter.kind, letter.external_ids) == ("2-17", "p", "win", ["1"])
    assert open_letter(Found(0, 0, 0, b"", b"no letter")) is None
    assert (opened(b"junk").letter.player, opened(b"junk").letter.kind) == ("p", "")


@pytest.mark.parametrize("wrong", ["", "1", "-1-1", "1-2-3", "a-b", "1-" + "9" * 19, "1 - 2"])
def test_an_id_that_is_none(wrong: str) -> None:
    with pytest.raises(LetterError, match=r"<partition>-<offset>"):
        place_of(wrong)
    assert place_of("3-14") == (3, 14)


def test_secrets_are_hidden_wherever_they_stand() -> None:
    content = {
        "token": "s",
        "token_sha256": "s",
        "list": [{"API_KEY": "s", "n": 1}],
        "password": {"a": "s"},
        "session_id": "kept",
        "apikey": "",
    }
    told = json.dumps(without_secrets(content))
    assert '"s"' not in told
    assert "kept" in told
    for raw in (
        b'{"token":"TOP"',
        b'{"launch_token" : "TOP", ',
        b'x "Authorization":"TOP"',
        b'"{\\"token\\":\\"TOP\\"}',
        b'{"a":"b\xff","secret":"TOP"}',
    ):
        assert "TOP" not in str(shown(opened(raw))), raw


def test_a_cut_text_is_told_to_be_longer() -> None:
    assert str(shown(opened(b"y" * 10_000))).endswith("(10,000 bytes)")


def test_states() -> None:
    done = Operation(
        player="p", seq=4, provider_account="a", namespace="tx", external_id="1", kind="win", status="applied", occurred_at_ms=1,
        gaming_day="2026-11-22", brand="main", win=5,
    )  # fmt: skip
    key = ("p", "a", "tx", "1")
    assert state_of("win", None, []) == "not readable"
    assert state_of("win", [key], []) == "not stored"
    assert state_of("win", [key], [done]) == "applied as operation 4"
    assert state_of("batch", [key, ("p", "a", "tx", "2")], [done]) == "in part: applied as operation 4"
    assert state_of("get_balance", [], []) == "a get_balance leaves no trace"
    assert same_content(Win(win=5, **HEAD), done)
    assert not same_content(Win(win=6, **HEAD), done)
    assert not same_content(Bet(stake=5, **HEAD), done)
    assert same_content(
        Deposit(currency="EUR", amount=5, **HEAD),
        Operation(**{**{f: getattr(done, f) for f in done.__struct_fields__}, "kind": "deposit"}),
    )


def test_a_list_has_the_keys_of_its_items_and_expires_with_a_stake() -> None:
    both = (
        BatchItem(kind="win", namespace="tx", external_id="1", win=5),
        BatchItem(kind="bet", namespace="tx", external_id="2", stake=5),
    )
    head = {**HEAD, "namespace": "", "external_id": ""}
    wins, stake = Batch(items=both[:1], **head), Batch(items=both, **head)
    assert [(key.kind, key.external_id) for key in keys_of(stake)] == [("win", "1"), ("bet", "2")]
    assert refusal_to_retry(opened(codec.encode(wins))) == ""
    assert refusal_to_retry(opened(codec.encode(stake))).startswith("a batch takes the player's money")
    undo = RollbackItem(namespace="undo", external_id="u", target_namespace="tx", target_external_id="1")
    undos = RollbackList(items=(undo,), **head)
    assert keys_of(undos) == (
        CommandKey(kind="rollback", namespace="undo", external_id="u", target_namespace="tx", target_external_id="1"),
    )
    assert refusal_to_retry(opened(codec.encode(undos))) == ""
    assert opened(codec.encode(stake)).letter.external_ids == ["1", "2"]


def test_keys_of_a_command() -> None:
    assert keys_of(NEVER[-1]) == ()
    assert keys_of(SENT_AGAIN[0]) == (CommandKey(kind="win", namespace="tx", external_id="1"),)
    undo = CommandKey(kind="rollback", namespace="tx", external_id="1", target_namespace="tx", target_external_id="0")
    assert keys_of(SENT_AGAIN[1]) == (undo,)
