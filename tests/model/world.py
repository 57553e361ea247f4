"""What the model remembers: one file a player, a list of operations, dictionaries. No code of the wallet is used here.

The model is an opinion of its own about the documents: plain, slow, and never cleverer than the sentence it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ZONES = {"main": ("Europe/Berlin", 6), "other": ("America/New_York", 0)}
"""The brands of the tests: time zone, hour at which the gaming day begins."""


def gaming_day(brand: str, now_ms: int) -> date:
    """The brand's day: it begins at its hour by the clock on the wall."""
    zone, hour = ZONES[brand]
    return (datetime.fromtimestamp(now_ms // 1_000, tz=UTC).astimezone(ZoneInfo(zone)) - timedelta(hours=hour)).date()


@dataclass
class Op:
    """One line of a player's book. `content` is what a repetition under the same key must repeat."""

    seq: int
    key: tuple[str, str, str]
    kind: str
    status: str
    result: str
    day: date
    content: dict[str, object]
    limit: str = ""
    currency: str = ""
    stake: int = 0
    win: int = 0
    round_id: str = ""
    grant_id: str = ""
    charged: int = 0
    left: int = -1
    target: int = 0
    balance: int = 0


@dataclass
class Play:
    """A session."""

    name: str
    account: str
    currency: str
    opened: int
    seen: int
    idle_s: int
    absolute_s: int
    number: int
    status: str = "pending"
    provider_name: str = ""

    @property
    def age(self) -> tuple[int, str]:
        """Later sessions have greater ones."""
        return self.opened, self.name


@dataclass
class Round:
    """A round of a provider account."""

    currency: str
    game: str
    session: str
    status: str = "open"
    bets: int = 0
    free: int = 0


@dataclass
class Gift:
    """A grant of free rounds."""

    account: str
    currency: str
    count: int
    left: int
    expires: int
    games: tuple[str, ...]
    cancelled: bool = False


@dataclass
class Bound:
    """A limit; `later` waits for `later_from`."""

    value: int
    later: int = -1
    later_from: int = 0

    def now(self, now_ms: int) -> int:
        """What is in force."""
        return self.later if self.later_from and now_ms >= self.later_from else self.value


@dataclass
class File:
    """Everything of one player."""

    brand: str
    about: tuple[object, ...]
    balances: dict[str, int]
    status: str = "active"
    erased: bool = False
    excluded_until: int = 0
    ops: list[Op] = field(default_factory=list)
    sessions: dict[str, Play] = field(default_factory=dict)
    rounds: dict[tuple[str, str], Round] = field(default_factory=dict)
    gifts: dict[str, Gift] = field(default_factory=dict)
    limits: dict[tuple[str, str, str], Bound] = field(default_factory=dict)

    def find(self, account: str, namespace: str, external_id: str) -> Op | None:
        """The operation in a slot."""
        return next((op for op in self.ops if op.key == (account, namespace, external_id)), None)

    def undo_of(self, seq: int) -> Op | None:
        """The operation that took another one back."""
        return next((op for op in self.ops if op.target == seq), None)

    def stands(self, op: Op) -> bool:
        """Whether what it moved is moved still: not undone, or its undo was undone."""
        undo = self.undo_of(op.seq)
        return undo is None or not self.stands(undo)

    def standing(self, currency: str, first: date, after: date) -> Iterator[Op]:
        """What counts towards limits: applied, standing, on the gaming days first <= day < after."""
        return (
            op
            for op in self.ops
            if op.status == "applied" and op.currency == currency and first <= op.day < after and not op.target and self.stands(op)
        )


UNSAID = -(2**63)
"""A balance that the documents do not define: of a list whose items are in several currencies."""


@dataclass
class Answer:
    """What the caller is told. `seq` is 0 where nothing is stored; `final` says that a refusal is kept."""

    result: str
    balance: int = 0
    seq: int = 0
    replayed: bool = False
    limit: str = ""
    left: int = -1
    charged: int = 0
    items: tuple[Answer, ...] = ()
