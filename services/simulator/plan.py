"""What is to be played, and what came of it. Values only."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

PLAYERS_MAX: Final = 1_000
ROUNDS_MAX: Final = 10_000_000
RATE_MAX: Final = 10_000.0
SHARE_MAX: Final = 0.5

PlayState = Literal["running", "finished", "failed", "stopped"]


class Plan(Struct, frozen=True, kw_only=True):
    """One play.

    `rounds` over all players, None = until stopped; `rate_per_s` rounds a second over all players, None = as fast as
    answers come. `rollback_share` of the rounds are rolled back, `retry_share` of the transactions sent again.
    `seed` makes the game's draws repeatable. `deposit_minor` is each player's money at the start and at each top-up, in
    minor units. `repeat_nonces` lets some repetitions be the very same bytes. `settle_s` is how long the end of a play
    waits for open rollbacks; what is still open then goes on in the background.
    """

    players: int = 8
    rounds: int | None = 2_000
    rate_per_s: float | None = None
    rollback_share: float = 0.02
    retry_share: float = 0.05
    seed: int | None = None
    deposit_minor: int = 20_000
    repeat_nonces: bool = True
    settle_s: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.players <= PLAYERS_MAX:
            raise ValueError(f"players must be 1 to {PLAYERS_MAX}")
        if self.rounds is not None and not 1 <= self.rounds <= ROUNDS_MAX:
            raise ValueError(f"rounds must be 1 to {ROUNDS_MAX}, or null for an endless play")
        if self.rate_per_s is not None and not 0 < self.rate_per_s <= RATE_MAX:
            raise ValueError(f"rate_per_s must be above 0 and at most {RATE_MAX:.0f} rounds a second, or null")
        if not 0 <= self.rollback_share <= SHARE_MAX or not 0 <= self.retry_share <= SHARE_MAX:
            raise ValueError(f"rollback_share and retry_share must be 0 to {SHARE_MAX}")


class PlayResult(Struct, frozen=True, kw_only=True):
    """How a play stands, or how it ended.

    `errors` are callbacks whose outcome stayed unknown (error 8, timeouts, lost connections): the rollback cycle takes
    care of them. `problems` are answers that were not as the protocol and the books say; `problem_count` counts those
    that are no longer listed, too. `unresolved` transactions still wait for their rollback. Latencies are of the last
    thousands of callbacks. `rtp_actual` is what was won of what was staked, `rtp` the paytable's. `failure` says
    why a play failed; it then stands first among the problems, too.
    """

    play_id: str
    state: PlayState
    rounds_done: int = 0
    callbacks: int = 0
    callbacks_per_s: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: int = 0
    problems: list[str] = []
    problem_count: int = 0
    unresolved: int = 0
    duration_s: float = 0.0
    counts: dict[str, int] = {}
    rtp: str = ""
    rtp_actual: str = ""
    failure: str = ""
