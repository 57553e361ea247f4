"""The games of all providers on `catalogue.games`: one record for each, with the operator's switches laid over it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

SCHEMA = 1

CatalogueState = Literal["live", "withdrawn"]
"""`withdrawn`: the provider does not list the game any more. The record stays, so that open rounds can be told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffRule:
    """Where the operator has taken a game off; an empty field means all, so an empty rule takes it off everywhere.

    A rule with a country or a currency hides the game and refuses launches; one without also refuses new rounds.
    """

    brand: str = ""
    country: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BetLimits:
    """Smallest and largest stake in units of the currency; 0 = not known."""

    currency: str
    lowest: int = 0
    highest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GameRecord:
    """A game as the catalogue has it now; the record key is `<provider account>|<game id>`.

    What a provider does not tell stays empty. `rtp` are percentages as decimal strings, one for each variant on offer;
    `lines` is the provider's own text; `features` are names such as `free_rounds`, `demo`, `buy_feature`, `jackpot`;
    `devices` are `desktop` and `mobile`; `forbidden_countries` are the provider's. Times are Unix milliseconds.
    `source_hash` is SHA-256 in hex of what the provider told; `version` grows with each change of the record.
    """

    provider_account: str
    game_id: str
    name: str
    state: CatalogueState
    version: int
    first_seen_ms: int
    changed_at_ms: int
    source_hash: str
    studio: str = ""
    section: str = ""
    type: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    bet_limits: tuple[BetLimits, ...] = ()
    rtp: tuple[str, ...] = ()
    volatility: str = ""
    lines: str = ""
    features: tuple[str, ...] = ()
    release_date: str = ""
    images: dict[str, str] = field(default_factory=dict)
    forbidden_countries: tuple[str, ...] = ()
    off: tuple[OffRule, ...] = ()
    schema: int = SCHEMA
