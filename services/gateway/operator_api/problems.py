"""The problems that the operator's API can answer with, beyond those that every interface has."""

from __future__ import annotations

from typing import Final

from shared.web import problems as shared_problems
from shared.web.problems import ProblemType

PLAYER_NOT_FOUND: Final = ProblemType(
    "player-not-found", 404, "There is no such player", "Create the player first: POST /v1/players, with a key of the same brand."
)
PLAYER_EXISTS: Final = ProblemType(
    "player-exists",
    409,
    "The player exists with other data",
    "Compare with GET /v1/players/{player_id}; choose another player_id for another person.",
)
PLAYER_BLOCKED: Final = ProblemType(
    "player-blocked",
    409,
    "The player may not do this now",
    "Look at the player's status; POST /v1/players/{player_id}/unblock lifts a block.",
)
PLAYER_EXCLUDED: Final = ProblemType(
    "player-excluded",
    409,
    "The player is excluded from playing",
    "Wait until his exclusion ends (`excluded_until` of GET /v1/players/{player_id}); only POST .../exclusion/lift ends it earlier.",
)
LIMIT_EXCEEDED: Final = ProblemType(
    "limit-exceeded",
    409,
    "A limit of the player stands against it",
    "`limit` names it; GET /v1/players/{player_id}/limits tells what is used and what is left. Try less, or later, under a new key.",
)
INSUFFICIENT_FUNDS: Final = ProblemType(
    "insufficient-funds",
    422,
    "The player has not that much money",
    "Ask for the balance and take at most that much, under a new Idempotency-Key.",
)
INVALID_AMOUNT: Final = ProblemType(
    "invalid-amount",
    422,
    "The amount is not acceptable",
    'Send a decimal string in major units above zero, such as "12.34", with no more digits than the currency has.',
)
WRONG_CURRENCY: Final = ProblemType(
    "wrong-currency",
    422,
    "The currency does not fit",
    "Use a currency of the player's accounts that the provider account maps as well.",
)
IDEMPOTENCY_KEY_MISSING: Final = ProblemType(
    "idempotency-key-missing",
    400,
    "The header Idempotency-Key is missing",
    "Send an Idempotency-Key of 1 to 128 visible ASCII characters: new for each intended effect, the same for each repetition.",
)
IDEMPOTENCY_CONFLICT: Final = ProblemType(
    "idempotency-conflict",
    409,
    "The Idempotency-Key was used for something else",
    "Repeat the request exactly as it was, or send the new one under a new key.",
)
OUTCOME_UNKNOWN: Final = ProblemType(
    "outcome-unknown",
    503,
    "Nobody knows yet whether it was done",
    "Repeat the request with the same Idempotency-Key until there is another answer; it takes effect once.",
)
PROVIDER_ACCOUNT_NOT_FOUND: Final = ProblemType(
    "provider-account-not-found", 404, "There is no such provider account", "GET /v1/provider-accounts lists those of your brand."
)
GAME_NOT_FOUND: Final = ProblemType(
    "game-not-found",
    404,
    "The catalogue has no such game",
    "Use a game that the catalogue lists (GET /v1/games there); a provider's new games come with its next synchronisation.",
)
GAME_NOT_AVAILABLE: Final = ProblemType(
    "game-not-available",
    409,
    "The game cannot be started now",
    "`reason` says what keeps it: a switch (GET /v1/switches), or what the catalogue has of the game. Offer another game.",
)
GAME_NOT_SUITABLE: Final = ProblemType(
    "game-not-suitable", 422, "The game does not support what was asked", "Choose another game, device or mode."
)
GRANT_NOT_FOUND: Final = ProblemType(
    "free-rounds-not-found",
    404,
    "There are no such free rounds",
    "GET /v1/players/{player_id}/free-rounds lists what a player was given.",
)
GRANT_NOT_USABLE: Final = ProblemType(
    "free-rounds-not-usable",
    409,
    "The free rounds cannot be played here",
    "Look at their state, currency, provider account and games.",
)
SESSION_NOT_FOUND: Final = ProblemType(
    "session-not-found", 404, "There is no such session", "GET /v1/players/{player_id}/sessions lists a player's sessions."
)
HISTORY_NOT_OFFERED: Final = ProblemType(
    "history-not-offered",
    409,
    "The provider shows no history of this session",
    "Look at the round's operations instead; where the provider has such a page, its address is a setting of the account.",
)
SESSION_ENDED: Final = ProblemType(
    "session-ended",
    409,
    "The session was overtaken",
    "A newer launch of the player at this provider account has replaced it; start again if wanted.",
)
ROUND_NOT_FOUND: Final = ProblemType(
    "round-not-found",
    404,
    "There is no such round",
    "Use provider_account and round_id of one of the player's operations (GET /v1/players/{player_id}/operations).",
)
ROUND_VOIDED: Final = ProblemType(
    "round-voided", 409, "The round was voided", "What was in it is undone already, and it stays void; look at its operations."
)
ROUND_ENDED: Final = ProblemType(
    "round-ended", 409, "The round is not open any more", "Only an open round can be settled; one that has ended can be voided."
)
LAUNCH_IN_PROGRESS: Final = ProblemType(
    "launch-in-progress",
    409,
    "Another launch of this player is under way",
    "Wait for `Retry-After` seconds and repeat with the same Idempotency-Key.",
)
PROVIDER_NOT_CONFIGURED: Final = ProblemType(
    "provider-not-configured",
    503,
    "The provider account cannot be called",
    "Set operator_api_url for the account in the configuration; `stakewire account check <name>` tells what is missing.",
)
PROVIDER_UNREACHABLE: Final = ProblemType(
    "provider-unreachable",
    502,
    "The provider cannot be reached",
    "Repeat later; `stakewire account check <name>` tells at which step it fails.",
)
PROVIDER_TIMEOUT: Final = ProblemType(
    "provider-timeout",
    504,
    "The provider did not answer in time",
    "Repeat with the same Idempotency-Key: a new launch replaces what may have come of it.",
)
PROVIDER_REFUSED: Final = ProblemType(
    "provider-refused", 502, "The provider refused", "`code` and `detail` are the provider's; the advice says what usually helps."
)
PROVIDER_ANSWER_INVALID: Final = ProblemType(
    "provider-answer-invalid",
    502,
    "The provider's answer cannot be used",
    "Tell the provider, with request_id and time; repeat later.",
)
PASTE_UNREADABLE: Final = ProblemType(
    "paste-unreadable",
    422,
    "This is no HTTP request",
    "Paste the request line, the headers, a blank line and the body as they crossed the wire; as `raw_base64` where bytes matter.",
)
DIAGNOSIS_NOT_POSSIBLE: Final = ProblemType(
    "diagnosis-not-possible",
    503,
    "Calls of this account cannot be diagnosed here",
    "The process needs the account's settings and keys: `stakewire account check <name>` tells what is missing.",
)
BRAND_FORBIDDEN: Final = shared_problems.BRAND_FORBIDDEN
PAGE_INVALID: Final = shared_problems.CURSOR_INVALID

