"""The operator's switches on `gateway.switches`: what is open for play, by brand, provider account and game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA = 1

SwitchState = Literal["live", "drain", "off"]
"""`drain`: no launches and no new rounds, open rounds finish. `off`: no launches and no stakes. Wins and rollbacks pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSet:
    """The state of one switch; the record key is `<brand>|<provider account>|<game>`, and the newest record counts.

    An empty field means all: brand alone switches a brand, brand and provider account that account for the brand,
    no brand the account or game for everybody. The strictest of all that match counts. `version` grows with each
    change of any switch; `changed_at_ms` is Unix milliseconds.
    """

    state: SwitchState
    version: int
    changed_at_ms: int
    brand: str = ""
    provider_account: str = ""
    game_id: str = ""
    reason: str = ""
    schema: int = SCHEMA
