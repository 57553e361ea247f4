"""The launch page's HTML, made on the server: what the session is, and an empty slot that the scripts in `assets` fill.

All of it comes from the studio itself: scripts, styles and pictures are files of its own, nothing is inline, nothing foreign.
Addresses are relative, so that the page works under any public address.
"""

from __future__ import annotations

import random
from fractions import Fraction
from html import escape
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from services.simulator.studios.mascot.art.symbols import names_of
from services.simulator.studios.mascot.operator_api.games import Game
from services.simulator.studios.mascot.operator_api.launched import BET_MAX, Told
from services.simulator.studios.mascot.operator_api.lessons import EXPECTED
from services.simulator.studios.mascot.operator_api.store import Session, Spin
from services.simulator.studios.mascot.paytable import RIOT
from services.simulator.studios.mascot.reels import LINES, PAYS, decimal_of, land

_TARGETS: Final = frozenset({"_self", "_top", "_parent", "_blank"})
_BETS: Final = (20, 40, 100, 200, 500, 1_000)
"""Minor units, where a game's own stakes are not known or do not fit the paytable."""
_FALLBACK_ART: Final = "riot"

# Operators show a game in a frame of their own page: who may frame it is not limited.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_LESSONS: Final = {
    "twice": "Send twice",
    "timeout_rollback": "Time out, then roll back",
    "rollback_first": "Roll back first",
    "wrong_signature": "Wrong signature",
}


def decimal(minor: int, digits: int) -> str:
    """Minor units with their decimal point, such as 12.34 of 1234 with 2 digits."""
    if digits == 0:
        return str(minor)
    text = f"{abs(minor):0{digits + 1}d}"
    return f"{'-' if minor < 0 else ''}{text[:-digits]}.{text[-digits:]}"


def session_page(session: Session, game: Game | None, told: Told | None, digits: int, rounds: list[Spin]) -> str:
    """The page of a session; `told` is None where nobody was asked because the session is closed. `rounds`: the newest first."""
    name = game.name if game is not None and game.name else session.game_id
    drawn = session.game_id if game is not None else _FALLBACK_ART
    art = quote(drawn, safe="")
    state = _state(session, game, told, digits, rounds) if told is not None else None
    attributes = f' data-state="{escape(msgspec.json.encode(state).decode())}"' if state is not None else ""
    kind = "Demo" if session.demo else "Wallet money"
    sound = (
        '<button type="button" class="quiet" data-testid="sound" aria-pressed="false">Sound off</button>'
        if told is not None
        else ""
    )
    top = (
        f'<header class="top"><img class="cover" src="../covers/{art}.svg" alt="" width="300" height="400"><div class="name">'
        f'<p class="eyebrow">Mascot studio, simulated</p><h1 data-testid="title">{escape(name)}</h1></div>'
        f'<span class="badge" data-testid="kind">{kind}</span>{sound}</header>'
    )
    play = _slot(art) + _controls(session, told, digits) if told is not None else _closed()
    side = (
        f'<div class="side">{_history()}{_lessons(session)}{_wire(session)}{_paytable(drawn)}{_facts(session)}</div>'
        if told is not None
        else _facts(session)
    )
    scripts = '<script type="module" src="../assets/game.js"></script>' if told is not None else ""
    body = f'<main class="game" data-testid="game" data-phase="idle"{attributes}><div class="table">{top}{play}</div>{side}</main>'
    return _page(name, art, body, scripts)


def unknown_page(session_id: str) -> str:
    """The page for an id that is no session."""
    body = (
        '<main class="game alone"><div class="table"><header class="top"><div class="name"><p class="eyebrow">Mascot studio, simulated</p>'
        f'<h1>Unknown session</h1></div></header><p class="notice">There is no session <b>{escape(session_id)}</b>. Launch the game again: '
        "Session.Create or Session.CreateDemo returns the address of a new one.</p></div></main>"
    )
    return _page("Unknown session", _FALLBACK_ART, body, "")


