"""What the catalogue's API takes and shows of games."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from services.catalogue.browse import ChangeKind, Filters, FoundGame, Order, Overlay, PastChange
from services.catalogue.cursors import CURSOR_CHARS_MAX
from services.catalogue.overlay import Place, Wanted
from shared.contracts import BetLimits, CatalogueState
from shared.errors import MoneyError
from shared.providers.facts import COVER
from shared.web.values import (
    ACCOUNT_PATTERN,
    LANGUAGE_PATTERN,
    WHY_PATTERN,
    Country,
    CurrencyCode,
    Input,
    Output,
    Reason,
    WebAddress,
    example,
    shown,
)

WORDS_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
RTP_MAX: Final = 10
RTP_PERCENT_MAX: Final = 200
PERCENT_PATTERN: Final = r"^[0-9]{1,3}(\.[0-9]{1,6})?$"
COLLECTION_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
CURSOR_PATTERN: Final = rf"^[A-Za-z0-9_-]{{0,{CURSOR_CHARS_MAX}}}$"
TAGS_MAX: Final = 20
OFF_MAX: Final = 300
POSITION_MAX: Final = 1_000_000

Sort = Literal["name", "-name", "changed", "-changed", "released", "-released", "position"]
Words = Annotated[str, StringConstraints(max_length=100, pattern=WORDS_PATTERN)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=WHY_PATTERN)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=WHY_PATTERN), Field(examples=["exclusive"])]
Percent = Annotated[str, StringConstraints(pattern=PERCENT_PATTERN), Field(examples=["96.5"])]
Position = Annotated[int, Field(ge=0, le=POSITION_MAX, examples=[10])]


class Filter(BaseModel):
    """What a list of games is filtered by; a filter that is left out or empty lets all pass."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider_account: Annotated[str, StringConstraints(pattern=rf"{ACCOUNT_PATTERN}|^$")] = Field("", examples=["mascot-demo"])
    studio: Words = ""
    section: Words = ""
    tag: list[Words] = Field(default=[], max_length=TAGS_MAX, description="The provider's or your own; several must all be there.")
    device: Literal["desktop", "mobile", ""] = Field("", description="Games for this device, and those that name none.")
    language: Annotated[str, StringConstraints(pattern=rf"{LANGUAGE_PATTERN}|^$")] = Field("", examples=["en"])
    feature: list[Words] = Field(default=[], max_length=TAGS_MAX, description="Such as `free_rounds`; several must all be there.")
    collection: Annotated[str, StringConstraints(pattern=rf"{COLLECTION_PATTERN}|^$")] = Field("", examples=["new-games"])
    state: Literal["live", "withdrawn", ""] = ""
    rtp_min: Annotated[str, StringConstraints(pattern=rf"{PERCENT_PATTERN}|^$")] = Field(
        "", description="Percentage; games of which a variant has at least that.", examples=["94"]
    )
    rtp_max: Annotated[str, StringConstraints(pattern=rf"{PERCENT_PATTERN}|^$")] = Field(
        "", description="Percentage; games of which a variant has at most that.", examples=["97.5"]
    )
    q: Words = Field("", description="Words of name, studio or tags. Accents do not matter, typing mistakes are forgiven.")

    def filters(self, brand: str, accounts: Sequence[str]) -> Filters:
        """As the browser takes them."""
        return Filters(
            accounts=tuple(accounts),
            brand=brand,
            studio=self.studio or None,
            section=self.section or None,
            tags=tuple(sorted(set(filter(None, self.tag)))) or None,
            device=self.device or None,
            language=self.language or None,
            features=tuple(sorted(set(filter(None, self.feature)))) or None,
            state=self.state or None,
            rtp_min=Decimal(self.rtp_min) if self.rtp_min else None,
            rtp_max=Decimal(self.rtp_max) if self.rtp_max else None,
            collection=self.collection or None,
            text=self.q.strip() or None,
        )


