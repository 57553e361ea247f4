"""Replies on `wallet.replies`: one record holds the replies of a whole batch for one partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCHEMA = 1


class Result:
    """The one result vocabulary; each dialect renders its own codes from it (plain strings: they cross the wire)."""

    OK: Final = "OK"
    INSUFFICIENT_FUNDS: Final = "INSUFFICIENT_FUNDS"
    PLAYER_NOT_FOUND: Final = "PLAYER_NOT_FOUND"
    PLAYER_BLOCKED: Final = "PLAYER_BLOCKED"
    TOKEN_UNKNOWN: Final = "TOKEN_UNKNOWN"  # noqa: S105  # a result, no password
    TOKEN_EXPIRED: Final = "TOKEN_EXPIRED"  # noqa: S105  # a result, no password
    WRONG_CURRENCY: Final = "WRONG_CURRENCY"
    GAME_FORBIDDEN: Final = "GAME_FORBIDDEN"
    LIMIT_EXCEEDED: Final = "LIMIT_EXCEEDED"
    ORIGINAL_NOT_FOUND: Final = "ORIGINAL_NOT_FOUND"
    ORIGINAL_CANCELLED: Final = "ORIGINAL_CANCELLED"
    ORIGINAL_SETTLED: Final = "ORIGINAL_SETTLED"
    DUPLICATE_DIFFERENT: Final = "DUPLICATE_DIFFERENT"
    BAD_REQUEST: Final = "BAD_REQUEST"
    NOT_DONE: Final = "NOT_DONE"
    UNKNOWN: Final = "UNKNOWN"


RESULTS: Final = frozenset(value for name, value in vars(Result).items() if name.isupper())


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReply:
    """What became of one item of a Batch or RollbackList, in their order.

    Where the whole was refused, items before and after the refused one are NOT_DONE.
    """

    external_id: str
    result: str
    transaction_id: str = ""
    replayed: bool = False
    limit: str = ""
    detail: str = ""


# Nobody changes one. Not frozen: each field would be set through object.__setattr__, which makes it four times as dear.
@dataclass(slots=True, kw_only=True)
class Reply:
    """The wallet's answer to one command.

    `balance` is the balance right after the operation as stored (units), `balance_now` the current one: they differ
    only on a replay. `transaction_id` is ours, empty where nothing is stored. `limit` names the limit of
    LIMIT_EXCEEDED. `free_rounds_left` is -1 where no grant was named. `data` is the JSON text of a query's answer,
    `items` the answers to the items of a Batch or RollbackList.
    """

    command_id: str
    caller: str
    result: str
    balance: int = 0
    balance_now: int = 0
    currency: str = ""
    transaction_id: str = ""
    replayed: bool = False
    limit: str = ""
    detail: str = ""
    free_rounds_left: int = -1
    free_rounds_charged: int = 0
    data: str = ""
    items: tuple[ItemReply, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyBundle:
    """All replies of one wallet batch for one reply partition; a reader skips those of other callers."""

    replies: tuple[Reply, ...]
    schema: int = SCHEMA