def bets_of(game: Game | None) -> list[int]:
    """The stakes that a game offers, in minor units: its base bet times its denominations, as far as they fit the paytable."""
    denominations = game.settings.get("Denominations", []) if game is not None else []
    bets = [game.base_bet * step for step in denominations if type(step) is int] if game is not None else []
    return sorted({bet for bet in bets if 0 < bet <= BET_MAX and bet % RIOT.stake_step == 0}) or list(_BETS)


def rounds_shown(rounds: list[Spin]) -> list[dict[str, Any]]:
    """Rounds as the page lists them."""
    return [
        {
            "transaction_ref": spin.ref,
            "bet": spin.bet,
            "win": spin.win,
            "free_round": spin.free_round,
            "state": spin.state,
            "code": spin.code,
            "played_ms": spin.played_ms,
        }
        for spin in rounds
    ]


def _state(session: Session, game: Game | None, told: Told, digits: int, rounds: list[Spin]) -> dict[str, Any]:
    """What the scripts need to know."""
    art = session.game_id if game is not None else _FALLBACK_ART
    resting = land(random.Random(session.session_id), Fraction(0))  # noqa: S311  # where the reels stand before the first spin
    return {
        "art": quote(art, safe=""),
        "symbols": names_of(art),
        "grid": resting.grid,
        "lines": LINES,
        "demo": session.demo,
        "bonus": bool(session.bonus_id),
        "currency": session.currency,
        "digits": digits,
        "bets": bets_of(game),
        "free_round_bet": session.free_round_bet,
        "balance": told.balance,
        "free_rounds_left": told.free_rounds_left,
        "problem": told.problem,
        "rounds": rounds_shown(rounds),
        "exchanges": [told.exchange] if told.exchange is not None else [],
    }


def _slot(art: str) -> str:
    reels = '<div class="reel"></div>' * 5
    return (
        f'<section class="cabinet" aria-label="Slot"><img class="scene" src="../scenes/{art}.svg" alt="">'
        f'<div class="reels" role="img" aria-label="Reels" data-testid="reels">{reels}</div>'
        '<p class="banner" data-testid="banner">Good luck</p></section>'
        '<noscript><p class="notice">This game needs JavaScript.</p></noscript>'
    )


def _controls(session: Session, told: Told, digits: int) -> str:
    free = ""
    if session.bonus_id:
        left = told.free_rounds_left or 0
        free = (
            '<label class="free"><input type="checkbox" data-testid="free-toggle"><span data-testid="free-rounds">'
            f"Free rounds left: <b>{left}</b></span></label>"
        )
    problem = f'<p class="bad" data-testid="problem">{escape(_problem(told))}</p>'
    balance = "not told" if told.balance is None else f"{decimal(told.balance, digits)} {escape(session.currency)}"
    again = (
        "" if session.demo else ('<button type="button" class="link" data-testid="ask-balance">Ask for the balance again</button>')
    )
    return (
        '<section class="controls" aria-label="Play"><div class="meters">'
        f'<p class="meter"><span>Balance</span><strong data-testid="balance">{balance}</strong></p>'
        '<p class="meter"><span>Win</span><strong data-testid="win">0</strong></p></div>'
        '<div class="play"><div class="stake"><button type="button" class="step" data-testid="bet-down" aria-label="Smaller bet">&minus;</button>'
        '<label class="bet"><span>Bet</span><select data-testid="bet"></select></label>'
        '<button type="button" class="step" data-testid="bet-up" aria-label="Larger bet">+</button></div>'
        '<button type="button" class="spin" data-testid="spin" aria-keyshortcuts="Space">Spin</button></div>'
        f'{free}{problem}{again}<p class="hint">Space spins, and stops the reels early.</p>'
        '<p class="unseen" role="status" aria-live="polite" data-testid="live"></p></section>'
    )


def _problem(told: Told) -> str:
    if told.balance is None:
        return f"The operator answered getBalance with: {told.problem}"
    return told.problem


def _closed() -> str:
    return '<p class="notice">This session is closed. Launch the game again to play on.</p>'


