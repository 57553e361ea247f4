"""The baseline's ledger: one callback, one transaction, on the same schema with the same checks.

What a good engineer writes without a stream in front of the database: lock the player, look up the key, decide, write,
commit. Decisions and hash chain are the wallet's own, so that both sides check and store the same; the way through the
database is its own. It handles bets and wins; free rounds and rollbacks are not part of the comparison.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from services.wallet.chain import seal
from services.wallet.decisions import decide
from services.wallet.decisions.model import Decision, Movement, Operation, Player, Round, Session, View
from services.wallet.replies import replayed_reply, transaction_id
from shared.contracts import Bet, BetAndWin, Command, MoneyCommand, Reply, Result, Win
from shared.gaming_day import GamingDays

_TEXT: Final = (Path(__file__).parent / "baseline.sql").read_text(encoding="utf-8")
_PARTS: Final = re.split(r"^-- name: (\w+)$", _TEXT, flags=re.MULTILINE)[1:]
QUERIES: Final = {name: body.strip().rstrip(";") for name, body in zip(_PARTS[::2], _PARTS[1::2], strict=True)}

_read_operation: Final = msgspec.json.Decoder(Operation).decode
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ROUND: Final = Round(player="", provider_account="", round_id="")


class SingleLedger:
    """Applies one command a transaction. The pool's size is the limit of what runs at once."""

    def __init__(self, pool: asyncpg.Pool, days: GamingDays) -> None:
        self._pool = pool
        self._days = days

    async def apply(self, command: Command) -> Reply:
        """The answer to a bet or win, after commit."""
        if not isinstance(command, Bet | Win | BetAndWin) or command.grant_id:
            return Reply(command_id=command.command_id, caller=command.caller, result=Result.NOT_DONE)
        async with self._pool.acquire() as connection, connection.transaction():
            return await self._inside(connection, command)

    async def _inside(self, connection: asyncpg.Connection, command: MoneyCommand) -> Reply:
        now_ms = time.time_ns() // 1_000_000
        row = await connection.fetchrow(QUERIES["lock"], command.player)
        if row is None:
            return Reply(command_id=command.command_id, caller=command.caller, result=Result.PLAYER_NOT_FOUND)
        player = Player(**row)
        found = await connection.fetchrow(
            QUERIES["look_up"],
            command.player,
            command.currency,
            command.provider_account,
            command.namespace,
            command.external_id,
            command.round_id,
            command.session_id,
        )
        view = View(
            now_ms=now_ms,
            player=player,
            balance=found["balance"],
            stored=_read_operation(found["stored"]) if found["stored"] else None,
            round=Round(**found["round"]) if found["round"] else None,
            session=Session(**found["session"]) if found["session"] else None,
        )
        decision = decide(command, view)
        if decision.replay is not None:
            return replayed_reply(command, decision.replay, found["balance"], decision.detail)
        if not decision.status:
            return Reply(
                command_id=command.command_id, caller=command.caller, result=decision.result, balance=found["balance"] or 0
            )
        operation = self._operation(command, decision, player, found["balance"], now_ms)
        await connection.execute(QUERIES["write"], *_arguments(operation, decision, now_ms))
        for session in decision.sessions:
            await connection.execute(QUERIES["seen"], session.player, session.session_id, session.last_seen_ms)
        return Reply(
            command_id=command.command_id,
            caller=command.caller,
            result=decision.result,
            currency=operation.currency,
            balance=operation.balance_after,
            balance_now=operation.balance_after,
            transaction_id=transaction_id(operation),
        )

    def _operation(self, command: MoneyCommand, decision: Decision, player: Player, balance: int, now_ms: int) -> Operation:
        """The operation to be stored, sealed into the player's chain."""
        movements = []
        for entry in decision.entries:
            balance += entry.amount if entry.credit_account == "player" else -entry.amount
            movements.append(
                Movement(
                    debit_account=entry.debit_account,
                    credit_account=entry.credit_account,
                    amount=entry.amount,
                    currency=decision.currency,
                    balance_after=balance,
                )
            )
        operation = Operation(
            player=command.player,
            seq=player.seq + 1,
            provider_account=command.provider_account,
            namespace=command.namespace,
            external_id=command.external_id,
            kind=command.kind,
            status=decision.status,
            occurred_at_ms=now_ms,
            gaming_day=self._days.at(now_ms)[player.brand],
            brand=player.brand,
            result=decision.result,
            limit=decision.limit,
            test=player.test,
            currency=decision.currency,
            stake=decision.stake,
            win=decision.win,
            nominal_stake=decision.nominal_stake,
            round_id=decision.round_id,
            closes_round=command.closes_round,
            game_id=decision.game_id,
            game_state=command.game_state,
            session_id=decision.session_id,
            balance_after=balance,
            movements=tuple(movements),
        )
        digest, _ = seal(player.chain_head, operation)
        return msgspec.structs.replace(operation, previous_hash=player.chain_head, hash=digest)


def _arguments(operation: Operation, decision: Decision, now_ms: int) -> list[object]:
    moves, round_ = operation.movements, decision.round or _NO_ROUND
    return [
        operation.player,
        operation.seq,
        operation.provider_account,
        operation.namespace,
        operation.external_id,
        operation.kind,
        operation.status,
        operation.result,
        operation.limit,
        operation.brand,
        operation.test,
        operation.currency,
        operation.stake,
        operation.win,
        operation.nominal_stake,
        operation.round_id,
        operation.closes_round,
        operation.game_id,
        operation.game_state,
        operation.session_id,
        operation.balance_after,
        date.fromisoformat(operation.gaming_day),
        _EPOCH + timedelta(milliseconds=now_ms),
        operation.schema,
        bytes.fromhex(operation.hash),
        list(range(1, len(moves) + 1)),
        [item.debit_account for item in moves],
        [item.credit_account for item in moves],
        [item.amount for item in moves],
        [item.balance_after for item in moves],
        round_.round_id,
        round_.game_id,
        round_.session_id,
        round_.status,
        round_.bets,
        round_.stake,
        round_.win,
        round_.opened_at_ms,
        round_.closed_at_ms,
    ]
