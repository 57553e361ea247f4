"""The operator's side of a play: players, deposits, sessions and free rounds, asked of the wallet by commands.

Only what a provider cannot do by callbacks. Every command has its own key and is asked again under it until it is
answered, so that a lost answer never makes a second deposit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from services.simulator.errors import RefusedError, SetUpError
from shared.contracts import ActivateSession, Command, CreatePlayer, Deposit, GrantFreeRounds, OpenSession, Reply, Result
from shared.identity import player_key
from shared.requester import OutcomeUnknownError, ShedError

OPERATOR: Final = "operator"
RETRY_S: Final = 0.1
RETRY_S_MAX: Final = 2.0
GRANT_S: Final = 7 * 86_400
_AGAIN: Final = frozenset({Result.UNKNOWN, Result.NOT_DONE})


class Asks(Protocol):
    """What the cashier needs of the requester."""

    async def ask(self, command: Command) -> Reply:
        """Sends a command and waits for its reply."""
        ...


class Cashier:
    """Asks for one brand and one provider account. `patience_s` is how long one command is asked again.

    `test_players` marks the players as no customers, so that reports leave them out.
    """

    def __init__(
        self,
        requester: Asks,
        *,
        brand: str,
        provider_account: str,
        currency: str,
        patience_s: float = 60.0,
        test_players: bool = True,
    ) -> None:
        self._requester = requester
        self.brand = brand
        self.provider_account = provider_account
        self.currency = currency
        self.patience_s = patience_s
        self.test_players = test_players

    async def create_player(self, operator_player_id: str) -> str:
        """Creates a player with an account in the currency; returns his key. One that is there already stays as he is."""
        key = player_key(self.brand, operator_player_id)
        command = CreatePlayer(
            command_id="",
            player=key,
            provider_account=OPERATOR,
            namespace=OPERATOR,
            external_id=f"create-{operator_player_id}",
            brand=self.brand,
            operator_player_id=operator_player_id,
            currencies=(self.currency,),
            test=self.test_players,
        )
        try:
            await self._ask(command)
        except RefusedError as error:
            if error.result != Result.DUPLICATE_DIFFERENT:
                raise
            # He was made when players here were of the other kind.
            await self._ask(replace(command, test=not self.test_players))
        return key

    async def deposit(self, player: str, key: str, units: int, patience_s: float | None = None) -> Reply:
        """Puts money on the player's account, once a key."""
        command = Deposit(
            command_id="", player=player, provider_account=OPERATOR, namespace=OPERATOR, external_id=key,
            currency=self.currency, amount=units,
        )  # fmt: skip
        return await self._ask(command, patience_s)

    async def open_session(
        self, player: str, session_id: str, provider_session_id: str, game_id: str, patience_s: float | None = None
    ) -> None:
        """Opens a session and binds it to the provider's, as a launch does."""
        opened = OpenSession(
            command_id="",
            player=player,
            provider_account=self.provider_account,
            namespace=OPERATOR,
            external_id=f"open-{session_id}",
            session_id=session_id,
            currency=self.currency,
            game_id=game_id,
        )
        await self._ask(opened, patience_s)
        activated = ActivateSession(
            command_id="",
            player=player,
            provider_account=self.provider_account,
            namespace=OPERATOR,
            external_id=f"activate-{session_id}",
            session_id=session_id,
            provider_session_id=provider_session_id,
        )
        await self._ask(activated, patience_s)

    async def grant_free_rounds(self, player: str, grant_id: str, count: int, patience_s: float | None = None) -> None:
        """Gives free rounds at the provider account, in any game."""
        command = GrantFreeRounds(
            command_id="",
            player=player,
            provider_account=self.provider_account,
            namespace=OPERATOR,
            external_id=f"grant-{grant_id}",
            grant_id=grant_id,
            currency=self.currency,
            count=count,
            expires_at_ms=int((time.time() + GRANT_S) * 1000),
        )
        await self._ask(command, patience_s)

    async def _ask(self, command: Command, patience_s: float | None = None, clock: Callable[[], float] = time.monotonic) -> Reply:
        until = clock() + (self.patience_s if patience_s is None else patience_s)
        delay_s = RETRY_S
        while True:
            try:
                reply = await self._requester.ask(command)
            except (OutcomeUnknownError, ShedError) as error:
                cause = str(error) or type(error).__name__
            else:
                if reply.result == Result.OK:
                    return reply
                if reply.result not in _AGAIN:
                    raise RefusedError(
                        f"{command.kind} {command.external_id} of player {command.player} was refused: {reply.result} {reply.detail}",
                        reply.result,
                    )
                cause = f"{reply.result} {reply.detail}"
            if clock() + delay_s > until:
                raise SetUpError(
                    f"{command.kind} {command.external_id} of player {command.player} was not confirmed in time; the last answer: "
                    f"{cause}. Are Kafka and the wallet running?"
                )
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, RETRY_S_MAX)
