"""Whose token it is: the order of the refusals, and the edges of a session's time."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from services.wallet.decisions.authentication import authentication_refusal
from services.wallet.decisions.model import Player, Session
from shared.contracts import FOR_EVER_MS, Result

NOW_MS = 1_900_000_000_000
PLAYER = Player(player="p", brand="main")
SESSION = Session(
    player="p",
    session_id="p.s",
    provider_account="studio",
    currency="EUR",
    game_id="riot",
    status="active",
    opened_at_ms=NOW_MS - 7_200_000,
    last_seen_ms=NOW_MS - 60_000,
    idle_timeout_s=3_600,
    absolute_timeout_s=86_400,
)


def refusal(player: dict[str, Any] | None = None, session: dict[str, Any] | None = None, account: str = "studio") -> str:
    """What is answered where player and session are as here but for these fields."""
    return authentication_refusal(replace(PLAYER, **player or {}), replace(SESSION, **session or {}), account, NOW_MS)


@pytest.mark.parametrize("status", ["active", "pending"])
def test_a_token_of_a_session_that_lives_is_good(status: str) -> None:
    assert refusal(session={"status": status}) == ""


def test_a_token_that_nobody_has() -> None:
    assert authentication_refusal(PLAYER, None, "studio", NOW_MS) == Result.TOKEN_UNKNOWN


def test_a_token_of_another_provider_account_is_nobody_s_there() -> None:
    assert refusal(account="other") == Result.TOKEN_UNKNOWN
    assert refusal({"status": "blocked"}, {"status": "closed"}, account="other") == Result.TOKEN_UNKNOWN


@pytest.mark.parametrize("status", ["closed", "superseded"])
def test_a_session_that_has_ended(status: str) -> None:
    assert refusal(session={"status": status}) == Result.TOKEN_EXPIRED


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"last_seen_ms": NOW_MS - 3_600_000}, ""),
        ({"last_seen_ms": NOW_MS - 3_600_001}, Result.TOKEN_EXPIRED),
        ({"opened_at_ms": NOW_MS - 86_400_000}, ""),
        ({"opened_at_ms": NOW_MS - 86_400_001}, Result.TOKEN_EXPIRED),
    ],
)
def test_idle_and_absolute_time(fields: dict[str, int], result: str) -> None:
    assert refusal(session=fields) == result


@pytest.mark.parametrize("status", ["blocked", "draining", "closed"])
def test_a_player_who_may_not_play(status: str) -> None:
    assert refusal({"status": status}) == Result.PLAYER_BLOCKED
    assert refusal({"status": status}, {"status": "closed"}) == Result.TOKEN_EXPIRED


@pytest.mark.parametrize(
    ("until_ms", "result"),
    [(0, ""), (NOW_MS, ""), (NOW_MS + 1, Result.PLAYER_BLOCKED), (FOR_EVER_MS, Result.PLAYER_BLOCKED)],
)
def test_an_excluded_player(until_ms: int, result: str) -> None:
    assert refusal({"excluded_until_ms": until_ms}) == result
