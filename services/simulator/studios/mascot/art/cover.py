"""The cover of a game: ground, scene, drawing and title, 300 by 400, decided by the game's id."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from functools import lru_cache
from html import escape
from typing import Final

from services.simulator.studios.mascot.art.creatures import MOTIFS
from services.simulator.studios.mascot.art.svg import document, drawing, fills, glow, gradient
from services.simulator.studios.mascot.art.themes import GOLD, Theme, theme_of

WIDTH: Final = 300
HEIGHT: Final = 400
CACHED: Final = 512
_CENTRE: Final = (150.0, 165.0)
_LINE_CHARS: Final = 11
_LINES_MAX: Final = 3
_TITLE_WIDTH: Final = 256
_EM_SHARE: Final = 0.66
"""How wide a capital of these fonts is, in font sizes; titles that may not fit are squeezed to their width."""
_FONTS: Final = (
    "Georgia, 'Times New Roman', 'DejaVu Serif', serif",
    "'Arial Black', 'Segoe UI Black', 'Liberation Sans', 'DejaVu Sans', sans-serif",
    "'Trebuchet MS', Verdana, 'DejaVu Sans', sans-serif",
    "Palatino, 'Book Antiqua', 'Liberation Serif', serif",
)
Scene = Callable[[Theme, random.Random], str]


@lru_cache(maxsize=CACHED)
def cover(game_id: str, name: str) -> bytes:
    """The cover of a game as SVG."""
    theme = theme_of(game_id)
    dice = theme.dice()
    palette = theme.palette
    painted = dice.choice(_SCENES)(theme, dice)
    defs = (
        fills(theme.main, theme.accent, palette.ink)
        + gradient("sky", palette.sky)
        + glow("o", palette.glow)
        + gradient("t", ("#ffffff", GOLD[0], GOLD[1]))
        + f'<linearGradient id="v" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{palette.ink}" stop-opacity="0"/>'
        f'<stop offset="1" stop-color="{palette.ink}" stop-opacity=".92"/></linearGradient>'
    )
    tilt = dice.choice((-8, -5, 0, 0, 5, 8))
    x, y = _CENTRE
    body = (
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#sky)"/>{painted}<circle cx="{x:g}" cy="{y:g}" r="140" fill="url(#o)"/>'
        f'<ellipse cx="{x:g}" cy="272" rx="84" ry="12" fill="{palette.ink}" opacity=".35"/>'
        f'<g transform="rotate({tilt} {x:g} {y:g})">{drawing(MOTIFS[theme.motif], palette.ink, x, y, 1.04)}</g>'
        f'{_sparks(dice)}<rect y="230" width="{WIDTH}" height="170" fill="url(#v)"/>{_title(name, palette.ink, dice.choice(_FONTS))}'
    )
    return document(WIDTH, HEIGHT, defs, body, escape(name))


@lru_cache(maxsize=CACHED)
def scene(game_id: str) -> bytes:
    """The ground behind a game's reels as SVG: its cover's scene without drawing and title, cut to whatever box it is shown in."""
    theme = theme_of(game_id)
    dice = theme.dice()
    painted = dice.choice(_SCENES)(theme, dice)
    x, y = _CENTRE
    body = (
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#sky)"/>{painted}<circle cx="{x:g}" cy="{y:g}" r="150" fill="url(#o)"/>'
    )
    return document(
        WIDTH, HEIGHT, gradient("sky", theme.palette.sky) + glow("o", theme.palette.glow, 0.6), body, "", fills_box=True
    )


def _title(name: str, ink: str, font: str) -> str:
    lines = _broken(name.upper())
    size = {1: 44, 2: 38, 3: 30}[len(lines)]
    text = []
    for index, line in enumerate(lines):
        at = HEIGHT - 28 - (len(lines) - 1 - index) * (size + 3)
        fitted = min(size, int(_TITLE_WIDTH / (_EM_SHARE * max(len(line), 1))))
        squeezed = (
            f' textLength="{_TITLE_WIDTH}" lengthAdjust="spacingAndGlyphs"' if len(line) * fitted * 0.72 > _TITLE_WIDTH else ""
        )
        text.append(f'<text x="{WIDTH // 2}" y="{at}" font-size="{fitted}"{squeezed}>{escape(line)}</text>')
    return (
        f'<g font-family="{font}" font-weight="900" text-anchor="middle" fill="url(#t)" stroke="{ink}" stroke-width="6" '
        f'stroke-linejoin="round" paint-order="stroke">{"".join(text)}</g>'
    )


def _broken(title: str) -> list[str]:
    """A title in one to three lines, broken between words."""
    lines: list[str] = []
    for word in title.split() or [title]:
        if lines and (len(lines[-1]) + 1 + len(word) <= _LINE_CHARS or len(lines) == _LINES_MAX):
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _sparks(dice: random.Random) -> str:
    """Four-pointed sparks around the drawing."""
    found = []
    for _ in range(6):
        angle, away = dice.uniform(0, math.tau), dice.uniform(104, 132)
        x, y, size = 150 + math.cos(angle) * away, 165 + math.sin(angle) * away * 0.95, dice.uniform(5, 12)
        thin = size * 0.22
        found.append(
            f'<path d="M{x:.1f} {y - size:.1f}l{thin:.1f} {size - thin:.1f} {size - thin:.1f} {thin:.1f} {thin - size:.1f} {thin:.1f} '
            f'{-thin:.1f} {size - thin:.1f} {-thin:.1f} {thin - size:.1f} {thin - size:.1f} {-thin:.1f} {size - thin:.1f} {-thin:.1f}Z"/>'
        )
    return f'<g fill="#fff" opacity=".85">{"".join(found)}</g>'


# --- scenes behind the drawing -----------------------------------------------------------------------------------------------


def _rays(theme: Theme, dice: random.Random) -> str:
    count, turn = dice.choice((16, 20, 24)), dice.uniform(0, 20)
    x, y = _CENTRE
    wedges = []
    for index in range(count):
        first, last = (math.radians(turn + 360 / count * (index + part)) for part in (0, 0.5))
        wedges.append(
            f"M{x:g} {y:g}L{x + 340 * math.cos(first):.0f} {y + 340 * math.sin(first):.0f} {x + 340 * math.cos(last):.0f} {y + 340 * math.sin(last):.0f}Z"
        )
    return f'<path d="{"".join(wedges)}" fill="{theme.palette.glow}" opacity=".22"/>'


def _stars(theme: Theme, dice: random.Random) -> str:
    dots = "".join(
        f'<circle cx="{dice.randrange(WIDTH)}" cy="{dice.randrange(270)}" r="{dice.uniform(0.6, 2.6):.1f}" opacity="{dice.uniform(0.4, 1):.2f}"/>'
        for _ in range(70)
    )
    return f'<g fill="{theme.palette.glow}">{dots}</g>{_hills(theme, dice)}'


def _hills(theme: Theme, dice: random.Random) -> str:
    layers = []
    for index, shade in enumerate((theme.palette.sky[1], theme.palette.sky[0], theme.palette.ink)):
        base = 250 + index * 26
        points = [(x, base + dice.uniform(-26, 26)) for x in range(-60, 421, 60)]
        path = f"M-60 400L{points[0][0]} {points[0][1]:.0f}"
        for (left, left_y), (right, right_y) in itertools.pairwise(points):
            middle = (left + right) / 2
            path += f"C{middle:.0f} {left_y:.0f} {middle:.0f} {right_y:.0f} {right} {right_y:.0f}"
        layers.append(f'<path d="{path}L420 400Z" fill="{shade}" opacity="{0.65 + index * 0.12:.2f}"/>')
    return "".join(layers)


def _peaks(theme: Theme, dice: random.Random) -> str:
    layers = []
    for index, shade in enumerate((theme.palette.sky[1], theme.palette.sky[0])):
        x, path = -40.0, "M-40 400"
        while x < WIDTH + 40:
            top, step = dice.uniform(130, 190) + index * 55, dice.uniform(34, 60)
            path += f"L{x:.0f} {top + dice.uniform(60, 90):.0f}L{x + step:.0f} {top:.0f}"
            x += step * 2
        layers.append(f'<path d="{path}L360 400Z" fill="{shade}" opacity=".7"/>')
    return "".join(layers)


def _ribbons(theme: Theme, dice: random.Random) -> str:
    found = []
    for index in range(5):
        y, wave, shade = 30 + index * 46, dice.uniform(24, 54), (theme.palette.glow, theme.main[1], theme.accent[1])[index % 3]
        path = f"M-20 {y:g}C70 {y - wave:.0f} 90 {y + wave:.0f} 160 {y:g}S270 {y - wave:.0f} 330 {y + wave / 2:.0f}"
        found.append(
            f'<path d="{path}" fill="none" stroke="{shade}" stroke-width="{dice.uniform(10, 30):.0f}" stroke-linecap="round" opacity=".24"/>'
        )
    return "".join(found) + _hills(theme, dice)


def _bubbles(theme: Theme, dice: random.Random) -> str:
    found = "".join(
        f'<circle cx="{dice.randrange(WIDTH)}" cy="{dice.randrange(330)}" r="{dice.uniform(5, 34):.0f}" opacity="{dice.uniform(0.1, 0.32):.2f}"/>'
        for _ in range(22)
    )
    return f'<g fill="{theme.palette.glow}">{found}</g>'


def _hexagons(theme: Theme, dice: random.Random) -> str:
    cells, side = [], 26
    for row in range(11):
        for column in range(8):
            x, y = column * side * 1.74 + (row % 2) * side * 0.87, row * side * 1.5
            points = " ".join(
                f"{x + side * math.sin(math.tau * k / 6):.1f},{y + side * math.cos(math.tau * k / 6):.1f}" for k in range(6)
            )
            cells.append(f'<polygon points="{points}" opacity="{dice.choice((0, 0.06, 0.12, 0.2, 0.28)):g}"/>')
    return f'<g fill="{theme.palette.glow}" stroke="{theme.palette.ink}" stroke-width="2">{"".join(cells)}</g>'


def _skyline(theme: Theme, dice: random.Random) -> str:
    found = []
    for index, shade in enumerate((theme.palette.sky[1], theme.palette.sky[0], theme.palette.ink)):
        x = -10
        while x < WIDTH:
            width, top = dice.randrange(24, 52), dice.randrange(90, 220) + index * 40
            found.append(f'<rect x="{x}" y="{top}" width="{width}" height="{HEIGHT - top}" fill="{shade}" opacity=".8"/>')
            found.extend(
                f'<rect x="{x + 6 + 9 * dice.randrange(max(1, (width - 8) // 9))}" y="{top + 10 + 14 * dice.randrange(8)}" width="4" height="6" '
                f'fill="{theme.palette.glow}" opacity=".8"/>'
                for _ in range(4)
            )
            x += width + dice.randrange(0, 8)
    return "".join(found)


def _waves(theme: Theme, dice: random.Random) -> str:
    found = []
    for index in range(6):
        y, step = 180 + index * 34, dice.choice((50, 60, 75))
        humps = "".join(f"q{step / 2:g} -{dice.randrange(14, 26)} {step} 0" for _ in range(2 + 360 // step))
        shade = theme.palette.sky[index % 2] if index % 2 else theme.palette.glow
        found.append(f'<path d="M{-dice.randrange(60)} {y}{humps}V400H-60Z" fill="{shade}" opacity=".28"/>')
    return "".join(found)


def _rings(theme: Theme, dice: random.Random) -> str:
    x, y = _CENTRE
    start = dice.randrange(40, 60)
    return "".join(
        f'<circle cx="{x:g}" cy="{y:g}" r="{radius}" fill="none" stroke="{theme.palette.glow}" stroke-width="{dice.randrange(3, 16)}" '
        f'opacity="{0.4 - radius / 900:.2f}" stroke-dasharray="{dice.choice(("none", "4 14", "30 12", "2 9"))}"/>'
        for radius in range(start, 300, dice.choice((24, 30, 36)))
    )


def _lozenges(theme: Theme, dice: random.Random) -> str:
    step = dice.choice((36, 44, 52))
    path = "".join(
        f"M{x} {y - step // 3}l{step // 3} {step // 3} {-(step // 3)} {step // 3} {-(step // 3)} {-(step // 3)}Z"
        for row, y in enumerate(range(0, 340, step))
        for x in range((row % 2) * step // 2, WIDTH + step, step)
    )
    return f'<path d="{path}" fill="{theme.palette.glow}" opacity=".16"/>{_hills(theme, dice) if dice.random() < 0.4 else ""}'  # noqa: PLR2004


_SCENES: Final[tuple[Scene, ...]] = (
    _rays, _stars, _hills, _peaks, _ribbons, _bubbles, _hexagons, _skyline, _waves, _rings, _lozenges,
)  # fmt: skip
