"""Sessions: pending at the launch, active when the provider answered, superseded by the next, closed at the end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions import decide
from services.wallet.decisions.model import APPLIED, REFUSED, Session
from shared.contracts import Command, Result
from tests.unit.wallet.builders import (
    BLOCKED,
    CLOSED,
    DRAINING,
    GRANT,
    HOUR,
    KEY,
    MINUTE,
    NOW,
    ROUND,
    SESSION,
    activate_session,
    bet,
    bet_and_win,
    close_session,
    get_balance,
    open_session,
    view,
    win,
)

NAMED = {"session_id": SESSION.session_id}
PROVIDERS = {"provider_session_id": "ps-1"}
PENDING = replace(SESSION, status="pending", provider_session_id="")
OLDER = replace(SESSION, session_id=f"{KEY}.session-old", provider_session_id="ps-0")


def test_a_session_is_opened_pending() -> None:
    decision = decide(
        open_session(grant_id=GRANT.grant_id, token_sha256="ab" * 32, device="mobile", language="de", idle_timeout_s=60), view()
    )
    assert (decision.result, decision.status, decision.session_id, decision.grant_id) == (
        Result.OK,
        APPLIED,
        SESSION.session_id,
        GRANT.grant_id,
    )
    assert decision.sessions == (
        Session(
            player=KEY,
            session_id=SESSION.session_id,
            provider_account=SESSION.provider_account,
            currency="EUR",
            game_id="riot",
            status="pending",
            opened_at_ms=NOW,
            last_seen_ms=NOW,
            idle_timeout_s=60,
            absolute_timeout_s=86_400,
            grant_id=GRANT.grant_id,
            token_sha256="ab" * 32,
            device="mobile",
            language="de",
        ),
    )


@pytest.mark.parametrize(
    ("view_fields", "fields", "result", "status"),
    [
        ({"player": None, "balance": None}, {}, Result.PLAYER_NOT_FOUND, ""),
        ({}, {"brands": ("other",)}, Result.PLAYER_NOT_FOUND, ""),
        ({"expired": True}, {}, Result.NOT_DONE, ""),
        ({"session": SESSION}, {}, Result.DUPLICATE_DIFFERENT, ""),
        ({"player": BLOCKED}, {}, Result.PLAYER_BLOCKED, REFUSED),
        ({"player": DRAINING}, {}, Result.PLAYER_BLOCKED, REFUSED),
        ({"player": CLOSED}, {}, Result.PLAYER_BLOCKED, REFUSED),
        ({"balance": None}, {}, Result.WRONG_CURRENCY, ""),
        ({}, {"game_state": "off"}, Result.GAME_FORBIDDEN, REFUSED),
        ({}, {"game_state": "stopped"}, Result.GAME_FORBIDDEN, REFUSED),
        ({}, {"game_state": "live", "brand_states": {"main": "off"}}, Result.GAME_FORBIDDEN, REFUSED),
        ({}, {"game_state": "off", "brand_states": {"main": "live"}}, Result.GAME_FORBIDDEN, REFUSED),
    ],
)
def test_a_session_that_is_not_opened(view_fields: dict[str, Any], fields: dict[str, Any], result: str, status: str) -> None:
    decision = decide(open_session(**fields), view(**view_fields))
    assert (decision.result, decision.status, decision.sessions) == (result, status, ())


def test_activation_takes_the_providers_id_and_supersedes_the_others_there() -> None:
    elsewhere = replace(OLDER, session_id=f"{KEY}.session-other", provider_account="other")
    decision = decide(activate_session(), view(session=PENDING, active=(OLDER, elsewhere)))
    assert (decision.result, decision.status) == (Result.OK, APPLIED)
    assert decision.sessions == (
        replace(PENDING, status="active", provider_session_id="ps-1", last_seen_ms=NOW),
        replace(OLDER, status="superseded"),
    )
    assert json.loads(decision.details) == {"superseded": [OLDER.session_id]}


def test_a_game_that_is_off_for_another_brand_is_launched() -> None:
    decision = decide(open_session(game_state="live", brand_states={"other": "stopped"}), view())
    assert (decision.result, decision.status) == (Result.OK, APPLIED)


NEWER = replace(SESSION, session_id=f"{KEY}.session-new", provider_session_id="ps-2", opened_at_ms=PENDING.opened_at_ms + 1)
AT_ONCE = replace(NEWER, opened_at_ms=PENDING.opened_at_ms)


@pytest.mark.parametrize("mine", [PENDING, SESSION], ids=["pending", "active by a stake"])
@pytest.mark.parametrize(
    "newer", [NEWER, replace(AT_ONCE, session_id=f"{SESSION.session_id}-b")], ids=["opened later", "opened at once, later by name"]
)
def test_a_launch_that_a_newer_one_has_overtaken_is_not_activated(mine: Session, newer: Session) -> None:
    decision = decide(activate_session(), view(session=mine, active=(OLDER, newer)))
    assert (decision.result, decision.status, decision.sessions) == (Result.TOKEN_EXPIRED, "", ())
    assert decision.detail == "overtaken by a newer session"


@pytest.mark.parametrize(
    "other",
    [replace(NEWER, provider_account="other"), replace(AT_ONCE, session_id=f"{KEY}.session-a"), SESSION],
    ids=["at another provider", "opened at once, earlier by name", "itself"],
)
def test_what_does_not_overtake_a_launch(other: Session) -> None:
    assert decide(activate_session(), view(session=PENDING, active=(other,))).status == APPLIED


def test_of_two_launches_at_once_the_later_wins_in_either_order() -> None:
    both = {PENDING.session_id: PENDING, NEWER.session_id: replace(NEWER, status="pending")}
    for order in (tuple(both), tuple(reversed(both))):
        sessions = dict(both)
        for turn, name in enumerate(order):
            active = tuple(each for each in sessions.values() if each.status == "active")
            command = activate_session(session_id=name, external_id=f"k{turn}", provider_session_id="")
            sessions |= {each.session_id: each for each in decide(command, view(session=sessions[name], active=active)).sessions}
        assert {name for name, each in sessions.items() if each.status == "active"} == {NEWER.session_id}


def test_activation_without_the_providers_id_keeps_the_one_it_has() -> None:
    decision = decide(activate_session(provider_session_id=""), view(session=SESSION, active=(SESSION,)))
    assert decision.sessions == (replace(SESSION, last_seen_ms=NOW),)


@pytest.mark.parametrize(
    ("view_fields", "result"),
    [
        ({"player": None}, Result.PLAYER_NOT_FOUND),
        ({"player": replace(BLOCKED, brand="another's"), "session": PENDING}, Result.PLAYER_NOT_FOUND),
        ({}, Result.TOKEN_UNKNOWN),
        ({"session": replace(SESSION, status="closed")}, Result.TOKEN_EXPIRED),
        ({"session": replace(SESSION, status="superseded")}, Result.TOKEN_EXPIRED),
    ],
)
def test_a_session_that_is_not_activated(view_fields: dict[str, Any], result: str) -> None:
    decision = decide(activate_session(brands=("main",)), view(**view_fields))
    assert (decision.result, decision.status, decision.sessions) == (result, "", ())


@pytest.mark.parametrize(
    ("status", "only_pending", "closes"),
    [
        ("pending", False, True),
        ("active", False, True),
        ("superseded", False, True),
        ("closed", False, False),
        ("pending", True, True),
        ("active", True, False),
        ("superseded", True, False),
        ("closed", True, False),
    ],
)
def test_closing(status: str, only_pending: bool, closes: bool) -> None:  # noqa: FBT001
    session = replace(SESSION, status=status)
    decision = decide(close_session(reason="logout", only_pending=only_pending), view(session=session))
    assert (decision.result, decision.status) == (Result.OK, APPLIED)
    assert decision.sessions == ((replace(session, status="closed", close_reason="logout"),) if closes else ())
    assert json.loads(decision.details) == {"reason": "logout", "closed": closes}


def test_a_long_reason_is_cut() -> None:
    (closed,) = decide(close_session(reason="x" * 1_000), view(session=SESSION)).sessions
    assert closed.close_reason == "x" * 128


@pytest.mark.parametrize(
    ("player", "result"),
    [
        (None, Result.PLAYER_NOT_FOUND),
        (replace(BLOCKED, brand="another's"), Result.PLAYER_NOT_FOUND),
        (BLOCKED, Result.TOKEN_UNKNOWN),
    ],
)
def test_a_session_that_cannot_be_closed(player: Any, result: str) -> None:
    assert decide(close_session(brands=("main",)), view(player=player)).result == result


SESSIONS = [
    pytest.param({}, {}, Result.OK, id="none named"),
    pytest.param({"session_required": True}, {}, Result.TOKEN_UNKNOWN, id="none named, one required"),
    pytest.param(NAMED, {"session": SESSION}, Result.OK, id="by our id"),
    pytest.param(PROVIDERS, {"session": SESSION}, Result.OK, id="by the provider's id"),
    pytest.param({**NAMED, "session_required": True}, {"session": SESSION}, Result.OK, id="required and named"),
    pytest.param(NAMED, {"session": PENDING}, Result.OK, id="pending, by our id"),
    pytest.param(NAMED, {}, Result.TOKEN_UNKNOWN, id="unknown, by our id"),
    pytest.param(PROVIDERS, {}, Result.TOKEN_UNKNOWN, id="unknown, by the provider's id"),
    pytest.param(PROVIDERS, {"pending": PENDING}, Result.OK, id="unknown, but one is pending there"),
    pytest.param(NAMED, {"pending": PENDING}, Result.TOKEN_UNKNOWN, id="unknown by our id: a pending one does not help"),
    pytest.param(NAMED, {"session": replace(SESSION, provider_account="other")}, Result.TOKEN_UNKNOWN, id="of another provider"),
    pytest.param(NAMED, {"session": replace(SESSION, status="closed")}, Result.TOKEN_EXPIRED, id="closed"),
    pytest.param(NAMED, {"session": replace(SESSION, last_seen_ms=NOW - HOUR)}, Result.OK, id="idle to the last millisecond"),
    pytest.param(NAMED, {"session": replace(SESSION, last_seen_ms=NOW - HOUR - 1)}, Result.TOKEN_EXPIRED, id="idle too long"),
    pytest.param(NAMED, {"session": replace(SESSION, opened_at_ms=NOW - 24 * HOUR)}, Result.OK, id="a whole day old"),
    pytest.param(NAMED, {"session": replace(SESSION, opened_at_ms=NOW - 24 * HOUR - 1)}, Result.TOKEN_EXPIRED, id="too old"),
    pytest.param(PROVIDERS, {"pending": replace(PENDING, last_seen_ms=NOW - 2 * HOUR)}, Result.TOKEN_EXPIRED, id="the pending one idle"),
    pytest.param(NAMED, {"session": replace(SESSION, currency="USD")}, Result.WRONG_CURRENCY, id="in another currency"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "view_fields", "result"), SESSIONS)
def test_which_sessions_let_a_stake_and_a_query_pass(fields: dict[str, Any], view_fields: dict[str, Any], result: str) -> None:
    assert decide(bet(**fields), view(**view_fields)).result == result
    assert decide(get_balance(**fields), view(**view_fields)).result == result


SUPERSEDED = replace(SESSION, status="superseded")


@pytest.mark.parametrize(
    ("round_", "result"),
    [
        (ROUND, Result.OK),
        (None, Result.TOKEN_EXPIRED),
        (replace(ROUND, status="closed"), Result.TOKEN_EXPIRED),
        (replace(ROUND, session_id=OLDER.session_id), Result.TOKEN_EXPIRED),
    ],
    ids=["its open round", "a new round", "a closed round", "a round of another session"],
)
def test_a_superseded_session_may_finish_the_rounds_it_has_open(round_: Any, result: str) -> None:
    assert decide(bet(**NAMED), view(session=SUPERSEDED, round=round_)).result == result


@pytest.mark.parametrize("build", [bet, bet_and_win])
@pytest.mark.parametrize(
    ("fields", "seen", "providers"),
    [
        (NAMED, {"session": PENDING}, ""),
        ({**NAMED, "provider_session_id": "ps-7"}, {"session": PENDING}, "ps-7"),
        ({"provider_session_id": "ps-7"}, {"pending": PENDING}, "ps-7"),
        (NAMED, {"session": replace(PENDING, provider_session_id="ps-1")}, "ps-1"),
    ],
    ids=["by our id", "by both ids", "by the provider's id", "that knows the provider's id already"],
)
def test_the_first_stake_activates_a_pending_session(
    build: Any, fields: dict[str, Any], seen: dict[str, Session], providers: str
) -> None:
    decision = decide(build(**fields), view(**seen))
    assert decision.sessions == (replace(PENDING, status="active", provider_session_id=providers, last_seen_ms=NOW),)


@pytest.mark.parametrize("command", [win(**NAMED), bet_and_win(0, 0, **NAMED), get_balance(**NAMED)], ids=lambda each: each.kind)
def test_what_is_no_stake_activates_nothing(command: Command) -> None:
    assert decide(command, view(session=PENDING)).sessions == ()


def test_a_query_changes_nothing_and_shows_a_blocked_player_his_money() -> None:
    decision = decide(get_balance(**NAMED), view(player=BLOCKED, session=replace(SESSION, last_seen_ms=NOW - 10 * MINUTE)))
    assert (decision.result, decision.status, decision.currency, decision.sessions) == (Result.OK, "", "EUR", ())


@pytest.mark.parametrize(
    ("view_fields", "fields", "result"),
    [
        ({"player": None, "balance": None}, {}, Result.PLAYER_NOT_FOUND),
        ({}, {"brands": ("other",)}, Result.PLAYER_NOT_FOUND),
        ({"expired": True}, {}, Result.NOT_DONE),
        ({"balance": None}, {}, Result.WRONG_CURRENCY),
        ({}, {"player_currency": "USD"}, Result.WRONG_CURRENCY),
    ],
)
def test_a_query_that_is_not_answered_with_a_balance(view_fields: dict[str, Any], fields: dict[str, Any], result: str) -> None:
    assert decide(get_balance(**fields), view(**view_fields)).result == result