class ListQuery(Filter):
    """A page of a list."""

    sort: Sort | None = Field(
        None,
        description="Left out: best match first with `q`, in its own order with `collection`, else by name. `-` turns it round.",
    )
    limit: int = Field(50, ge=1, le=100, description="Entries of a page.")
    cursor: str = Field("", pattern=CURSOR_PATTERN, description="`next` of the page before; empty for the first.")

    def order(self, filters: Filters) -> Order:
        """The order that is asked for, or the one that suits the filters."""
        return self.sort or filters.order


class OffPlace(Input):
    """Where a game is off for the key's brand; a field that is left out means everywhere."""

    country: Country | None = None
    currency: CurrencyCode | None = None


class PutOverlay(Input):
    """All that you lay over a game; what is left out is as the provider tells it."""

    model_config = example(
        name="Riot at Night",
        tags=["exclusive"],
        rtp=["96.5"],
        position=10,
        off=[{"country": "DE"}, {"currency": "USD"}],
        reason="spring campaign",
    )

    name: Title | None = Field(None, description="Shown instead of the provider's name.")
    image: WebAddress | None = Field(None, description="Shown instead of the provider's cover.")
    tags: Annotated[tuple[Tag, ...], Field(max_length=TAGS_MAX, strict=False)] = ()
    rtp: Annotated[tuple[Percent, ...], Field(max_length=RTP_MAX, strict=False)] = Field(
        (), description="What the game is built to pay back, in per cent, one for each variant; instead of what the provider tells."
    )
    position: Position | None = Field(
        None, description="Place in lists and lobbies, lowest first; games without one follow by name."
    )
    off: Annotated[tuple[OffPlace, ...], Field(max_length=OFF_MAX, strict=False)] = Field(
        (), description="Where the game is off for your brand. An empty entry takes it off everywhere."
    )
    reason: Reason = ""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.name is not None and not self.name.strip():
            raise ValueError("a name needs a visible character; leave it out to keep the provider's")
        if any(not 0 < Decimal(each) <= RTP_PERCENT_MAX for each in self.rtp):
            raise ValueError(f"an RTP is above 0 and at most {RTP_PERCENT_MAX} per cent")
        return self

    def wanted(self) -> Wanted:
        """As the store takes it."""
        return Wanted(
            name=self.name or "",
            image=self.image or "",
            tags=self.tags,
            rtp=self.rtp,
            position=self.position,
            off=tuple(Place(place.country or "", place.currency or "") for place in self.off),
        )


class OffShown(Output):
    """Where a game is off; null means everywhere."""

    country: str | None = Field(examples=["DE"])
    currency: str | None = None


class OverlayShown(Output):
    """What is laid over a game. Name, image, tags and place hold for all brands of the provider account, `off` for the key's."""

    name: str | None
    image: str | None
    tags: list[str]
    rtp: list[str]
    position: int | None
    off: list[OffShown]
    off_for_all_brands: list[OffShown]
    changed_at: datetime
    changed_by: str = Field(examples=["key:key_ab12cd34"])


class Limits(Output):
    """Smallest and largest stake in major units; null = not told."""

    currency: str
    lowest: str | None
    highest: str | None


class Game(Output):
    """A game as it is shown: the provider's facts with the overlay over them. What a provider does not tell is empty."""

    provider_account: str = Field(examples=["mascot-demo"])
    game_id: str = Field(examples=["riot"])
    name: str = Field(examples=["Riot at Night"])
    state: CatalogueState = Field(description="withdrawn: the provider does not list it any more.")
    studio: str
    section: str
    type: str
    tags: list[str]
    devices: list[str]
    languages: list[str]
    currencies: list[str]
    bet_limits: list[Limits]
    rtp: list[str] = Field(description="Percentages, one for each variant.", examples=[["96.5", "94.1"]])
    volatility: str
    lines: str
    features: list[str] = Field(examples=[["demo", "free_rounds"]])
    release_date: str
    images: dict[str, str]
    forbidden_countries: list[str]
    position: int | None
    overlay: OverlayShown | None
    changed_at: datetime
    first_seen_at: datetime | None
    version: int | None = Field(description="Grows with each change; null where a moment of the past is shown.")


