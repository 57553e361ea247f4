"""Collections: the ordered sets of games of a brand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response, status
from pydantic import Field

from services.catalogue import problems as p
from services.catalogue.collections import GAMES_MAX, Collection, CollectionStore, GameKey, Member
from services.catalogue.errors import CollectionRefusedError
from services.catalogue.reach import Reach
from services.catalogue.routes.games import author_of
from services.catalogue.routes.values import COLLECTION_PATTERN, POSITION_MAX, Title
from shared.contracts import CatalogueState
from shared.web.callers import Administers, Reads
from shared.web.documented import Problems
from shared.web.problems import Problem
from shared.web.values import AccountName, GameId, Input, Output, Reason, example

CollectionPath = Annotated[str, Path(pattern=COLLECTION_PATTERN, examples=["new-games"])]


class GameNamed(Input):
    """A game of a provider account."""

    provider_account: AccountName
    game_id: GameId


class PutCollection(Input):
    """A collection as it is to be."""

    model_config = example(
        title="New games", position=1, games=[{"provider_account": "mascot-demo", "game_id": "riot"}], reason="the games of May"
    )

    title: Title
    position: int = Field(default=0, ge=0, le=POSITION_MAX, description="Place among the collections, lowest first.")
    games: Annotated[tuple[GameNamed, ...], Field(max_length=GAMES_MAX, strict=False)] = Field(
        description="In the order in which they are shown; each once."
    )
    reason: Reason = ""


class CollectionShown(Output):
    """A collection; `size` is the number of its games."""

    collection_id: str = Field(examples=["new-games"])
    title: str = Field(examples=["New games"])
    position: int
    size: int
    changed_at: datetime
    changed_by: str


class Collections(Output):
    """The collections of the key's brand, in their order."""

    collections: list[CollectionShown]


class MemberShown(Output):
    """A game of a collection, as it is now."""

    provider_account: str
    game_id: str
    name: str
    state: CatalogueState


class CollectionDetail(CollectionShown):
    """A collection with its games in their order."""

    games: list[MemberShown]


def routes(reach: Reach, store: CollectionStore, changed: Callable[[], None]) -> APIRouter:
    """The routes of collections; `changed` is called when one was."""
    router = APIRouter(prefix="/v1/collections", tags=["Collections"])

    @router.get("", summary="List the collections", responses=Problems.documented(p.BRAND_FORBIDDEN))
    async def listed(caller: Reads) -> Collections:
        """All of the brand."""
        reach.brand(caller.brand)
        return Collections(collections=[CollectionShown(**_values(each)) for each in await store.all(caller.brand)])

    @router.get(
        "/{collection_id}", summary="Show a collection", responses=Problems.documented(p.COLLECTION_NOT_FOUND, p.BRAND_FORBIDDEN)
    )
    async def show(collection_id: CollectionPath, caller: Reads) -> CollectionDetail:
        """One collection with its games; those that were withdrawn are still named."""
        return await _detail(reach, store, caller.brand, collection_id)

    @router.put(
        "/{collection_id}",
        summary="Make or change a collection",
        responses={
            201: {"model": CollectionDetail, "description": "The collection is new."},
            **Problems.documented(p.PROVIDER_ACCOUNT_NOT_FOUND, p.COLLECTION_REFUSED, p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN),
        },
    )
    async def put(collection_id: CollectionPath, body: PutCollection, caller: Administers, response: Response) -> CollectionDetail:
        """Replaces the collection as a whole: title, place, and the games in their order."""
        reach.brand(caller.brand)
        for account in {game.provider_account for game in body.games}:
            reach.account(caller.brand, account)
        games = [GameKey(game.provider_account, game.game_id) for game in body.games]
        try:
            done = await store.put(collection_id, body.title, body.position, games, author_of(caller, body.reason))
        except CollectionRefusedError as error:
            raise Problem(p.COLLECTION_REFUSED, str(error)) from error
        if done != "unchanged":
            changed()
        if done == "created":
            response.status_code = status.HTTP_201_CREATED
        return await _detail(reach, store, caller.brand, collection_id)

    @router.delete(
        "/{collection_id}",
        summary="Delete a collection",
        status_code=status.HTTP_204_NO_CONTENT,
        responses=Problems.documented(p.COLLECTION_NOT_FOUND, p.BRAND_FORBIDDEN, p.OUTCOME_UNKNOWN),
    )
    async def delete(collection_id: CollectionPath, caller: Administers) -> None:
        """The games themselves stay."""
        reach.brand(caller.brand)
        if not await store.delete(collection_id, author_of(caller, "")):
            raise _not_found(caller.brand, collection_id)
        changed()

    return router


async def _detail(reach: Reach, store: CollectionStore, brand: str, collection_id: str) -> CollectionDetail:
    reach.brand(brand)
    found = await store.one(brand, collection_id)
    if found is None:
        raise _not_found(brand, collection_id)
    collection, members = found
    return CollectionDetail(**_values(collection), games=[_member(member) for member in members])


def _not_found(brand: str, collection_id: str) -> Problem:
    return Problem(p.COLLECTION_NOT_FOUND, f"the brand {brand!r} has no collection {collection_id!r}")


def _values(collection: Collection) -> dict[str, object]:
    return {
        "collection_id": collection.collection_id,
        "title": collection.title,
        "position": collection.position,
        "size": collection.games,
        "changed_at": collection.changed_at,
        "changed_by": collection.changed_by,
    }


def _member(member: Member) -> MemberShown:
    return MemberShown(
        provider_account=member.key.provider_account, game_id=member.key.game_id, name=member.name, state=member.state
    )
