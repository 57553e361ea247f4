"""A player's history as CSV: sent as it is read, a portion at a time. Knows no HTTP but the headers of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from services.backoffice.history.store import Listed
from services.backoffice.history.values import Operation, Round
from services.backoffice.spreadsheet import Cell, amount, csv_lines

COLUMNS: Final[dict[Listed, tuple[str, ...]]] = {
    "rounds": (
        "opened_at", "last_at", "provider_account", "round_id", "game_id", "game_name", "status", "currency", "bets", "stake", "win",
        "free_win", "nominal_stake", "balance_after", "operations", "first_operation", "last_operation",
    ),
    "operations": (
        "operation", "occurred_at", "gaming_day", "provider_account", "kind", "status", "result", "limit", "currency", "stake", "win",
        "nominal_stake", "balance_after", "round_id", "game_id", "game_name", "namespace", "external_id", "undoes", "promo_class",
    ),
}  # fmt: skip


async def lines(listed: Listed, portions: AsyncIterator[Sequence[Round | Operation]]) -> AsyncIterator[str]:
    """The file, its heading first."""
    yield csv_lines([COLUMNS[listed]])
    async for entries in portions:
        if entries:
            yield csv_lines(_of_round(entry) if isinstance(entry, Round) else _of_operation(entry) for entry in entries)


def _of_round(entry: Round) -> tuple[Cell, ...]:
    currency = entry.currency
    return (
        entry.opened_at,
        entry.last_at,
        entry.provider_account,
        entry.round_id,
        entry.game_id,
        entry.game_name,
        entry.status,
        currency,
        entry.bets,
        amount(entry.stake, currency),
        amount(entry.win, currency),
        amount(entry.free_win, currency),
        amount(entry.nominal_stake, currency),
        None if entry.balance_after is None else amount(entry.balance_after, currency),
        entry.operations,
        entry.seq,
        entry.last_seq,
    )


def _of_operation(entry: Operation) -> tuple[Cell, ...]:
    currency = entry.currency
    return (
        entry.seq,
        entry.occurred_at,
        entry.gaming_day.isoformat(),
        entry.provider_account,
        entry.kind,
        entry.status,
        entry.result,
        entry.limit_name,
        currency,
        amount(entry.stake, currency),
        amount(entry.win, currency),
        amount(entry.nominal_stake, currency),
        amount(entry.balance_after, currency),
        entry.round_id,
        entry.game_id,
        entry.game_name,
        entry.namespace,
        entry.external_id,
        entry.target_seq or None,
        entry.promo_class,
    )
