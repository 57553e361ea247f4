"""Facts on `wallet.events` after commit, and what could not be applied on `wallet.dead-letters`.

`wallet.events` is a public contract and a redo log: a record holds every column of the operation, its place in the
player's chain and the hash before it, so that a consumer sees gaps and forks by itself.
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One transfer between two accounts; `amount` > 0 in units. `balance_after` is the player's."""

    debit_account: str
    credit_account: str
    amount: int
    currency: str
    balance_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRecorded:
    """An operation as stored: every effect and every final refusal of a player, numbered 1..n without a gap.

    `hash` and `previous_hash` are lower-case hex SHA-256; `occurred_at_ms` is Unix milliseconds; `details` is a JSON
    object with the facts of non-money operations (session, grant, player); `target_seq` is 0 unless another operation
    is undone.
    """

    player: str
    seq: int
    provider_account: str
    namespace: str
    external_id: str
    kind: str
    status: str
    result: str
    limit: str
    brand: str
    test: bool
    currency: str
    stake: int
    win: int
    nominal_stake: int
    jackpot_contribution: int
    promo_class: str
    round_id: str
    closes_round: bool
    game_id: str
    game_state: str
    session_id: str
    grant_id: str
    free_rounds_asked: int
    free_rounds_charged: int
    free_rounds_left: int
    free_round: bool
    target_seq: int
    balance_after: int
    details: str
    gaming_day: str
    occurred_at_ms: int
    movements: tuple[Movement, ...]
    previous_hash: str
    hash: str
    schema: int = SCHEMA
    kind_of_event: str = "operation_recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A command that could not be decoded or applied, with the cause and the place it came from."""

    cause: str
    detail: str
    origin_topic: str
    origin_partition: int
    origin_offset: int
    record_key: str
    record_base64: str
    at_ms: int
    schema: int = SCHEMA
