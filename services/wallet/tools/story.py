"""The values of `stakewire wallet explain`: everything that is known of one transaction of a provider. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from services.wallet.decisions.model import ACCOUNT_PLAYER, Operation
from shared.money import render_decimal


class OperationSeen(Struct, kw_only=True):
    """A stored operation with what belongs to it. `chain_problems` is empty where the chain fits around it."""

    operation: Operation
    balance_before: int
    chain_problems: list[str] = field(default_factory=list)
    around: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Its round, session and grant, as they are now."""
    undone_by: Operation | None = None
    undoes: Operation | None = None
    entombed_by: Operation | None = None
    """Of a tombstone: the rollback that left it."""


class CommandSeen(Struct, kw_only=True):
    """A command on `wallet.commands`. `names_it`: as the original of an undo only, not under its own id.

    `result` is the wallet's answer where it is still known, `letter` the id of its dead letter, `fate` what became of it in words.
    """

    partition: int
    offset: int
    at_ms: int
    kind: str
    player: str
    provider_account: str
    namespace: str
    external_id: str
    command_id: str
    deadline_ms: int
    names_it: bool
    expires: bool
    content: dict[str, Any]
    same: bool | None = None
    """Whether it has the content of the operation that is stored under its key; None where nothing is stored there."""
    result: str = ""
    letter: str = ""
    fate: str = ""


class CallbackSeen(Struct, kw_only=True):
    """A callback in the archive; bodies as they crossed the wire, without secrets."""

    at_ms: int
    provider_account: str
    method: str
    player: str
    external_id: str
    command_id: str
    verdict: str
    result: str
    diagnosis: str
    status: int
    total_ms: float
    request: str
    answer: str


class LetterSeen(Struct, kw_only=True):
    """A dead letter of it."""

    id: str
    at_ms: int
    kind: str
    cause: str
    detail: str
    origin_partition: int
    origin_offset: int


class Story(Struct, kw_only=True):
    """All of it. `searched` says where was looked and how far, `missing` what could not be looked at."""

    external_id: str
    player: str = ""
    account: str = ""
    operations: list[OperationSeen] = field(default_factory=list)
    commands: list[CommandSeen] = field(default_factory=list)
    callbacks: list[CallbackSeen] = field(default_factory=list)
    letters: list[LetterSeen] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    conclusion: list[str] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Whether anything at all was found."""
        return bool(self.operations or self.commands or self.callbacks or self.letters)


def balance_before(operation: Operation) -> int:
    """The balance that an operation began with, in units of its currency."""
    if not operation.movements:
        return operation.balance_after
    first = operation.movements[0]
    return first.balance_after - (first.amount if first.credit_account == ACCOUNT_PLAYER else -first.amount)


def told_time(at_ms: int) -> str:
    """A moment in UTC, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at_ms % 1_000:03d}Z"


def told_money(units: int, currency: str) -> str:
    """An amount as people write it: `12.34 EUR`."""
    if not currency:
        return str(units)
    text = render_decimal(units, currency)
    whole, point, digits = text.partition(".")
    return f"{whole}{point}{digits[:2]}{digits[2:].rstrip('0')} {currency}"
