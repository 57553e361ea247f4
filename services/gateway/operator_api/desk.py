"""The way from a request to the wallet and back: asks commands and queries, turns refusals into problems."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeVar

from services.gateway.operator_api import problems as p
from shared.contracts import Command, ListOperations, OperationPage, OperationRecorded, Reply, Result
from shared.contracts.codec import decode_view
from shared.identity import player_key
from shared.requester import OutcomeUnknownError, ShedError
from shared.web.problems import INVALID_REQUEST, OVERLOADED, Problem, ProblemType

OPERATOR: Final = "operator"
"""Provider account of the operator's own commands, and the namespace of his Idempotency-Keys."""

SYSTEM: Final = "system"
"""Namespace of the ids that we derive ourselves."""

RETRY_AFTER: Final = {"Retry-After": "1"}
EXCLUSION: Final = "exclusion"
"""What a reply names as the limit where PLAYER_BLOCKED comes of an exclusion."""

V = TypeVar("V")

_PROBLEMS: Final[Mapping[str, ProblemType]] = {
    Result.PLAYER_NOT_FOUND: p.PLAYER_NOT_FOUND,
    Result.PLAYER_BLOCKED: p.PLAYER_BLOCKED,
    Result.INSUFFICIENT_FUNDS: p.INSUFFICIENT_FUNDS,
    Result.WRONG_CURRENCY: p.WRONG_CURRENCY,
    Result.TOKEN_UNKNOWN: p.SESSION_NOT_FOUND,
    Result.TOKEN_EXPIRED: p.SESSION_ENDED,
    Result.GAME_FORBIDDEN: p.GAME_NOT_AVAILABLE,
    Result.ORIGINAL_CANCELLED: p.ROUND_VOIDED,
    Result.ORIGINAL_SETTLED: p.ROUND_ENDED,
    Result.DUPLICATE_DIFFERENT: p.IDEMPOTENCY_CONFLICT,
    Result.ORIGINAL_NOT_FOUND: p.GRANT_NOT_FOUND,
    Result.BAD_REQUEST: INVALID_REQUEST,
    Result.NOT_DONE: OVERLOADED,
    Result.UNKNOWN: p.OUTCOME_UNKNOWN,
}
_WORDS: Final[Mapping[str, str]] = {
    Result.PLAYER_NOT_FOUND: "the brand has no player with this id",
    Result.PLAYER_BLOCKED: "the player is blocked, draining or closed",
    Result.INSUFFICIENT_FUNDS: "the balance is lower than the amount",
    Result.WRONG_CURRENCY: "the player has no account in this currency",
    Result.TOKEN_UNKNOWN: "the player has no session with this id",
    Result.TOKEN_EXPIRED: "the session has ended or was replaced by a newer one",
    Result.ORIGINAL_CANCELLED: "it was undone",
    Result.ORIGINAL_SETTLED: "the round has ended",
    Result.GAME_FORBIDDEN: "the game is switched off or draining",
    Result.DUPLICATE_DIFFERENT: "the key was used before for a request with other content",
    Result.ORIGINAL_NOT_FOUND: "the player has no free rounds with this id",
    Result.NOT_DONE: "the wallet did not come to it in time; nothing was done",
    Result.UNKNOWN: "the wallet did not say what became of it",
}
_NO_ROUND: Final = "the player has no round with this id at this provider account"


class Asks(Protocol):
    """What the desk needs of the requester."""

    async def ask(self, command: Command) -> Reply:
        """Sends a command and waits for its reply."""
        ...


class Desk:
    """One for the process. `deadline_ms` is how long a command may wait for the wallet."""

    def __init__(self, requester: Asks, deadline_ms: int) -> None:
        self._requester = requester
        self._deadline_ms = deadline_ms

    def common(
        self, brand: str, player: str, external_id: str, *, account: str = OPERATOR, namespace: str = SYSTEM
    ) -> dict[str, Any]:
        """The fields that every command of an operator has. `player` is the player key."""
        return {
            "command_id": "",
            "player": player,
            "provider_account": account,
            "namespace": namespace,
            "external_id": external_id,
            "brands": (brand,),
            "deadline_ms": self._deadline_ms,
        }

    def query(self, brand: str, player: str) -> dict[str, Any]:
        """The fields that every query has."""
        return self.common(brand, player, "", namespace="")

    async def ask(self, command: Command, *, but: Mapping[str, ProblemType] | None = None) -> Reply:
        """The wallet's OK. Anything else is raised as its problem; `but` names other problems for some results."""
        try:
            reply = await self._requester.ask(command)
        except ShedError as error:
            raise Problem(OVERLOADED, "the wallet cannot be reached now; nothing was done", headers=RETRY_AFTER) from error
        except OutcomeUnknownError as error:
            kind = p.OUTCOME_UNKNOWN if command.external_id else OVERLOADED
            raise Problem(kind, "the wallet did not answer in time", headers=RETRY_AFTER) from error
        if reply.result == Result.OK:
            return reply
        if reply.result == Result.PLAYER_BLOCKED and reply.limit == EXCLUSION:
            raise Problem(p.PLAYER_EXCLUDED, "the player is excluded: no stakes, no deposits, no launches")
        if reply.result == Result.LIMIT_EXCEEDED:
            raise Problem(p.LIMIT_EXCEEDED, f"the player's limit {reply.limit!r} stands against it", limit=reply.limit)
        kind = (but or {}).get(reply.result) or _PROBLEMS.get(reply.result, p.OUTCOME_UNKNOWN)
        if kind is p.OUTCOME_UNKNOWN and not command.external_id:
            kind = OVERLOADED
        words = _NO_ROUND if kind is p.ROUND_NOT_FOUND else _WORDS.get(reply.result, reply.result)
        detail = f"{words} ({reply.detail})" if reply.detail else words
        raise Problem(kind, detail, headers=RETRY_AFTER if kind.status == 503 else None)  # noqa: PLR2004  # HTTP

    async def operation_of(self, brand: str, player: str, reply: Reply) -> OperationRecorded:
        """The operation that a reply is about, as the ledger has it."""
        seq = int(reply.transaction_id.rpartition("-")[2])
        page = await self.see(OperationPage, ListOperations(**self.query(brand, player), before=seq + 1, limit=1))
        return page.operations[0]

    async def see(self, view: type[V], query: Command, *, but: Mapping[str, ProblemType] | None = None) -> V:
        """The answer to a query, as a value of its class."""
        return decode_view(view, await self.ask(query, but=but))


def key_of(brand: str, player_id: str) -> str:
    """The player key of an operator's player id."""
    return player_key(brand, player_id)
