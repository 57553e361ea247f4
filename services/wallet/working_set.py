"""The batch's picture of the ledger: what was loaded, changed command by command, and what has to be written.

Pure of I/O. `step` is one command: view -> decision -> operation, movements, reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.wallet.chain import seal
from services.wallet.decisions import decide
from services.wallet.decisions.batches import ITEMS_MAX, parts_of
from services.wallet.decisions.common import left_of, session_age, state_of_game
from services.wallet.decisions.model import (
    ACCOUNT_PLAYER,
    APPLIED,
    TOMBSTONE,
    Decision,
    Entry,
    Grant,
    Limit,
    Movement,
    Operation,
    Player,
    Profile,
    Round,
    Session,
    Usage,
    View,
)
from services.wallet.journal import Journal
from services.wallet.replies import booked_reply, replayed_reply, reply_of_all, reply_of_refused, unstored_reply
from services.wallet.tally import Tally
from shared.contracts import Batch, Command, MoneyCommand, PlayCommand, Reply, Result, Rollback, RollbackList
from shared.errors import StakewireError

BIGINT_MAX: Final = 2**63 - 1
ENDS_SESSIONS: Final = frozenset({"exclude", "close_account", "erase_player"})
"""Kinds that close all sessions of a player."""
LIVE_MAX: Final = 100
"""At most this many sessions are closed by one command: the newest."""

Key = tuple[str, str, str, str]
"""(player, provider account, namespace, external id): the idempotency key."""


LISTS: Final = (Batch, RollbackList)
"""Commands that are several."""


class LedgerError(StakewireError):
    """A decision cannot be booked: the command goes to the dead letters, the rest of its batch commits."""


class ImbalanceError(LedgerError):
    """Balances and movements of a batch do not agree: a fault of this program, and nothing of it may be written."""


class Loaded(Struct, kw_only=True):
    """What one batch read, after the lock.

    `usage` is of players who have limits and of those who may get their first: these are named by `counting`.
    """

    players: list[Player]
    balances: dict[tuple[str, str], int]
    operations: list[Operation]
    undone: set[tuple[str, int]]
    rounds: list[Round]
    sessions: list[Session]
    grants: list[Grant]
    profiles: list[Profile]
    limits: list[Limit]
    usage: list[Usage]
    counting: set[str]


class WorkingSet:
    """State of one batch. Not shared, used once, thrown away."""

    def __init__(self, loaded: Loaded, now_ms: int, days: dict[str, str]) -> None:
        """`days`: the gaming day of each brand at `now_ms`."""
        self._now_ms = now_ms
        self._days = days
        self.players: dict[str, Player] = {item.player: item for item in loaded.players}
        self.balances = loaded.balances
        self._balances_before = dict(loaded.balances)
        self._operations: dict[Key, Operation] = {key_of(item): item for item in loaded.operations}
        self._undone = loaded.undone
        self._rounds = {(item.player, item.provider_account, item.round_id): item for item in loaded.rounds}
        self._sessions: dict[tuple[str, str], Session] = {}
        self._session_names: dict[tuple[str, str], dict[str, None]] = {}
        for session in loaded.sessions:
            self._put_session(session)
        self._grants = {(item.player, item.grant_id): item for item in loaded.grants}
        self._profiles = {item.player: item for item in loaded.profiles}
        self.tally = Tally(loaded.limits, loaded.usage, loaded.counting)
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
        self._journals: list[Journal] = []

    def step(self, command: Command, *, expired: bool) -> Reply:
        """Decides one command and books it. LedgerError where it cannot be booked; nothing of it is kept then."""
        if isinstance(command, LISTS):
            return self._step_list(command, expired=expired)
        decision = decide(command, self._view(command, expired=expired))
        if decision.parts:
            return self._step_with_parts(command, decision)
        return self._do(command, decision)

    def check(self) -> None:
        """LedgerError where what is to be written does not add up: each balance has moved by its movements and by nothing else."""
        moved = self._balances_before
        touched = set(self.changed_balances)
        for operation in self.new_operations:
            for movement in operation.movements:
                account = (operation.player, movement.currency)
                sign = 1 if movement.credit_account == ACCOUNT_PLAYER else -1
                moved[account] = moved.get(account, 0) + sign * movement.amount
                touched.add(account)
        for account in touched:
            if self.balances[account] != moved.get(account, 0):
                raise ImbalanceError(f"{account} would be {self.balances[account]}, its movements make it {moved.get(account, 0)}")

    def repeat(self, command: Command) -> Reply | None:
        """The answer to a command that was applied before; None, and nothing is kept, where it would be applied only now."""
        with self._undoable(command.player) as journal:
            reply = self.step(command, expired=False)
            if not journal.grown():
                return reply
            journal.undo()
        return None

    def _step_list(self, command: Batch | RollbackList, *, expired: bool) -> Reply:
        """All items in their order, or none. Only the item that is refused may be stored, as refused."""
        parts = parts_of(command)
        if not parts:
            detail = f"1 to {ITEMS_MAX} items are expected"
            return self._unstored(command, Decision(result=Result.BAD_REQUEST, detail=detail))
        refused = self._refused_before(parts)
        replies: list[Reply] = []
        if refused is None:
            replies, refused = self._all_or_none(command.player, parts, expired=expired)
        if refused is None:
            return reply_of_all(parts, replies)
        at, decision = refused
        if decision.status:
            # What the items before it did is gone: so is what they took from the grant.
            decision = replace(decision, free_rounds_left=left_of(self._view(parts[at], expired=expired)))
        return reply_of_refused(parts, at, self._do(parts[at], decision))

    def _refused_before(self, parts: tuple[Command, ...]) -> tuple[int, Decision] | None:
        """The first item whose key is stored with another answer than a success: it stands in the way of all, for ever."""
        for number, part in enumerate(parts):
            if (part.player, part.provider_account, part.namespace, part.external_id) in self._operations:
                decision = decide(part, self._view(part, expired=False))
                if decision.result != Result.OK:
                    return number, decision
        return None

    def _step_with_parts(self, command: Command, decision: Decision) -> Reply:
        """The parts of a decision, then the decision itself. A part that is refused is the answer to the whole."""
        with self._undoable(command.player):
            _, refused = self._all_or_none(command.player, decision.parts, expired=False)
            if refused is None:
                return self._do(command, decision)
        return self._unstored(command, refused[1])

    def _all_or_none(
        self, player: str, parts: tuple[Command, ...], *, expired: bool
    ) -> tuple[list[Reply], tuple[int, Decision] | None]:
        """The replies of all parts; or which part was refused and how, with nothing of any of them kept."""
        replies: list[Reply] = []
        with self._undoable(player) as journal:
            for number, part in enumerate(parts):
                decision = decide(part, self._view(part, expired=expired))
                if decision.result != Result.OK:
                    journal.undo()
                    return replies, (number, decision)
                replies.append(self._do(part, decision))
        return replies, None

    @contextmanager
    def _undoable(self, player: str) -> Iterator[Journal]:
        """Inside, every change is written down and can be undone; on an exception it is."""
        saved = self.tally.save(player)
        journal = Journal((self.new_operations, self.events), lambda: self.tally.restore(player, saved))
        self._journals.append(journal)
        try:
            yield journal
        except BaseException:
            journal.undo()
            raise
        finally:
            self._journals.pop()

    def _note_before(self, journal: Journal, command: Command, decision: Decision) -> None:
        """Everything that booking the decision may change. Parts are commands of play: they create and erase nobody."""
        player = command.player
        journal.row(self.players, player)
        journal.row(self.changed_players, player)
        journal.row(self._operations, (player, command.provider_account, command.namespace, command.external_id))
        if decision.tombstone and isinstance(command, Rollback):
            journal.row(self._operations, _target_key(command))
        account = (player, decision.currency)
        journal.row(self.balances, account)
        journal.member(self.changed_balances, account)
        journal.member(self._undone, (player, decision.target_seq))
        if decision.round is not None:
            place = (player, decision.round.provider_account, decision.round.round_id)
            journal.row(self._rounds, place)
            journal.row(self.changed_rounds, place)
        for session in decision.sessions:
            journal.row(self._sessions, (player, session.session_id))
            journal.row(self.changed_sessions, (player, session.session_id))
        if decision.grant is not None:
            journal.row(self._grants, (player, decision.grant.grant_id))
            journal.row(self.changed_grants, (player, decision.grant.grant_id))

    def _do(self, command: Command, decision: Decision) -> Reply:
        """Answers what is stored or stores nothing; books all else."""
        if decision.replay is not None:
            return self._replay(command, decision, decision.replay)
        if not decision.status:
            return self._unstored(command, decision)
        for journal in self._journals:
            self._note_before(journal, command, decision)
        if decision.new_player is not None:
            self._create(decision)
        if decision.player_status or decision.excluded_until_ms >= 0:
            self._set_status(command.player, decision)
        operation = self._book(command, decision)
        if decision.tombstone and isinstance(command, Rollback):
            self._entomb(command)
        self._note_changes(decision)
        return booked_reply(command, decision, operation)

    def _view(self, command: Command, *, expired: bool) -> View:
        player = command.player
        target = None
        if isinstance(command, MoneyCommand):
            currency, round_id, grant_id = command.currency, command.round_id, command.grant_id
        elif isinstance(command, Rollback):
            target = self._operations.get(_target_key(command))
            named = command if target is None else target
            currency, round_id, grant_id = named.currency, named.round_id, named.grant_id
        else:
            currency = getattr(command, "currency", "")
            round_id = getattr(command, "round_id", "")
            grant_id = getattr(command, "grant_id", "")
        stored = self._operations.get((player, command.provider_account, command.namespace, command.external_id))
        session, pending, active = self._sessions_for(command)
        row = self.players.get(player)
        view = View(
            now_ms=self._now_ms,
            gaming_day=self._days[row.brand] if row is not None else "",
            expired=expired,
            player=row,
            balance=self.balances.get((player, currency)),
            stored=stored,
            stored_undone=stored is not None and (player, stored.seq) in self._undone,
            session=session,
            pending=pending,
            active=active,
            round=self._rounds.get((player, command.provider_account, round_id)) if round_id else None,
            grant=self._grants.get((player, grant_id)) if grant_id else None,
            limits=self.tally.limits(player),
            usage=self.tally.usage(player),
        )
        if target is not None:
            undone = (player, target.seq) in self._undone
            return replace(view, target=target, target_movements=target.movements, target_undone=undone)
        return view if isinstance(command, PlayCommand) else self._more(command, view)

    def _more(self, command: Command, view: View) -> View:
        """What only some of the operator's commands look at."""
        player = command.player
        if command.kind == "create_player":
            return replace(view, currencies=self._currencies(player), profile=self._profiles.get(player))
        if command.kind == "set_limits":
            return replace(view, currencies=self._currencies(player))
        if command.kind == "void_round":
            return replace(view, round_operations=self._operations_of_round(command))
        if command.kind in ENDS_SESSIONS:
            return replace(view, live=self._live(player))
        return view

    def _currencies(self, player: str) -> tuple[str, ...]:
        return tuple(code for name, code in self.balances if name == player)

    def _live(self, player: str) -> tuple[Session, ...]:
        live = [item for item in self._sessions.values() if item.player == player and item.status in {"pending", "active"}]
        return tuple(sorted(live, key=session_age, reverse=True)[:LIVE_MAX])

    def _operations_of_round(self, command: Command) -> tuple[Operation, ...]:
        """Those that were applied, in order: all of them were loaded, up to one more than can be undone by one command."""
        name = (command.player, command.provider_account, getattr(command, "round_id", ""))
        found = [
            item
            for item in self._operations.values()
            if (item.player, item.provider_account, item.round_id) == name and item.status == APPLIED
        ]
        return tuple(sorted(found, key=lambda item: item.seq))

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
            promo_class=money.promo_class if money else getattr(command, "promo_class", ""),
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
        player = self.players[name]
        until_ms = decision.excluded_until_ms if decision.excluded_until_ms >= 0 else player.excluded_until_ms
        self.players[name] = replace(player, status=decision.player_status or player.status, excluded_until_ms=until_ms)
        if decision.erases:
            self._profiles.pop(name, None)
            self.erased[name] = None

    def _put_session(self, session: Session) -> None:
        self._sessions[session.player, session.session_id] = session
        self._session_names.setdefault((session.player, session.provider_account), {})[session.session_id] = None

    def _note_changes(self, decision: Decision) -> None:
        if decision.limits:
            self.tally.set(decision.limits)
        if decision.counts is not None:
            self.tally.count(decision.counts)
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
        return unstored_reply(command, decision, currency, balance)


def _target_key(command: Rollback) -> Key:
    return (command.player, command.provider_account, command.target_namespace, command.target_external_id)


def key_of(operation: Operation) -> Key:
    """The idempotency key of an operation."""
    return (operation.player, operation.provider_account, operation.namespace, operation.external_id)
