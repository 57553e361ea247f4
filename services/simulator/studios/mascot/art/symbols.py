"""The symbols on a game's reels: its own drawing in gold, three drawings that go with it, and four cut stones."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from services.simulator.studios.mascot.art.creatures import MOTIFS
from services.simulator.studios.mascot.art.svg import document, drawing, fills, glow, gradient
from services.simulator.studios.mascot.art.themes import COLOURS, GOLD, Theme, theme_of, themed

SIDE: Final = 120
CACHED: Final = 2_048

_FAMILIES: Final = (
    ("cherry", "lemon", "plum", "seven", "bell", "clover", "horseshoe", "star"),
    ("shell", "fish", "anchor", "ship", "moon", "coin"),
    ("fox", "owl", "mushroom", "leaf", "butterfly", "bee", "cat", "lotus"),
    ("hat", "potion", "book", "skull", "ghost", "pumpkin", "cat", "moon"),
    ("crown", "sword", "tower", "key", "dragon", "coin", "book"),
    ("city", "robot", "gear", "bolt", "mask", "rocket"),
    ("planet", "rocket", "star", "moon", "sun", "robot"),
    ("pyramid", "scarab", "sun", "cactus", "cat", "key"),
    ("lantern", "fish", "lotus", "dragon", "coin", "butterfly"),
    ("mountain", "snowflake", "owl", "fox", "moon", "star"),
    ("dice", "spade", "heart", "wheel", "ball", "ticket", "coin", "gem"),
    ("candy", "cupcake", "heart", "cherry", "lemon", "plum"),
    ("flame", "bolt", "sun", "mountain", "dragon", "gem"),
)
_STONES: Final[dict[str, tuple[str, str]]] = {
    "stone1": ("sapphire", "M60 16 98 38V82L60 104 22 82V38Z|M60 34 82 47V73L60 86 38 73V47Z"),
    "stone2": ("emerald", "M38 18H82L102 38V82L82 102H38L18 82V38Z|M46 36H74L84 46V74L74 84H46L36 74V46Z"),
    "stone3": ("ruby", "M60 14 106 96H14Z|M60 46 82 84H38Z"),
    "stone4": ("violet", "M60 12C74 40 96 54 96 76 96 94 80 106 60 106S24 94 24 76C24 54 46 40 60 12Z|M60 44C68 58 80 66 80 78 80 86 72 92 60 92S40 86 40 78C40 66 52 58 60 44Z"),
}  # fmt: skip

SYMBOLS: Final = ("top", "high", "middle", "low", *_STONES)
"""From the dearest to the cheapest."""


def names_of(game_id: str) -> dict[str, str]:
    """What the symbols of a game are called, for those who cannot see them."""
    names = dict(zip(SYMBOLS[:4], _drawings(theme_of(game_id)), strict=True))
    return names | {stone: f"{colour} stone" for stone, (colour, _) in _STONES.items()}


@lru_cache(maxsize=CACHED)
def symbol(game_id: str, name: str) -> bytes:
    """One symbol of a game as SVG; KeyError where there is no symbol of that name."""
    if name in _STONES:
        return _stone(name)
    theme = theme_of(game_id)
    motif = dict(zip(SYMBOLS[:4], _drawings(theme), strict=True))[name]
    return _golden(theme, motif) if name == "top" else _plain(motif, theme.seed)


def _drawings(theme: Theme) -> tuple[str, ...]:
    """The game's own drawing and three others of its family."""
    families = [family for family in _FAMILIES if theme.motif in family]
    dice = theme.dice()
    family = dice.choice(families) if families else dice.choice(_FAMILIES)
    others = dice.sample([motif for motif in family if motif != theme.motif], 3)
    return (theme.motif, *others)


def _golden(theme: Theme, motif: str) -> bytes:
    defs = (
        fills(theme.main, theme.accent, theme.palette.ink)
        + gradient("r", (GOLD[0], GOLD[1], GOLD[2], GOLD[1]))
        + gradient("s", theme.palette.sky)
    ) + glow("o", theme.palette.glow)
    body = (
        '<rect x="5" y="5" width="110" height="110" rx="24" fill="url(#r)"/><rect x="11" y="11" width="98" height="98" rx="19" fill="url(#s)"/>'
        '<circle cx="60" cy="60" r="52" fill="url(#o)"/>'
    ) + drawing(MOTIFS[motif], theme.palette.ink, 60, 60, 0.43, width=7)
    return document(SIDE, SIDE, defs, body, motif)


def _plain(motif: str, seed: int) -> bytes:
    theme = themed(motif, seed)
    body = drawing(MOTIFS[motif], "#22162f", 60, 60, 0.5, width=7)
    return document(SIDE, SIDE, fills(theme.main, theme.accent, "#22162f"), body, motif)


def _stone(name: str) -> bytes:
    colour, paths = _STONES[name]
    outer, inner = paths.split("|")
    light, middle, dark = COLOURS[colour]
    defs = gradient("a", (middle, dark)) + gradient("b", (light, middle))
    body = (
        f'<g stroke="{dark}" stroke-width="4" stroke-linejoin="round"><path d="{outer}" fill="url(#a)"/>'
        f'<path d="{inner}" fill="url(#b)" stroke="{light}" stroke-width="3" stroke-opacity=".7"/></g>'
        '<ellipse cx="49" cy="52" rx="7" ry="11" fill="#fff" opacity=".55" transform="rotate(30 49 52)"/>'
    )
    return document(SIDE, SIDE, defs, body, f"{colour} stone")
