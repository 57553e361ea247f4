"""What the provider writes down: players, transactions, deposits, and what it read of the wallet's events. Values only."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

SENT: Final = "sent"
"""On its way; nothing is known."""
DONE: Final = "done"
"""Answered with success."""
REFUSED: Final = "refused"
"""Answered with a code that says: certainly not done."""
UNKNOWN: Final = "unknown"
"""Answered with error 8, not at all, or with something that is no answer: the rollback cycle runs."""
ROLLING: Final = "rolling"
"""The provider undoes it of its own will; the rollback is on its way."""
ROLLED_BACK: Final = "rolled_back"
"""Its rollback was answered `{}`."""
UNRESOLVED: Final = frozenset({SENT, UNKNOWN, ROLLING})

ASKED: Final = "asked"
FAILED: Final = "failed"

MONEY: Final = "withdrawAndDeposit"
REWARD: Final = "collectBonusReward"


class Player(Struct, frozen=True, kw_only=True):
    """A player of the provider, and how far his books and the wallet's events were found to agree.

    `currency` is ours; `agreed_units` are units of it, `agreed_minor` minor units of the wire. `agreed_id` is the
    last of his transactions that is part of the agreement.
    """

    player: str
    operator_player_id: str
    brand: str
    provider_account: str
    currency: str
    agreed_seq: int = 0
    agreed_hash: str = ""
    agreed_units: int = 0
    agreed_minor: int = 0
    agreed_id: int = 0


class Transaction(Struct, kw_only=True):
    """One transaction of the provider, in minor units; it changes as answers come in.

    `paid` and `got` are what the provider believes to have moved; after a rollback they stay as they were before it.
    `charge` is how many free rounds it asked to charge, `new_balance` what the first answer told.
    """

    player: str
    ref: str
    kind: str
    withdraw: int
    deposit: int
    charge: int = 0
    round_ref: str = ""
    game_id: str = ""
    state: str = SENT
    code: int = 0
    paid: int = 0
    got: int = 0
    transaction_id: str = ""
    new_balance: int | None = None
    attempts: int = 0
    id: int = 0


class Deposit(Struct, frozen=True, kw_only=True):
    """Money that the simulator had put on a player's account on the operator's side, in minor units."""

    key: str
    player: str
    amount: int
    state: str = ASKED


class SeenOperation(Struct, frozen=True, kw_only=True):
    """An operation as wallet.events told it. `paid_units` left the player's account, `got_units` came in."""

    player: str
    seq: int
    hash: str
    previous_hash: str
    provider_account: str
    namespace: str
    external_id: str
    kind: str
    status: str
    paid_units: int = 0
    got_units: int = 0
    balance_after: int = 0
    target_seq: int = 0


class Fault(Struct, frozen=True, kw_only=True):
    """Something wrong with the events themselves: `fork`, `hash`, `record`."""

    kind: str
    player: str
    seq: int
    text: str
