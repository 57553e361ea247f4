"""The values between the fold and the store: what is known of the players of a batch, and what becomes of it. Pure."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from shared.errors import ContractError
from shared.kafka.event_chain import GENESIS, HASH_HEX

RoundKey = tuple[str, str, str]
"""Player, provider account, round id."""
DayKey = tuple[str, str, str, str, str]
"""Gaming day, player, provider account, game id, currency."""

OPEN: Final = "open"
CLOSED: Final = "closed"
VOIDED: Final = "voided"
SETTLED: Final = "settled"


class Moved(Struct, frozen=True, kw_only=True, gc=False):
    """A movement of an event, as contracts.Movement."""

    debit_account: str
    credit_account: str
    amount: int
    currency: str
    balance_after: int


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A record of `wallet.events`: the same fields and defaults as contracts.OperationRecorded, decoded in a third of the time."""

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
    previous_hash: str
    hash: str
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
    session_id: str = ""
    grant_id: str = ""
    free_rounds_asked: int = 0
    free_rounds_charged: int = 0
    free_round: bool = False
    target_seq: int = 0
    balance_after: int = 0
    details: str = ""
    movements: tuple[Moved, ...] = ()


_read_event: Final = msgspec.json.Decoder(Event).decode


def read_event(raw: bytes | str) -> Event:
    """One record of `wallet.events`; ContractError where it is none, or has no place in a chain."""
    try:
        event = _read_event(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ContractError(f"not a wallet event: {error}") from error
    return checked(event)


def checked(event: Event) -> Event:
    """An event that has a place in a chain; ContractError otherwise."""
    if event.seq < 1 or len(event.hash) != HASH_HEX or len(event.previous_hash) != HASH_HEX:
        raise ContractError(f"operation {event.seq} of {event.player!r} has no place in a chain")
    return event


class PlayerState(Struct):
    """A row of `projections.players`; `hash` in hex is that of event `seq`. Seq 0: nothing is known of him."""

    brand: str = ""
    country: str = ""
    test: bool = False
    status: str = "active"
    excluded_until_ms: int = 0
    seq: int = 0
    hash: str = GENESIS
    created_at_ms: int = 0
    last_at_ms: int = 0


class RoundState(Struct):
    """A row of `projections.rounds`, money in units."""

    brand: str
    test: bool
    game_id: str
    session_id: str
    currency: str
    first_seq: int
    opened_at_ms: int
    status: str = OPEN
    bets: int = 0
    operations: int = 0
    stake: int = 0
    win: int = 0
    free_win: int = 0
    nominal_stake: int = 0
    last_seq: int = 0
    last_at_ms: int = 0


class Day(Struct):
    """What is to be added to a row of `projections.player_days`; money in units, the last three in units squared."""

    brand: str
    country: str
    test: bool
    stake: int = 0
    win: int = 0
    stake_undone: int = 0
    win_undone: int = 0
    free_win: int = 0
    promo_win: int = 0
    jackpot_win: int = 0
    nominal_stake: int = 0
    jackpot_contribution: int = 0
    bets: int = 0
    rounds: int = 0
    stake2: int = 0
    stake_win: int = 0
    win2: int = 0


class Original(Struct, frozen=True):
    """What an undo goes back to: so much of an operation as the definition of the reports asks for."""

    kind: str
    status: str
    details: str
    round_id: str
    nominal_stake: int
    jackpot_contribution: int


class Known(Struct):
    """What is stored of the players of a batch.

    `stored` are the hashes (hex) of events of the batch that are stored already, by player and number; `originals` what the
    rollbacks of the batch go back to, by player and number of the operation that they name. Rounds that are not there are new.
    """

    players: dict[str, PlayerState] = {}
    rounds: dict[RoundKey, RoundState] = {}
    stored: dict[tuple[str, int], str] = {}
    originals: dict[tuple[str, int], Original] = {}


class Changes(Struct):
    """What is to be written: new operations, rows as they are from now on, sums to be added, events that wait.

    `rounds` are those that were there before, `new_rounds` the others.

    `known` counts events that were there already.
    """

    operations: list[Event] = []
    players: dict[str, PlayerState] = {}
    balances: dict[tuple[str, str], int] = {}
    new_rounds: dict[RoundKey, RoundState] = {}
    rounds: dict[RoundKey, RoundState] = {}
    days: dict[DayKey, Day] = {}
    waiting: list[Event] = []
    known: int = 0
