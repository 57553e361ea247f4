"""From events to rows: operations, players, balances, rounds, days. Pure: values in, values out, no clock, no database.

A player's events are taken strictly by number, whatever the order, the repetitions and the batches they come in, so that the
tables are the same for all of them. One that is known is checked against what is stored (ForkError where it differs); one
that comes too early waits. What a number of a report means is not decided here but in `reports.definition`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from services.backoffice.projections.values import (
    CLOSED,
    OPEN,
    SETTLED,
    VOIDED,
    Changes,
    Day,
    DayKey,
    Event,
    Known,
    Original,
    PlayerState,
    RoundKey,
    RoundState,
)
from services.backoffice.reports.definition import (
    APPLIED,
    NOTHING,
    ROLLBACK,
    Booked,
    Spread,
    begins_round,
    booked,
    restores,
    spread,
    spread_alone,
)
from shared.kafka.event_chain import EventChain, EventHead, Link

CONSUMER: Final = "backoffice"
_UNCOUNTED: Final = '"uncounted":true'
_OF_THE_GAME: Final = frozenset({"bet", "win", "bet_and_win", "settle_round", "end_round", "void_round"})
_ENDS: Final = {"end_round": CLOSED, "settle_round": SETTLED, "void_round": VOIDED}
_NO_SPREAD: Final = Spread(0, 0, 0)


def fold(known: Known, events: Sequence[Event]) -> Changes:
    """What becomes of `known` by `events`. `known` is used up: its rows are changed in place.

    All players of the events must be in `known.players`, a new one as `PlayerState()`, and the hashes of those that are
    stored already in `known.stored`.

    ForkError where an event contradicts the history that is stored, or that others of `events` tell.
    """
    return _Fold(known).take(events)


def round_of(event: Event) -> RoundKey | None:
    """The round whose row an event may change, None where it is about none."""
    if event.status != APPLIED or not event.round_id or not _is_play(event):
        return None
    return event.player, event.provider_account, event.round_id


def asks_for_original(event: Event) -> bool:
    """Whether what an event goes back to must be known."""
    return event.kind == ROLLBACK and event.status == APPLIED and event.target_seq > 0


class _Fold:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._players = known.players
        self._chain = EventChain(CONSUMER, players_max=len(known.players) + 1, hashes_kept=2)
        for player, state in known.players.items():
            self._chain.remember(player, state.seq, state.hash)
        self._early: dict[str, dict[int, Event]] = {}
        self._taken: dict[tuple[str, int], Event] = {}
        """New operations of this batch: an undo of this batch may go back to them."""
        self._changes = Changes()

    def take(self, events: Sequence[Event]) -> Changes:
        for event in events:
            self._arrived(event)
        for early in self._early.values():
            self._changes.waiting.extend(early[seq] for seq in sorted(early))
        return self._changes

    def _arrived(self, event: Event) -> None:
        player, seq = event.player, event.seq
        state = self._players[player]
        if seq > state.seq + 1:
            self._wait(event, state)
            return
        if seq <= state.seq:
            self._check_known(event, state)
            return
        self._chain.take(_head(event))
        self._apply(event, state)
        early = self._early.get(player)
        while early and state.seq + 1 in early:
            following = early.pop(state.seq + 1)
            self._chain.take(_head(following))
            self._apply(following, state)

    def _wait(self, event: Event, state: PlayerState) -> None:
        early = self._early.setdefault(event.player, {})
        first = early.setdefault(event.seq, event)
        if first is not event:
            self._compare(event, first.hash, state)
            self._changes.known += 1
        elif self._chain.take(_head(event)) is Link.GAP:
            self._chain.remember(event.player, state.seq, state.hash)

    def _check_known(self, event: Event, state: PlayerState) -> None:
        """An event that is there already must be the same one."""
        new = self._taken.get((event.player, event.seq))
        self._compare(event, self._known.stored[event.player, event.seq] if new is None else new.hash, state)
        self._changes.known += 1

    def _compare(self, event: Event, digest: str, state: PlayerState) -> None:
        self._chain.remember(event.player, event.seq, digest)
        self._chain.take(_head(event))
        self._chain.remember(event.player, state.seq, state.hash)

    def _apply(self, event: Event, state: PlayerState) -> None:
        changes = self._changes
        changes.operations.append(event)
        changes.players[event.player] = state
        _move_player(state, event)
        for movement in event.movements:
            changes.balances[event.player, movement.currency] = movement.balance_after
        if event.kind == "create_player":
            for currency in _facts(event).get("currencies", ()):
                changes.balances.setdefault((event.player, currency), 0)
        self._taken[event.player, event.seq] = event
        if event.status == APPLIED:
            self._play(event, state)

    def _play(self, event: Event, state: PlayerState) -> None:
        original = self._original(event) if event.kind == ROLLBACK else None
        change = booked(event, event.movements, original)
        key = round_of(event)
        round_, begun = (None, False) if key is None else self._round(key, event, state)
        own = change
        if round_ is not None and event.currency != round_.currency:
            own = NOTHING  # amounts of two currencies are never added: it stands beside the round, as one of its own
        if round_ is not None:
            squares = spread(round_.stake, round_.win, change) if own is change else spread_alone(change)
            _move_round(round_, event, own)
        elif change.net_stake or change.net_win:
            squares = spread_alone(change)
        else:
            squares = _NO_SPREAD
        if begun or change != NOTHING:
            game_id = event.game_id or (round_.game_id if round_ is not None else "")
            day: DayKey = (event.gaming_day, event.player, event.provider_account, game_id, event.currency)
            self._add(day, state, change, squares, begun=begun)

    def _round(self, key: RoundKey, event: Event, state: PlayerState) -> tuple[RoundState | None, bool]:
        """The round that an operation is of, and whether it begins it. None: nobody has begun it."""
        round_ = self._known.rounds.get(key)
        begun = round_ is None and begins_round(event)
        if begun:
            round_ = self._known.rounds[key] = self._changes.new_rounds[key] = RoundState(
                brand=event.brand,
                test=state.test,
                game_id=event.game_id,
                session_id=event.session_id,
                currency=event.currency,
                first_seq=event.seq,
                opened_at_ms=event.occurred_at_ms,
            )
        elif round_ is not None and key not in self._changes.new_rounds:
            self._changes.rounds[key] = round_
        return round_, begun

    def _original(self, event: Event) -> Original | None:
        """What an undo goes back to: the first operation along `target_seq` that is no undo itself."""
        seq = event.target_seq
        while (target := self._taken.get((event.player, seq))) is not None:
            if target.kind != ROLLBACK:
                return Original(
                    target.kind,
                    target.status,
                    target.details,
                    target.round_id,
                    target.nominal_stake,
                    target.jackpot_contribution,
                )
            seq = target.target_seq
        return self._known.originals.get((event.player, seq))

    def _add(self, key: DayKey, state: PlayerState, change: Booked, squares: Spread, *, begun: bool) -> None:
        day = self._changes.days.get(key)
        if day is None:
            day = self._changes.days[key] = Day(brand=state.brand, country=state.country, test=state.test)
        day.stake += change.stake
        day.win += change.win
        day.stake_undone += change.stake_undone
        day.win_undone += change.win_undone
        day.free_win += change.free_win
        day.promo_win += change.promo_win
        day.jackpot_win += change.jackpot_win
        day.nominal_stake += change.nominal_stake
        day.jackpot_contribution += change.jackpot_contribution
        day.bets += change.bets
        day.rounds += int(begun)
        day.stake2 += squares.stake2
        day.stake_win += squares.stake_win
        day.win2 += squares.win2


def _head(event: Event) -> EventHead:
    return EventHead(event.player, event.seq, event.previous_hash, event.hash)


def _facts(event: Event) -> dict[str, Any]:
    facts = json.loads(event.details) if event.details else {}
    return facts if isinstance(facts, dict) else {}


def _move_player(state: PlayerState, event: Event) -> None:
    """The player as an event leaves him."""
    state.seq, state.hash, state.last_at_ms = event.seq, event.hash, event.occurred_at_ms
    if event.seq == 1:
        state.brand, state.test, state.created_at_ms = event.brand, event.test, event.occurred_at_ms
    if event.status != APPLIED:
        return
    match event.kind:
        case "create_player":
            state.country = _facts(event).get("country", "")
        case "set_player_status" | "close_account" | "erase_player":
            state.status = _facts(event).get("to", state.status)
        case "exclude":
            state.excluded_until_ms = _facts(event).get("until", state.excluded_until_ms)
        case "lift_exclusion":
            state.excluded_until_ms = 0
        case _:
            pass


def _move_round(round_: RoundState, event: Event, change: Booked) -> None:
    """The round as an applied operation leaves it; the count of bets is the wallet's, free rounds among them."""
    round_.operations += 1
    round_.last_seq, round_.last_at_ms = event.seq, event.occurred_at_ms
    round_.stake += change.net_stake
    round_.win += change.net_win
    round_.free_win += change.free_win
    round_.nominal_stake += change.nominal_stake
    round_.bets = max(0, round_.bets + _bets(event))
    ends = _ENDS.get(event.kind, CLOSED if event.closes_round else "")
    if ends and (round_.status == OPEN or ends != CLOSED):
        round_.status = ends
    if ends == VOIDED:
        round_.bets = 0


def _bets(event: Event) -> int:
    """How an operation changes its round's count of bets."""
    if event.kind == "bet":
        return 1
    if event.kind == "bet_and_win":
        return int(event.stake + event.nominal_stake + event.free_rounds_asked > 0)
    if event.kind != ROLLBACK:
        return 0
    again = restores(event)
    moved = event.stake if again else event.win
    counted = moved > 0 or event.free_rounds_charged > 0 or '"bet":true' in event.details
    return (1 if again else -1) if counted else 0


def _is_play(event: Event) -> bool:
    """Whether an operation is part of its round: prizes and corrections stand beside it, and so do their undos."""
    return event.kind in _OF_THE_GAME or (event.kind == ROLLBACK and _UNCOUNTED not in event.details)
