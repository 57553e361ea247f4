"""What a restored ledger has lost: operations that `wallet.events` still tells of, and commands that may have been applied.

Complete as far as Kafka reaches back: whatever was applied after the backup came from a command behind the restored positions,
and its event was published unless the wallet died in that very moment. Reads only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from services.wallet.decisions.model import APPLIED, Operation
from services.wallet.intake import QUERIES, may_expire
from services.wallet.ledger.search import Ledger
from services.wallet.tools.scan import Found, TopicReader, reading
from services.wallet.working_set import Key
from shared.contracts.codec import decode_command
from shared.contracts.keys import keys_of
from shared.errors import ContractError, StakewireError
from shared.kafka.topics import COMMANDS, EVENTS, TopicNames

PLAYER: Final = "player"
LIMIT_S: Final = 3_600.0
CLOCKS_MS: Final = 300_000
"""Events are looked for from so long before the first command: the clocks of gateways and wallets may differ."""
LOST_MAX: Final = 5_000_000
"""Operations that one report can hold: about 600 MB."""

Write = Callable[[dict[str, Any]], None]
"""Takes one line of the list."""
Ranges = Mapping[int, tuple[int, int]]
"""Partition of wallet.commands -> offsets [from, to)."""

_event: Final = msgspec.json.Decoder(Operation).decode


class TooMuchError(StakewireError):
    """More was lost than one report can hold."""

    def __init__(self) -> None:
        super().__init__(
            f"more than {LOST_MAX:,} operations were lost: a backup so old is restored together with its WAL, or not at all"
        )


class Moved(Struct, kw_only=True):
    """What lost operations took from players and gave them, in units."""

    paid: int = 0
    got: int = 0


class Lost(Struct, kw_only=True):
    """The sums of the list.

    `operations` are lost for certain, `applied` of them had succeeded, `again` of them were repeated since and are stored now.
    `commands` have no operation anywhere: most expired or were never taken, a few may have been applied in the last moment.
    `complete` is false where Kafka does not reach back far enough, or the reading was cut short.
    """

    operations: int = 0
    applied: int = 0
    players: int = 0
    again: int = 0
    commands: int = 0
    moved: dict[str, Moved] = field(default_factory=dict)
    complete: bool = True
    remarks: list[str] = field(default_factory=list)


class LostReport:
    """Collects the list: `write` gets its lines in the order of the topics. `run` once."""

    def __init__(self, ledger: Ledger, write: Write, progress: Callable[[str], None] = lambda _: None) -> None:
        self.lost = Lost()
        self._ledger = ledger
        self._write = write
        self._progress = progress
        self._hashes: set[int] = set()
        self._keys: set[Key] = set()
        self._players: set[str] = set()

    async def run(self, bootstrap_servers: str, names: TopicNames, ranges: Ranges) -> Lost:
        """The list for commands in `ranges`. KafkaAwayError, TopicError, TooMuchError, asyncpg's errors."""
        wanted = {partition: pair for partition, pair in ranges.items() if pair[0] < pair[1]}
        if not wanted:
            return self.lost
        async with reading(bootstrap_servers, names, COMMANDS) as commands:
            since_ms = await self._begin(commands, wanted)
            async with reading(bootstrap_servers, names, EVENTS) as events:
                async for batch in events.batches(since_ms=max(1, since_ms - CLOCKS_MS), limit_s=LIMIT_S):
                    await self._events(batch)
                    self._progress(
                        f"events: {events.records_read:,} read, {self.lost.operations:,} operations are not in the ledger"
                    )
                self._note_cut(events)
            async for batch in commands.batches(wanted, since_ms=max(1, since_ms - CLOCKS_MS), limit_s=LIMIT_S):
                await self._commands(
                    [each for each in batch if wanted[each.partition][0] <= each.offset < wanted[each.partition][1]]
                )
                self._progress(f"commands: {commands.records_read:,} read")
            self._note_cut(commands)
        self.lost.players = len(self._players)
        return self.lost

    async def _begin(self, commands: TopicReader, wanted: Ranges) -> int:
        """When the first command in doubt was sent (Unix milliseconds); 1 where it is not in Kafka any more."""
        first_ms = []
        for partition, (start, _) in sorted(wanted.items()):
            record = await commands.one(partition, start)
            if record is None:
                self.lost.complete = False
                self.lost.remarks.append(f"{commands.name} partition {partition} does not reach back to offset {start}")
            first_ms.append(record.timestamp_ms if record else 1)
        return min(first_ms)

    async def _events(self, batch: Sequence[Found]) -> None:
        events = []
        for found in batch:
            try:
                events.append(_event(found.value))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                self._remark(f"a record of wallet.events ({found.partition}/{found.offset}) is no event: {error}")
        stored = await self._ledger.hashes([(event.player, event.seq) for event in events])
        gone = []
        for event in events:
            short = int(event.hash[:16] or "0", 16)
            if stored.get((event.player, event.seq)) != event.hash and short not in self._hashes:
                self._hashes.add(short)
                gone.append(event)
        if len(self._hashes) > LOST_MAX:
            raise TooMuchError
        again = await self._ledger.by_keys([_key(event) for event in gone])
        for event in gone:
            self._operation(event, again.get(_key(event)))

    def _operation(self, event: Operation, again: tuple[Operation, int] | None) -> None:
        lost = self.lost
        paid = sum(each.amount for each in event.movements if each.debit_account == PLAYER)
        got = sum(each.amount for each in event.movements if each.credit_account == PLAYER)
        self._keys.add(_key(event))
        self._players.add(event.player)
        lost.operations += 1
        lost.applied += event.status == APPLIED
        lost.again += again is not None
        if paid or got:
            moved = lost.moved.setdefault(event.currency, Moved())
            moved.paid += paid
            moved.got += got
        self._write(
            {
                "lost": "operation", "player": event.player, "seq": event.seq, "provider_account": event.provider_account,
                "namespace": event.namespace, "external_id": event.external_id, "kind": event.kind, "status": event.status,
                "result": event.result, "currency": event.currency, "paid": paid, "got": got, "round_id": event.round_id,
                "session_id": event.session_id, "target_seq": event.target_seq, "occurred_at_ms": event.occurred_at_ms,
                "brand": event.brand, "test": event.test, "hash": event.hash, "again_as": again[0].seq if again else 0,
            }
        )  # fmt: skip

    async def _commands(self, batch: Sequence[Found]) -> None:
        wanted: list[tuple[Found, Any, list[Key]]] = []
        for found in batch:
            try:
                command = decode_command(found.value)
            except ContractError:
                continue  # what cannot be read was never applied: it is among the dead letters
            if command.kind in QUERIES:
                continue
            keys = [(command.player, command.provider_account, each.namespace, each.external_id) for each in keys_of(command)]
            if keys and self._keys.isdisjoint(keys):
                wanted.append((found, command, keys))
        stored = await self._ledger.by_keys(list(dict.fromkeys(key for _, _, keys in wanted for key in keys)))
        for found, command, keys in wanted:
            if any(key in stored for key in keys):
                continue
            self.lost.commands += 1
            self._write(
                {
                    "lost": "command", "player": command.player, "provider_account": command.provider_account, "kind": command.kind,
                    "keys": [{"namespace": key[2], "external_id": key[3]} for key in keys], "expires": may_expire(command),
                    "sent_at_ms": found.timestamp_ms, "deadline_ms": command.deadline_ms, "partition": found.partition,
                    "offset": found.offset,
                }
            )  # fmt: skip

    def _note_cut(self, reader: TopicReader) -> None:
        if reader.cut_at_ms:
            self.lost.complete = False
            self._remark(f"{reader.name} was not read to its end within {LIMIT_S:.0f} s")

    def _remark(self, text: str) -> None:
        if len(self.lost.remarks) < 20:  # noqa: PLR2004  # enough to see what is the matter
            self.lost.remarks.append(text)


def _key(event: Operation) -> Key:
    return event.player, event.provider_account, event.namespace, event.external_id
