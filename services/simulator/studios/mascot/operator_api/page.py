"""The launch page: small HTML, made on the server, in light and dark, for phones and desktops. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final
from urllib.parse import urlsplit

from services.simulator.studios.mascot.operator_api.games import Game
from services.simulator.studios.mascot.operator_api.launched import Told
from services.simulator.studios.mascot.operator_api.store import Session

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #eef0f7; --card: #fff; --ink: #171a2b; --soft: #5a6078; --line: #dfe2ee;
  --from: #5b2bd9; --to: #d12a7c; --good: #0f7a43; --bad: #b3261e; --link: #5423d1 }
@media (prefers-color-scheme: dark) { :root { --ground: #0e1020; --card: #191c31; --ink: #f1f2fa; --soft: #a6acc8;
  --line: #2c3050; --from: #4a23b5; --to: #a81f63; --good: #5fd897; --bad: #ff9a92; --link: #b9a1ff } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { width: 100%; max-width: 30rem; background: var(--card); border: 1px solid var(--line); border-radius: 1.25rem;
  overflow: hidden; box-shadow: 0 1rem 3rem rgb(10 12 40 / .18) }
header { padding: 1.75rem 1.5rem 1.5rem; color: #fff; background: linear-gradient(120deg, var(--from), var(--to)) }
header p { margin: 0; font-size: .8rem; letter-spacing: .08em; text-transform: uppercase }
h1 { margin: .25rem 0 0; font-size: 1.75rem; line-height: 1.2; overflow-wrap: anywhere }
.reels { display: flex; gap: .5rem; margin-top: 1.25rem }
.reels span { flex: 1; padding: .6rem 0; border-radius: .75rem; background: rgb(255 255 255 / .16); text-align: center;
  font-size: 1.75rem; line-height: 1.2 }
section { padding: 1.25rem 1.5rem }
.money { border-bottom: 1px solid var(--line) }
.money p { margin: 0; color: var(--soft) }
.money strong { display: block; font-size: 2.25rem; line-height: 1.2; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
.money .bad { color: var(--bad); overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: auto 1fr; gap: .4rem 1.25rem; margin: 0 }
dt { color: var(--soft) }
dd { margin: 0; text-align: right; overflow-wrap: anywhere }
.open { color: var(--good); font-weight: 600 }
.closed { color: var(--bad); font-weight: 600 }
footer { padding: 0 1.5rem 1.5rem; display: flex; flex-wrap: wrap; gap: .5rem 1.25rem }
a { color: var(--link) }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_TARGETS: Final = frozenset({"_self", "_top", "_parent", "_blank"})
_REELS: Final = '<div class="reels" aria-hidden="true"><span>7</span><span>&#9733;</span><span>7</span></div>'

# Operators show a game in a frame of their own page: who may frame it is not limited.
HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def decimal(minor: int, digits: int) -> str:
    """Minor units with their decimal point, such as 12.34 of 1234 with 2 digits."""
    if digits == 0:
        return str(minor)
    text = f"{abs(minor):0{digits + 1}d}"
    return f"{'-' if minor < 0 else ''}{text[:-digits]}.{text[-digits:]}"


def session_page(session: Session, game: Game | None, told: Told | None, digits: int) -> str:
    """The page of a session; `told` is None where nobody was asked because the session is closed."""
    name = game.name if game is not None and game.name else session.game_id
    kind = "Demo" if session.demo else "Real money"
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
    is_open = session.closed_ms is None
    status = '<dd class="open">Open</dd>' if is_open else '<dd class="closed">Closed</dd>'
    money = _money(told, session.currency, digits) if told is not None else _closed()
    links = '<a href="">Ask for the balance again</a>' if is_open and not session.demo else ""
    body = (
        f"<header><p>Mascot studio, simulated &middot; {kind}</p><h1>{escape(name)}</h1>{_REELS}</header>"
        f'<section class="money">{money}</section>'
        f"<section><dl><dt>Status</dt>{status}{rows}</dl></section>"
        f"<footer>{links}{_home(session)}</footer>"
    )
    return _page(name, body)


def unknown_page(session_id: str) -> str:
    """The page for an id that is no session."""
    body = (
        "<header><p>Mascot studio, simulated</p><h1>Unknown session</h1></header>"
        f'<section class="money"><p>There is no session <b>{escape(session_id)}</b>. Launch the game again: '
        "Session.Create or Session.CreateDemo returns the address of a new one.</p></section>"
    )
    return _page("Unknown session", body)


def _money(told: Told, currency: str, digits: int) -> str:
    if told.balance is None:
        return (
            "<p>Balance</p><strong>not told</strong>"
            f'<p class="bad">The operator answered getBalance with: {escape(told.problem)}</p>'
        )
    text = f"<p>Balance</p><strong>{decimal(told.balance, digits)} {escape(currency)}</strong>"
    if told.free_rounds_left is not None:
        text += f"<p>Free rounds left: <b>{told.free_rounds_left}</b></p>"
    if told.problem:
        text += f'<p class="bad">{escape(told.problem)}</p>'
    return text


def _closed() -> str:
    return "<p>Balance</p><strong>not asked</strong><p>This session is closed. Launch the game again to play on.</p>"


def _home(session: Session) -> str:
    try:
        scheme = urlsplit(session.home_url).scheme
    except ValueError:
        return ""
    if scheme not in {"http", "https"}:
        return ""
    target = session.home_url_target if session.home_url_target in _TARGETS else "_top"
    return f'<a href="{escape(session.home_url)}" target="{target}" rel="noopener noreferrer">Back to the casino</a>'


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} - simulated game</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )
