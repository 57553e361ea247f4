"""Syncs provider accounts: each on its interval, and now where somebody asks for it.

A sync asks the provider, compares its list with what is stored, and stores the difference in one transaction. A list that
is empty or has shrunk much changes nothing until a person confirms it. An advisory lock of the database keeps two
processes (or two tasks) from syncing one account at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge, Histogram

from services.catalogue.errors import AccountNotFoundError, NotConfirmableError, SyncFailedError, SyncUnderWayError
from services.catalogue.settings import CatalogueSettings
from services.catalogue.sync.diff import Diff, compare, why_doubtful
from services.catalogue.sync.store import AccountSync, Sync, SyncStore
from services.catalogue.sync.told import Told, tell
from shared.access import Change
from shared.database.away import DATABASE_AWAY
from shared.providers.client import ProviderClient, ProviderError

log = structlog.get_logger(__name__)

JITTER: Final = 0.1
"""Share of the interval that is added at random, so that replicas and accounts do not all ask at once."""

LOOK_AGAIN_S: Final = 5.0
"""After so long it is looked again when an account is due, while the database or another process keeps it from us."""

AT_ONCE_MAX: Final = 2
"""Accounts synced at the same time; each holds a connection to the database meanwhile."""

DOUBLINGS_MAX: Final = 16
BY_INTERVAL: Final = "interval"
GOOD: Final = frozenset({"ok", "confirmed"})
NOTE_LIMIT_S: Final = 10.0
AWAY: Final = DATABASE_AWAY

Progress = Callable[[str], None]
"""Takes a line of text about what is being done."""

_syncs = Counter("stakewire_catalogue_syncs_total", "Syncs by result", ["provider_account", "result"])
_seconds = Histogram(
    "stakewire_catalogue_sync_seconds", "Time of a whole sync", ["provider_account"], buckets=(0.1, 0.5, 1, 2.5, 5, 10, 20, 60, 120)
)
_games = Gauge("stakewire_catalogue_games", "Games by state", ["provider_account", "state"])
_skipped = Gauge("stakewire_catalogue_skipped_records", "Bad records in the last list", ["provider_account"])
_last_ok = Gauge("stakewire_catalogue_last_good_sync_timestamp_seconds", "When a sync last went well", ["provider_account"])
_alarm = Gauge("stakewire_catalogue_sync_alarm", "1 while a doubtful list waits for its confirmation", ["provider_account"])


class Syncer:
    """One for a process. `clients` are the accounts that can be called; `stored` is called when games have changed."""

    def __init__(
        self,
        store: SyncStore,
        clients: Mapping[str, ProviderClient],
        settings: CatalogueSettings,
        stored: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self._clients = clients
        self._settings = settings
        self._stored = stored
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._unread = set(clients)

    async def start(self) -> None:
        """Begins to sync in the background."""
        for account in self._clients:
            _show(account)
            self._keep(self._run(account), f"sync-{account}")
        self._keep(self._purge(), "purge-syncs")

    async def stop(self) -> None:
        """Ends all syncs; one that is being stored is taken back as a whole."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def accounts(self) -> list[str]:
        """The provider accounts that can be synced."""
        return sorted(self._clients)

    @property
    def unread(self) -> list[str]:
        """The provider accounts of which no list has ever been read; known once the database has been asked."""
        return sorted(self._unread)

    async def sync(self, account: str, asked_by: str, progress: Progress = lambda _: None) -> Sync:
        """Syncs an account now; returns what became of it, an alarm too.

        Raises:
            AccountNotFoundError: no such account, or it cannot be called.
            SyncUnderWayError: it is being synced already.
            SyncFailedError: the provider did not answer with a list, or it could not be stored in time; nothing was changed.
        """
        sync_id = await self._sync(account, asked_by, progress)
        assert sync_id is not None, "only a sync by interval may find that it is not due"
        return await self._told_of(account, sync_id)

    async def begin(self, account: str, asked_by: str) -> int:
        """Begins a sync of an account and returns its id; it goes on in the background. Raises as `sync` does."""
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = self._keep(self._in_background(account, asked_by, begun), f"sync-now-{account}")
        either: list[asyncio.Future[Any]] = [task, begun]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if begun.cancelled():
            raise SyncFailedError(f"{account} was not synced: the catalogue is being stopped; ask again")
        return begun.result()

    async def confirm(self, sync_id: int, actor: str, *, reason: str = "", request_id: str = "", brand: str = "",
                      progress: Progress = lambda _: None) -> Sync:  # fmt: skip
        """Stores the list of a sync that had raised an alarm.

        Raises:
            NotConfirmableError: the sync waits for no confirmation (any more).
            SyncUnderWayError: the account is being synced just now.
            SyncFailedError: it could not be stored; it waits as before.
        """
        found = await self.store.get(sync_id)
        if found is None or not found.waiting:
            raise _not_confirmable(sync_id, found)
        try:
            async with asyncio.timeout(self._settings.sync_limit_s), self.store.locked(found.provider_account) as turn:
                told = await turn.kept_list(sync_id)
                if told is None:
                    raise _not_confirmable(sync_id, await self.store.get(sync_id))
                diff = compare(await turn.held(), told.hashes, told.unreadable)
                counts = {"added": len(diff.added), "changed": len(diff.changed), "returned": len(diff.returned)}
                change = Change(
                    action="catalogue.sync_confirmed",
                    subject=f"sync:{sync_id}",
                    actor=actor,
                    brand=brand,
                    before={"provider_account": found.provider_account, "alarm": found.cause},
                    after={**counts, "withdrawn": len(diff.withdrawn)},
                    reason=reason,
                    request_id=request_id,
                )
                await turn.store_confirmed(sync_id, told, diff, change, _counting(progress))
        except AWAY as error:
            raise SyncFailedError(f"sync {sync_id} could not be stored: {error!r}; it waits as before", sync_id=sync_id) from error
        self._stored()
        return await self._told_of(found.provider_account, sync_id)

    async def _sync(
        self,
        account: str,
        asked_by: str,
        progress: Progress = lambda _: None,
        *,
        begun: Callable[[int], None] = lambda _: None,
        only_if_due: bool = False,
    ) -> int | None:
        """Syncs; returns the id, None where it was not due any more. `begun` is told the id as soon as there is one."""
        client = self._clients.get(account)
        if client is None:
            known = ", ".join(self.accounts) or "none"
            raise AccountNotFoundError(f"there is no provider account {account!r} that can be called; there are: {known}")
        started_s = time.monotonic()
        sync_id = 0
        try:
            async with asyncio.timeout(self._settings.sync_limit_s), self._at_once, self.store.locked(account) as turn:
                if only_if_due and await self._due_in_s(account) > 0:
                    return None  # another process was quicker
                sync_id = await turn.begin(asked_by)
                begun(sync_id)
                try:
                    await self._ask_and_store(turn, client, sync_id, progress)
                except BaseException as error:
                    await _note(turn, sync_id, error)
                    raise
        except SyncUnderWayError:
            raise
        except (*AWAY, ProviderError) as error:
            _syncs.labels(account, "failed").inc()
            cause = _cause(error, self._settings.sync_limit_s)
            advice = error.advice if isinstance(error, ProviderError) else ""
            raise SyncFailedError(f"{account} was not synced: {cause}", sync_id=sync_id, advice=advice) from error
        _seconds.labels(account).observe(time.monotonic() - started_s)
        return sync_id

    async def _ask_and_store(self, turn: AccountSync, client: ProviderClient, sync_id: int, progress: Progress) -> None:
        progress("asking the provider for its list")
        listing = await client.listing()
        progress(f"comparing {len(listing.games):,} games")
        # In a thread: a long list takes a second, in which requests would wait.
        told = await asyncio.to_thread(tell, listing)
        _skipped.labels(turn.account).set(told.skipped)
        if told.skipped:
            log.warning("bad records in a provider's list", account=turn.account, skipped=told.skipped, first_cause=told.cause)
        diff = compare(await turn.held(), told.hashes, told.unreadable)
        doubt = why_doubtful(diff, listed=told.size, shrink_share_max=self._settings.shrink_share_max)
        if doubt:
            await self._alarm(turn, sync_id, told, diff, doubt)
            return
        await turn.store(sync_id, told, diff, _counting(progress))
        if not diff.empty:
            self._stored()

    async def _alarm(self, turn: AccountSync, sync_id: int, told: Told, diff: Diff, doubt: str) -> None:
        earlier, earlier_hash = await turn.waiting()
        same = earlier_hash == told.hash
        waits = earlier if same else sync_id
        cause = f"{doubt}. Nothing was changed. If it is right, confirm sync {waits}"
        await turn.keep_doubtful(sync_id, told, diff, cause, waits_already=same)
        log.error("a provider's list is doubtful and changes nothing", account=turn.account, cause=doubt, confirm=waits)

    async def _told_of(self, account: str, sync_id: int) -> Sync:
        """A sync as it is noted now, in metrics and log too."""
        sync = await self.store.get(sync_id)
        assert sync is not None, "a sync that has just ended is not purged"
        live, withdrawn = await self.store.counts(account)
        _syncs.labels(account, sync.result).inc()
        _games.labels(account, "live").set(live)
        _games.labels(account, "withdrawn").set(withdrawn)
        _alarm.labels(account).set(sync.result == "alarm")
        self._unread.discard(account)
        if sync.result in GOOD:
            _last_ok.labels(account).set_to_current_time()
        log.info(
            "synced", account=account, sync=sync_id, result=sync.result, asked_by=sync.asked_by, added=sync.added,
            changed=sync.changed, withdrawn=sync.withdrawn, returned=sync.returned, unchanged=sync.unchanged, skipped=sync.skipped,
        )  # fmt: skip
        return sync

    async def _in_background(self, account: str, asked_by: str, begun: asyncio.Future[int]) -> None:
        try:
            sync_id = await self._sync(account, asked_by, begun=begun.set_result)
            if sync_id is not None:
                await self._told_of(account, sync_id)
        except AWAY as error:
            log.warning("what became of a sync is not known", account=account, cause=repr(error))
        except (AccountNotFoundError, SyncUnderWayError, SyncFailedError) as error:
            if not begun.done():
                begun.set_exception(error)
            else:
                log.warning("a sync that was asked for failed", account=account, cause=str(error))
        finally:
            begun.cancel()

    async def _run(self, account: str) -> None:
        """Syncs an account whenever it is due, whoever synced it last."""
        while True:
            try:
                wait_s = await self._due_in_s(account)
                if wait_s <= 0:
                    sync_id = await self._sync(account, BY_INTERVAL, only_if_due=True)
                    if sync_id is not None:
                        await self._told_of(account, sync_id)
                    continue
            except SyncUnderWayError:
                wait_s = LOOK_AGAIN_S
            except SyncFailedError as error:
                log.warning("a provider account could not be synced", account=account, cause=str(error), advice=error.advice)
                wait_s = self._settings.sync_retry_s if error.sync_id else LOOK_AGAIN_S
            except AWAY as error:
                log.warning("it is not known when an account is due", account=account, cause=repr(error))
                wait_s = LOOK_AGAIN_S
            except Exception:
                log.exception("an account is not synced because of a fault of ours", account=account)
                wait_s = self._settings.sync_interval_s
            # Not longer than a while: another process may have failed at it, which makes it due earlier.
            await asyncio.sleep(min(wait_s, max(self._settings.sync_retry_s, LOOK_AGAIN_S)))

    async def _due_in_s(self, account: str) -> float:
        last = await self.store.last(account)
        if last is None:
            return 0.0
        pause_s = self._settings.sync_interval_s
        if last.result in {"ok", "alarm", "confirmed"}:
            self._unread.discard(account)
        if last.result in GOOD:
            # Whichever process has done it, and before this one was started.
            _last_ok.labels(account).set(time.time() - last.age_s)
        if last.result != "running":
            _alarm.labels(account).set(last.result == "alarm")
        if last.result == "failed":
            pause_s = min(pause_s, self._settings.sync_retry_s * 2.0 ** min(last.failures - 1, DOUBLINGS_MAX))
        if last.age_s < pause_s:
            return pause_s - last.age_s
        # Due: within a tenth of the pause somebody does it, at random who.
        late_s = pause_s * JITTER * random.random()  # noqa: S311  # not cryptography
        return 0.0 if last.age_s >= pause_s + late_s else late_s

    async def _purge(self) -> None:
        while True:
            try:
                await self.store.purge(self._settings.syncs_kept_days)
            except AWAY as error:
                log.warning("old syncs could not be deleted; trying again later", cause=repr(error))
            await asyncio.sleep(3_600)

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _show(account: str) -> None:
    """Shows the account's metrics before its first sync; the time of a good one as 0, so that one that never comes is seen."""
    for result in (*GOOD, "failed", "alarm"):
        _syncs.labels(account, result)
    for gauge in (_last_ok, _alarm, _skipped):
        gauge.labels(account).set(0)


def _counting(progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(f"storing {done:,} of {total:,} games")


async def _note(turn: AccountSync, sync_id: int, error: BaseException) -> None:
    """Notes why a sync failed, as far as the database still takes it."""
    with contextlib.suppress(*AWAY):
        async with asyncio.timeout(NOTE_LIMIT_S):
            await turn.fail(sync_id, _cause(error, 0))


def _cause(error: BaseException, limit_s: float) -> str:
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return (
            f"it took longer than {limit_s:g} s altogether" if limit_s else "it was given up: too long, or the process was stopped"
        )
    return str(error) if isinstance(error, ProviderError) else repr(error)


def _not_confirmable(sync_id: int, found: Sync | None) -> NotConfirmableError:
    if found is None:
        return NotConfirmableError(f"there is no sync {sync_id}; see the list of syncs")
    return NotConfirmableError(
        f"sync {sync_id} of {found.provider_account} ({found.result}) waits for no confirmation: only the newest doubtful list of an account does"
    )