ALL: Final = (
    PLAYER_NOT_FOUND,
    PLAYER_EXISTS,
    PLAYER_BLOCKED,
    PLAYER_EXCLUDED,
    LIMIT_EXCEEDED,
    INSUFFICIENT_FUNDS,
    INVALID_AMOUNT,
    WRONG_CURRENCY,
    IDEMPOTENCY_KEY_MISSING,
    IDEMPOTENCY_CONFLICT,
    OUTCOME_UNKNOWN,
    PROVIDER_ACCOUNT_NOT_FOUND,
    GAME_NOT_FOUND,
    GAME_NOT_AVAILABLE,
    GAME_NOT_SUITABLE,
    GRANT_NOT_FOUND,
    GRANT_NOT_USABLE,
    SESSION_NOT_FOUND,
    HISTORY_NOT_OFFERED,
    SESSION_ENDED,
    ROUND_NOT_FOUND,
    ROUND_VOIDED,
    ROUND_ENDED,
    LAUNCH_IN_PROGRESS,
    PROVIDER_NOT_CONFIGURED,
    PROVIDER_UNREACHABLE,
    PROVIDER_TIMEOUT,
    PROVIDER_REFUSED,
    PROVIDER_ANSWER_INVALID,
    PASTE_UNREADABLE,
    DIAGNOSIS_NOT_POSSIBLE,
    BRAND_FORBIDDEN,
    PAGE_INVALID,
)
