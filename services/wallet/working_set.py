"""The batch's picture of the ledger: what was loaded, changed command by command, and what has to be written.

Pure of I/O. `step` is one command: view -> decision -> operation, movements, reply.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.wallet.chain import seal
from services.wallet.decisions import decide
from services.wallet.decisions.common import session_age, state_of_game
from services.wallet.decisions.model import (
    TOMBSTONE,
    Decision,
    Entry,
    Grant,
    Movement,
    Operation,
    Player,
    Profile,
    Round,
    Session,
    View,
)
from shared.contracts import Command, MoneyCommand, PlayCommand, Reply, Result, Rollback
from shared.errors import StakewireError

BIGINT_MAX: Final = 2**63 - 1

Key = tuple[str, str, str, str]
"""(player, provider account, namespace, external id): the idempotency key."""


class LedgerError(StakewireError):
    """A decision cannot be booked: the command goes to the dead letters, the rest of its batch commits."""


class Loaded(Struct, kw_only=True):
    """What one batch read, after the lock. `targets` are operations that are to be undone."""

    players: list[Player]
    balances: dict[tuple[str, str], int]
    operations: list[Operation]
    undone: set[tuple[str, int]]
    rounds: list[Round]
    sessions: list[Session]
    grants: list[Grant]
    profiles: list[Profile]


class WorkingSet:
    """State of one batch. Not shared, used once, thrown away."""

    def __init__(self, loaded: Loaded, now_ms: int, days: dict[str, str]) -> None:
        """`days`: the gaming day of each brand at `now_ms`."""
        self._now_ms = now_ms
        self._days = days
        self.players: dict[str, Player] = {item.player: item for item in loaded.players}
        self.balances = loaded.balances
        self._operations: dict[Key, Operation] = {key_of(item): item for item in loaded.operations}
        self._undone = loaded.undone
        self._rounds = {(item.player, item.provider_account, item.round_id): item for item in loaded.rounds}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._session_names: dict[tuple[str, str], dict[str, None]] = {}
        for session in loaded.sessions:
            self._put_session(session)
        self._grants = {(item.player, item.grant_id): item for item in loaded.grants}
        self._profiles = {item.player: item for item in loaded.profiles}
        # What has to be written; dictionaries keep the last state of each row.
        self.new_operations: list[Operation] = []
        self.events: list[bytes] = []
        self.new_players: dict[str, Player] = {}
        self.new_profiles: list[Profile] = []
        self.erased: dict[str, None] = {}
        """Players whose profile goes, whether it was new in this batch or stored before."""
        self.changed_players: dict[str, Player] = {}
        self.changed_balances: set[tuple[str, str]] = set()
        self.changed_rounds: dict[tuple[str, str, str], Round] = {}
        self.changed_sessions: dict[tuple[str, str], Session] = {}
        self.changed_grants: dict[tuple[str, str], Grant] = {}

    def step(self, command: Command, *, expired: bool) -> Reply:
        """Decides one command and books it. LedgerError where it cannot be booked; nothing of it is kept then."""
        view = self._view(command, expired=expired)
        decision = decide(command, view)
        if decision.replay is not None:
            return self._replay(command, decision, decision.replay)
        if not decision.status:
            return self._unstored(command, decision)
        if decision.new_player is not None:
            self._create(decision)
        if decision.player_status:
            self._set_status(command.player, decision)
        operation = self._book(command, decision)
        if decision.tombstone and isinstance(command, Rollback):
            self._entomb(command)
        self._note_changes(decision)
        return Reply(
            command_id=command.command_id,
            caller=command.caller,
            result=decision.result,
            limit=decision.limit,
            detail=decision.detail,
            currency=operation.currency,
            balance=operation.balance_after,
            balance_now=operation.balance_after,
            transaction_id=transaction_id(operation),
            free_rounds_left=decision.free_rounds_left,
            free_rounds_charged=decision.free_rounds_charged,
        )

    def _view(self, command: Command, *, expired: bool) -> View:
        player = command.player
        target = None
        undone = False
        currency = getattr(command, "currency", "")
        round_id = getattr(command, "round_id", "")
        grant_id = getattr(command, "grant_id", "")
        if isinstance(command, Rollback):
            key = (player, command.provider_account, command.target_namespace, command.target_external_id)
            target = self._operations.get(key)
            if target is not None:
                undone = (player, target.seq) in self._undone
                currency, round_id, grant_id = target.currency, target.round_id, target.grant_id
        stored = self._operations.get((player, command.provider_account, command.namespace, command.external_id))
        session, pending, active = self._sessions_for(command)
        creates = command.kind == "create_player"
        return View(
            now_ms=self._now_ms,
            expired=expired,
            player=self.players.get(player),
            balance=self.balances.get((player, currency)),
            currencies=tuple(code for key, code in self.balances if key == player) if creates else (),
            stored=stored,
            stored_undone=stored is not None and (player, stored.seq) in self._undone,
            target=target,
            target_movements=target.movements if target is not None else (),
            target_undone=undone,
            session=session,
            pending=pending,
            active=active,
            round=self._rounds.get((player, command.provider_account, round_id)) if round_id else None,
            grant=self._grants.get((player, grant_id)) if grant_id else None,
            profile=self._profiles.get(player) if creates else None,
        )

    def _sessions_for(self, command: Command) -> tuple[Session | None, Session | None, tuple[Session, ...]]:
        session_id: str = getattr(command, "session_id", "")
        provider_session_id = command.provider_session_id if isinstance(command, PlayCommand) else ""
        if not session_id and not provider_session_id:
            return None, None, ()
        player, account = command.player, command.provider_account
        if session_id and command.kind != "activate_session":
            return self._sessions.get((player, session_id)), None, ()
        named: Session | None = self._sessions.get((player, session_id)) if session_id else None
        pending: Session | None = None
        active: list[Session] = []
        for name in self._session_names.get((player, account), ()):
            item = self._sessions[player, name]
            if provider_session_id and item.provider_session_id == provider_session_id:
                named = item if named is None else max(named, item, key=session_age)
            elif item.status == "pending":
                pending = item if pending is None else max(pending, item, key=session_age)
            if item.status == "active":
                active.append(item)
        return named, pending, tuple(active)

    def _book(self, command: Command, decision: Decision) -> Operation:
        player = self.players[command.player]
        money = command if isinstance(command, MoneyCommand) else None
        movements, balance = self._move(command.player, decision.currency, decision.entries)
        operation = Operation(
            player=command.player,
            seq=player.seq + 1,
            provider_account=command.provider_account,
            namespace=command.namespace,
            external_id=command.external_id,
            kind=command.kind,
            status=decision.status,
            occurred_at_ms=self._now_ms,
            gaming_day=self._days[player.brand],
            brand=player.brand,
            result=decision.result,
            limit=decision.limit,
            test=player.test,
            currency=decision.currency,
            stake=decision.stake,
            win=decision.win,
            nominal_stake=decision.nominal_stake,
            jackpot_contribution=money.jackpot_contribution if money else 0,
            promo_class=money.promo_class if money else "",
            round_id=decision.round_id,
            closes_round=money.closes_round if money else command.kind == "end_round",
            game_id=decision.game_id,
            game_state=state_of_game(command, player.brand) if isinstance(command, PlayCommand) else "",
            session_id=decision.session_id,
            grant_id=decision.grant_id,
            free_rounds_asked=money.charge_free_rounds if money else 0,
            free_rounds_charged=decision.free_rounds_charged,
            free_rounds_left=decision.free_rounds_left,
            free_round=money.free_round if money else False,
            target_seq=decision.target_seq,
            balance_after=balance,
            details=decision.details,
            movements=movements,
        )
        self._keep(operation, player)
        if movements:
            self.balances[command.player, decision.currency] = balance
            self.changed_balances.add((command.player, decision.currency))
        if decision.target_seq:
            self._undone.add((command.player, decision.target_seq))
        return operation

    def _entomb(self, command: Rollback) -> None:
        """A row in the slot of the original, so that the late original finds it."""
        player = self.players[command.player]
        operation = Operation(
            player=command.player,
            seq=player.seq + 1,
            provider_account=command.provider_account,
            namespace=command.target_namespace,
            external_id=command.target_external_id,
            kind=TOMBSTONE,
            status=TOMBSTONE,
            occurred_at_ms=self._now_ms,
            gaming_day=self._days[player.brand],
            brand=player.brand,
            test=player.test,
            result=Result.ORIGINAL_CANCELLED,
            round_id=command.round_id,
            game_id=command.game_id,
        )
        self._keep(operation, player)

    def _keep(self, operation: Operation, player: Player) -> None:
        digest, event = seal(player.chain_head, operation)
        after = replace(player, seq=operation.seq, chain_head=digest)
        self.players[player.player] = after
        self.changed_players[player.player] = after
        self._operations[key_of(operation)] = operation
        self.new_operations.append(operation)
        self.events.append(event)

    def _move(self, player: str, currency: str, entries: tuple[Entry, ...]) -> tuple[tuple[Movement, ...], int]:
        balance = self.balances.get((player, currency), 0)
        if not entries:
            return (), balance
        movements = []
        for entry in entries:
            if entry.amount <= 0 or entry.debit_account == entry.credit_account:
                raise LedgerError(f"a movement of {entry.amount} from {entry.debit_account} to {entry.credit_account}")
            balance += entry.amount if entry.credit_account == "player" else -entry.amount
            if not -BIGINT_MAX <= balance <= BIGINT_MAX:
                raise LedgerError(f"the balance of {player} would leave the range of the ledger")
            movements.append(
                Movement(
                    debit_account=entry.debit_account,
                    credit_account=entry.credit_account,
                    amount=entry.amount,
                    currency=currency,
                    balance_after=balance,
                )
            )
        return tuple(movements), balance

    def _create(self, decision: Decision) -> None:
        player = decision.new_player
        if player is None:
            return
        self.players[player.player] = player
        self.new_players[player.player] = player
        for currency in decision.new_currencies:
            self.balances[player.player, currency] = 0
            self.changed_balances.add((player.player, currency))
        if decision.profile is not None:
            self._profiles[player.player] = decision.profile
            self.new_profiles.append(decision.profile)

    def _set_status(self, name: str, decision: Decision) -> None:
        # Written with the player's new head, which every operation moves.
        self.players[name] = replace(self.players[name], status=decision.player_status)
        if decision.erases:
            self._profiles.pop(name, None)
            self.erased[name] = None

    def _put_session(self, session: Session) -> None:
        self._sessions[session.player, session.session_id] = session
        self._session_names.setdefault((session.player, session.provider_account), {})[session.session_id] = None

    def _note_changes(self, decision: Decision) -> None:
        for session in decision.sessions:
            self._put_session(session)
            self.changed_sessions[session.player, session.session_id] = session
        if decision.round is not None:
            item = decision.round
            place = (item.player, item.provider_account, item.round_id)
            self._rounds[place] = self.changed_rounds[place] = item
        if decision.grant is not None:
            name = (decision.grant.player, decision.grant.grant_id)
            self._grants[name] = self.changed_grants[name] = decision.grant

    def _replay(self, command: Command, decision: Decision, stored: Operation) -> Reply:
        return replayed_reply(
            command, stored, self.balances.get((command.player, stored.currency), stored.balance_after), decision.detail
        )

    def _unstored(self, command: Command, decision: Decision) -> Reply:
        currency = decision.currency or getattr(command, "currency", "")
        balance = self.balances.get((command.player, currency), 0)
        return Reply(
            command_id=command.command_id,
            caller=command.caller,
            result=decision.result,
            limit=decision.limit,
            detail=decision.detail,
            currency=currency,
            balance=balance,
            balance_now=balance,
            free_rounds_left=decision.free_rounds_left,
        )


def replayed_reply(command: Command, stored: Operation, balance_now: int, detail: str = "") -> Reply:
    """The stored answer again."""
    return Reply(
        command_id=command.command_id,
        caller=command.caller,
        result=stored.result,
        limit=stored.limit,
        detail=detail,
        currency=stored.currency,
        balance=stored.balance_after,
        balance_now=balance_now,
        transaction_id=transaction_id(stored),
        replayed=True,
        free_rounds_left=stored.free_rounds_left,
        free_rounds_charged=stored.free_rounds_charged,
    )


def transaction_id(operation: Operation) -> str:
    """Our id of an operation, as told to providers."""
    return f"{operation.player}-{operation.seq}"


def key_of(operation: Operation) -> Key:
    """The idempotency key of an operation."""
    return (operation.player, operation.provider_account, operation.namespace, operation.external_id)
