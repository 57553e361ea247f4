"""Syncs: asked for now, listed, and a doubtful list confirmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, status
from pydantic import Field

from services.catalogue import problems as p
from services.catalogue.browse import Browser
from services.catalogue.errors import AccountNotFoundError, NotConfirmableError, SyncFailedError, SyncUnderWayError
from services.catalogue.reach import Reach
from services.catalogue.sync.store import Sync
from services.catalogue.sync.syncer import Syncer
from shared.web.callers import Administers, Caller, Reads
from shared.web.documented import Problems
from shared.web.problems import Problem
from shared.web.values import ACCOUNT_PATTERN, AccountName, Input, Output, PageSize, Reason, SeqCursor, example

ID_MAX: Final = 2**63 - 1
RETRY_AFTER: Final = {"Retry-After": "2"}

SyncPath = Annotated[int, Path(ge=1, le=ID_MAX, description="As POST /v1/syncs answered it.")]
AccountFilter = Annotated[str, Query(pattern=rf"{ACCOUNT_PATTERN}|^$", description="Only those of one provider account.")]


class RunSync(Input):
    """Which provider's list to read now."""

    model_config = example(provider_account="mascot-demo")

    provider_account: AccountName


class Confirm(Input):
    """Why the list is right after all."""

    model_config = example(reason="the provider has retired these games")

    reason: Reason = ""


class SyncShown(Output):
    """A sync. `alarm`: the list was empty or has shrunk much, nothing was changed; while `waiting`, it can be confirmed."""

    id: int
    provider_account: str
    result: Literal["running", "ok", "failed", "alarm", "confirmed"]
    waiting: bool
    started_at: datetime
    finished_at: datetime | None
    asked_by: str = Field(examples=["interval", "key:key_ab12cd34"])
    confirmed_by: str
    games: int = Field(description="How many games the list had.")
    added: int
    changed: int
    withdrawn: int
    returned: int
    unchanged: int
    skipped: int = Field(description="Bad records.")
    cause: str


class Syncs(Output):
    """A page of syncs, newest first."""

    syncs: list[SyncShown]
    next: str | None = None


def routes(reach: Reach, browser: Browser, syncer: Syncer, changed: Callable[[], None]) -> APIRouter:
    """The routes of syncs; `changed` is called when a confirmed list was stored."""
    router = APIRouter(prefix="/v1/syncs", tags=["Syncs"])

    @router.post(
        "",
        summary="Sync a provider account now",
        status_code=status.HTTP_202_ACCEPTED,
        responses=Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.SYNC_UNDER_WAY, p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN),
    )
    async def run(body: RunSync, caller: Administers) -> SyncShown:
        """Begins to read the provider's list; GET /v1/syncs/{sync_id} tells when it is finished and what it has changed."""
        account = reach.account(caller.brand, body.provider_account).name
        with _told():
            sync_id = await syncer.begin(account, f"key:{caller.key.key_id}")
        return _shown(await _found(reach, syncer, caller, sync_id))

    @router.get("", summary="List the syncs", responses=Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.BRAND_FORBIDDEN))
    async def listed(caller: Reads, provider_account: AccountFilter = "", limit: PageSize = 50, cursor: SeqCursor = "") -> Syncs:
        """Those of the brand's provider accounts, newest first."""
        if provider_account:
            accounts = [reach.account(caller.brand, provider_account).name]
        else:
            accounts = [account.name for account in reach.accounts(caller.brand)]
        found = await browser.syncs(accounts, int(cursor or 0), limit)
        return Syncs(syncs=[_shown(sync) for sync in found], next=str(found[-1].id) if len(found) == limit else None)

    @router.get("/{sync_id}", summary="Show a sync", responses=Problems.documented(p.SYNC_NOT_FOUND, p.BRAND_FORBIDDEN))
    async def show(sync_id: SyncPath, caller: Reads) -> SyncShown:
        """One sync, while it is running too."""
        return _shown(await _found(reach, syncer, caller, sync_id))

    @router.post(
        "/{sync_id}/confirm",
        summary="Confirm a doubtful list",
        responses=Problems.documented(p.SYNC_NOT_FOUND, p.SYNC_NOT_WAITING, p.SYNC_UNDER_WAY, p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN),
    )
    async def confirm(sync_id: SyncPath, body: Confirm, caller: Administers) -> SyncShown:
        """Stores the list that had raised an alarm, and withdraws what it does not have. In the audit log."""
        await _found(reach, syncer, caller, sync_id)
        with _told():
            done = await syncer.confirm(
                sync_id, f"key:{caller.key.key_id}", reason=body.reason, request_id=caller.request_id, brand=caller.brand
            )
        changed()
        return _shown(done)

    return router


@contextmanager
def _told() -> Iterator[None]:
    """What the syncer refuses, as problems."""
    try:
        yield
    except AccountNotFoundError as error:
        raise Problem(p.PROVIDER_ACCOUNT_NOT_FOUND, str(error)) from error
    except NotConfirmableError as error:
        raise Problem(p.SYNC_NOT_WAITING, str(error)) from error
    except SyncUnderWayError as error:
        raise Problem(p.SYNC_UNDER_WAY, str(error)) from error
    except SyncFailedError as error:
        raise Problem(p.OUTCOME_UNKNOWN, str(error), advice=error.advice, headers=RETRY_AFTER) from error


async def _found(reach: Reach, syncer: Syncer, caller: Caller, sync_id: int) -> Sync:
    """A sync of one of the brand's accounts; of others' it is not there."""
    own = {account.name for account in reach.accounts(caller.brand)}
    sync = await syncer.store.get(sync_id)
    if sync is None or sync.provider_account not in own:
        raise Problem(p.SYNC_NOT_FOUND, f"there is no sync {sync_id} of a provider account of the brand {caller.brand!r}")
    return sync


def _shown(sync: Sync) -> SyncShown:
    return SyncShown(**asdict(sync))
