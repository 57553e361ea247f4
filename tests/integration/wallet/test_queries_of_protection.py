"""Queries about limits, rounds, tokens and what was played in a session, on a real ledger."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from services.wallet.intake import now_ms
from services.wallet.ledger import reads
from shared.contracts import (
    FOR_EVER_MS,
    NO_LIMIT,
    Authenticate,
    Authenticated,
    Exclude,
    GetLimits,
    GetPlayer,
    GetRound,
    GetSession,
    LimitSetting,
    LimitsView,
    LimitView,
    LimitWindow,
    PlayerQuery,
    PlayerView,
    Result,
    RoundView,
    SessionView,
    SetLimits,
    codec,
)
from shared.identity import new_keyed_id
from tests.integration.wallet.bench import Bench
from tests.integration.wallet.line import (
    ACCOUNT,
    EUR,
    bet,
    bet_and_win,
    deposit,
    end_round,
    open_session,
    operators,
    query,
    rollback,
    set_status,
    win,
)

T = TypeVar("T")
DAY_MS = 86_400_000


async def found(bench: Bench, command: PlayerQuery, view: type[T]) -> T:
    """What a query that must succeed finds."""
    (reply,) = await bench.ask(command)
    assert reply.result == Result.OK, f"{command.kind} was answered {reply.result}: {reply.detail}"
    return codec.decode_view(view, reply)


def set_limits(player: str, key: str, *limits: LimitSetting) -> SetLimits:
    return SetLimits(**operators(player, key), limits=limits, reason="asked for it", author="key-1")


def exclude(player: str, until_ms: int, key: str = "exclude") -> Exclude:
    return Exclude(**operators(player, key), until_ms=until_ms, reason="asked for it", author="key-1")


def token_of(player: str) -> str:
    """The SHA-256 of a token that no other player has."""
    return hashlib.sha256(f"{player}.{secrets.token_hex(8)}".encode()).hexdigest()


async def played(bench: Bench, player: str, session: str) -> tuple[int, int, int]:
    """(bets, staked, won) of a session."""
    view = await found(bench, GetSession(**query(player), session_id=session), SessionView)
    return view.bets, view.staked, view.won


async def test_a_player_without_limits(bench: Bench) -> None:
    player = await bench.new_player()
    assert await found(bench, GetLimits(**query(player)), LimitsView) == LimitsView(limits=())


async def test_limits_with_what_is_used_of_them_and_what_waits(bench: Bench) -> None:
    player = await bench.new_player(20 * EUR)
    await bench.ask(bet(player, "a", 3 * EUR), win(player, "a-win", EUR))
    before_ms = now_ms()
    asked = set_limits(
        player,
        "limits",
        LimitSetting(kind="stake", value=10 * EUR, currency="EUR"),
        LimitSetting(kind="loss", value=50 * EUR, window="day", currency="EUR"),
        LimitSetting(kind="wager", value=60 * EUR, window="week", currency="EUR"),
        LimitSetting(kind="deposit", value=70 * EUR, window="month", currency="EUR"),
        LimitSetting(kind="session_time", value=3_600),
    )
    raised = set_limits(
        player,
        "raised",
        LimitSetting(kind="stake", value=11 * EUR, currency="EUR"),
        LimitSetting(kind="session_time", value=NO_LIMIT),
        LimitSetting(kind="loss", value=40 * EUR, window="day", currency="EUR"),
    )
    answered = await bench.ask(asked, bet(player, "b", 2 * EUR), raised)
    assert [each.result for each in answered] == [Result.OK] * 3
    view = await found(bench, GetLimits(**query(player)), LimitsView)
    waits = {(each.kind, each.window): each.next_from_ms for each in view.limits}
    assert before_ms + DAY_MS <= waits["stake", ""] <= now_ms() + DAY_MS
    assert waits["session_time", ""] == waits["stake", ""]
    assert view.excluded_until_ms == 0
    assert {replace(each, next_from_ms=0) for each in view.limits} == {
        LimitView(kind="stake", window="", currency="EUR", value=10 * EUR, next_value=11 * EUR),
        LimitView(kind="loss", window="day", currency="EUR", value=40 * EUR, used=4 * EUR),
        LimitView(kind="wager", window="week", currency="EUR", value=60 * EUR, used=5 * EUR),
        LimitView(kind="deposit", window="month", currency="EUR", value=70 * EUR, used=20 * EUR),
        LimitView(kind="session_time", window="", currency="", value=3_600),
    }


async def test_what_waited_holds_once_its_time_has_come_and_a_limit_that_is_none_is_not_told(bench: Bench) -> None:
    player = await bench.new_player()
    await bench.ask(
        set_limits(
            player,
            "limits",
            LimitSetting(kind="stake", value=EUR, currency="EUR"),
            LimitSetting(kind="wager", value=EUR, window="day", currency="EUR"),
        )
    )
    await bench.ask(
        set_limits(
            player,
            "laxer",
            LimitSetting(kind="stake", value=2 * EUR, currency="EUR"),
            LimitSetting(kind="wager", value=NO_LIMIT, window="day", currency="EUR"),
        )
    )
    assert len((await found(bench, GetLimits(**query(player)), LimitsView)).limits) == 2
    await bench.owner.execute("UPDATE limits SET next_from_ms = $2 WHERE player = $1", player, now_ms() - 1)
    view = await found(bench, GetLimits(**query(player)), LimitsView)
    assert view.limits == (LimitView(kind="stake", window="", currency="EUR", value=2 * EUR),)


async def test_only_the_window_that_is_under_way_counts(bench: Bench) -> None:
    player = await bench.new_player(0)
    windows: tuple[LimitWindow, ...] = ("day", "week", "month")
    await bench.ask(
        set_limits(player, "l", *(LimitSetting(kind="wager", value=9 * EUR, window=each, currency="EUR") for each in windows))
    )
    # A row for each of the last forty days: its stake is a power of two of units, so that a sum names its days.
    await bench.owner.execute(
        "INSERT INTO usage SELECT $1, 'EUR', (now() AT TIME ZONE 'UTC')::date - n, (2::bigint ^ n)::bigint, 0, 0"
        " FROM generate_series(0, 39) n ON CONFLICT (player, currency, gaming_day) DO UPDATE SET staked = excluded.staked",
        player,
    )
    row = await bench.owner.fetchrow(
        "SELECT extract(isodow FROM now() AT TIME ZONE 'UTC')::int AS week_day, extract(day FROM now() AT TIME ZONE 'UTC')::int AS day"
    )
    assert row is not None
    view = await found(bench, GetLimits(**query(player)), LimitsView)
    assert {each.window: each.used for each in view.limits} == {
        "day": 1,
        "week": 2 ** row["week_day"] - 1,
        "month": 2 ** row["day"] - 1,
    }


async def test_an_exclusion_is_told_while_it_lasts(bench: Bench) -> None:
    player = await bench.new_player()
    until_ms = now_ms() + DAY_MS
    (reply,) = await bench.ask(exclude(player, until_ms))
    assert reply.result == Result.OK
    assert (await found(bench, GetPlayer(**query(player)), PlayerView)).excluded_until_ms == until_ms
    assert (await found(bench, GetLimits(**query(player)), LimitsView)).excluded_until_ms == until_ms
    await bench.owner.execute("UPDATE players SET excluded_until_ms = $2 WHERE player = $1", player, now_ms() - 1)
    assert (await found(bench, GetLimits(**query(player)), LimitsView)).excluded_until_ms == 0


async def test_a_round_by_its_id_its_provider_account_and_its_player(bench: Bench) -> None:
    player, other = await bench.new_player(), await bench.new_player()
    await bench.ask(
        bet(player, "a", 3 * EUR, round_id="r"), bet(player, "b", EUR, round_id="r"), win(player, "w", 2 * EUR, round_id="r")
    )
    await bench.ask(rollback(player, "b"))
    view = await found(bench, GetRound(**query(player, provider_account=ACCOUNT), round_id="r"), RoundView)
    assert view == RoundView(
        provider_account=ACCOUNT,
        round_id="r",
        game_id="riot",
        session_id="",
        currency="EUR",
        status="open",
        bets=1,
        stake=3 * EUR,
        win=2 * EUR,
        opened_at_ms=view.opened_at_ms,
    )
    assert abs(view.opened_at_ms - now_ms()) < 60_000
    await bench.ask(end_round(player, "e", "r"))
    ended = await found(bench, GetRound(**query(player, provider_account=ACCOUNT), round_id="r"), RoundView)
    assert (ended.status, ended.closed_at_ms >= ended.opened_at_ms) == ("closed", True)
    foreign = await bench.ask(
        GetRound(**query(player), round_id="r"),
        GetRound(**query(other, provider_account=ACCOUNT), round_id="r"),
        GetRound(**query(player, provider_account=ACCOUNT), round_id="\x00"),
    )
    assert [each.result for each in foreign] == [Result.ORIGINAL_NOT_FOUND, Result.ORIGINAL_NOT_FOUND, Result.BAD_REQUEST]


async def test_what_was_played_in_a_session_less_what_was_rolled_back(bench: Bench) -> None:
    player = await bench.new_player()
    session, other = new_keyed_id(player), new_keyed_id(player)
    await bench.ask(open_session(player, session), open_session(player, other))
    assert await played(bench, player, session) == (0, 0, 0)
    here: dict[str, Any] = {"session_id": session}
    answered = await bench.ask(
        bet(player, "a", 3 * EUR, **here),
        win(player, "aw", 2 * EUR, **here),
        bet_and_win(player, "b", 5 * EUR, 4 * EUR, **here),
        bet(player, "c", 0, **here),
        bet(player, "elsewhere", 7 * EUR, session_id=other),
        bet(player, "nowhere", EUR),
        bet(player, "too-much", 1_000 * EUR, **here),
    )
    assert [each.result for each in answered] == [Result.OK] * 6 + [Result.INSUFFICIENT_FUNDS]
    assert await played(bench, player, session) == (3, 8 * EUR, 6 * EUR)
    await bench.ask(rollback(player, "b"), rollback(player, "c"))
    assert await played(bench, player, session) == (1, 3 * EUR, 2 * EUR)
    # The undo of the undo takes the stake again, and gives the win again; one more takes it out for good.
    undone = rollback(player, "b", external_id="b2")
    await bench.ask(replace(undone, target_namespace="undo", target_external_id="b"))
    assert await played(bench, player, session) == (2, 8 * EUR, 6 * EUR)
    await bench.ask(replace(undone, external_id="b3", target_namespace="undo", target_external_id="b2"))
    assert await played(bench, player, session) == (1, 3 * EUR, 2 * EUR)
    assert await played(bench, player, other) == (1, 7 * EUR, 0)


async def test_what_was_played_before_the_session_is_not_looked_at_and_too_much_is_not_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = await bench.new_player()
    session = new_keyed_id(player)
    await bench.ask(*(bet(player, f"old-{number}", EUR) for number in range(30)))
    await bench.owner.execute("UPDATE operations SET occurred_at = occurred_at - interval '1 hour' WHERE player = $1", player)
    await bench.ask(open_session(player, session), *(bet(player, f"b{number}", EUR, session_id=session) for number in range(5)))
    monkeypatch.setattr(reads, "PLAYED_OPERATIONS_MAX", 6)
    assert await played(bench, player, session) == (5, 5 * EUR, 0)
    await bench.ask(deposit(player, EUR, "one-more"))
    assert await played(bench, player, session) == (-1, -1, -1)


async def test_whose_token_it_is(bench: Bench) -> None:
    player, other = await bench.new_player(), await bench.new_player()
    session, token = new_keyed_id(player), token_of(player)
    await bench.ask(replace(open_session(player, session), token_sha256=token, language="de"))
    await bench.ask(bet(player, "a", 3 * EUR, session_id=session))
    ask = Authenticate(**query(player, provider_account=ACCOUNT), token_sha256=token)
    told = await found(bench, ask, Authenticated)
    shown = await found(bench, GetSession(**query(player), session_id=session), SessionView)
    assert told.session == replace(shown, bets=-1, staked=-1, won=-1)
    assert told.player == await found(bench, GetPlayer(**query(player)), PlayerView)
    assert told.balance == 97 * EUR
    refused = [
        replace(ask, token_sha256=token_of(player)),
        replace(ask, token_sha256=""),
        replace(ask, provider_account="other"),
        replace(ask, player=other),
        replace(ask, player=bench.names.player()),
        replace(ask, brands=("other",)),
    ]
    assert [each.result for each in await bench.ask(*refused)] == [Result.TOKEN_UNKNOWN] * 4 + [Result.PLAYER_NOT_FOUND] * 2


async def test_a_token_that_is_no_good_any_more(bench: Bench) -> None:
    player = await bench.new_player()
    session, token = new_keyed_id(player), token_of(player)
    await bench.ask(replace(open_session(player, session), token_sha256=token))
    ask = Authenticate(**query(player, provider_account=ACCOUNT), token_sha256=token)
    await bench.ask(set_status(player, "blocked"))
    assert [each.result for each in await bench.ask(ask)] == [Result.PLAYER_BLOCKED]
    await bench.ask(set_status(player, "active", "again"))
    assert [each.result for each in await bench.ask(ask)] == [Result.OK]
    await bench.owner.execute("UPDATE sessions SET last_seen_ms = last_seen_ms - 4000000 WHERE session_id = $1", session)
    assert [each.result for each in await bench.ask(ask)] == [Result.TOKEN_EXPIRED]


async def test_a_token_of_an_excluded_player_has_ended_with_his_session(bench: Bench) -> None:
    player = await bench.new_player()
    session, token = new_keyed_id(player), token_of(player)
    await bench.ask(replace(open_session(player, session), token_sha256=token), exclude(player, FOR_EVER_MS))
    ask = Authenticate(**query(player, provider_account=ACCOUNT), token_sha256=token)
    assert [each.result for each in await bench.ask(ask)] == [Result.TOKEN_EXPIRED]
