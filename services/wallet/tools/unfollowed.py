"""The report "applied, but UNKNOWN was answered and nobody followed up": money that the provider may not know of.

Pairs the archive's UNKNOWNs with what the ledger holds and with what the provider did later. The archive keeps all failures,
but successes by a sampling rate only: so a later command of the same id that left no failure counts as answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct, field

from services.wallet.decisions.model import APPLIED, Operation
from services.wallet.intake import now_ms
from services.wallet.ledger.search import Ledger
from services.wallet.tools.scan import TopicReader, reading
from services.wallet.working_set import Key
from shared.contracts import CallbackRecord
from shared.contracts.codec import decode_callback, decode_command
from shared.contracts.keys import keys_of
from shared.errors import ContractError, StakewireError
from shared.identity import partition_of
from shared.kafka.topics import CALLBACKS, COMMANDS, TopicNames

UNKNOWN: Final = "unknown"
ANSWERED: Final = "answered"
MONEY: Final = frozenset({"bet", "win", "bet_and_win", "rollback", "promo_win", "adjust", "deposit", "withdraw"})
KEYS_MAX: Final = 200_000
LIMIT_S: Final = 600.0
LISTED_MAX: Final = 1_000
SETTLING_MS: Final = 60_000
"""So young a command may still be waited for, or its failure be on its way to the archive: it is no follow-up yet."""


class TooManyError(StakewireError):
    """More UNKNOWNs than one report can hold."""

    def __init__(self) -> None:
        super().__init__(
            f"more than {KEYS_MAX:,} transactions were answered UNKNOWN in this time; ask for a shorter one with --since"
        )


class Case(Struct, kw_only=True):
    """One key that was answered UNKNOWN at least once: the last time at `at_ms`, after that a follow-up or none.

    `failed` are the command ids that were answered UNKNOWN. `undo_of` is the key that it takes back, None unless it is an undo.
    """

    key: Key
    kind: str
    method: str
    at_ms: int
    times: int = 1
    failed: set[str] = field(default_factory=set)
    undo_of: Key | None = None
    followed_up: str = ""
    operation: Operation | None = None
    undone_by: int = 0


class Unfollowed(Struct, frozen=True, kw_only=True):
    """A line of the report: `amount` in units is what the player paid (negative) or got."""

    player: str
    provider_account: str
    namespace: str
    external_id: str
    kind: str
    method: str
    seq: int
    amount: int
    currency: str
    answered_unknown_at_ms: int
    applied_at_ms: int
    age_s: int
    times: int


class Report(Struct, kw_only=True):
    """Counts of transactions (`callbacks`: of callbacks). `unpaired`: UNKNOWNs that no command was made from."""

    since_ms: int
    callbacks: int = 0
    unknown: int = 0
    unpaired: int = 0
    not_applied: int = 0
    followed_up: int = 0
    found: int = 0
    unfollowed: list[Unfollowed] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)


class Cases:
    """The pairing, pure: fed with archive records and commands, it knows what was followed up."""

    def __init__(self) -> None:
        self.cases: dict[Key, Case] = {}
        self.callbacks = 0
        self.unpaired = 0

    def take_unknown(self, record: CallbackRecord) -> None:
        """First reading: remembers what was answered UNKNOWN and carried money. TooManyError above the limit."""
        if record.verdict != UNKNOWN:
            return
        if not record.kind:
            self.unpaired += 1
            return
        money = [key for key in record.keys if key.kind in MONEY]
        self.callbacks += bool(money)
        for key in money:
            name = (record.player, record.provider_account, key.namespace, key.external_id)
            case = self.cases.get(name)
            if case is None:
                if len(self.cases) >= KEYS_MAX:
                    raise TooManyError
                target = (record.player, record.provider_account, key.target_namespace, key.target_external_id)
                undo_of = target if key.target_external_id else None
                case = Case(key=name, kind=key.kind, method=record.method, at_ms=record.received_at_ms, times=0, undo_of=undo_of)
                self.cases[name] = case
            case.times += 1
            case.at_ms = max(case.at_ms, record.received_at_ms)
            case.failed.add(record.command_id)

    def take_answer(self, record: CallbackRecord) -> None:
        """Second reading: a later callback with the same id that was answered, or an undo of it that was."""
        if record.verdict != ANSWERED:
            return
        for key in record.keys:
            self._follow(
                record.player,
                record.provider_account,
                key.namespace,
                key.external_id,
                record.received_at_ms,
                "a repetition was answered",
            )
            if key.target_external_id:
                self._follow(
                    record.player,
                    record.provider_account,
                    key.target_namespace,
                    key.target_external_id,
                    record.received_at_ms,
                    "it was rolled back",
                )

    def take_command(self, value: bytes, at_ms: int) -> None:
        """Third reading, of the commands: a later one of the same id which left no failure in the archive was answered.

        The archive keeps every failure, and successes by its sampling rate only.
        """
        try:
            command = decode_command(value)
        except ContractError:
            return
        for key in keys_of(command):
            name = (command.player, command.provider_account, key.namespace, key.external_id)
            case = self.cases.get(name)
            if case is not None and command.command_id not in case.failed:
                self._follow(*name, at_ms, "a repetition left no failure")
            if key.target_external_id and (case is None or command.command_id not in case.failed):
                self._follow(
                    command.player,
                    command.provider_account,
                    key.target_namespace,
                    key.target_external_id,
                    at_ms,
                    "a rollback left no failure",
                )

    def _follow(self, player: str, account: str, namespace: str, external_id: str, at_ms: int, how: str) -> None:
        case = self.cases.get((player, account, namespace, external_id))
        if case is not None and at_ms > case.at_ms and not case.followed_up:
            case.followed_up = how

    def take_stored(self, stored: dict[Key, tuple[Operation, int]]) -> None:
        """What the ledger holds under the keys. What was taken back there was followed up, whoever knows of it."""
        for key, (operation, undone_by) in stored.items():
            case = self.cases[key]
            case.operation, case.undone_by = operation, undone_by
            if undone_by and not case.followed_up:
                case.followed_up = f"operation {undone_by} took it back"

    def open(self) -> list[Case]:
        """Applied, and as far as is known nobody followed up."""
        return [case for case in self.cases.values() if _applied(case) and not case.followed_up]

    def report(self, since_ms: int, at_ms: int) -> Report:
        """The report as things stand at `at_ms`, oldest first."""
        report = Report(since_ms=since_ms, callbacks=self.callbacks, unknown=len(self.cases), unpaired=self.unpaired)
        for case in self.cases.values():
            report.not_applied += not _applied(case)
            report.followed_up += _applied(case) and bool(case.followed_up)
        left = sorted(self.open(), key=lambda case: case.at_ms)
        report.found = len(left)
        report.unfollowed = [_line(case, case.operation, at_ms) for case in left[:LISTED_MAX] if case.operation is not None]
        return report


def _applied(case: Case) -> bool:
    """Whether it moved something: refusals, voids, tombstones and markers of rounds did not."""
    operation = case.operation
    return operation is not None and operation.status == APPLIED and bool(operation.movements or operation.free_rounds_charged)


def _line(case: Case, operation: Operation, at_ms: int) -> Unfollowed:
    player, account, namespace, external_id = case.key
    return Unfollowed(
        player=player,
        provider_account=account,
        namespace=namespace,
        external_id=external_id,
        kind=case.kind,
        method=case.method,
        seq=operation.seq,
        amount=operation.win - operation.stake,
        currency=operation.currency,
        answered_unknown_at_ms=case.at_ms,
        applied_at_ms=operation.occurred_at_ms,
        age_s=max(0, at_ms - case.at_ms) // 1_000,
        times=case.times,
    )


async def unfollowed(
    ledger: Ledger, bootstrap_servers: str, names: TopicNames, since_ms: int, progress: Callable[[str], None] = lambda _: None
) -> Report:
    """The report since a time (Unix milliseconds). KafkaAwayError, TopicError, TooManyError, asyncpg's errors."""
    cases = Cases()
    incomplete: list[str] = []
    async with reading(bootstrap_servers, names, CALLBACKS) as archive:
        progress("archive: looking for UNKNOWNs")
        await _archive(archive, None, since_ms, cases.take_unknown, incomplete)
        if cases.cases:
            progress(f"archive: looking for follow-ups of {len(cases.cases):,} transactions")
            partitions = {partition_of(key[0], CALLBACKS.partitions) for key in cases.cases}
            first_ms = min(case.at_ms for case in cases.cases.values())
            await _archive(archive, partitions, first_ms, cases.take_answer, incomplete)
    progress("ledger: looking for what was applied")
    cases.take_stored(await ledger.by_keys(list(cases.cases)))
    left = cases.open()
    if left:
        progress(f"commands: looking for follow-ups of {len(left):,} transactions")
        async with reading(bootstrap_servers, names, COMMANDS) as reader:
            await _commands(reader, left, cases, incomplete)
    report = cases.report(since_ms, now_ms())
    report.incomplete = list(dict.fromkeys(incomplete))
    return report


