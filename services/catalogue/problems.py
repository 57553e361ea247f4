"""The problems that the catalogue's API can answer with, beyond those that every interface has."""

from __future__ import annotations

from typing import Final

from shared.web import problems as shared_problems
from shared.web.problems import ProblemType

BRAND_FORBIDDEN: Final = shared_problems.BRAND_FORBIDDEN
CURSOR_INVALID: Final = shared_problems.CURSOR_INVALID
PROVIDER_ACCOUNT_NOT_FOUND: Final = ProblemType(
    "provider-account-not-found",
    404,
    "There is no such provider account",
    "GET /v1/provider-accounts of the operator API lists those of your brand.",
)
GAME_NOT_FOUND: Final = ProblemType(
    "game-not-found",
    404,
    "The catalogue has no such game",
    "GET /v1/games lists those it has; POST /v1/syncs reads the provider's list anew.",
)
COLLECTION_NOT_FOUND: Final = ProblemType(
    "collection-not-found", 404, "There is no such collection", "GET /v1/collections lists those of your brand."
)
COLLECTION_REFUSED: Final = ProblemType(
    "collection-refused",
    422,
    "The collection cannot be like this",
    "Name each game once, and only games that the catalogue has; delete collections that are not needed any more.",
)
EXPORT_TOO_LARGE: Final = ProblemType(
    "export-too-large", 422, "The export has too many rows", "Narrow it with filters, such as one provider account at a time."
)
WRONG_CURRENCY: Final = ProblemType("wrong-currency", 422, "The currency does not fit", "Use a currency that the brand offers.")
SYNC_NOT_FOUND: Final = ProblemType("sync-not-found", 404, "There is no such sync", "GET /v1/syncs lists them.")
SYNC_UNDER_WAY: Final = ProblemType(
    "sync-under-way",
    409,
    "The provider account is being synced already",
    "Wait for it: GET /v1/syncs shows when it is finished; then repeat the request if it is still wanted.",
)
SYNC_NOT_WAITING: Final = ProblemType(
    "sync-not-waiting",
    409,
    "The sync waits for no confirmation",
    "Only the newest alarm of a provider account can be confirmed, once: GET /v1/syncs shows which one waits.",
)
OUTCOME_UNKNOWN: Final = ProblemType(
    "outcome-unknown",
    503,
    "Nobody knows yet whether it was done",
    "Repeat the request: what was done already is not done twice.",
)

ALL: Final = (
    BRAND_FORBIDDEN,
    CURSOR_INVALID,
    PROVIDER_ACCOUNT_NOT_FOUND,
    GAME_NOT_FOUND,
    COLLECTION_NOT_FOUND,
    COLLECTION_REFUSED,
    EXPORT_TOO_LARGE,
    WRONG_CURRENCY,
    SYNC_NOT_FOUND,
    SYNC_UNDER_WAY,
    SYNC_NOT_WAITING,
    OUTCOME_UNKNOWN,
)
