"""Everything that crosses a topic: one frozen dataclass each, one definition for all readers and writers.

JSON on the wire, unknown fields ignored, `schema` raised only when an old reader would misread a record.
FastStream documents these classes (docs/asyncapi.json); `codec` encodes and decodes them on the hot path.
"""

from shared.contracts.accounts import Brand, CurrencyMapping, ProviderAccountFacts
from shared.contracts.archive import CallbackRecord
from shared.contracts.commands import (
    ActivateSession,
    Bet,
    BetAndWin,
    CloseSession,
    Command,
    CreatePlayer,
    Deposit,
    EndRound,
    GetBalance,
    GrantFreeRounds,
    MoneyCommand,
    OpenSession,
    PlayCommand,
    Rollback,
    Win,
    Withdraw,
)
from shared.contracts.events import DeadLetter, Movement, OperationRecorded
from shared.contracts.replies import Reply, ReplyBundle, Result

__all__ = [
    "ActivateSession",
    "Bet",
    "BetAndWin",
    "Brand",
    "CallbackRecord",
    "CloseSession",
    "Command",
    "CreatePlayer",
    "CurrencyMapping",
    "DeadLetter",
    "Deposit",
    "EndRound",
    "GetBalance",
    "GrantFreeRounds",
    "MoneyCommand",
    "Movement",
    "OpenSession",
    "OperationRecorded",
    "PlayCommand",
    "ProviderAccountFacts",
    "Reply",
    "ReplyBundle",
    "Result",
    "Rollback",
    "Win",
    "Withdraw",
]
