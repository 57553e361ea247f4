"""An automatic player: plays round after round, with the repetitions, rollbacks and oddities of a real provider."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from typing import Any, Final

from services.simulator.cashier import Cashier
from services.simulator.errors import RefusedError, SetUpError
from services.simulator.plan import Plan
from services.simulator.records import MONEY, REWARD, ROLLING, UNKNOWN, Transaction
from services.simulator.studios.mascot.answers import INSUFFICIENT_FUNDS, NOT_DONE, Outcome, SignedCall
from services.simulator.studios.mascot.cycle import RollbackCycle
from services.simulator.studios.mascot.purse import Purse
from services.simulator.studios.mascot.rounds import GAMES, STAKE_MAX, STAKES, GameRound, Step, deal, deal_free
from services.simulator.studios.mascot.seat import FreeRounds, Seat
from shared.identity import new_keyed_id

BALANCE_SHARE: Final = 0.05
BEYOND_SHARE: Final = 0.02
GRANT_SHARE: Final = 0.02
FREE_SHARE: Final = 0.5
REWARD_SHARE: Final = 0.005
PATIENCE_S: Final = 5.0
"""How long a running game waits for the operator's side before it goes on without."""
UNRESOLVED_MAX: Final = 3
"""A player with more open outcomes waits: no provider lets a player run on for long when his operator is away."""
SESSION_ROUNDS: Final = 500
SESSION_S: Final = 1_800.0
"""A new session after so many rounds or seconds, well inside the idle time an operator grants."""


