"""Small helpers for writing SVG: gradients and whole documents. Everything is an attribute: no style, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from services.simulator.studios.mascot.art.themes import GOLD, LIGHT, Shades


def gradient(name: str, colours: Sequence[str]) -> str:
    """A gradient from top to bottom, its colours evenly spread."""
    last = len(colours) - 1
    stops = "".join(f'<stop offset="{index / last:g}" stop-color="{colour}"/>' for index, colour in enumerate(colours))
    return f'<linearGradient id="{name}" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient>'


def glow(name: str, colour: str, strength: float = 0.9) -> str:
    """A round glow that fades out."""
    return (
        f'<radialGradient id="{name}"><stop offset="0" stop-color="{colour}" stop-opacity="{strength:g}"/>'
        f'<stop offset=".55" stop-color="{colour}" stop-opacity="{strength / 3:.3g}"/>'
        f'<stop offset="1" stop-color="{colour}" stop-opacity="0"/></radialGradient>'
    )


def fills(main: Shades, accent: Shades, ink: str) -> str:
    """The gradients that drawings name."""
    dark = (main[2], ink)
    return gradient("a", main) + gradient("b", accent) + gradient("g", GOLD) + gradient("w", LIGHT) + gradient("d", dark)


def drawing(motif: str, ink: str, x: float, y: float, scale: float, *, width: float = 5) -> str:
    """A drawing at a place, with its outlines in ink."""
    return (
        f'<g transform="translate({x:g} {y:g}) scale({scale:g})" color="{ink}" stroke="{ink}" stroke-width="{width:g}" '
        f'stroke-linejoin="round" stroke-linecap="round">{motif}</g>'
    )


def document(width: int, height: int, defs: str, body: str, title: str, *, fills_box: bool = False) -> bytes:
    """A whole picture; `title` must be escaped. `fills_box`: cut to the box it is shown in, instead of fitted into it."""
    fit = ' preserveAspectRatio="xMidYMid slice"' if fills_box else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"{fit}>'
        f"<title>{title}</title><defs>{defs}</defs>{body}</svg>\n"
    ).encode()
