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

    Fields at their default are left out on the wire. `status` is `applied`, `refused` (a final refusal), `void` (a
    success that moved nothing) or `tombstone` (it keeps the slot of an original that had not arrived). `stake` is what
    the player paid and `win` what he got; `nominal_stake` the stake of a free round. `target_seq` is the operation
    that is undone, 0 if none. `free_rounds_left` is -1 where no grant is concerned. `details` is a JSON object with the
    facts of operations without money. `occurred_at_ms` is Unix milliseconds.

    `hash` = SHA-256(previous hash as 32 raw bytes + canonical bytes), lower-case hex. The canonical bytes are the
    record's own text up to `,"previous_hash"` with a closing brace: any consumer can check it without our code.
    """

    player: str
    seq: int
    provider_account: str
    namespace: str
    external_id: str
    kind: str
    status: str
    occurred_at_ms: int
    gaming_day: str
    brand: str
    result: str = "OK"
    limit: str = ""
    test: bool = False
    currency: str = ""
    stake: int = 0
    win: int = 0
    nominal_stake: int = 0
    jackpot_contribution: int = 0
    promo_class: str = ""
    round_id: str = ""
    closes_round: bool = False
    game_id: str = ""
    game_state: str = ""
    session_id: str = ""
    grant_id: str = ""
    free_rounds_asked: int = 0
    free_rounds_charged: int = 0
    free_rounds_left: int = -1
    free_round: bool = False
    target_seq: int = 0
    balance_after: int = 0
    details: str = ""
    schema: int = SCHEMA
    movements: tuple[Movement, ...] = ()
    previous_hash: str = ""
    hash: str = ""


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
