"""The problems that history and reports can answer with, beyond those that every interface has."""

from __future__ import annotations

from typing import Final

from shared.web import problems as shared_problems
from shared.web.problems import ProblemType

CURSOR_INVALID: Final = shared_problems.CURSOR_INVALID
RANGE_REFUSED: Final = ProblemType(
    "range-refused",
    422,
    "The range of time cannot be like this",
    "Name a beginning that is not after the end, and a shorter range.",
)
TOO_MUCH: Final = ProblemType(
    "too-much",
    422,
    "That is more than one answer may have",
    "Narrow it: a shorter range, one provider account, game or currency, or fewer dimensions.",
)
TOO_SLOW: Final = ProblemType(
    "too-slow",
    422,
    "That takes longer than one answer may take",
    "Narrow it: a shorter range, one provider account or game, without players as a dimension.",
)
AMOUNT_REFUSED: Final = ProblemType(
    "amount-refused", 422, "The amounts cannot be filtered by", "Name the currency, and amounts such as 12.34 that fit it."
)
PLAYER_NOT_FOUND: Final = ProblemType(
    "player-not-found", 404, "There is no such player", "Name the player's key, or the id by which your platform knows him."
)
ROUND_NOT_FOUND: Final = ProblemType(
    "round-not-found", 404, "There is no such round", "Compare the provider account and the round id with the player's history."
)
OPERATION_NOT_FOUND: Final = ProblemType(
    "operation-not-found", 404, "There is no such operation", "A player's operations are numbered from 1; see his history."
)
CALLBACK_NOT_FOUND: Final = ProblemType(
    "callback-not-found",
    404,
    "There is no such callback",
    "Successful callbacks are kept by sampling, and all of them for some months only.",
)

ALL: Final = (
    CURSOR_INVALID,
    RANGE_REFUSED,
    TOO_MUCH,
    TOO_SLOW,
    AMOUNT_REFUSED,
    PLAYER_NOT_FOUND,
    ROUND_NOT_FOUND,
    OPERATION_NOT_FOUND,
    CALLBACK_NOT_FOUND,
)
