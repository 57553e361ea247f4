"""Exclusion, and what ends all sessions of a player: no stakes, deposits and launches; what is owed is paid."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, REFUSED, Player
from shared.contracts import FOR_EVER_MS, Command, Reply, Result
from tests.unit.wallet.builders import (
    BLOCKED,
    CLOSED,
    EUR,
    HOUR,
    KEY,
    MINUTE,
    NOW,
    PLAYER,
    ROUND,
    SESSION,
    activate_session,
    bet,
    bet_and_win,
    close_account,
    create_player,
    deposit,
    end_round,
    erase_player,
    exclude,
    get_balance,
    grant_free_rounds,
    lift_exclusion,
    open_session,
    rollback,
    stored_bet,
    view,
    win,
    withdraw,
)
from tests.unit.wallet.memory import MemoryLedger

EXCLUDED = replace(PLAYER, excluded_until_ms=NOW + 1)
OVER = replace(PLAYER, excluded_until_ms=NOW)
OTHER = replace(
    SESSION, session_id=f"{KEY}.elsewhere", provider_account="slotegrator-demo", provider_session_id="", status="pending"
)
REASON_AND_AUTHOR = {"reason": "asked for it", "author": "key-1"}


@pytest.mark.parametrize("player", [EXCLUDED, replace(BLOCKED, excluded_until_ms=FOR_EVER_MS)], ids=["excluded", "and blocked"])
@pytest.mark.parametrize("command", [bet(), bet(0), bet_and_win(), deposit(), open_session()], ids=lambda command: command.kind)
def test_an_excluded_player_stakes_and_deposits_nothing_and_opens_no_session(command: Command, player: Player) -> None:
    decision = decide(command, view(player=player))
    assert (decision.result, decision.limit, decision.status) == (Result.PLAYER_BLOCKED, "exclusion", REFUSED)


def test_not_even_in_a_round_that_is_open() -> None:
    assert decide(bet(), view(player=EXCLUDED, round=ROUND)).result == Result.PLAYER_BLOCKED


def test_new_free_rounds_wait_for_the_end_of_the_exclusion() -> None:
    decision = decide(grant_free_rounds(), view(player=EXCLUDED))
    assert (decision.result, decision.limit, decision.status) == (Result.PLAYER_BLOCKED, "exclusion", "")
    assert decide(grant_free_rounds(), view(player=OVER)).result == Result.OK


@pytest.mark.parametrize(
    "command",
    [win(), bet_and_win(0, EUR), end_round(), withdraw(), get_balance()],
    ids=["win", "win of a marker", "end", "out", "balance"],
)
def test_what_is_owed_is_paid(command: Command) -> None:
    assert decide(command, view(player=EXCLUDED)).result == Result.OK


def test_a_rollback_is_done() -> None:
    target = stored_bet()
    assert decide(rollback(), view(player=EXCLUDED, target=target, target_movements=target.movements)).win == 4 * EUR


def test_a_stored_answer_is_given_again() -> None:
    assert decide(bet(), view(player=EXCLUDED, stored=stored_bet())).replay == stored_bet()


@pytest.mark.parametrize("command", [bet(), deposit(), open_session()], ids=lambda command: command.kind)
def test_the_exclusion_is_over_at_its_end(command: Command) -> None:
    assert decide(command, view(player=OVER)).result == Result.OK


# Exclude.


def test_excluding_closes_all_sessions_and_tells_which() -> None:
    decision = decide(exclude(NOW + HOUR), view(live=(SESSION, OTHER)))
    assert (decision.result, decision.status, decision.excluded_until_ms) == (Result.OK, APPLIED, NOW + HOUR)
    assert [(item.session_id, item.status, item.close_reason) for item in decision.sessions] == [
        (SESSION.session_id, "closed", "excluded"), (OTHER.session_id, "closed", "excluded"),
    ]  # fmt: skip
    assert json.loads(decision.details) == {
        "until": NOW + HOUR,
        **REASON_AND_AUTHOR,
        "sessions": [["mascot-demo", SESSION.session_id, "ps-1"], ["slotegrator-demo", OTHER.session_id, ""]],
    }


@pytest.mark.parametrize("until_ms", [NOW + 1, NOW + HOUR, FOR_EVER_MS])
def test_an_exclusion_may_be_short_or_for_ever(until_ms: int) -> None:
    assert decide(exclude(until_ms), view()).excluded_until_ms == until_ms


@pytest.mark.parametrize("until_ms", [NOW, NOW - 1, 0, -1, FOR_EVER_MS + 1])
def test_an_exclusion_that_is_over_or_beyond_all_times_is_a_bad_request(until_ms: int) -> None:
    decision = decide(exclude(until_ms), view())
    assert (decision.result, decision.status) == (Result.BAD_REQUEST, "")


def test_a_later_exclusion_never_shortens_an_earlier_one() -> None:
    lasting = replace(PLAYER, excluded_until_ms=NOW + 10 * HOUR)
    shorter = decide(exclude(NOW + HOUR), view(player=lasting))
    assert (shorter.result, shorter.status, shorter.excluded_until_ms) == (Result.OK, APPLIED, NOW + 10 * HOUR)
    assert json.loads(shorter.details) == {
        "until": NOW + 10 * HOUR, **REASON_AND_AUTHOR, "sessions": [], "asked": NOW + HOUR,
    }  # fmt: skip
    assert decide(exclude(NOW + 11 * HOUR), view(player=lasting)).excluded_until_ms == NOW + 11 * HOUR


def test_an_exclusion_that_is_over_does_not_lengthen_a_new_one() -> None:
    assert decide(exclude(NOW + 1), view(player=replace(PLAYER, excluded_until_ms=NOW - 1))).excluded_until_ms == NOW + 1


# LiftExclusion.


@pytest.mark.parametrize(("player", "until"), [(EXCLUDED, NOW + 1), (OVER, 0), (PLAYER, 0)], ids=["excluded", "over", "never"])
def test_an_exclusion_is_lifted_at_once_and_lifting_none_is_for_the_record(player: Player, until: int) -> None:
    decision = decide(lift_exclusion(), view(player=player))
    assert (decision.result, decision.status, decision.excluded_until_ms) == (Result.OK, APPLIED, 0)
    assert json.loads(decision.details) == {"until": until, "reason": "a mistake", "author": "key-1"}


@pytest.mark.parametrize("missing", [{"reason": ""}, {"author": ""}, {"reason": " "}, {"author": "\t"}])
def test_lifting_needs_a_reason_and_an_author(missing: dict[str, str]) -> None:
    decision = decide(lift_exclusion(**missing), view(player=EXCLUDED))
    assert (decision.result, decision.status) == (Result.BAD_REQUEST, "")


# CloseAccount.


@pytest.mark.parametrize("before", [PLAYER, BLOCKED, CLOSED, EXCLUDED], ids=["active", "blocked", "closed", "excluded"])
def test_closing_an_account_closes_player_and_sessions_and_keeps_his_data(before: Player) -> None:
    decision = decide(close_account(), view(player=before, live=(SESSION,)))
    assert (decision.result, decision.status, decision.player_status, decision.erases) == (Result.OK, APPLIED, "closed", False)
    assert [(item.session_id, item.status, item.close_reason) for item in decision.sessions] == [
        (SESSION.session_id, "closed", "account_closed")
    ]
    assert json.loads(decision.details) == {
        "from": before.status, "to": "closed", **REASON_AND_AUTHOR, "sessions": [["mascot-demo", SESSION.session_id, "ps-1"]],
    }  # fmt: skip


def test_erasing_closes_sessions_too() -> None:
    decision = decide(erase_player(), view(live=(SESSION,)))
    assert [(item.status, item.close_reason) for item in decision.sessions] == [("closed", "erased")]


@pytest.mark.parametrize("build", [exclude, lift_exclusion, close_account])
def test_nobody_but_the_brands_own_callers_may(build: Callable[..., Command]) -> None:
    command = build(brands=("other",))
    assert decide(command, view()).result == Result.PLAYER_NOT_FOUND
    assert decide(build(), view(player=None)).result == Result.PLAYER_NOT_FOUND


# Played on a ledger.


class Desk:
    """A player with money, and a clock."""

    def __init__(self) -> None:
        self.ledger, self.now_ms = MemoryLedger(), NOW
        self.ask(create_player(external_id="create"), deposit(external_id="money"))

    def ask(self, *commands: Command) -> list[Reply]:
        return self.ledger.apply([(command, False) for command in commands], self.now_ms)

    def results(self, *commands: Command) -> list[str]:
        return [reply.limit or reply.result for reply in self.ask(*commands)]

    def sessions(self) -> dict[str, tuple[str, str]]:
        return {item.session_id: (item.status, item.close_reason) for item in self.ledger.sessions.values()}


def opened(name: str, account: str = "mascot-demo") -> Command:
    return open_session(session_id=f"{KEY}.{name}", external_id=f"open-{name}", provider_account=account)


@pytest.mark.parametrize("cut", ["one batch", "batches"])
def test_an_exclusion_from_its_beginning_to_its_end(cut: str) -> None:
    desk = Desk()
    first = [
        opened("one"),
        activate_session(session_id=f"{KEY}.one", external_id="activate", provider_session_id="ps-1"),
        opened("two", "slotegrator-demo"),
        bet(EUR, external_id="before", session_id=f"{KEY}.one"),
        exclude(NOW + HOUR, external_id="exclude"),
        bet(EUR, external_id="during", session_id=f"{KEY}.one"),
        win(EUR, external_id="won"),
        opened("three"),
        deposit(EUR, external_id="more"),
        withdraw(EUR, external_id="out"),
    ]
    expected = ["OK", "OK", "OK", "OK", "OK", "exclusion", "OK", "exclusion", "exclusion", "OK"]
    assert (desk.results(*first) if cut == "one batch" else [result for each in first for result in desk.results(each)]) == expected
    assert desk.sessions() == {f"{KEY}.one": ("closed", "excluded"), f"{KEY}.two": ("closed", "excluded")}
    desk.now_ms = NOW + HOUR
    assert desk.results(opened("four"), deposit(EUR, external_id="then")) == ["OK", "OK"]
    assert desk.results(opened("three")) == ["exclusion"], "its stored answer"
    assert desk.results(bet(EUR, external_id="with the old one", session_id=f"{KEY}.one")) == [Result.TOKEN_EXPIRED]


def test_a_player_whose_exclusion_is_lifted_plays_on_in_a_new_session() -> None:
    desk = Desk()
    lift = lift_exclusion(external_id="lift")
    assert desk.results(exclude(FOR_EVER_MS, external_id="x"), deposit(EUR, external_id="a"), lift, deposit(EUR, external_id="b")) == [
        "OK", "exclusion", "OK", "OK",
    ]  # fmt: skip
    desk.ask(exclude(FOR_EVER_MS, external_id="y"))
    (again,) = desk.ask(lift)
    assert again.replayed
    assert desk.results(deposit(EUR, external_id="c")) == ["exclusion"], "a retry lifts nothing anew"


def test_a_retry_of_an_exclusion_excludes_nobody_anew() -> None:
    desk = Desk()
    command = exclude(NOW + HOUR, external_id="x")
    assert desk.results(exclude(NOW + 2 * HOUR, external_id="longer"), command, command) == ["OK", "OK", "OK"]
    assert desk.results(exclude(NOW + 2 * HOUR, external_id="x")) == [Result.DUPLICATE_DIFFERENT]
    desk.now_ms = NOW + 3 * HOUR
    (again,) = desk.ask(command)
    assert (again.result, again.replayed) == (Result.OK, True)
    assert desk.results(deposit(EUR, external_id="free again")) == ["OK"]


def test_closing_twice_is_a_success_and_money_can_be_taken_out() -> None:
    desk = Desk()
    desk.ask(opened("one"))
    assert (
        desk.results(close_account(external_id="x"), close_account(external_id="y"), withdraw(EUR, external_id="out")) == ["OK"] * 3
    )
    assert desk.results(opened("two"), deposit(EUR, external_id="in")) == [Result.PLAYER_BLOCKED] * 2
    assert desk.sessions() == {f"{KEY}.one": ("closed", "account_closed")}
    assert desk.ledger.profiles[KEY].operator_player_id == "lucky11"


def test_of_very_many_sessions_the_newest_are_closed() -> None:
    desk = Desk()
    old = [
        replace(SESSION, session_id=f"{KEY}.{number:03}", opened_at_ms=NOW - number * MINUTE, status="active")
        for number in range(120)
    ]
    desk.ledger.sessions = {(item.player, item.session_id): item for item in old}
    desk.ask(exclude(external_id="x"))
    assert [item.status for item in desk.ledger.sessions.values()] == ["closed"] * 100 + ["active"] * 20
