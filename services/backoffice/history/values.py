"""What a history is made of, as the projections have it. Money in units; times are moments with a zone."""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct

from shared.contracts.archive import CommandKey
from shared.contracts.events import Movement


class Player(Struct, frozen=True):
    """Whose history it is. `seq` is the number of his last operation that was read."""

    player: str
    brand: str
    country: str
    test: bool
    status: str
    seq: int
    created_at: datetime
    last_at: datetime


class Round(Struct, frozen=True, kw_only=True):
    """A game round. Money as it stands: what was rolled back is taken out. `balance_after` is that of its last operation."""

    seq: int
    provider_account: str
    round_id: str
    game_id: str
    game_name: str
    currency: str
    status: str
    bets: int
    operations: int
    stake: int
    win: int
    free_win: int
    nominal_stake: int
    last_seq: int
    opened_at: datetime
    last_at: datetime
    balance_after: int | None


class Operation(Struct, frozen=True, kw_only=True):
    """An operation. `stake` is what the player paid and `win` what he got, or asked for where it was refused."""

    seq: int
    occurred_at: datetime
    gaming_day: date
    provider_account: str
    namespace: str
    external_id: str
    kind: str
    status: str
    result: str
    limit_name: str
    currency: str
    stake: int
    win: int
    nominal_stake: int
    round_id: str
    game_id: str
    game_name: str
    free_round: bool
    target_seq: int
    balance_after: int
    promo_class: str


class Archived(Struct, frozen=True, kw_only=True):
    """A callback as it crossed the wire. `finding` is the code of its diagnosis, `finding_facts` the whole of it as JSON."""

    received_at: datetime
    request_id: str
    provider_account: str
    dialect: str
    method: str
    kind: str
    player: str
    external_id: str
    verdict: str
    result: str
    response_status: int
    remote_address: str
    diagnosis: str
    finding: str
    finding_facts: str
    request_headers: str
    request_body: str
    request_base64: bool
    response_body: str
    response_base64: bool
    verify_us: int
    parse_us: int
    wallet_us: int
    total_us: int
    keys: tuple[CommandKey, ...]


class Named(Struct, frozen=True):
    """An operation that stands under an external id of a callback."""

    seq: int
    kind: str
    external_id: str
    namespace: str
    status: str


class OperationDetail(Struct, frozen=True, kw_only=True):
    """An operation whole. `undone_by` is the number of the rollback that took it back last, 0 if none did."""

    operation: Operation
    jackpot_contribution: int
    closes_round: bool
    session_id: str
    grant_id: str
    details: str
    hash: str
    undone_by: int
    movements: tuple[Movement, ...]
    callbacks: tuple[Archived, ...]