async def _archive(
    reader: TopicReader,
    partitions: Iterable[int] | None,
    since_ms: int,
    take: Callable[[CallbackRecord], None],
    incomplete: list[str],
) -> None:
    async for batch in reader.batches(partitions, since_ms=since_ms, limit_s=LIMIT_S):
        for found in batch:
            try:
                record = decode_callback(found.value)
            except ContractError:
                continue
            if record.received_at_ms >= since_ms:
                take(record)
    _note_cut(reader, incomplete)


async def _commands(reader: TopicReader, left: list[Case], cases: Cases, incomplete: list[str]) -> None:
    settled_ms = now_ms() - SETTLING_MS
    players = {case.key[0].encode() for case in left}
    partitions = {partition_of(case.key[0], COMMANDS.partitions) for case in left}
    async for batch in reader.batches(partitions, since_ms=min(case.at_ms for case in left), limit_s=LIMIT_S):
        for found in batch:
            if found.key in players and found.timestamp_ms < settled_ms:
                cases.take_command(found.value, found.timestamp_ms)
    _note_cut(reader, incomplete)


def _note_cut(reader: TopicReader, incomplete: list[str]) -> None:
    if reader.cut_at_ms:
        incomplete.append(f"{reader.name} was not read to its end within {LIMIT_S:.0f} s; ask for a shorter time with --since")