class AutomaticPlayer:
    """Plays at one seat. `rng` makes the game repeatable; references and nonces are always new."""

    def __init__(self, seat: Seat, purse: Purse, cycle: RollbackCycle, cashier: Cashier, *, plan: Plan, rng: random.Random) -> None:
        self.seat = seat
        self.purse = purse
        self._cycle = cycle
        self._cashier = cashier
        self._plan = plan
        self._rng = rng
        self._prefix = secrets.token_urlsafe(6)
        self._refs = 0
        self._session_rounds = 0
        self._session_since = 0.0

    async def sit_down(self) -> None:
        """First money and first session. SetUpError where the operator's side does not give them."""
        await self.purse.fill(self._plan.deposit_minor)
        await self._renew_session()

    @property
    def must_wait(self) -> bool:
        """Whether too many outcomes are open: wait for `seat.quiet` before the next round."""
        return self.seat.unresolved >= UNRESOLVED_MAX

    async def play_round(self) -> None:
        """One round with whatever belongs to it. The seat's lock is held by the caller."""
        await self._prepare_seat()
        rng = self._rng
        if rng.random() < BALANCE_SHARE:
            await self.seat.ask_balance()
        if rng.random() < BEYOND_SHARE:
            await self._stake_beyond_balance()
        if rng.random() < self._plan.rollback_share / 4:
            await self._roll_back_the_unsent()
        if self.seat.grant is not None and rng.random() < REWARD_SHARE:
            await self._collect_reward(self.seat.grant)
        free = self.seat.grant is not None and self.seat.grant.left > 0 and rng.random() < FREE_SHARE
        if free and self.seat.grant is not None:
            await self._play(deal_free(rng, self.seat.grant.left))
        else:
            await self._play(deal(rng))

    # --- a round -----------------------------------------------------------------------------------------------------

    async def _play(self, game: GameRound) -> None:
        round_ref = self._new_ref("r") if game.named else ""
        done: list[Transaction] = []
        charged = False
        for step in game.steps:
            transaction = self._transaction(step, game, round_ref)
            free = step.free and charged
            outcome = await self._transact(transaction, self._money_params(transaction, step, game), free=free)
            if outcome.kind != "success":
                if outcome.kind == "unknown":
                    # The round cannot be finished: what was done of it is undone as well.
                    await self._undo(done)
                return
            charged = charged or transaction.paid < transaction.withdraw
            done.append(transaction)
        if not game.with_grant:
            self.seat.meter.counts["staked"] += game.stake
            self.seat.meter.counts["won"] += game.win
        if self._rng.random() < self._plan.rollback_share * 3 / 4 and self._may_undo(done):
            await self._undo(done)

    def _transaction(self, step: Step, game: GameRound, round_ref: str) -> Transaction:
        return Transaction(
            player=self.seat.player.player,
            ref=self._new_ref("t"),
            kind=MONEY,
            withdraw=step.withdraw,
            deposit=step.deposit,
            charge=step.charge,
            round_ref=round_ref,
            game_id=game.game_id,
        )

    def _money_params(self, transaction: Transaction, step: Step, game: GameRound) -> dict[str, Any]:
        params = self.seat.params(game.game_id)
        params["withdraw"] = step.withdraw
        params["deposit"] = step.deposit
        params["currency"] = self.seat.currency
        params["transactionRef"] = transaction.ref
        params["reason"] = "GAME_PLAY_FINAL" if step.final else "GAME_PLAY"
        if transaction.round_ref:
            params["gameRoundRef"] = transaction.round_ref
        if step.withdraw:
            params["spinDetails"] = {"betType": "spin", "winType": "standart"}
        if game.with_grant and self.seat.grant is not None:
            params["bonusId"] = self.seat.grant.bonus_id
            if step.charge:
                params["chargeFreerounds"] = step.charge
            if step.free:
                params["freeround"] = True
        return params

    async def _transact(self, transaction: Transaction, params: dict[str, Any], *, free: bool = False) -> Outcome:
        """Writes a transaction down, sends it (now and then as two copies), books the answer, repeats it now and then."""
        seat, rng = self.seat, self._rng
        await seat.books.begin(transaction)
        turn = seat.certain_turn()
        call = seat.wire.prepare(transaction.kind, params)
        repeats = rng.random() < self._plan.retry_share
        at_once = repeats and rng.random() < 0.5  # noqa: PLR2004  # half of the repetitions do not wait for the answer
        if at_once:
            seat.meter.counts["duplicates"] += 1
            copy = seat.wire.prepare(transaction.kind, params)
            outcomes = list(await asyncio.gather(seat.wire.send(call, seat.meter), seat.wire.send(copy, seat.meter)))
        else:
            outcomes = [await seat.wire.send(call, seat.meter)]
        outcome = seat.book(transaction, outcomes, free=free, turn=turn)
        if outcome.kind == "unknown":
            self._cycle.start(seat, transaction)
        elif repeats and not at_once:
            await self._repeat(transaction, outcome, call, params)
        return outcome

    # --- repetitions -------------------------------------------------------------------------------------------------

    async def _repeat(self, transaction: Transaction, outcome: Outcome, call: SignedCall, params: dict[str, Any]) -> None:
        """Sends an answered transaction again: anew, with the very same bytes, or with other money."""
        seat = self.seat
        way = self._rng.random()
        if way < 0.2 and outcome.kind == "success" and transaction.kind == MONEY:  # noqa: PLR2004  # one in five
            await self._conflict(transaction, params)
            return
        seat.meter.counts["duplicates"] += 1
        same_bytes = way > 0.8 and self._plan.repeat_nonces  # noqa: PLR2004  # one in five
        again = await seat.wire.send(call if same_bytes else seat.wire.prepare(transaction.kind, params), seat.meter)
        seat.note(again, f"repetition of {transaction.ref}")
        if again.kind == "unknown":
            return  # its outcome is known from the first answer
        if again.kind != outcome.kind:
            seat.problem(
                f"{transaction.ref} was answered with {_said(outcome)} and repeated with {_said(again)}; a repetition gets the first answer"
            )
        elif again.kind == "success":
            if again.result["transactionId"] != transaction.transaction_id:
                seat.problem(
                    f"{transaction.ref} was answered with transactionId {transaction.transaction_id!r} and repeated with "
                    f"{again.result['transactionId']!r}"
                )
            if seat.unresolved == 0 and again.result["newBalance"] not in (transaction.new_balance, seat.balance):
                seat.problem(f"the repetition of {transaction.ref} was answered with newBalance {again.result['newBalance']}")
        elif outcome.code not in (again.code, NOT_DONE):
            seat.problem(f"{transaction.ref} was refused with error {outcome.code} and its repetition with {again.code}")

    async def _conflict(self, transaction: Transaction, params: dict[str, Any]) -> None:
        """The same reference with other money: error 7, and nothing moves."""
        seat = self.seat
        seat.meter.counts["conflicts"] += 1
        other = params | {"deposit": params["deposit"] + 1}
        outcome = await seat.wire.send(seat.wire.prepare(transaction.kind, other), seat.meter)
        seat.note(outcome, f"{transaction.ref} with other money")
        if outcome.kind == "success" or (outcome.kind == "refused" and outcome.code != NOT_DONE):
            seat.problem(f"{transaction.ref} with other money was answered with {_said(outcome)}, expected error 7")

    # --- rollbacks ---------------------------------------------------------------------------------------------------

    def _may_undo(self, done: list[Transaction]) -> bool:
        """Whether the player can give back what he won: a provider does not roll a paid-out round back into debt."""
        return self.seat.balance >= sum(max(0, transaction.got - transaction.paid) for transaction in done)

    async def _undo(self, done: list[Transaction]) -> None:
        """Rolls a round back, last transaction first; what is not answered goes on in the cycle."""
        for transaction in reversed(done):
            transaction.state = ROLLING
            self.seat.becomes_unresolved()
            await self.seat.books.save_now(transaction)
            self.seat.meter.counts["rollbacks"] += 1
            outcome = await self._cycle.once(self.seat, transaction, brief=self._rng.random() < 0.3)  # noqa: PLR2004
            if outcome.kind != "success":
                self._cycle.start(self.seat, transaction)
            elif self._rng.random() < 0.3:  # noqa: PLR2004  # three in ten are sent twice
                await self._roll_back_again(transaction)

    async def _roll_back_again(self, transaction: Transaction) -> None:
        seat = self.seat
        seat.meter.counts["rollbacks"] += 1
        call = seat.wire.prepare("rollbackTransaction", seat.rollback_params(transaction))
        outcome = await seat.wire.send(call, seat.meter)
        seat.note(outcome, f"second rollback of {transaction.ref}")
        if outcome.kind == "refused":
            seat.problem(f"the second rollback of {transaction.ref} was refused with error {outcome.code}, expected {{}}")

    async def _roll_back_the_unsent(self) -> None:
        """A rollback that comes before its bet: it is remembered, and the late bet is refused."""
        seat = self.seat
        stake = self._rng.choice(STAKES)
        game = GameRound(game_id=self._rng.choice(GAMES), steps=(), stake=stake, win=0)
        step = Step(withdraw=stake)
        transaction = self._transaction(step, game, self._new_ref("r"))
        transaction.state = ROLLING
        await seat.books.begin(transaction)
        seat.becomes_unresolved()
        seat.meter.counts["rollbacks"] += 1
        outcome = await self._cycle.once(seat, transaction)
        if outcome.kind != "success":
            self._cycle.start(seat, transaction)
            return
        seat.meter.counts["late_bets"] += 1
        late = await seat.wire.send(seat.wire.prepare(MONEY, self._money_params(transaction, step, game)), seat.meter)
        seat.note(late, f"late bet {transaction.ref}")
        if late.kind == "unknown":
            # Sources differ, 7 or 8; after 8 this provider rolls back once more.
            transaction.state = UNKNOWN
            seat.becomes_unresolved()
            await seat.books.save_now(transaction)
            self._cycle.start(seat, transaction)
        elif late.kind == "success" or late.code != NOT_DONE:
            seat.problem(
                f"bet {transaction.ref} came after its rollback and was answered with {_said(late)}, expected error 7 or 8"
            )

    # --- oddities ----------------------------------------------------------------------------------------------------

    async def _stake_beyond_balance(self) -> None:
        """A stake that the player does not have: error 1, and nothing moves."""
        if self.seat.unresolved or self.seat.balance < 0:
            return
        stake = self.seat.balance + self._rng.randint(1, STAKE_MAX)
        step = Step(withdraw=stake, deposit=self._rng.choice((0, stake, stake)), final=True)
        game = GameRound(game_id=self._rng.choice(GAMES), steps=(step,), stake=stake, win=step.deposit)
        transaction = self._transaction(step, game, self._new_ref("r"))
        params = self._money_params(transaction, step, game)
        outcome = await self._transact(transaction, params)
        if outcome.kind == "refused" and outcome.code == INSUFFICIENT_FUNDS:
            await self.seat.ask_balance()

    async def _collect_reward(self, grant: FreeRounds) -> None:
        transaction = Transaction(
            player=self.seat.player.player,
            ref=self._new_ref("b"),
            kind=REWARD,
            withdraw=0,
            deposit=self._rng.choice(STAKES),
        )
        params = self.seat.params() | {
            "depositAmount": transaction.deposit,
            "currency": self.seat.currency,
            "transactionRef": transaction.ref,
            "bonusId": grant.bonus_id,
        }
        self.seat.meter.counts["rewards"] += 1
        await self._transact(transaction, params)

    # --- the operator's side -----------------------------------------------------------------------------------------

    async def _prepare_seat(self) -> None:
        """Money, session and free rounds as needed. What the operator's side does not give in time is asked for later."""
        seat = self.seat
        if self.purse.owed is not None or seat.balance < STAKE_MAX:
            await self.purse.try_to_fill(self._plan.deposit_minor - min(seat.balance, 0), PATIENCE_S)
        self._session_rounds += 1
        if self._session_rounds > SESSION_ROUNDS or time.monotonic() - self._session_since > SESSION_S:
            await self._renew_session(PATIENCE_S)
        if (seat.grant is None or seat.grant.left == 0) and seat.unresolved == 0 and self._rng.random() < GRANT_SHARE:
            await self._get_grant()

    async def _renew_session(self, patience_s: float | None = None) -> None:
        seat = self.seat
        session_id, provider_session_id = new_keyed_id(seat.player.player), secrets.token_hex(8)
        try:
            await self._cashier.open_session(seat.player.player, session_id, provider_session_id, GAMES[0], patience_s)
        except RefusedError:
            raise
        except SetUpError:
            if not seat.alternative_id and not seat.session_id:
                raise
            return  # the old one is still good
        # A provider sends its own session id, ours, or both.
        way = self._rng.random()
        seat.session_id = provider_session_id if way < 0.85 else ""  # noqa: PLR2004
        seat.alternative_id = session_id if way > 0.15 else ""  # noqa: PLR2004
        self._session_rounds, self._session_since = 0, time.monotonic()

    async def _get_grant(self) -> None:
        player = self.seat.player.player
        grant = FreeRounds(new_keyed_id(player), self._rng.randint(3, 10))
        try:
            await self._cashier.grant_free_rounds(player, grant.bonus_id, grant.left, PATIENCE_S)
        except RefusedError:
            raise
        except SetUpError:
            return  # given or not: it is not used
        self.seat.grant = grant
        self.seat.meter.counts["grants"] += 1

    def _new_ref(self, kind: str) -> str:
        self._refs += 1
        return f"{kind}{self._refs}:{self._prefix}"


def _said(outcome: Outcome) -> str:
    return "success" if outcome.kind == "success" else f"error {outcome.code} ({outcome.text})"
