"""Mascot's list of games: its records and tags as `ProviderGame` and `GameFacts`, and the languages its games speak. Pure.

A record that is not as it should be is left out and told of, so that one bad game never hides all others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

import msgspec
import structlog

from shared.providers import facts
from shared.providers.client import DEVICES, Device, ProviderGame
from shared.providers.dialect import text_fits
from shared.providers.facts import GameFacts, Listing

FREE_ROUNDS: Final = "FR"
NO_DEMO: Final = "NoD"
DESKTOP_ONLY: Final = "PC"
MOBILE_ONLY: Final = "mobile"
TEXT_CHARS_MAX: Final = 4_096
TAGS_MAX: Final = 100
GAME_ID_FIELD: Final = "{game_id}"
FALLBACK_LANGUAGE: Final = "en"
LANGUAGES: Final = frozenset({"en", "fr", "de", "ru", "cn", "es", "pl", "it", "pt"})
_LANGUAGE_NAMES: Final = {"zh": "cn"}
_OUR_LANGUAGES: Final = tuple(
    sorted({ours: theirs for theirs, ours in _LANGUAGE_NAMES.items()}.get(each, each) for each in LANGUAGES)
)
STUDIO: Final = "Mascot Gaming"
_MAPPED_TAGS: Final = frozenset({FREE_ROUNDS, NO_DEMO, DESKTOP_ONLY, MOBILE_ONLY})
"""Tags that have a place of their own in a record: features and devices."""

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


class _Id(msgspec.Struct):
    """As much of a bad record as says which game it is about."""

    Id: str


class _Read(msgspec.Struct, frozen=True):
    """One record of a list: a game, or what is wrong with it and, where that can be read, whose it is."""

    game: ProviderGame | None = None
    problem: str = ""
    game_id: str = ""


def read_games(found: GameList, account: str) -> list[ProviderGame]:
    """The games of a list in its order. Bad records and further ones under the same id are skipped and logged."""
    read = list(_read(found))
    problems = [each.problem for each in read if each.problem]
    if problems:
        log.warning("games of a provider's list were skipped", account=account, skipped=len(problems), first_cause=problems[0])
    return [each.game for each in read if each.game is not None]


def read_listing(found: GameList, currencies: Sequence[str], cover_url: str) -> Listing:
    """A list as all providers' lists are kept. `currencies` are ours that the account has, `cover_url` may be empty."""
    games, problems, unreadable = [], [], set()
    for each in _read(found):
        problem, game_id = each.problem, each.game_id
        if each.game is not None:
            game_id = each.game.game_id
            try:
                games.append(facts_of(each.game, currencies, cover_url))
            except ValueError as error:
                problem = str(error)
        if problem:
            problems.append(problem)
            unreadable.add(game_id)
    good = {game.game_id for game in games}
    cause = problems[0] if problems else ""
    return Listing(games=tuple(games), skipped=len(problems), cause=cause, unreadable=frozenset(unreadable - good - {""}))


def facts_of(game: ProviderGame, currencies: Sequence[str], cover_url: str) -> GameFacts:
    """A game in the words of all providers; ValueError where a value cannot be kept.

    Mascot tells no bet limits in a currency, no RTP, volatility, release date or image; `cover_url` is a template with {game_id}.
    """
    features = [name for name, offered in ((facts.FREE_ROUNDS, game.free_rounds), (facts.DEMO, game.demo)) if offered]
    return GameFacts(
        game_id=game.game_id,
        name=game.name,
        studio=STUDIO,
        section=game.section,
        type=game.type,
        description=game.description,
        tags=tuple(dict.fromkeys(tag for tag in game.tags if tag and tag not in _MAPPED_TAGS)),
        devices=game.devices,
        languages=_OUR_LANGUAGES,
        currencies=tuple(sorted(set(currencies))),
        lines=game.lines,
        features=tuple(features),
        images={facts.COVER: cover_url.replace(GAME_ID_FIELD, quote(game.game_id, safe=""))} if cover_url else {},
    )


def _read(found: GameList) -> Iterator[_Read]:
    seen: set[str] = set()
    for raw in found.Games:
        try:
            game = _game(msgspec.json.decode(raw, type=_Record))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield _Read(problem=str(error), game_id=_id_of(raw))
            continue
        if game.game_id in seen:
            yield _Read(problem=f"the id {game.game_id!r} occurs twice")
            continue
        seen.add(game.game_id)
        yield _Read(game=game)


def _id_of(raw: msgspec.Raw) -> str:
    try:
        found = msgspec.json.decode(raw, type=_Id).Id
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ""
    return found if text_fits(found) else ""


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
