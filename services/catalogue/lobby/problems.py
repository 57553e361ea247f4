"""The problems of the lobby's own routes. What the operator API refuses is told on in its own words."""

from __future__ import annotations

from typing import Final

from shared.web.problems import ProblemType

FOREIGN_PAGE: Final = ProblemType(
    "foreign-page", 403, "Only the lobby's own page may ask this", "Open the lobby's page; programs use the operator API."
)
PLAYING_OFF: Final = ProblemType("playing-off", 409, "Playing is not turned on here", "The games are only shown.")
OPERATOR_REFUSED: Final = ProblemType(
    "operator-refused", 409, "The game cannot be opened", "`cause` names the problem type of the operator API; its advice is given."
)
OPERATOR_AWAY: Final = ProblemType(
    "operator-away",
    503,
    "Playing does not work right now",
    "Try again in a moment; `stakewire status` tells whether the operator API is ready.",
)

ALL: Final = (FOREIGN_PAGE, PLAYING_OFF, OPERATOR_REFUSED, OPERATOR_AWAY)
