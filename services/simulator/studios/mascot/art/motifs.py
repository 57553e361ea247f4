"""The studio's drawings: one motif each, in a square from -100 to 100, of plain shapes. Only shapes here, no choice of who gets which.

Fills name the gradients that the picture around them defines (`a` main, `b` accent, `g` gold, `w` light, `d` dark); outlines
inherit the picture's stroke, `currentColor` is its ink.
"""

from __future__ import annotations

from typing import Final

SHINE: Final = 'stroke="none" fill="#fff" opacity=".45"'
_LINE: Final = 'fill="none"'

TREASURES: Final[dict[str, str]] = {
    "gem": (
        '<path fill="url(#a)" d="M-52-58H52L88-14 0 80-88-14Z"/><path fill="url(#b)" d="M-30-14H30L0 80Z"/>'
        f'<path {_LINE} d="M-88-14H88M-52-58-30-14 0-58 30-14 52-58"/><path {SHINE} d="M-46-48H-10L-30-24Z"/>'
    ),
    "crown": (
        '<path fill="url(#g)" d="M-80 48V-34L-38 6 0-64 38 6 80-34V48Z"/><path fill="url(#g)" d="M-80 48H80V72H-80Z"/>'
        '<circle cy="-66" r="13" fill="url(#b)"/><circle cx="-82" cy="-38" r="11" fill="url(#b)"/>'
        '<circle cx="82" cy="-38" r="11" fill="url(#b)"/><ellipse cy="24" rx="16" ry="18" fill="url(#a)"/>'
        f'<circle cx="-46" cy="30" r="9" fill="url(#a)"/><circle cx="46" cy="30" r="9" fill="url(#a)"/><path {SHINE} d="M-70-12V40H-58V0Z"/>'
    ),
    "coin": (
        '<circle r="78" fill="url(#g)"/><circle r="58" fill="url(#g)"/>'
        '<path fill="url(#b)" d="M0-40 11-14 40-12 18 7 25 35 0 20-25 35-18 7-40-12-11-14Z"/>'
        f'<path {SHINE} d="M-62-32A70 70 0 0 1-22-66L-18-58A60 60 0 0 0-54-28Z"/>'
    ),
    "key": (
        '<path fill="url(#g)" d="M-10-8H64V-8L78 6 64 20V34H50V20H36V38H22V20H-10Z" transform="rotate(45)"/>'
        '<circle cx="-38" cy="-34" r="40" fill="url(#g)"/><circle cx="-38" cy="-34" r="17" fill="url(#d)"/>'
        f'<path {SHINE} d="M-70-44A36 36 0 0 1-42-68V-60A28 28 0 0 0-62-42Z"/>'
    ),
    "bell": (
        '<path fill="url(#g)" d="M0-74C46-74 48-30 52 6 54 24 62 34 74 44H-74C-62 34-54 24-52 6-48-30-46-74 0-74Z"/>'
        '<circle cy="58" r="17" fill="url(#b)"/><rect x="-80" y="40" width="160" height="16" rx="8" fill="url(#g)"/>'
        f'<circle cy="-78" r="10" fill="url(#g)"/><path {SHINE} d="M-34-34C-30-56-16-62-8-62-22-48-26-20-28 20H-40Z"/>'
    ),
    "horseshoe": (
        '<path fill="url(#a)" d="M-70 74C-98-20-74-82 0-82S98-20 70 74H34C58 0 44-44 0-44S-58 0-34 74Z"/>'
        '<g fill="url(#g)"><circle cx="-62" cy="10" r="8"/><circle cx="62" cy="10" r="8"/><circle cx="-54" cy="-32" r="8"/>'
        '<circle cx="54" cy="-32" r="8"/><circle cy="-63" r="8"/><circle cx="-55" cy="50" r="8"/><circle cx="55" cy="50" r="8"/></g>'
    ),
    "seven": (
        '<path fill="url(#a)" d="M-62-76H68V-40C34-4 20 32 16 78H-34C-30 30-14-6 16-38H-28L-34-18H-62Z"/>'
        f'<path {SHINE} d="M-54-68H58V-58H-54Z"/>'
    ),
    "dice": (
        '<path fill="url(#a)" d="M0-84 74-44V40L0 84-74 40V-44Z"/><path fill="url(#b)" d="M0-84 74-44 0-2-74-44Z"/>'
        f'<path {_LINE} d="M0-2V84"/><g stroke="none" fill="#fff"><ellipse cy="-44" rx="13" ry="8"/><ellipse cx="-52" cy="-14" rx="8" ry="11"/>'
        '<ellipse cx="-22" cy="48" rx="8" ry="11"/><ellipse cx="-37" cy="18" rx="8" ry="11"/><ellipse cx="22" cy="14" rx="8" ry="11"/>'
        '<ellipse cx="52" cy="-4" rx="8" ry="11"/><ellipse cx="22" cy="52" rx="8" ry="11"/><ellipse cx="52" cy="34" rx="8" ry="11"/></g>'
    ),
    "heart": (
        '<path fill="url(#a)" d="M0 78C-60 36-88 4-84-32-80-66-28-80 0-36 28-80 80-66 84-32 88 4 60 36 0 78Z"/>'
        f'<path {SHINE} d="M-66-24C-64-48-40-56-24-44-44-44-54-30-56-12Z"/>'
    ),
    "spade": (
        '<path fill="url(#d)" d="M0-84C30-40 80-18 80 22 80 58 34 62 14 36 14 56 22 70 36 80H-36C-22 70-14 56-14 36-34 62-80 58-80 22-80-18-30-40 0-84Z"/>'
        '<path fill="url(#b)" d="M0-44C14-22 40-8 40 14 40 30 18 34 0 12-18 34-40 30-40 14-40-8-14-22 0-44Z"/>'
    ),
    "wheel": (
        '<circle r="82" fill="url(#g)"/><circle r="66" fill="url(#d)"/><g fill="url(#a)"><path d="M0 0V-66A66 66 0 0 1 47-47Z"/>'
        '<path d="M0 0 66 0A66 66 0 0 1 47 47Z"/><path d="M0 0V66A66 66 0 0 1-47 47Z"/><path d="M0 0-66 0A66 66 0 0 1-47-47Z"/></g>'
        '<circle r="24" fill="url(#g)"/><circle cx="44" cy="-22" r="9" fill="#fff"/><circle r="9" fill="url(#b)"/>'
    ),
    "ball": (
        '<circle r="80" fill="url(#a)"/><circle cx="-4" cy="-8" r="42" fill="url(#w)"/>'
        '<path fill="url(#b)" d="M-26-36H22V-20L0 22H-20L-2-18H-26Z"/>'
        f'<path {SHINE} d="M-66-30A72 72 0 0 1-24-68L-30-54A60 60 0 0 0-56-26Z"/>'
    ),
    "ticket": (
        '<g transform="rotate(-14)"><path fill="url(#a)" d="M-86-46H86V-16A18 18 0 0 0 86 20V50H-86V20A18 18 0 0 0-86-16Z"/>'
        f'<path {_LINE} stroke-dasharray="9 10" d="M38-42V46"/>'
        '<path fill="url(#g)" d="M-26-34-17-12 7-10-11 5-5 28-26 15-47 28-41 5-59-10-35-12Z"/></g>'
    ),
    "anchor": (
        f'<path {_LINE} stroke-width="24" d="M0-40V66M-42-22H42M-70 14C-66 48-36 68 0 68S66 48 70 14"/>'
        '<path fill="none" stroke="url(#a)" stroke-width="14" d="M0-40V66M-42-22H42M-70 14C-66 48-36 68 0 68S66 48 70 14"/>'
        '<circle cy="-60" r="20" fill="url(#g)"/><circle cy="-60" r="8" fill="url(#d)"/>'
        '<path fill="url(#a)" d="M-88 22-66-8-46 22ZM88 22 66-8 46 22Z"/>'
    ),
    "sword": (
        '<g transform="rotate(40)"><path fill="url(#w)" d="M-12 26V-72L0-96 12-72V26Z"/><path fill="url(#a)" d="M0-96 12-72V26H0Z"/>'
        '<path fill="url(#g)" d="M-44 26H44V42H-44Z"/><rect x="-9" y="42" width="18" height="34" fill="url(#b)"/><circle cy="86" r="13" fill="url(#g)"/></g>'
        '<g transform="rotate(-40)"><path fill="url(#w)" d="M-12 26V-72L0-96 12-72V26Z"/><path fill="url(#a)" d="M0-96 12-72V26H0Z"/>'
        '<path fill="url(#g)" d="M-44 26H44V42H-44Z"/><rect x="-9" y="42" width="18" height="34" fill="url(#b)"/><circle cy="86" r="13" fill="url(#g)"/></g>'
    ),
    "book": (
        '<path fill="url(#a)" d="M-84-56C-50-72-20-66 0-48 20-66 50-72 84-56V64C50 50 20 54 0 74-20 54-50 50-84 64Z"/>'
        '<path fill="url(#w)" d="M-72-48C-44-60-18-54-4-40V56C-22 42-48 42-72 50ZM72-48C44-60 18-54 4-40V56C22 42 48 42 72 50Z"/>'
        '<path fill="url(#b)" d="M36-32 56-8 36 18 18-8Z"/>'
        f'<path {_LINE} stroke-width="4" d="M-60-28C-44-34-28-32-16-24M-60-8C-44-14-28-12-16-4M-60 12C-44 6-28 8-16 16"/>'
    ),
    "potion": (
        '<path fill="url(#w)" d="M-22-62H22V-26C52-12 74 16 70 48 66 72 36 80 0 80S-66 72-70 48C-74 16-52-12-22-26Z"/>'
        '<path fill="url(#a)" d="M-62 18C-30 4-10 34 24 18 40 10 54 12 62 18 66 30 66 38 62 50 56 66 32 70 0 70S-56 66-62 50C-66 38-66 30-62 18Z"/>'
        '<rect x="-28" y="-78" width="56" height="20" rx="6" fill="url(#g)"/><circle cx="-22" cy="42" r="9" fill="url(#b)"/>'
        f'<circle cx="20" cy="52" r="6" fill="url(#b)"/><circle cx="14" cy="-2" r="6" fill="url(#b)"/><path {SHINE} d="M-12-50H-4V-20C-24-12-40 0-48 14-40-8-28-20-12-28Z"/>'
    ),
    "mask": (
        '<path fill="url(#a)" d="M-92-40C-50-54-24-40 0-26 24-40 50-54 92-40 96 16 64 52 30 44 14 40 8 28 0 22-8 28-14 40-30 44-64 52-96 16-92-40Z"/>'
        '<path fill="url(#d)" d="M-66-12C-46-24-26-14-16 4-32 20-58 14-66-12ZM66-12C46-24 26-14 16 4 32 20 58 14 66-12Z"/>'
        '<path fill="url(#g)" d="M0-26-14-52 0-86 14-52Z"/><circle cy="-30" r="11" fill="url(#b)"/><path fill="url(#b)" d="M-92-40-74-78-56-46ZM92-40 74-78 56-46Z"/>'
    ),
    "gear": (
        '<path fill="url(#a)" d="M-14-86H14L19-62 38-54 58-68 76-48 62-28 69-10 92-6V22L68 27 60 45 74 65 54 83 34 69 16 76 12 98'
        'H-14L-18 76-36 69-56 82-74 63-60 44-68 26-92 22V-6L-68-11-61-29-75-49-56-67-36-54-18-62Z" transform="translate(0 -6) scale(.9)"/>'
        '<circle r="38" fill="url(#g)"/><circle r="18" fill="url(#d)"/>'
        f'<path {SHINE} d="M-30-14A32 32 0 0 1-8-32L-6-26A26 26 0 0 0-24-12Z"/>'
    ),
    "lantern": (
        f'<path {_LINE} d="M0-92V-72M0 66V92M-12 70V88M12 70V88"/><ellipse rx="76" ry="62" fill="url(#a)"/><ellipse rx="44" ry="62" fill="url(#b)"/>'
        '<ellipse rx="16" ry="62" fill="url(#a)"/><rect x="-32" y="-74" width="64" height="18" rx="5" fill="url(#g)"/>'
        '<rect x="-32" y="54" width="64" height="18" rx="5" fill="url(#g)"/>'
    ),
    "cupcake": (
        '<path fill="url(#b)" d="M-58 14H58L42 78H-42Z"/><path fill="none" d="M-26 18-20 76M0 18V76M26 18 20 76"/>'
        '<path fill="url(#a)" d="M-70 20C-88-4-64-24-50-24-52-50-22-56-14-50-10-66 10-66 14-50 22-56 52-50 50-24 64-24 88-4 70 20 40 32-40 32-70 20Z"/>'
        f'<circle cy="-68" r="17" fill="url(#b)"/><path {SHINE} d="M-56-4C-50-14-40-14-34-12-44-8-48 0-50 8Z"/><g fill="url(#g)" stroke-width="3">'
        '<circle cx="-22" cy="-18" r="6"/><circle cx="20" cy="-24" r="6"/><circle cx="40" cy="2" r="6"/><circle cx="-4" cy="6" r="6"/></g>'
    ),
    "candy": (
        '<path fill="url(#b)" d="M-40 0-92-38-82 0-92 38ZM40 0 92-38 82 0 92 38Z"/><circle r="50" fill="url(#a)"/>'
        '<path fill="url(#w)" d="M0 0C-8-22 4-40 22-45 42-36 48-18 48-12 32-26 12-18 0 0ZM0 0C8 22-4 40-22 45-42 36-48 18-48 12-32 26-12 18 0 0Z"/>'
    ),
    "hat": (
        '<path fill="url(#a)" d="M-52 40C-40-10-28-50 8-88 22-80 44-66 52-48 38-54 28-54 22-48 34-20 46 12 54 40Z"/>'
        '<ellipse cy="48" rx="92" ry="26" fill="url(#a)"/><path fill="url(#b)" d="M-52 40C-20 54 20 54 54 40L46 14C16 26-18 26-44 14Z"/>'
        '<rect x="-16" y="18" width="32" height="30" rx="4" fill="url(#g)"/>'
    ),
}
"""Made things."""
