"""`stakewire verify`: reads a live ledger player by player and checks the invariants a database can show.

Works in short statements up to the head it read with each player, so it may run beside the wallet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct, field

from services.wallet.audit import PlayerAudit, Problem
from services.wallet.decisions.model import Operation
from services.wallet.ledger.sql import load_queries

QUERIES: Final = load_queries("verify.sql")
PLAYERS_A_PAGE: Final = 200
OPERATIONS_A_PAGE: Final = 2_000
PROBLEMS_MAX: Final = 200
_read_operation: Final = msgspec.json.Decoder(Operation).decode
_read_balances: Final = msgspec.json.Decoder(dict[str, int]).decode


class Report(Struct, kw_only=True):
    """What was read and what is wrong. `accounts`: "<account> <currency>" -> sum in units, player included."""

    players: int = 0
    operations: int = 0
    movements: int = 0
    accounts: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    problems_found: int = 0

    @property
    def agree(self) -> bool:
        """Whether every invariant holds."""
        return not self.problems_found


async def verify(database_url: str, progress: Callable[[Report], None] = lambda _: None) -> Report:
    """Checks I1-I5, I7 and I11 of the whole ledger; `progress` is told after each page of players.

    Errors of the connection leave as asyncpg's or OSError.
    """
    report = Report()
    sums: Counter[tuple[str, str]] = Counter()
    connection = await asyncpg.connect(
        database_url,
        timeout=30,
        command_timeout=120,
        server_settings={"application_name": "stakewire-verify", "default_transaction_read_only": "on", "jit": "off"},
    )
    try:
        after = ""
        while page := await connection.fetch(QUERIES["players"], after, PLAYERS_A_PAGE):
            await _page(connection, after, page, report, sums)
            after = page[-1]["player"]
            progress(report)
        for stray in await connection.fetch(QUERIES["strays"]):
            _note(report, [Problem("I1", stray["player"], 0, f"a {stray['what']} belongs to nothing that exists")])
    finally:
        await connection.close()
    for (account, currency), units in sorted(sums.items()):
        report.accounts[f"{account} {currency}"] = units
    for currency in sorted({currency for _, currency in sums}):
        total = sum(units for (_, code), units in sums.items() if code == currency)
        if total:
            _note(report, [Problem("I1", "", 0, f"all accounts in {currency} add up to {total}, expected 0")])
    return report


async def _page(
    connection: asyncpg.Connection,
    after: str,
    page: list[asyncpg.Record],
    report: Report,
    sums: Counter[tuple[str, str]],
) -> None:
    heads = {row["player"]: row for row in page}
    audits = {player: PlayerAudit(player) for player in heads}
    place, last = (after, 2**62), page[-1]["player"]
    while rows := await connection.fetch(QUERIES["operations"], *place, last, OPERATIONS_A_PAGE):
        for row in rows:
            operation = _read_operation(row["operation"])
            place = (operation.player, operation.seq)
            head = heads.get(operation.player)
            if head is not None and operation.seq <= head["seq"]:
                audits[operation.player].feed(operation)
                report.operations += 1
                report.movements += len(operation.movements)
    for player, audit in audits.items():
        head = heads[player]
        audit.finish(head["seq"], head["chain_head"], _read_balances(head["balances"]))
        sums.update(audit.accounts)
        _note(report, audit.problems)
    report.players += len(page)


def _note(report: Report, problems: list[Problem]) -> None:
    report.problems_found += len(problems)
    report.problems += problems[: PROBLEMS_MAX - len(report.problems)]
