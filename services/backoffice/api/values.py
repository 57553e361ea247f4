"""What the API of history and reports shows. Money is told as decimal strings in major units, exactly."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pydantic import Field

from services.backoffice.history.store import Page
from services.backoffice.history.values import Archived, Operation, OperationDetail, Round
from services.backoffice.reports.collections import State
from services.backoffice.reports.definition import Totals
from services.backoffice.reports.store import Line, Report, Undone
from services.backoffice.reports.table import money_of, shares_of
from services.backoffice.spreadsheet import amount
from shared.web.values import Output

Money = str
AMOUNT = Field(examples=["12.50"])


def money(units: int, currency: str) -> str:
    """Units as a decimal string; of an operation without a currency it is 0."""
    return format(amount(units, currency), "f") if currency else "0"


class RoundShown(Output):
    """A game round. Money as it stands: what was rolled back is taken out."""

    provider_account: str
    round_id: str
    game_id: str
    game_name: str
    currency: str
    status: str = Field(examples=["closed"])
    opened_at: datetime
    last_at: datetime
    bets: int
    operations: int
    stake: Money = AMOUNT
    win: Money = Field(description="Paid by the game.", examples=["30.00"])
    free_round_win: Money = Field(description="Paid by the budget of free rounds.", examples=["0.00"])
    nominal_stake: Money = Field(description="Of free rounds; not debited.", examples=["0.00"])
    balance_after: Money | None = Field(description="The player's, behind the round's last operation.", examples=["117.50"])
    first_operation: int
    last_operation: int


class OperationShown(Output):
    """An operation: every effect, and every final refusal, of a player, numbered from 1."""

    operation: int = Field(examples=[17])
    occurred_at: datetime
    gaming_day: date
    provider_account: str
    namespace: str
    external_id: str
    kind: str = Field(examples=["bet"])
    status: str = Field(examples=["applied"])
    result: str = Field(examples=["OK"])
    limit: str
    currency: str
    stake: Money = AMOUNT
    win: Money = AMOUNT
    nominal_stake: Money = AMOUNT
    balance_after: Money = Field(description="The running balance.", examples=["117.50"])
    round_id: str
    game_id: str
    game_name: str
    free_round: bool
    promo_class: str
    undoes: int | None = Field(description="Of a rollback: the operation that it undoes.")


class Rounds(Output):
    """A page of rounds, the newest first, of the range that is told; null where there is no page on that side."""

    player: str
    since: datetime
    until: datetime
    rounds: list[RoundShown]
    older: str | None
    newer: str | None


class Operations(Output):
    """A page of operations, the newest first, of the range that is told; null where there is no page on that side."""

    player: str
    since: datetime
    until: datetime
    operations: list[OperationShown]
    older: str | None
    newer: str | None


class RoundDetail(Output):
    """A round with all that names it, in order; at most 1,000 operations."""

    player: str
    round: RoundShown
    operations: list[OperationShown]


class MovementShown(Output):
    """A transfer between two accounts; one of them is the player."""

    debit_account: str = Field(examples=["player"])
    credit_account: str = Field(examples=["provider:mascot-demo"])
    currency: str
    amount: Money = AMOUNT
    balance_after: Money = AMOUNT


class CallbackShown(Output):
    """A callback of the provider as it was archived: request and answer raw (base64 where they are no text), never a secret."""

    request_id: str
    received_at: datetime
    dialect: str
    method: str
    kind: str
    verdict: str = Field(examples=["answered"])
    result: str
    response_status: int
    request_headers: dict[str, str]
    request_body: str
    request_base64: bool
    response_body: str
    response_base64: bool
    total_us: int = Field(description="Microseconds.")
    finding: str = Field(description="Code of what was wrong with it; empty where nothing was.")
    diagnosis: dict[str, Any] | None


class OperationOpened(OperationShown):
    """An operation with its movements, and the callbacks that asked for it as far as they are kept."""

    player: str
    jackpot_contribution: Money
    closes_round: bool
    session_id: str
    grant_id: str
    details: dict[str, Any] | None
    hash: str = Field(description="SHA-256 of the player's chain up to here, in hex.")
    undone_by: int | None = Field(description="The rollback that took it back last.")
    movements: list[MovementShown]
    callbacks: list[CallbackShown]


class LineShown(Output):
    """A line of a report, in one currency. Shares are parts of 1 with six digits; null where there is nothing to divide by."""

    keys: dict[str, str] = Field(description="By dimension; empty = has none.", examples=[{"day": "2030-01-31"}])
    names: dict[str, str] = Field(description="What people call the games and collections.", examples=[{}])
    currency: str
    stake: Money = Field(description="Stakes less those that were given back.", examples=["1200.00"])
    win: Money = Field(description="Wins that the game paid, less those that were taken back.", examples=["1130.00"])
    ggr: Money = Field(description="stake - win: the net of the providers' house accounts.", examples=["70.00"])
    ngr: Money = Field(description="GGR less wins of free rounds, promotions and jackpots.", examples=["52.00"])
    free_round_wins: Money = AMOUNT
    promo_paid: Money = AMOUNT
    jackpot_paid: Money = AMOUNT
    rolled_back_stakes: Money = Field(description="Given back on these days, whenever they were taken.", examples=["5.00"])
    rolled_back_wins: Money = AMOUNT
    nominal_stake: Money = AMOUNT
    jackpot_contribution: Money = AMOUNT
    average_stake: Money | None = Field(description="Of a cash bet, truncated.", examples=["1.20"])
    bets: int
    rounds: int = Field(description="Begun on these days.")
    players: int = Field(description="Who placed a bet or began a round; each once.")
    rtp: Decimal | None = Field(examples=["0.941667"])
    rtp_theoretical_low: Decimal | None = Field(description="Of the games' lowest variants, weighted by their stakes.")
    rtp_theoretical_high: Decimal | None
    rtp_corridor_low: Decimal | None = Field(description="Within the corridor lie 95 of 100 honest RTPs.")
    rtp_corridor_high: Decimal | None
    rtp_outside: str = Field(description="`below` or `above` the corridor, else empty.")


class CollectionsKnown(Output):
    """How well the collections are known."""

    read_at: datetime | None
    why_not: str = Field(description="Why they were not read since; empty where all is well.")


class ReportShown(Output):
    """A report. `totals` are of all that passes the filters, by currency: lines of tags and collections may overlap."""

    first: date
    last: date
    time_zone: str = Field(description="Of the brand's gaming days.", examples=["Europe/Malta, from 06:00"])
    dimensions: list[str]
    test: bool
    lines: list[LineShown]
    totals: list[LineShown]
    collections: CollectionsKnown


class UndoneShown(Output):
    """A rollback on its own gaming day, with its original. `restores`: it undid a rollback."""

    gaming_day: date
    player: str
    operation: int
    occurred_at: datetime
    provider_account: str
    game_id: str
    round_id: str
    external_id: str
    currency: str
    given_back: Money = Field(description="To the player.", examples=["5.00"])
    taken_back: Money = AMOUNT
    restores: bool
    original: int
    original_kind: str
    original_gaming_day: date | None
    original_external_id: str


class Rollbacks(Output):
    """A page of rollbacks, by gaming day."""

    rollbacks: list[UndoneShown]
    next: str | None


def round_shown(found: Round) -> RoundShown:
    """A round."""
    currency = found.currency
    return RoundShown(
        provider_account=found.provider_account,
        round_id=found.round_id,
        game_id=found.game_id,
        game_name=found.game_name,
        currency=currency,
        status=found.status,
        opened_at=found.opened_at,
        last_at=found.last_at,
        bets=found.bets,
        operations=found.operations,
        stake=money(found.stake, currency),
        win=money(found.win, currency),
        free_round_win=money(found.free_win, currency),
        nominal_stake=money(found.nominal_stake, currency),
        balance_after=None if found.balance_after is None else money(found.balance_after, currency),
        first_operation=found.seq,
        last_operation=found.last_seq,
    )


def operation_shown(found: Operation) -> OperationShown:
    """An operation."""
    return OperationShown(**_operation(found))


def rounds_shown(player: str, page: Page[Round]) -> Rounds:
    """A page."""
    shown = [round_shown(each) for each in page.entries]
    return Rounds(
        player=player, since=page.since, until=page.until, rounds=shown, older=page.older or None, newer=page.newer or None
    )


def operations_shown(player: str, page: Page[Operation]) -> Operations:
    """A page."""
    shown = [operation_shown(each) for each in page.entries]
    return Operations(
        player=player, since=page.since, until=page.until, operations=shown, older=page.older or None, newer=page.newer or None
    )


def opened(player: str, found: OperationDetail) -> OperationOpened:
    """An operation whole."""
    currency = found.operation.currency
    return OperationOpened(
        **_operation(found.operation),
        player=player,
        jackpot_contribution=money(found.jackpot_contribution, currency),
        closes_round=found.closes_round,
        session_id=found.session_id,
        grant_id=found.grant_id,
        details=facts(found.details),
        hash=found.hash,
        undone_by=found.undone_by or None,
        movements=[
            MovementShown(
                debit_account=each.debit_account,
                credit_account=each.credit_account,
                currency=each.currency,
                amount=money(each.amount, each.currency),
                balance_after=money(each.balance_after, each.currency),
            )
            for each in found.movements
        ],
        callbacks=[callback_shown(each) for each in found.callbacks],
    )


def callback_shown(found: Archived) -> CallbackShown:
    """A callback."""
    return CallbackShown(
        request_id=found.request_id,
        received_at=found.received_at,
        dialect=found.dialect,
        method=found.method,
        kind=found.kind,
        verdict=found.verdict,
        result=found.result,
        response_status=found.response_status,
        request_headers={str(name): str(value) for name, value in (facts(found.request_headers) or {}).items()},
        request_body=found.request_body,
        request_base64=found.request_base64,
        response_body=found.response_body,
        response_base64=found.response_base64,
        total_us=found.total_us,
        finding=found.finding,
        diagnosis=facts(found.finding_facts),
    )


def report_shown(report: Report, zone: str, collections: State) -> ReportShown:
    """A report."""
    return ReportShown(
        first=report.first,
        last=report.last,
        time_zone=zone,
        dimensions=list(report.dimensions),
        test=report.ask.test,
        lines=[_line(report.dimensions, line) for line in report.lines],
        totals=[_line((), line) for line in report.totals],
        collections=CollectionsKnown(read_at=collections.read_at, why_not=collections.why),
    )


def undone_shown(found: Undone) -> UndoneShown:
    """A rollback."""
    return UndoneShown(
        gaming_day=found.gaming_day,
        player=found.player,
        operation=found.seq,
        occurred_at=found.occurred_at,
        provider_account=found.provider_account,
        game_id=found.game_id,
        round_id=found.round_id,
        external_id=found.external_id,
        currency=found.currency,
        given_back=money(found.given_back, found.currency),
        taken_back=money(found.taken_back, found.currency),
        restores=found.restores,
        original=found.target_seq,
        original_kind=found.original_kind,
        original_gaming_day=found.original_day,
        original_external_id=found.original_external_id,
    )


def facts(text: str) -> dict[str, Any] | None:
    """A JSON object that came from a topic; None where it is none."""
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _operation(found: Operation) -> dict[str, Any]:
    currency = found.currency
    return {
        "operation": found.seq,
        "occurred_at": found.occurred_at,
        "gaming_day": found.gaming_day,
        "provider_account": found.provider_account,
        "namespace": found.namespace,
        "external_id": found.external_id,
        "kind": found.kind,
        "status": found.status,
        "result": found.result,
        "limit": found.limit_name,
        "currency": currency,
        "stake": money(found.stake, currency),
        "win": money(found.win, currency),
        "nominal_stake": money(found.nominal_stake, currency),
        "balance_after": money(found.balance_after, currency),
        "round_id": found.round_id,
        "game_id": found.game_id,
        "game_name": found.game_name,
        "free_round": found.free_round,
        "promo_class": found.promo_class,
        "undoes": found.target_seq or None,
    }


def _line(dimensions: tuple[str, ...], line: Line) -> LineShown:
    totals: Totals = line.totals
    names = {each: name for each, key, name in zip(dimensions, line.keys, line.names, strict=True) if name != key}
    average = totals.average_stake
    return LineShown(
        keys=dict(zip(dimensions, line.keys, strict=True)),
        names=names,
        currency=line.currency,
        **{name: money(units, line.currency) for name, units in money_of(totals).items()},
        **shares_of(totals),
        average_stake=None if average is None else money(average, line.currency),
        bets=totals.booked.bets,
        rounds=totals.rounds,
        players=totals.players,
        rtp_outside=totals.outside,
    )
