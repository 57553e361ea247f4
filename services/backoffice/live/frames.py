"""Looks at the live board as server-sent events. Money leaves as text: no script on the page ever counts with it."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote

import msgspec

from services.backoffice.live.board import Look, TopicLag
from services.backoffice.live.figures import Ending, Play, Second, Win
from shared.errors import MoneyError
from shared.web.values import shown

CONTENT_TYPE: Final = "text/event-stream"
STILL_HERE: Final = b": still here\n\n"
TENFOLD: Final = 10
"""From so many times the stake on, hundredths say nothing."""

RETRY_MS: Final = 2_000
OPENING: Final = b"retry: %d\n\n" % RETRY_MS
_encode: Final = msgspec.json.Encoder().encode

Kind = Literal["whole", "more"]
Ended = Literal["signed-out", "stopped", "full"]


class _Game(msgspec.Struct, frozen=True):
    url: str
    name: str
    account: str
    stake: str
    currency: str
    bets: int


class _Won(msgspec.Struct, frozen=True):
    url: str
    at_ms: int
    player: str
    name: str
    win: str
    stake: str
    currency: str
    multiple: str


class _Plays(msgspec.Struct, frozen=True):
    quarter: list[_Game]
    hour: list[_Game]
    wins: list[_Won]
    since_s: int


class _Frame(msgspec.Struct, frozen=True):
    at_ms: int
    seconds: list[Second]
    results: list[Ending]
    lag: list[TopicLag]
    newest_callback_s: float | None
    newest_play_s: float | None
    plays: _Plays | None


def event(kind: Kind, number: int, look: Look) -> bytes:
    """One look as an event: `whole` replaces what the page has, `more` adds to it."""
    plays = look.plays
    told = (
        None
        if plays is None
        else _Plays(
            [_game(each) for each in plays.quarter],
            [_game(each) for each in plays.hour],
            [_won(each) for each in plays.wins],
            plays.since_s,
        )
    )
    frame = _Frame(look.at_ms, look.seconds, look.results, look.lag, look.newest_callback_s, look.newest_play_s, told)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (number, kind.encode(), _encode(frame))


def trouble(words: str) -> bytes:
    """The numbers cannot be read now; the connection stays."""
    return b"event: trouble\ndata: %b\n\n" % _encode({"words": words})


def over(why: Ended) -> bytes:
    """The last event of a stream."""
    return b"event: over\ndata: %b\n\n" % _encode({"why": why})


def _game(play: Play) -> _Game:
    url = f"/games/{play.provider_account}/{_part(play.game_id)}"
    return _Game(url, play.name, play.provider_account, grouped(play.stake, play.currency), play.currency, play.bets)


def _won(win: Win) -> _Won:
    times, hundredths = divmod(win.multiple, 100)
    words = f"{times:,}" if times >= TENFOLD else f"{times}.{hundredths:02d}"
    return _Won(
        url=f"/operations/{win.player}/{win.seq}",
        at_ms=win.at_ms,
        player=win.player,
        name=win.name,
        win=grouped(win.win, win.currency),
        stake=grouped(win.stake, win.currency) if win.stake else "",
        currency=win.currency,
        multiple=f"{words} ×" if win.stake else "",  # noqa: RUF001  # a multiplication sign, for people
    )


def _part(text: str) -> str:
    return quote(text, safe="")


def grouped(units: int, currency: str) -> str:
    """Units as grouped major units: 1,234.50."""
    try:
        text = shown(units, currency)
    except MoneyError:
        return f"{units:,} units"
    whole, point, fraction = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{point}{fraction}"