def _history() -> str:
    return (
        '<details class="card" open><summary>Rounds</summary><div class="scroll"><table data-testid="history"><thead><tr><th scope="col">Time</th>'
        '<th scope="col">Bet</th><th scope="col">Win</th><th scope="col">Result</th></tr></thead><tbody></tbody></table></div>'
        '<p class="empty" data-testid="history-empty">No round yet.</p></details>'
    )


def _lessons(session: Session) -> str:
    off = " disabled" if session.demo else ""
    why = (
        "<p>A demo makes no wallet calls, so none can go wrong. Launch the game for real money to try these.</p>"
        if session.demo
        else ("<p>Each plays one spin with the chosen bet and does something wrong with it. See what your wallet makes of it.</p>")
    )
    cards = "".join(
        f'<li><button type="button" data-mode="{mode}" data-testid="misbehave-{mode}"{off}>{label}</button>'
        f'<p><b>Expected:</b> {escape(EXPECTED[mode])}</p><div class="verdict" data-testid="lesson-{mode}" hidden></div></li>'
        for mode, label in _LESSONS.items()
    )
    return f'<details class="card" data-testid="misbehave"><summary>Misbehave on purpose</summary>{why}<ul class="lessons">{cards}</ul></details>'


def _wire(session: Session) -> str:
    if session.demo:
        return ""
    return (
        '<details class="card" data-testid="wire"><summary>On the wire</summary><p>The last callbacks to the operator, the newest first. '
        "X-Signature is HMAC-SHA256 over the nonce (8 bytes), the timestamp (4 bytes) and the exact bytes of the body; the answer is signed "
        'with the request\'s own nonce and timestamp.</p><div class="exchanges" data-testid="exchanges"></div></details>'
    )


def _paytable(game_id: str) -> str:
    art = quote(game_id, safe="")
    names = names_of(game_id)
    rows = "".join(
        f'<tr><th scope="row"><img src="../symbols/{art}/{symbol}.svg" alt="" width="120" height="120" loading="lazy">{escape(names[symbol])}</th>'
        + "".join(f"<td>{decimal_of(pay)}</td>" for pay in pays)
        + "</tr>"
        for symbol, pays in PAYS.items()
    )
    return (
        '<details class="card"><summary>Paytable</summary><table class="pays"><thead><tr><th scope="col">From the left, times the bet</th>'
        f'<th scope="col">3</th><th scope="col">4</th><th scope="col">5</th></tr></thead><tbody>{rows}</tbody></table>'
        f"<p>Five lines; {float(RIOT.rtp * 100):g} % go back to the players.</p></details>"
    )


def _facts(session: Session) -> str:
    facts = [
        ("Game", session.game_id),
        ("Player", "demo, no wallet" if session.demo else session.player_id),
        ("Currency", session.currency),
        ("Language", session.language),
        ("Session", session.session_id),
    ]
    if session.bonus_id:
        facts.append(("Bonus", session.bonus_id))
    rows = "".join(f"<dt>{label}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    status = '<dd class="closed">Closed</dd>' if session.closed_ms is not None else '<dd class="open">Open</dd>'
    return f'<section class="card facts" aria-label="Session"><dl><dt>Status</dt>{status}{rows}</dl>{_home(session)}</section>'


def _home(session: Session) -> str:
    try:
        scheme = urlsplit(session.home_url).scheme
    except ValueError:
        return ""
    if scheme not in {"http", "https"}:
        return ""
    target = session.home_url_target if session.home_url_target in _TARGETS else "_top"
    return f'<a href="{escape(session.home_url)}" target="{target}" rel="noopener noreferrer">Back to the casino</a>'


def _page(title: str, art: str, body: str, scripts: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<title>{escape(title)} - simulated game</title><link rel="icon" type="image/svg+xml" href="../symbols/{art}/top.svg">'
        f'<link rel="stylesheet" href="../assets/game.css">{scripts}</head><body>{body}</body></html>\n'
    )