class GameDetail(Game):
    """A game with all that is known of it."""

    description: str
    provider_name: str = Field(description="The name as the provider tells it.")
    source_hash: str | None = Field(description="SHA-256 of what the provider told.")


class Games(Output):
    """A page of games."""

    games: list[Game]
    next: str | None = Field(default=None, description="`cursor` of the page after this one; null on the last.")


class HistoryEntry(Output):
    """What changed in the provider's list, and when. Of the fields that changed, the values before and after."""

    id: int
    at: datetime
    change: ChangeKind
    sync_id: int
    before: dict[str, Any] | None
    after: dict[str, Any]


class History(Output):
    """A page of a game's history, newest first."""

    entries: list[HistoryEntry]
    next: str | None = None


def overlay_shown(overlay: Overlay | None, brand: str) -> OverlayShown | None:
    """An overlay as a key of a brand sees it."""
    if overlay is None or overlay.changed_at is None:
        return None
    return OverlayShown(
        name=overlay.name or None,
        image=overlay.image or None,
        tags=list(overlay.tags),
        rtp=list(overlay.rtp),
        position=overlay.position,
        off=[OffShown(country=r.country or None, currency=r.currency or None) for r in overlay.off if r.brand == brand],
        off_for_all_brands=[OffShown(country=r.country or None, currency=r.currency or None) for r in overlay.off if not r.brand],
        changed_at=overlay.changed_at,
        changed_by=overlay.changed_by,
    )


def game_values(game: FoundGame, brand: str) -> dict[str, Any]:
    """The fields of `Game`."""
    facts, overlay = game.facts, game.overlay or Overlay()
    images = {**facts.images, COVER: overlay.image} if overlay.image else dict(facts.images)
    return {
        "provider_account": game.provider_account,
        "game_id": facts.game_id,
        "name": overlay.name or facts.name,
        "state": game.state,
        "studio": facts.studio,
        "section": facts.section,
        "type": facts.type,
        "tags": list(dict.fromkeys((*facts.tags, *overlay.tags))),
        "devices": list(facts.devices),
        "languages": list(facts.languages),
        "currencies": list(facts.currencies),
        "bet_limits": [_limits(each) for each in facts.bet_limits],
        "rtp": list(overlay.rtp or facts.rtp),
        "volatility": facts.volatility,
        "lines": facts.lines,
        "features": list(facts.features),
        "release_date": facts.release_date,
        "images": images,
        "forbidden_countries": list(facts.forbidden_countries),
        "position": overlay.position,
        "overlay": overlay_shown(game.overlay, brand),
        "changed_at": game.changed_at,
        "first_seen_at": game.first_seen_at,
        "version": game.version or None,
    }


def detail_of(game: FoundGame, brand: str) -> GameDetail:
    """A game with all that is known of it."""
    return GameDetail(
        **game_values(game, brand),
        description=game.facts.description,
        provider_name=game.facts.name,
        source_hash=game.source_hash or None,
    )


def entry_of(change: PastChange) -> HistoryEntry:
    """A line of history: where a game was changed, only the fields that did."""
    after = change.after if change.before is None else {name: change.after.get(name) for name in change.before}
    return HistoryEntry(
        id=change.change_id, at=change.at, change=change.change, sync_id=change.sync_id, before=change.before, after=after
    )


def _limits(limits: BetLimits) -> Limits:
    try:
        lowest = shown(limits.lowest, limits.currency) if limits.lowest else None
        highest = shown(limits.highest, limits.currency) if limits.highest else None
    except MoneyError:  # a currency that we do not keep
        lowest = highest = None
    return Limits(currency=limits.currency, lowest=lowest, highest=highest)
