"""One batch: lock, load, decide, save, commit. Retries, bisects and sets aside, so that nothing blocks a partition.

Takes the records of a batch and gives what has to be published; knows nothing of consumers or producers but the
dead-letter hook, which must have stored a letter before the position passes its command.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from services.wallet import metrics
from services.wallet.chain import event_of
from services.wallet.decisions.model import TOMBSTONE, Operation
from services.wallet.failpoints import Failpoint
from services.wallet.intake import QUERIES, Taken, is_expired, now_ms, reply_address
from services.wallet.ledger import store
from services.wallet.ledger.store import PositionMovedError
from services.wallet.portions import heavy_apart, is_heavy, portions
from services.wallet.settings import WalletSettings
from services.wallet.traces import Traces, log_fields
from services.wallet.working_set import ImbalanceError, Key, LedgerError, WorkingSet
from shared.contracts import Command, PlayerQuery, Reply, Result, Rollback
from shared.database.away import DATABASE_AWAY
from shared.errors import StakewireError
from shared.gaming_day import GamingDays

log = structlog.get_logger(__name__)

BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
DATA_ERRORS: Final = (
    LedgerError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.PLPGSQLError,
    asyncpg.ProgramLimitExceededError,  # a name that is too long for an index
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,  # asyncpg's own refusal to encode an argument is one
)
"""Errors that lie in a command: the batch is halved until that one is found."""

SLOW_MAX: Final = 2
"""How often a batch with heavy commands may run into the statement timeout before they are applied apart."""


class Published(Struct, kw_only=True):
    """What a committed batch has to say: replies by reply partition, events by partition in order.

    `queries` are still to be answered, from what is committed now: they have no part in the batch.
    """

    replies: dict[int, list[Reply]] = field(default_factory=dict)
    events: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)
    queries: list[Taken] = field(default_factory=list)

    def reply(self, command: Command, reply: Reply) -> None:
        """Adds the answer to one command, if its caller waits for one."""
        if command.reply_partition >= 0:
            self.replies.setdefault(command.reply_partition, []).append(reply)

    def event(self, partition: int, player: str, event: bytes) -> None:
        """Adds one event."""
        self.events.setdefault(partition, []).append((player, event))


class SendError(StakewireError):
    """Kafka did not take a record that must be stored; the caller tries again."""


DeadLetterHook = Callable[[Taken, str, str], Awaitable[None]]
"""(what, cause, detail): stores a dead letter durably; returns when it is stored."""


class BatchApplier:
    """Applies batches to the ledger. One at a time; owns nothing but its deferred commands."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        settings: WalletSettings,
        days: GamingDays,
        dead_letter: DeadLetterHook,
        failpoint: Failpoint,
        traces: Traces | None = None,
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._days = days
        self._dead_letter = dead_letter
        self._failpoint = failpoint
        self._traces = traces or Traces(None)
        self.deferred: dict[str, list[Taken]] = {}
        """Commands of players whom somebody else holds, by player, in order; their positions are passed."""

    async def apply(self, batch: Sequence[Taken], positions: dict[int, int], epoch: int, *, expire: bool = True) -> Published:
        """Applies one batch and moves `positions` (partition -> next offset), which is updated in place.

        Records below the position are answered from what is stored; the others are applied. Queries above it are handed
        back: they wait for no lock, and the position passes them as it passes balance queries. PositionMovedError where
        another owner went on: the caller reads the positions again and gives the same batch once more.
        """
        published = Published()
        old = [item for item in batch if item.offset < positions[item.partition]]
        fresh = [item for item in batch if item.offset >= positions[item.partition]]
        # Copies: what a batch buries is emptied.
        queries = [replace(item, raw=b"") for item in fresh if isinstance(item.command, PlayerQuery)]
        if old:
            await self._patiently(lambda: self._answer_only(old, published), "answer-only")
            self._traces.seen_before(old)
        late = await self._released()
        again = [item for item in late if item.again]
        if again:
            await self._patiently(lambda: self._answer_only(again, published), "answer-only")
        try:
            for portion in portions(late + [item for item in fresh if not item.late]):
                await self._apply_fresh(portion, positions, epoch, published, expire=expire)
        except PositionMovedError:
            self._keep(late)
            raise
        published.queries = queries
        return published

    async def _apply_fresh(
        self, batch: list[Taken], positions: dict[int, int], epoch: int, published: Published, *, expire: bool
    ) -> None:
        """All of `batch`, in one transaction if possible, in halves where a command does not fit the database."""
        moves = _moves(batch, positions)
        work = self._readable(batch)
        letters = [item for item in batch if item.command is None]
        if not work and not letters and not moves:
            return
        for item in letters:
            await self._bury(item, "not readable", item.cause, published)
        local = await self._attempts(batch, work, moves, positions, epoch, published, expire=expire)
        if local is not None:
            positions.update((partition, after) for partition, _, after in moves)
            _merge(published, local)

    async def _attempts(
        self,
        batch: list[Taken],
        work: list[Taken],
        moves: list[tuple[int, int, int]],
        positions: dict[int, int],
        epoch: int,
        published: Published,
        *,
        expire: bool,
    ) -> Published | None:
        """Tries until the transaction is committed; None where the batch was applied in halves instead."""
        attempt = slow = 0
        while True:
            try:
                return await self._transaction(work, moves, epoch, expire=expire)
            except PositionMovedError:
                raise
            except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError) as error:
                metrics.retries.labels("lock").inc()
                work = await self._set_aside(work, repr(error))
                slow += isinstance(error, asyncpg.QueryCanceledError)
                if slow >= SLOW_MAX and any(is_heavy(item.command) for item in work):
                    await self._apart(batch, work, positions, epoch, published, error, expire=expire)
                    return None
            except DATA_ERRORS as error:
                metrics.retries.labels("data").inc()
                if isinstance(error, ImbalanceError):
                    metrics.imbalances.inc()
                    log.critical("the books of a batch do not add up; it is not written", cause=str(error))
                await self._halve(batch, work, positions, epoch, published, error, expire=expire)
                return None
            except DATABASE_AWAY as error:
                attempt = await self._back_off(attempt, error, "batch")

    def _readable(self, batch: Sequence[Taken]) -> list[Taken]:
        """The readable commands to be decided, but for those behind a deferred one of the same player."""
        work = []
        for item in batch:
            if item.command is None or isinstance(item.command, PlayerQuery):
                continue
            waiting = self.deferred.get(item.command.player)
            if waiting is None:
                work.append(item)
            elif not any(other is item for other in waiting):
                item.deferred_at = time.monotonic()
                waiting.append(item)
        return work

    async def _transaction(
        self, work: Sequence[Taken], moves: list[tuple[int, int, int]], epoch: int, *, expire: bool
    ) -> Published:
        stages = metrics.Stages()
        published = Published()
        at_ms = now_ms()
        commands = [item.command for item in work if item.command is not None]
        async with self._pool.acquire() as connection:
            async with connection.transaction():
                loaded = await store.load(connection, commands, at_ms)
                self._failpoint.passed("loaded")
                stages.reached("load")
                picture = WorkingSet(loaded, at_ms, self._days.at(at_ms))
                answered = [self._step(picture, item, published, at_ms, expire=expire) for item in work]
                picture.check()
                self._failpoint.passed("decided")
                stages.reached("decide")
                # Queries alone change nothing: read again after a crash, they are only answered again.
                if moves or picture.new_operations:
                    await store.save(connection, picture, moves, epoch)
                self._failpoint.passed("saved")
                stages.reached("save")
            self._failpoint.passed("committed")
        oldest_ms = min((item.timestamp_ms for item in work), default=0)
        stages.committed(answered, picture.new_operations, oldest_ms, now_ms())
        self._traces.committed(work, stages.times, saved=bool(moves or picture.new_operations))
        return published

    def _step(self, picture: WorkingSet, item: Taken, published: Published, at_ms: int, *, expire: bool) -> tuple[str, str, bool]:
        command = item.command
        if command is None:
            raise TypeError("only readable commands are decided")
        before = len(picture.events)
        expired = expire and is_expired(item, at_ms, self._settings.wallet_expiry_margin_ms)
        reply = picture.step(command, expired=expired)
        published.reply(command, reply)
        for event in picture.events[before:]:
            published.event(item.partition, command.player, event)
        return command.kind, reply.result, reply.replayed

    async def _apart(
        self,
        batch: list[Taken],
        work: list[Taken],
        positions: dict[int, int],
        epoch: int,
        published: Published,
        error: Exception,
        *,
        expire: bool,
    ) -> None:
        """Each command that may write or read much in a transaction of its own; one that takes too long even so is buried."""
        if len(work) > 1:
            log.warning("a batch takes too long; its heavy commands are applied apart", commands=len(work), cause=repr(error))
            for piece in heavy_apart(batch):
                await self._apply_fresh([_unburied(item) for item in piece], positions, epoch, published, expire=expire)
            return
        await self._halve(batch, work, positions, epoch, published, error, expire=expire)

    async def _halve(
        self,
        batch: list[Taken],
        work: list[Taken],
        positions: dict[int, int],
        epoch: int,
        published: Published,
        error: Exception,
        *,
        expire: bool,
    ) -> None:
        """Halves the batch; a single command that does not fit goes to the dead letters and its position passes."""
        if len(work) > 1:
            log.warning("a batch does not fit the database; it is halved", commands=len(work), cause=repr(error))
            middle = batch.index(work[len(work) // 2])
            for half in (batch[:middle], batch[middle:]):
                await self._apply_fresh([_unburied(item) for item in half], positions, epoch, published, expire=expire)
            return
        for item in work:
            await self._bury(item, "not applicable", repr(error), published)
        await self._apply_fresh([_skipped(item) for item in batch], positions, epoch, published, expire=expire)

    async def _bury(self, item: Taken, cause: str, detail: str, published: Published) -> None:
        """To the dead letters, then UNKNOWN to the caller. Written before the position passes the command."""
        if item.cause == _BURIED:
            return
        place = {"partition": item.partition, "offset": item.offset, **log_fields(item)}
        log.error("a command goes to the dead letters", cause=cause, detail=detail, **place)
        await self._patiently(lambda: self._dead_letter(item, cause, detail), "dead letter")
        metrics.dead_letters.inc()
        self._traces.buried(item)
        address = reply_address(item)
        if address is not None and address[2] >= 0:
            reply = Reply(command_id=address[0], caller=address[1], result=Result.UNKNOWN, detail=cause)
            published.replies.setdefault(address[2], []).append(reply)

    async def _set_aside(self, work: Sequence[Taken], cause: str) -> list[Taken]:
        """After a lock wait: the commands of held players wait apart, the others go on."""
        players = sorted({item.command.player for item in work if item.command is not None})
        free = await self._free(players)
        held = [player for player in players if player not in free]
        if held:
            log.warning("players are held by somebody else; their commands wait", players=len(held), cause=cause)
        rest = []
        for item in work:
            if item.command is not None and item.command.player not in free:
                item.deferred_at = item.deferred_at or time.monotonic()
                self.deferred.setdefault(item.command.player, []).append(item)
            else:
                rest.append(item)
        return rest

    async def _released(self) -> list[Taken]:
        """Deferred commands whose players nobody holds any more, in their order."""
        if not self.deferred:
            return []
        free = await self._free(sorted(self.deferred))
        ready: list[Taken] = []
        for player in sorted(free & self.deferred.keys()):
            for item in self.deferred.pop(player):
                item.late = True
                ready.append(item)
        return ready

    def _keep(self, late: Sequence[Taken]) -> None:
        """Deferred again, before what was deferred since: what was to be said of them has been lost with the batch."""
        for item in reversed(late):
            if item.command is not None:
                item.again = True
                others = [other for other in self.deferred.get(item.command.player, ()) if other is not item]
                self.deferred[item.command.player] = [item, *others]

    def waiting(self) -> dict[int, int]:
        """Partition -> the offset of its first command that is deferred."""
        first: dict[int, int] = {}
        for items in self.deferred.values():
            for item in items:
                first[item.partition] = min(item.offset, first.get(item.partition, item.offset))
        return first

    async def _free(self, players: Sequence[str]) -> set[str]:
        free: set[str] = set()

        async def ask() -> None:
            async with self._pool.acquire() as connection:
                free.update(await store.free_players(connection, players))

        await self._patiently(ask, "held players")
        return free

    async def give_up_deferred(self, published: Published, *, all_of_them: bool = False) -> None:
        """Sends deferred commands past their limit (or all, at a hand-over) to the dead letters."""
        limit_s = self._settings.wallet_defer_limit_ms / 1000
        for player, items in list(self.deferred.items()):
            if all_of_them or time.monotonic() - items[0].deferred_at > limit_s:
                del self.deferred[player]
                for item in items:
                    await self._bury(item, "player held", f"the player's row was locked for more than {limit_s} s", published)

    async def _answer_only(self, batch: Sequence[Taken], published: Published) -> None:
        """Commands below the position: stored ones are answered and their events published again, others ignored."""
        commands = [
            item.command
            for item in batch
            if item.command is not None and item.command.kind not in QUERIES and _own_keys(item.command)
        ]
        if not commands:
            return
        async with self._pool.acquire() as connection:
            known = await store.stored(connection, commands)
            taken = [command for command in commands if any(key in known for key in _own_keys(command))]
            await self._repeat(taken, connection, published)
        again: dict[tuple[str, int], tuple[int, Operation]] = {}
        for item in batch:
            if item.command is not None:
                for operation in _published_by(item.command, known):
                    again[operation.player, operation.seq] = (item.partition, operation)
        for (player, _), (partition, operation) in sorted(again.items(), key=lambda entry: entry[0]):
            published.event(partition, player, event_of(operation))

    async def _repeat(self, commands: list[Command], connection: asyncpg.Connection, published: Published) -> None:
        """Answers commands whose slots are taken: only the stored answer or the conflict can come out of it.

        A list of which only some were stored (each came by itself too) would be applied now: it gets no answer here.
        """
        at_ms = now_ms()
        try:
            async with connection.transaction():
                loaded = await store.load(connection, commands, at_ms)
        except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
            return  # somebody holds a player: the events still go out, the callers hear UNKNOWN and ask again
        picture = WorkingSet(loaded, at_ms, self._days.at(at_ms))
        for command in commands:
            reply = picture.repeat(command)
            if reply is not None:
                published.reply(command, reply)
                metrics.replays.inc()

    async def _patiently(self, work: Callable[[], Awaitable[None]], what: str) -> None:
        attempt = 0
        while True:
            try:
                await work()
            except (*DATABASE_AWAY, SendError) as error:
                attempt = await self._back_off(attempt, error, what)
            else:
                return

    async def _back_off(self, attempt: int, error: Exception, what: str) -> int:
        metrics.retries.labels("away").inc()
        delay_s = BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]
        log.warning("the ledger did not take it; trying again", what=what, cause=repr(error), again_in_s=delay_s)
        await asyncio.sleep(delay_s)
        return attempt + 1


_BURIED: Final = "buried"


def _unburied(item: Taken) -> Taken:
    """An item of a halved batch: what was unreadable has had its letter already."""
    if item.command is None:
        item.cause = _BURIED
    return item


def _skipped(item: Taken) -> Taken:
    item.command, item.cause = None, _BURIED
    return item


def _own_keys(command: Command) -> list[Key]:
    """The command's key, or those of its items."""
    return [
        (each.player, each.provider_account, each.namespace, each.external_id) for each in store.flat([command]) if each.external_id
    ]


def _published_by(command: Command, known: dict[Key, Operation]) -> list[Operation]:
    """The operations that a command has written: its own with their parts, and the tombstones of unknown originals."""
    found = [known[key] for key in _own_keys(command) if key in known]
    found += [known[key] for operation in found for key in store.parts_of_stored(operation) if key in known]
    for undo in store.flat([command]):
        if isinstance(undo, Rollback):
            target = known.get((undo.player, undo.provider_account, undo.target_namespace, undo.target_external_id))
            if target is not None and target.kind == TOMBSTONE:
                found.append(target)
    return found


def _moves(batch: Sequence[Taken], positions: dict[int, int]) -> list[tuple[int, int, int]]:
    """(partition, from, to) of each partition in the batch, sorted: the order in which their rows are locked.

    Empty for queries alone: they are the one thing that may be read again without harm. What was deferred has been passed.
    """
    if all(item.command is not None and item.command.kind in QUERIES for item in batch):
        return []
    after: dict[int, int] = {}
    for item in batch:
        if item.offset >= after.get(item.partition, positions[item.partition]):
            after[item.partition] = item.offset + 1
    return [(partition, positions[partition], end) for partition, end in sorted(after.items())]


def _merge(into: Published, more: Published) -> None:
    for partition, replies in more.replies.items():
        into.replies.setdefault(partition, []).extend(replies)
    for partition, events in more.events.items():
        into.events.setdefault(partition, []).extend(events)
