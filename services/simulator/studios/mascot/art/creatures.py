"""More of the studio's drawings, as in motifs.py: what grows, lives and shines, and places."""

from __future__ import annotations

from typing import Final

from services.simulator.studios.mascot.art.motifs import SHINE, TREASURES

_LINE: Final = 'fill="none"'

NATURE: Final[dict[str, str]] = {
    "moon": (
        '<path fill="url(#a)" d="M24-82A84 84 0 1 0 82 34 68 68 0 0 1 24-82Z"/><circle cx="-34" cy="-14" r="11" fill="url(#b)"/>'
        '<circle cx="-16" cy="36" r="15" fill="url(#b)"/><path fill="url(#g)" d="M58-62 65-44 84-42 69-30 74-11 58-21 42-11 47-30 32-42 51-44Z"/>'
    ),
    "sun": (
        '<path fill="url(#b)" d="M0-96 16-58 48-83 45-42 86-47 62-14 96 0 62 14 86 47 45 42 48 83 16 58 0 96-16 58-48 83-45 42-86 47-62 14-96 0-62-14-86-47'
        '-45-42-48-83-16-58Z"/>'
        f'<circle r="50" fill="url(#a)"/><path {SHINE} d="M-38-18A42 42 0 0 1-6-42V-34A36 36 0 0 0-30-14Z"/>'
    ),
    "star": (
        '<path fill="url(#a)" d="M0-90 26-30 90-26 40 14 58 78 0 42-58 78-40 14-90-26-26-30Z"/>'
        '<path fill="url(#b)" d="M0-46 12-14 46-12 20 8 29 42 0 22-29 42-20 8-46-12-12-14Z"/>'
    ),
    "flame": (
        '<path fill="url(#a)" d="M6-96C20-60 74-34 66 26 60 66 30 84 0 84S-66 64-66 22C-66-8-46-22-40-46-24-36-20-24-18-12 0-34 8-64 6-96Z"/>'
        '<path fill="url(#b)" d="M8-24C16-4 42 10 38 42 34 66 18 74 0 74S-36 64-36 38C-36 24-28 16-24 4-14 10-10 18-8 24 2 10 8-6 8-24Z"/>'
        '<path fill="url(#w)" d="M2 26C8 38 18 42 16 56 14 68 6 72 0 72S-16 66-16 54C-16 42-4 38 2 26Z"/>'
    ),
    "bolt": (f'<path fill="url(#a)" d="M22-92-62 14H-10L-30 92 62-22H8Z"/><path {SHINE} d="M6-60-42 4H-30L6-44Z"/>'),
    "cherry": (
        '<path fill="none" stroke="url(#b)" stroke-width="9" d="M-36 24C-30-20-4-52 34-72M40 34C42-4 40-40 34-72"/>'
        '<path fill="url(#b)" d="M34-72C54-98 82-88 92-66 70-54 48-56 34-72Z"/><circle cx="-38" cy="42" r="38" fill="url(#a)"/>'
        f'<circle cx="42" cy="52" r="38" fill="url(#a)"/><ellipse cx="-50" cy="28" rx="10" ry="14" {SHINE}/><ellipse cx="30" cy="38" rx="10" ry="14" {SHINE}/>'
    ),
    "lemon": (
        '<path fill="url(#b)" d="M26-48C32-84 62-92 88-80 82-54 56-40 26-48Z"/>'
        '<path fill="url(#a)" d="M-84 46C-92 60-88 70-72 64-52 82-4 84 34 56 66 30 72-4 58-34 60-44 52-52 42-50 8-64-34-50-58-22-80 4-86 30-84 46Z"/>'
        f'<path {SHINE} d="M-56 18C-52-8-30-28-6-34-24-18-36 0-40 26Z"/>'
    ),
    "plum": (
        '<path fill="none" stroke="url(#b)" stroke-width="10" d="M0-44C0-64 8-78 20-88"/><path fill="url(#b)" d="M8-64C-18-92-50-88-62-72-42-50-16-50 8-64Z"/>'
        '<path fill="url(#a)" d="M0-46C52-62 82-24 76 18 70 60 34 84 0 82-34 84-70 60-76 18-82-24-52-62 0-46Z"/>'
        f'<path {_LINE} stroke-width="4" d="M0-46C-18-6-16 38 0 82"/><path {SHINE} d="M34-32C56-28 64-6 62 14 54-4 46-16 28-22Z"/>'
    ),
    "clover": (
        '<path fill="none" stroke="url(#b)" stroke-width="13" d="M2 8C6 44 18 66 40 86"/>'
        '<path fill="url(#a)" d="M0 0C-46 14-86-2-78-34-72-54-48-54-42-42-54-48-54-72-34-78-2-86 14-46 0 0Z"/>'
        '<path fill="url(#a)" d="M0 0C46 14 86-2 78-34 72-54 48-54 42-42 54-48 54-72 34-78 2-86-14-46 0 0Z"/>'
        '<path fill="url(#a)" d="M0 0C-46-14-86 2-78 34-72 54-48 54-42 42-54 48-54 72-34 78-2 86 14 46 0 0Z"/>'
        '<path fill="url(#a)" d="M0 0C46-14 86 2 78 34 72 54 48 54 42 42 54 48 54 72 34 78 2 86-14 46 0 0Z"/>'
    ),
    "leaf": (
        '<path fill="url(#a)" d="M-70 76C-96-10-40-86 84-82 92 30 26 92-44 52Z"/>'
        f'<path {_LINE} d="M-82 92C-60 40-10-16 50-48M-38 28-36-18M-14 2-10-40M-24 14 22 20M6-18 48-14"/>'
    ),
    "lotus": (
        '<path fill="url(#b)" d="M-94 6C-58-4-30 14-14 48-50 56-82 36-94 6ZM94 6C58-4 30 14 14 48 50 56 82 36 94 6Z"/>'
        '<path fill="url(#a)" d="M-66-42C-32-30-10 4-6 48-48 38-70 0-66-42ZM66-42C32-30 10 4 6 48 48 38 70 0 66-42Z"/>'
        '<path fill="url(#b)" d="M0-78C30-42 34 8 0 52-34 8-30-42 0-78Z"/><path fill="url(#g)" d="M-60 60C-20 76 20 76 60 60 46 82-46 82-60 60Z"/>'
    ),
    "mushroom": (
        '<path fill="url(#w)" d="M-28 6H28C24 36 30 58 42 76 16 88-16 88-42 76-30 58-24 36-28 6Z"/>'
        '<path fill="url(#a)" d="M-90 10C-84-52-40-84 0-84S84-52 90 10C54 26-54 26-90 10Z"/>'
        '<g fill="url(#w)"><ellipse cx="-44" cy="-18" rx="15" ry="13"/><ellipse cx="4" cy="-48" rx="18" ry="14"/><ellipse cx="48" cy="-14" rx="15" ry="13"/></g>'
    ),
    "snowflake": (
        f'<g {_LINE} stroke-width="24"><path d="M0-86V86M-22-74 0-52 22-74M-22 74 0 52 22 74"/><path d="M0-86V86M-22-74 0-52 22-74M-22 74 0 52 22 74" '
        'transform="rotate(60)"/><path d="M0-86V86M-22-74 0-52 22-74M-22 74 0 52 22 74" transform="rotate(120)"/></g>'
        '<g fill="none" stroke="url(#a)" stroke-width="13"><path d="M.1-86V86M-22-74 0-52 22-74M-22 74 0 52 22 74"/><path d="M.1-86V86M-22-74 0-52 22-74M-22 74 0'
        ' 52 22 74" transform="rotate(60)"/><path d="M.1-86V86M-22-74 0-52 22-74M-22 74 0 52 22 74" transform="rotate(120)"/></g>'
        '<path fill="url(#b)" d="M0-26 23-13V13L0 26-23 13V-13Z"/>'
    ),
    "planet": (
        '<path fill="url(#b)" d="M-60-14C-104 18-108 42-84 46-40 52 60 4 90-28 106-46 96-62 58-48L52-30C66-34 72-30 62-20 38 6-40 34-62 32-72 30-70 20-52 8Z"/>'
        '<circle r="56" fill="url(#a)"/><path fill="url(#b)" d="M-70 30C-30 26 44-6 70-34 80-44 82-52 72-54 96-58 102-46 90-28 60 4-40 52-84 46-92 44-96 38-94 30Z"/>'
        f'<path {SHINE} d="M-40-22A46 46 0 0 1-8-46V-36A38 38 0 0 0-32-18Z"/>'
    ),
    "fox": (
        '<path fill="url(#a)" d="M-80-84C-60-74-40-60-28-46-10-52 10-52 28-46 40-60 60-74 80-84 88-40 84-10 78 4 66 40 30 58 0 84-30 58-66 40-78 4-84-10-88-40-80-84Z"/>'
        '<path fill="url(#w)" d="M-78 4C-52-2-22 6-10 42L0 84C-30 58-66 40-78 4ZM78 4C52-2 22 6 10 42L0 84C30 58 66 40 78 4Z"/>'
        '<path fill="url(#d)" d="M-70-64C-56-54-48-46-40-36-54-30-62-22-68-12ZM70-64C56-54 48-46 40-36 54-30 62-22 68-12ZM-14 58H14L0 82Z"/>'
        '<ellipse cx="-32" cy="0" rx="8" ry="11" fill="currentColor"/><ellipse cx="32" cy="0" rx="8" ry="11" fill="currentColor"/>'
    ),
    "cat": (
        '<path fill="url(#a)" d="M-76-86C-58-78-42-66-30-54-12-60 12-60 30-54 42-66 58-78 76-86 84-54 84-26 80-4 84 50 40 80 0 80S-84 50-80-4C-84-26-84-54-76-86Z"/>'
        '<path fill="url(#b)" d="M-66-62C-56-56-48-48-42-42-52-36-60-28-64-18ZM66-62C56-56 48-48 42-42 52-36 60-28 64-18ZM-10 30H10L0 42Z"/>'
        '<path fill="url(#g)" d="M-56-2C-42-22-22-16-16 6-32 18-50 14-56-2ZM56-2C42-22 22-16 16 6 32 18 50 14 56-2Z"/>'
        f'<path fill="currentColor" d="M-38-12-33 0-38 12-43 0ZM38-12 43 0 38 12 33 0Z"/><path {_LINE} stroke-width="4" d="M0 42C-6 56-20 54-24 48M0 42C6 56 20 54 24 48M-94 26-58 32M-90 48-56 44M94 26 58 32M90 48 56 44"/>'
    ),
    "owl": (
        '<path fill="url(#a)" d="M-70-86C-46-72-24-66 0-66S46-72 70-86C74-60 74-40 72-20 82 40 50 86 0 86S-82 40-72-20C-74-40-74-60-70-86Z"/>'
        '<path fill="url(#b)" d="M0 0C38 10 50 40 34 76 12 88-12 88-34 76-50 40-38 10 0 0Z"/><circle cx="-34" cy="-20" r="30" fill="url(#w)"/>'
        '<circle cx="34" cy="-20" r="30" fill="url(#w)"/><circle cx="-30" cy="-20" r="14" fill="currentColor"/><circle cx="30" cy="-20" r="14" fill="currentColor"/>'
        '<path fill="url(#g)" d="M-13-6H13L0 22Z"/><g stroke="none" fill="#fff"><circle cx="-26" cy="-26" r="5"/><circle cx="34" cy="-26" r="5"/></g>'
        f'<path {_LINE} stroke-width="4" d="M-18 40-10 50-2 40M2 40 10 50 18 40M-10 58 0 68 10 58"/>'
    ),
    "fish": (
        '<path fill="url(#b)" d="M48 4C66-30 84-42 96-44 90-16 90 24 96 52 84 50 66 38 48 4ZM-20-46C0-78 30-76 44-62 30-56 20-44 18-34Z"/>'
        '<path fill="url(#a)" d="M-92 4C-66-40-20-54 16-42 38-34 48-20 60 4 48 28 38 42 16 50-20 62-66 48-92 4Z"/>'
        '<path fill="url(#w)" d="M-24-50C0-54 22-44 30-34 14-26-14-26-24-50ZM-8 54C-6 34 12 28 30 34 22 46 6 54-8 54Z"/>'
        f'<circle cx="-56" cy="-8" r="11" fill="#fff"/><circle cx="-57" cy="-7" r="4" fill="currentColor"/><path {_LINE} d="M-34-30C-22-10-22 20-34 40"/>'
        '<path fill="url(#b)" d="M-14 12C8 8 22 16 30 28 10 34-8 28-14 12Z"/>'
    ),
    "butterfly": (
        '<path fill="url(#a)" d="M0-10C-18-66-64-92-90-70-104-34-66 2 0 8ZM0-10C18-66 64-92 90-70 104-34 66 2 0 8Z"/>'
        '<path fill="url(#b)" d="M0 4C-52 2-80 24-68 58-52 84-14 66 0 22ZM0 4C52 2 80 24 68 58 52 84 14 66 0 22Z"/>'
        '<g fill="url(#g)"><circle cx="-62" cy="-48" r="12"/><circle cx="62" cy="-48" r="12"/><circle cx="-44" cy="42" r="9"/><circle cx="44" cy="42" r="9"/></g>'
        f'<path fill="url(#d)" d="M-8-36C-8-46 8-46 8-36L6 60 0 76-6 60Z"/><path {_LINE} d="M-3-42C-10-64-20-74-32-82M3-42C10-64 20-74 32-82"/>'
    ),
    "scarab": (
        f'<path {_LINE} stroke-width="9" d="M-44-20-84-44M-52 14H-92M-44 48-78 76M44-20 84-44M52 14H92M44 48 78 76"/>'
        '<path fill="url(#g)" d="M-30-56C-34-92 34-92 30-56Z"/><path fill="url(#b)" d="M-50-24C-50-72 50-72 50-24Z"/>'
        '<path fill="url(#a)" d="M0-24C-30-28-46-24-52-18-66 44-34 82 0 86ZM0-24C30-28 46-24 52-18 66 44 34 82 0 86Z"/>'
        f'<path {SHINE} d="M-40-8C-48 24-38 48-24 60-32 34-32 10-26-12Z"/>'
    ),
    "shell": (
        '<path fill="url(#a)" d="M0 76C-20 70-26 60-28 50-70 40-94 0-78-36-70-50-58-50-52-42-48-66-28-76-18-62-12-80 12-80 18-62 28-76 48-66 52-42 58-50 70-50 78-36 94 0 70 40 28 50 26 60 20 70 0 76Z"/>'
        f'<path {_LINE} d="M-6 50C-30 30-48-10-52-40M-2 50C-12 20-18-30-18-60M2 50C12 20 18-30 18-60M6 50C30 30 48-10 52-40"/><circle cy="34" r="22" fill="url(#w)"/>'
        f'<ellipse cx="-7" cy="26" rx="7" ry="5" {SHINE}/>'
    ),
    "bee": (
        '<path fill="url(#w)" d="M-6-18C-60-92-96-60-84-34-74-14-34-8-6-18ZM6-18C60-92 96-60 84-34 74-14 34-8 6-18Z"/>'
        '<path fill="url(#a)" d="M0-34C42-34 56 0 48 34 42 60 20 76 0 88-20 76-42 60-48 34-56 0-42-34 0-34Z"/>'
        '<path fill="url(#d)" d="M-50 4C-20 14 20 14 50 4V26C20 36-20 36-50 26ZM-44 46C-18 56 18 56 44 46L34 64C14 70-14 70-34 64Z"/>'
        f'<circle cy="-42" r="26" fill="url(#d)"/><circle cx="-10" cy="-44" r="6" fill="#fff"/><circle cx="10" cy="-44" r="6" fill="#fff"/><path {_LINE} d="M-10-66C-14-82-24-88-32-88M10-66C14-82 24-88 32-88"/>'
    ),
    "cactus": (
        '<path fill="url(#a)" d="M-24 78V20H-46C-74 20-84 0-82-34-80-54-52-54-50-34-50-18-48-10-40-10H-24V-58C-24-92 24-92 24-58V10H40C48 10 50 4 50-12 52-32 80-32 82-12 84 24 72 40 46 40H24V78Z"/>'
        f'<path {_LINE} stroke-width="4" d="M-8-60V70M8-60V70"/><path fill="url(#b)" d="M0-96 8-82 24-84 16-70 22-56H-22L-16-70-24-84-8-82Z"/><path fill="url(#g)" d="M-70 70H70V86H-70Z"/>'
    ),
    "pumpkin": (
        '<path fill="none" stroke="url(#b)" stroke-width="15" d="M0-46C-4-66 4-78 20-84"/><ellipse cx="-46" cy="16" rx="44" ry="58" fill="url(#a)"/><ellipse cx="46" cy="16" rx="44" ry="58" fill="url(#a)"/>'
        '<ellipse cy="16" rx="44" ry="64" fill="url(#a)"/><path fill="url(#g)" d="M-58 6-34-20-20 10ZM58 6 34-20 20 10ZM-58 34C-20 48 20 48 58 34 44 68 24 70 14 62L4 54-6 66C-30 72-48 62-58 34Z"/>'
    ),
    "skull": (
        '<path fill="url(#w)" d="M0-84C56-84 82-46 76-2 74 18 62 30 48 36V62C34 82-34 82-48 62V36C-62 30-74 18-76-2-82-46-56-84 0-84Z"/>'
        f'<path fill="url(#d)" d="M-58-8C-56-30-16-32-14-8-14 18-52 22-58-8ZM58-8C56-30 16-32 14-8 14 18 52 22 58-8ZM0 14 12 36H-12Z"/><path {_LINE} d="M-24 50V76M0 50V78M24 50V76"/>'
        '<circle cx="-34" cy="-6" r="9" fill="url(#b)"/><circle cx="34" cy="-6" r="9" fill="url(#b)"/>'
    ),
    "ghost": (
        '<path fill="url(#w)" d="M0-88C50-88 70-50 70-6V80L46 60 24 82 0 62-24 82-46 60-70 80V-6C-70-50-50-88 0-88Z"/>'
        '<ellipse cx="-24" cy="-26" rx="13" ry="18" fill="url(#d)"/><ellipse cx="24" cy="-26" rx="13" ry="18" fill="url(#d)"/><ellipse cy="14" rx="13" ry="16" fill="url(#a)"/>'
        '<ellipse cx="-46" cy="2" rx="12" ry="7" stroke="none" fill="url(#b)" opacity=".7"/><ellipse cx="46" cy="2" rx="12" ry="7" stroke="none" fill="url(#b)" opacity=".7"/>'
    ),
    "dragon": (
        '<path fill="url(#b)" d="M-30-50-52-96-70-44ZM14-58 20-98 44-52Z"/>'
        '<path fill="url(#a)" d="M-84 70C-92 0-76-52-20-58 20-62 44-46 58-26 84-22 96-6 92 14 86 34 60 38 34 32 24 46 6 52-10 50 6 62 20 66 34 64 20 84-40 92-84 70Z"/>'
        '<path fill="url(#w)" d="M34 32 40 18 50 34 58 20 68 34 76 18 84 26C74 36 56 38 34 32Z"/><path fill="url(#g)" d="M-4-26C8-38 26-34 32-20 20-12 4-12-4-26Z"/>'
        f'<circle cx="15" cy="-24" r="5" fill="currentColor"/><circle cx="76" cy="-2" r="5" fill="currentColor"/><path {_LINE} stroke-width="4" d="M-66 40C-58 46-48 46-40 38M-70 10C-60 18-48 16-42 8M-58-20C-50-12-40-14-34-20"/>'
    ),
    "robot": (
        f'<path {_LINE} stroke-width="8" d="M0-62V-84"/><circle cy="-86" r="11" fill="url(#b)"/><rect x="-92" y="-18" width="24" height="46" rx="8" fill="url(#g)"/><rect x="68" y="-18" width="24" height="46" rx="8" fill="url(#g)"/>'
        '<rect x="-74" y="-62" width="148" height="132" rx="30" fill="url(#a)"/><rect x="-56" y="-38" width="112" height="52" rx="24" fill="url(#d)"/>'
        f'<circle cx="-26" cy="-12" r="14" fill="url(#b)"/><circle cx="26" cy="-12" r="14" fill="url(#b)"/><path {_LINE} d="M-36 36H36V52H-36ZM-12 36V52M12 36V52"/>'
    ),
    "rocket": (
        '<g transform="rotate(35)"><path fill="url(#g)" d="M-18 58 0 98 18 58Z"/><path fill="url(#b)" d="M-30 12-60 44-52 66-24 50ZM30 12 60 44 52 66 24 50Z"/>'
        '<path fill="url(#w)" d="M0-96C38-62 42-6 26 58H-26C-42-6-38-62 0-96Z"/><path fill="url(#a)" d="M0-96C18-80 28-60 32-38H-32C-28-60-18-80 0-96Z"/><circle cy="-8" r="17" fill="url(#b)"/></g>'
    ),
    "pyramid": (
        '<path fill="url(#a)" d="M-4-62 94 66H24Z"/><path fill="url(#b)" d="M-4-62 24 66H-94Z"/><path fill="url(#g)" d="M-4-62 18-33 2-24-24-35Z"/>'
        f'<circle cx="58" cy="-60" r="22" fill="url(#g)"/><path {_LINE} stroke-width="4" d="M-46-6-2 4M-66 22 10 34M10 8 46 4M16 38 70 36"/>'
    ),
    "tower": (
        '<path fill="url(#w)" d="M-34-20H34L42 80H-42Z"/><path fill="url(#a)" d="M-52-20 0-94 52-20Z"/><path fill="url(#b)" d="M-78 20H-40V80H-78ZM78 20H40V80H78Z"/>'
        f'<path fill="url(#a)" d="M-86 20-60-24-34 20ZM86 20 60-24 34 20Z"/><path fill="url(#g)" d="M-12 8C-12-10 12-10 12 8V26H-12ZM-14 80V58C-14 42 14 42 14 58V80Z"/><path {_LINE} d="M0-94V-100"/>'
    ),
    "city": (
        '<path fill="url(#d)" d="M-92 78V4H-58V-34H-26V78Z"/><path fill="url(#a)" d="M-34 78V-64L-8-88 18-64V78Z"/><path fill="url(#b)" d="M10 78V-26H52V12H92V78Z"/>'
        '<g stroke="none" fill="#ffe27a"><path d="M-20-50H-10V-38H-20ZM-4-50H6V-38H-4ZM-20-26H-10V-14H-20ZM-4-2H6V10H-4ZM-20 22H-10V34H-20ZM-4 46H6V58H-4Z"/>'
        '<path d="M26-10H36V2H26ZM26 16H36V28H26ZM64 28H74V40H64ZM64 52H74V64H64ZM26 46H36V58H26ZM-78 20H-68V32H-78ZM-50-16H-42V-4H-50ZM-78 48H-68V60H-78ZM-50 30H-42V42H-50Z"/></g>'
    ),
    "mountain": (
        '<path fill="url(#b)" d="M-98 72-40-26 14 72Z"/><path fill="url(#a)" d="M-50 72 26-72 98 72Z"/>'
        '<path fill="url(#w)" d="M26-72 50-24 34-10 22-26 8-8 2-26ZM-40-26-24 2-38 8-48-2-56 2Z"/><circle cx="-60" cy="-62" r="18" fill="url(#g)"/>'
    ),
    "ship": (
        '<path fill="url(#w)" d="M-4-84C40-70 62-34 60 14H-4Z"/><path fill="url(#b)" d="M-14-64V14H-66C-60-20-42-48-14-64Z"/>'
        f'<path {_LINE} stroke-width="8" d="M-9-94V30"/><path fill="url(#a)" d="M-92 28H92C86 60 62 78 40 78H-44C-68 78-86 58-92 28Z"/>'
        '<g fill="url(#g)"><circle cx="-42" cy="50" r="9"/><circle cy="50" r="9"/><circle cx="42" cy="50" r="9"/></g>'
    ),
}
"""What grows, lives and shines, and places."""

MOTIFS: Final[dict[str, str]] = TREASURES | NATURE
"""All drawings by name."""
