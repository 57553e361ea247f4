"""Mascot's list of games: its records and tags as `ProviderGame`, and the languages its games speak. Pure.

A record that is not as it should be is left out and told of, so that one bad game never hides all others.
"""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from shared.providers.client import DEVICES, Device, ProviderGame
from shared.providers.dialect import text_fits

FREE_ROUNDS: Final = "FR"
NO_DEMO: Final = "NoD"
DESKTOP_ONLY: Final = "PC"
MOBILE_ONLY: Final = "mobile"
TEXT_CHARS_MAX: Final = 4_096
TAGS_MAX: Final = 100
FALLBACK_LANGUAGE: Final = "en"
LANGUAGES: Final = frozenset({"en", "fr", "de", "ru", "cn", "es", "pl", "it", "pt"})
_LANGUAGE_NAMES: Final = {"zh": "cn"}

log = structlog.get_logger(__name__)


class GameList(msgspec.Struct):
    """The result of `Game.List`: records are read one by one."""

    Games: list[msgspec.Raw]


class _Record(msgspec.Struct):
    Id: str
    Name: str
    Description: str | None = None
    SectionId: str | int | None = None
    Type: str | None = None
    Tags: list[str] | None = None
    Format: str | None = None
    LinesCount: str | int | None = None  # text such as "25" or "243-3125w"
    BaseBet: int | None = None


def read_games(found: GameList, account: str) -> list[ProviderGame]:
    """The games of a list in its order. Bad records and further ones under the same id are skipped and logged."""
    games: dict[str, ProviderGame] = {}
    skipped, cause = 0, ""
    for raw in found.Games:
        try:
            game = _game(msgspec.json.decode(raw, type=_Record))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            skipped, cause = skipped + 1, cause or str(error)
            continue
        if games.setdefault(game.game_id, game) is not game:
            skipped, cause = skipped + 1, cause or f"the id {game.game_id!r} occurs twice"
    if skipped:
        log.warning("games of a provider's list were skipped", account=account, skipped=skipped, first_cause=cause)
    return list(games.values())


def devices(tags: tuple[str, ...]) -> tuple[Device, ...]:
    """The devices a game is made for: `PC` is desktop only, `mobile` mobile only; neither or both is any."""
    desktop, mobile = DESKTOP_ONLY in tags, MOBILE_ONLY in tags
    if desktop == mobile:
        return DEVICES
    return ("desktop",) if desktop else ("mobile",)


def wire_language(language: str) -> str:
    """The provider's code for a language tag such as "pt-BR": of its first part, else English."""
    primary = language.replace("_", "-").partition("-")[0].strip().lower()
    primary = _LANGUAGE_NAMES.get(primary, primary)
    return primary if primary in LANGUAGES else FALLBACK_LANGUAGE


def _game(record: _Record) -> ProviderGame:
    if not record.Id or not text_fits(record.Id):
        raise ValueError("the id is empty, too long, or holds what cannot be stored")
    tags = tuple(_text(tag) for tag in (record.Tags or [])[:TAGS_MAX])
    return ProviderGame(
        game_id=record.Id,
        name=_text(record.Name) or record.Id,
        description=_text(record.Description),
        section=_text(record.SectionId),
        type=_text(record.Type),
        tags=tags,
        format=_text(record.Format),
        lines=_text(record.LinesCount),
        base_bet=record.BaseBet or 0,
        free_rounds=FREE_ROUNDS in tags,
        demo=NO_DEMO not in tags,
        devices=devices(tags),
    )


def _text(value: str | int | None) -> str:
    """A text that a database takes, of a bounded length."""
    return "" if value is None else str(value)[:TEXT_CHARS_MAX].replace("\0", "")
