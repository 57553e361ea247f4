"""Which drawing and which colours a game gets: decided by its id alone, so that a game looks the same everywhere, always."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Final

from services.simulator.studios.mascot.art.creatures import MOTIFS

Shades = tuple[str, str, str]
"""Light, middle and dark."""

COLOURS: Final[dict[str, Shades]] = {
    "ruby": ("#ff8a8a", "#e5233f", "#8c0a2c"),
    "ember": ("#ffc27a", "#f4701f", "#a12a07"),
    "amber": ("#fff0a6", "#f9b62b", "#b56a04"),
    "lemon": ("#fffbc0", "#f6dc30", "#bd9407"),
    "emerald": ("#a6f3b4", "#22b45f", "#086036"),
    "teal": ("#a9fbf0", "#14b8ae", "#056069"),
    "ice": ("#f0fdff", "#8fdcff", "#3a8fd0"),
    "sapphire": ("#a8ccff", "#3679f2", "#14318f"),
    "violet": ("#dcc2ff", "#8f4bf0", "#46158f"),
    "rose": ("#ffd0e6", "#f2589f", "#9c1760"),
    "steel": ("#f3f6fb", "#a9b6c9", "#5a6880"),
    "bone": ("#fffaf0", "#e8dcc6", "#a8977a"),
    "plum": ("#e6a8ff", "#a12cc9", "#560a73"),
}
GOLD: Final[Shades] = ("#fff3b4", "#f7b834", "#a66503")
LIGHT: Final[Shades] = ("#ffffff", "#eef1fb", "#b9c2dc")


@dataclass(frozen=True, slots=True)
class Palette:
    """A ground: its sky from top to bottom, the glow behind the drawing, the ink of outlines, and what stands out on it."""

    name: str
    sky: Shades
    glow: str
    ink: str
    mains: tuple[str, ...]


PALETTES: Final = (
    Palette("dusk", ("#3b1a6e", "#a12f7e", "#ff8a5c"), "#ffd28a", "#2a0d45", ("amber", "teal", "ice")),
    Palette("deep sea", ("#04263f", "#065c7c", "#12b3a6"), "#a6fff0", "#021b2e", ("ember", "rose", "amber")),
    Palette("forest", ("#0c2a1e", "#17613d", "#8cc152"), "#eaffb0", "#06180f", ("ember", "rose", "ice")),
    Palette("midnight", ("#070b2b", "#1d2a78", "#5668d8"), "#bcd0ff", "#040619", ("amber", "rose", "teal", "emerald")),
    Palette("magma", ("#2a0508", "#8c1518", "#ff6a1f"), "#ffd27a", "#1b0306", ("ice", "lemon", "teal")),
    Palette("candy", ("#ff5fa2", "#ff97b8", "#ffe0c2"), "#fff6d8", "#6b1240", ("violet", "teal", "sapphire")),
    Palette("desert", ("#c2571a", "#f0a040", "#ffe3a0"), "#fff4c8", "#5a2306", ("teal", "sapphire", "ruby", "emerald")),
    Palette("glacier", ("#1b4f8c", "#5fb0e6", "#e6fbff"), "#ffffff", "#0c2a52", ("ruby", "violet", "ember")),
    Palette("neon", ("#12031f", "#3d0a5e", "#c2157f"), "#37f5e6", "#0c0216", ("teal", "lemon", "ice")),
    Palette("jade", ("#032b2b", "#0a6d60", "#4fd6a0"), "#d8ffe9", "#011c1c", ("ruby", "amber", "rose")),
    Palette("royal", ("#260a4a", "#5b1fa6", "#a86bff"), "#f0d8ff", "#16052e", ("amber", "emerald", "rose")),
    Palette("morning", ("#2d7fd6", "#8fcbff", "#fff1cf"), "#fffbe8", "#123a66", ("ruby", "ember", "violet")),
    Palette("bordeaux", ("#1f0512", "#6b0f2f", "#c2364f"), "#ffc9b0", "#16030d", ("amber", "ice", "teal", "emerald")),
    Palette("lagoon", ("#065a8c", "#12a5c9", "#a8f0d0"), "#f2fff6", "#04385a", ("rose", "ember", "violet")),
    Palette("lime", ("#1c4a12", "#5c9c1f", "#d6ee6a"), "#faffd0", "#0d2a07", ("violet", "ruby", "rose")),
    Palette("slate", ("#0f1722", "#2c4157", "#7796ab"), "#e2f2ff", "#080d15", ("ember", "amber", "rose")),
)

_NATURAL: Final[dict[str, tuple[str, str]]] = {
    "anchor": ("steel", "sapphire"),
    "bee": ("lemon", "ice"),
    "bell": ("amber", "ruby"),
    "bolt": ("lemon", "ember"),
    "cactus": ("emerald", "rose"),
    "cherry": ("ruby", "emerald"),
    "clover": ("emerald", "emerald"),
    "dragon": ("emerald", "ember"),
    "flame": ("ember", "lemon"),
    "fox": ("ember", "bone"),
    "heart": ("ruby", "rose"),
    "horseshoe": ("steel", "amber"),
    "lantern": ("ruby", "ember"),
    "leaf": ("emerald", "lemon"),
    "lemon": ("lemon", "emerald"),
    "lotus": ("rose", "plum"),
    "moon": ("amber", "ember"),
    "mountain": ("sapphire", "violet"),
    "mushroom": ("ruby", "bone"),
    "plum": ("plum", "emerald"),
    "pumpkin": ("ember", "emerald"),
    "pyramid": ("amber", "ember"),
    "scarab": ("teal", "sapphire"),
    "seven": ("ruby", "amber"),
    "shell": ("rose", "plum"),
    "snowflake": ("ice", "sapphire"),
    "star": ("amber", "ember"),
    "sun": ("amber", "ember"),
    "sword": ("steel", "ruby"),
    "wheel": ("ruby", "lemon"),
}
"""Drawings that have colours of their own; the others take what stands out on the ground."""

_WORDS: Final[dict[str, str]] = {
    "aurora": "mountain", "winter": "snowflake", "frost": "snowflake", "polar": "snowflake", "glacier": "mountain", "summit": "mountain",
    "riot": "city", "metro": "city", "koi": "fish", "carp": "fish", "reef": "shell", "tide": "shell", "pearl": "shell",
    "harbour": "anchor", "anchor": "anchor", "sailor": "anchor", "galleon": "ship", "corsair": "ship", "voyage": "ship", "fox": "fox", "vixen": "fox",
    "cat": "cat", "kitten": "cat", "panther": "cat", "owl": "owl", "moth": "butterfly", "butterfly": "butterfly", "honey": "bee",
    "hive": "bee", "wyrm": "dragon", "dragon": "dragon", "drake": "dragon", "ember": "flame", "fire": "flame", "inferno": "flame",
    "thunder": "bolt", "storm": "bolt", "volt": "bolt", "moon": "moon", "lunar": "moon", "sun": "sun", "solar": "sun", "dawn": "sun",
    "star": "star", "comet": "rocket", "rocket": "rocket", "orbit": "planet", "planet": "planet", "saturn": "planet", "robot": "robot",
    "android": "robot", "gear": "gear", "clockwork": "gear", "pharaoh": "pyramid", "dune": "pyramid", "sphinx": "pyramid",
    "scarab": "scarab", "oasis": "cactus", "mesa": "cactus", "bandit": "cactus", "pumpkin": "pumpkin", "ghost": "ghost", "haunted": "ghost",
    "skull": "skull", "bones": "skull", "witch": "hat", "coven": "hat", "potion": "potion", "alchemist": "potion", "elixir": "potion",
    "book": "book", "chronicle": "book", "tome": "book", "tower": "tower", "castle": "tower", "keep": "tower", "crown": "crown",
    "queen": "crown", "king": "crown", "duke": "crown", "sword": "sword", "knight": "sword", "duel": "sword", "masquerade": "mask",
    "carnival": "mask", "opera": "mask", "lantern": "lantern", "jade": "lantern", "lotus": "lotus", "garden": "lotus", "clover": "clover",
    "meadow": "clover", "leaf": "leaf", "jungle": "leaf", "grove": "leaf", "mushroom": "mushroom", "truffle": "mushroom",
    "cherry": "cherry", "orchard": "cherry", "lemon": "lemon", "citrus": "lemon", "plum": "plum", "sugar": "candy", "candy": "candy",
    "bakery": "cupcake", "muffin": "cupcake", "seven": "seven", "sevens": "seven", "bell": "bell", "bells": "bell", "gem": "gem",
    "diamond": "gem", "crystal": "gem", "coin": "coin", "vault": "key", "keymaster": "key", "horseshoe": "horseshoe", "rodeo": "horseshoe",
    "dice": "dice", "craps": "dice", "heart": "heart", "valentine": "heart", "blackjack": "spade", "poker": "spade", "baccarat": "crown", "joker": "mask",
    "roulette": "wheel", "wheel": "wheel", "keno": "ball", "bingo": "ball", "lotto": "ball", "scratch": "ticket", "ticket": "ticket",
}  # fmt: skip
"""Words of an id that ask for a drawing, with or without an s; the last one of an id counts."""


@dataclass(frozen=True, slots=True)
class Theme:
    """How a game looks. `seed` is for everything else that is chosen, such as where stars stand."""

    motif: str
    main: Shades
    accent: Shades
    palette: Palette
    seed: int

    def dice(self) -> random.Random:
        """Choices of its own, the same ones at every call."""
        return random.Random(self.seed)  # noqa: S311  # looks, not secrets


def theme_of(game_id: str) -> Theme:
    """The theme of a game: any text gets one."""
    seed = int.from_bytes(hashlib.sha256(game_id.encode("utf-8", "replace")).digest()[:8], "big")
    names = sorted(MOTIFS)
    wanted = [_WORDS.get(word) or _WORDS.get(word.removesuffix("s")) for word in reversed(game_id.split("_"))]
    motif = next((motif for motif in wanted if motif is not None), names[seed % len(names)])
    return themed(motif, seed)


def themed(motif: str, seed: int) -> Theme:
    """A theme around a given drawing; natural colours want a ground they stand out on."""
    natural = _NATURAL.get(motif)
    grounds = [palette for palette in PALETTES if natural is None or natural[0] in palette.mains] or list(PALETTES)
    palette = grounds[(seed >> 16) % len(grounds)]
    main, accent = natural or _standing_out(palette, seed)
    return Theme(motif, COLOURS[main], COLOURS[accent], palette, seed)


def _standing_out(palette: Palette, seed: int) -> tuple[str, str]:
    first = (seed >> 32) % len(palette.mains)
    return palette.mains[first], palette.mains[(first + 1) % len(palette.mains)]
