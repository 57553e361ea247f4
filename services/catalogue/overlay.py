"""Lays the operator's own over a game: name, image, tags, place, and where it is off. The only user of sql/overlays.sql.

The change, its line in the audit and the game's new version are one transaction; the publisher brings the version to the
topic. Name, image, tags and place hold for all brands of the provider account; of the off rules a brand sets its own only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
import msgspec

from services.catalogue.browse import Overlay
from services.catalogue.errors import GameUnknownError
from shared.access import Change, audit_as_of, write_audit
from shared.contracts import OffRule
from shared.database import load_queries

QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "overlays.sql")
ACTION: Final = "overlay.set"

_decode_rules: Final = msgspec.json.Decoder(tuple[OffRule, ...]).decode
_encode: Final = msgspec.json.Encoder().encode


class Place(NamedTuple):
    """Where a game is off; an empty field means everywhere."""

    country: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An overlay as it is to be. `off` are the places of one brand."""

    name: str = ""
    image: str = ""
    tags: tuple[str, ...] = ()
    rtp: tuple[str, ...] = ()
    position: int | None = None
    off: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who changes something: `actor` as `key:<key id>`, for which brand, why, in which request."""

    actor: str
    brand: str
    reason: str = ""
    request_id: str = ""


def subject_of(account: str, game_id: str) -> str:
    """What the audit calls a game."""
    return f"game:{account}|{game_id}"


class OverlayStore:
    """One for the process, over a pool whose connections act as the catalogue's role."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def put(self, account: str, game_id: str, wanted: Wanted, author: Author) -> bool:
        """Makes the overlay the wanted one; says whether that has changed anything. The same again is not recorded.

        GameUnknownError where the catalogue has no such game.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.fetchval(QUERIES["take_turn"])
            row = await connection.fetchrow(QUERIES["held"], account, game_id)
            if row is None:
                raise GameUnknownError(f"the catalogue has no game {game_id!r} of {account!r}")
            before = Overlay() if row["changed_at"] is None else _overlay(row)
            after = _laid_over(before, wanted, author.brand)
            if _shown(before) == _shown(after):
                return False
            await self._write(connection, account, game_id, after, author.actor)
            change = Change(
                action=ACTION,
                subject=subject_of(account, game_id),
                actor=author.actor,
                brand=author.brand,
                before=_shown(before) if row["changed_at"] is not None else None,
                after=_shown(after),
                reason=author.reason,
                request_id=author.request_id,
            )
            await write_audit(connection, change)
            await connection.execute(QUERIES["raise_version"], account, game_id)
        return True

    async def as_of(self, account: str, game_id: str, moment: datetime) -> Overlay | None:
        """The overlay as it was at a moment, from the audit; None where there was none."""
        entry = await audit_as_of(self._pool, subject_of(account, game_id), moment)
        if entry is None or entry.change.after is None:
            return None
        after = dict(entry.change.after)
        overlay = Overlay(
            name=after["name"],
            image=after["image"],
            tags=tuple(after["tags"]),
            rtp=tuple(after.get("rtp", ())),  # not in what was noted before overlays had it
            position=after["position"],
            off=msgspec.convert(after["off"], tuple[OffRule, ...]),
            changed_at=entry.at,
            changed_by=entry.change.actor,
        )
        return overlay if _holds_anything(overlay) else None

    async def _write(self, connection: asyncpg.Connection, account: str, game_id: str, overlay: Overlay, actor: str) -> None:
        if not _holds_anything(overlay):
            await connection.execute(QUERIES["remove"], account, game_id)
            return
        await connection.execute(
            QUERIES["put"],
            account,
            game_id,
            overlay.name,
            overlay.image,
            list(overlay.tags),
            overlay.position,
            _encode(overlay.off).decode(),
            actor,
            list(overlay.rtp),
        )


def _laid_over(before: Overlay, wanted: Wanted, brand: str) -> Overlay:
    """The wanted overlay, with the rules of other brands and of all brands as they were."""
    others = [rule for rule in before.off if rule.brand != brand]
    own = [OffRule(brand=brand, country=place.country, currency=place.currency) for place in sorted(set(wanted.off))]
    return Overlay(
        name=wanted.name,
        image=wanted.image,
        tags=_each_once(wanted.tags),
        rtp=_each_once(wanted.rtp),
        position=wanted.position,
        off=tuple(sorted((*others, *own), key=lambda rule: (rule.brand, rule.country, rule.currency))),
    )


def _each_once(told: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(told))


def _holds_anything(overlay: Overlay) -> bool:
    return bool(overlay.name or overlay.image or overlay.tags or overlay.rtp or overlay.off or overlay.position is not None)


def _overlay(row: asyncpg.Record) -> Overlay:
    return Overlay(
        name=row["name"],
        image=row["image"],
        tags=tuple(row["tags"]),
        rtp=tuple(row["rtp"]),
        position=row["position"],
        off=_decode_rules(row["off"]),
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )


def _shown(overlay: Overlay) -> dict[str, Any]:
    """What the audit keeps; also what counts as the same."""
    return {
        "name": overlay.name,
        "image": overlay.image,
        "tags": list(overlay.tags),
        "rtp": list(overlay.rtp),
        "position": overlay.position,
        "off": [{"brand": rule.brand, "country": rule.country, "currency": rule.currency} for rule in overlay.off],
    }
