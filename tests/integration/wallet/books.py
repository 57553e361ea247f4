"""The invariants of the ledger and its events, checked from outside: plain SQL, and the documented rule of the chain.

Written apart from `services.wallet.audit` on purpose: two checks that agree are worth more than one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
from confluent_kafka import Consumer, TopicPartition

from shared.contracts import GetBalance, PlayerQuery, codec
from shared.kafka.topics import COMMANDS, TopicNames
from tests.integration.wallet.topics import Record, read_events, read_topic
from tests.unit.wallet.chain_rule import check_chain

BROKEN: Final = {
    "I1: a movement names the player and one other account, and moves something": """
        SELECT * FROM movements WHERE amount <= 0 OR (debit_account = 'player') = (credit_account = 'player')
    """,
    "I1: a movement belongs to an applied operation in its currency": """
        SELECT m.* FROM movements m LEFT JOIN operations o USING (player, seq)
        WHERE o.seq IS NULL OR o.status <> 'applied' OR o.currency IS DISTINCT FROM m.currency
    """,
    "I1: an applied operation says what its movements moved": """
        SELECT o.player, o.seq, o.stake, o.win, x.paid, x.got FROM operations o
        CROSS JOIN LATERAL (SELECT coalesce(sum(m.amount) FILTER (WHERE m.debit_account = 'player'), 0) AS paid,
                coalesce(sum(m.amount) FILTER (WHERE m.credit_account = 'player'), 0) AS got
            FROM movements m WHERE m.player = o.player AND m.seq = o.seq) x
        WHERE (o.status = 'applied' AND (o.stake, o.win) IS DISTINCT FROM (x.paid::bigint, x.got::bigint))
    """,
    "I1: all accounts of a currency add up to nothing": """
        SELECT currency, sum(units) FROM (
            SELECT currency, amount AS units FROM movements WHERE credit_account <> 'player'
            UNION ALL SELECT currency, -amount FROM movements WHERE debit_account <> 'player'
            UNION ALL SELECT currency, balance FROM balances
        ) x GROUP BY currency HAVING sum(units) <> 0
    """,
    "I2: every balance is the sum of the movements, and what the last one said": """
        SELECT b.player, b.currency, b.balance, x.total, x.last FROM balances b
        LEFT JOIN LATERAL (SELECT sum(CASE WHEN m.credit_account = 'player' THEN m.amount ELSE -m.amount END) AS total,
                (array_agg(m.balance_after ORDER BY m.seq DESC, m.n DESC))[1] AS last
            FROM movements m WHERE m.player = b.player AND m.currency = b.currency) x ON true
        WHERE b.balance <> coalesce(x.total, 0) OR b.balance <> coalesce(x.last, 0)
    """,
    "I2: every movement says the sum so far": """
        SELECT * FROM (SELECT *, sum(CASE WHEN credit_account = 'player' THEN amount ELSE -amount END)
            OVER (PARTITION BY player, currency ORDER BY seq, n) AS total FROM movements) x WHERE balance_after <> total
    """,
    "I3: operations are numbered 1..n": """
        SELECT p.player, p.seq, count(o.seq), max(o.seq), min(o.seq) FROM players p LEFT JOIN operations o USING (player)
        GROUP BY p.player, p.seq
        HAVING count(o.seq) <> p.seq OR coalesce(max(o.seq), 0) <> p.seq OR coalesce(min(o.seq), 1) <> 1
    """,
    "I4: below zero by a booked overdraft only": """
        SELECT m.* FROM movements m JOIN operations o USING (player, seq)
        WHERE m.balance_after < 0 AND m.debit_account = 'player'
            AND NOT (o.kind IN ('rollback', 'adjust') AND coalesce(o.details, '') LIKE '%"overdraft":true%')
    """,
    "I5: one key, one operation": """
        SELECT player, provider_account, namespace, external_id, count(*) FROM operations
        GROUP BY 1, 2, 3, 4 HAVING count(*) > 1
    """,
    "I5: an operation is undone once, by its own movements turned round": """
        SELECT u.player, u.seq, u.target_seq FROM operations u
        WHERE u.target_seq IS NOT NULL AND (
            u.target_seq >= u.seq
            OR EXISTS (SELECT FROM operations v WHERE v.player = u.player AND v.target_seq = u.target_seq AND v.seq <> u.seq)
            OR (SELECT array_agg((m.debit_account, m.credit_account, m.amount, m.currency)
                    ORDER BY m.debit_account, m.credit_account, m.amount) FROM movements m
                WHERE m.player = u.player AND m.seq = u.seq) IS DISTINCT FROM
               (SELECT array_agg((m.credit_account, m.debit_account, m.amount, m.currency)
                    ORDER BY m.credit_account, m.debit_account, m.amount) FROM movements m
                WHERE m.player = u.player AND m.seq = u.target_seq))
    """,
    "I7: what is refused, void or a tombstone moves nothing": """
        SELECT o.player, o.seq, o.status FROM operations o JOIN movements m USING (player, seq) WHERE o.status <> 'applied'
    """,
    "I7: what was undone before it arrived is not there": """
        SELECT t.player, t.seq FROM operations t JOIN operations u ON u.player = t.player AND u.kind = 'rollback'
            AND u.target_seq = t.seq WHERE t.kind = 'tombstone'
    """,
    "I8: positions belong to the newest epoch": """
        SELECT * FROM partition_position WHERE epoch <> (SELECT max(epoch) FROM topic_epochs)
    """,
}
QUERIES: Final = frozenset(kind for kind, cls in codec.COMMAND_CLASSES.items() if issubclass(cls, PlayerQuery | GetBalance))
LEFT_OUT: Final[dict[str, Any]] = {
    "result": "OK", "limit": "", "test": False, "currency": "", "stake": 0, "win": 0, "nominal_stake": 0,
    "jackpot_contribution": 0, "promo_class": "", "round_id": "", "closes_round": False, "game_id": "", "game_state": "",
    "session_id": "", "grant_id": "", "free_rounds_asked": 0, "free_rounds_charged": 0, "free_rounds_left": -1,
    "free_round": False, "target_seq": 0, "balance_after": 0, "details": "", "schema": 1, "movements": [],
}  # fmt: skip
"""Fields of an event that are not on the wire at these values, from the document of the topic."""


@dataclass
class Books:
    """What was found: the events of each player in order (each number once), and how many records told them."""

    events: dict[str, list[bytes]] = field(default_factory=dict)
    records: int = 0


async def assert_books(database_url: str, bootstrap_servers: str, names: TopicNames) -> Books:
    """I1-I5, I7, I8, I11 and I12 of a ledger that is at rest, and that its events are the stored operations."""
    connection = await asyncpg.connect(database_url)
    try:
        for rule, query in BROKEN.items():
            rows = await connection.fetch(query)
            assert not rows, f"{rule}: {[dict(row) for row in rows[:5]]}"
        records = await asyncio.to_thread(read_events, bootstrap_servers, names)
        books = Books(told_in_order(records), len(records))
        await _events_are_the_operations(connection, books.events)
        await _positions_are_at_the_end(connection, bootstrap_servers, names)
    finally:
        await connection.close()
    return books


def told_in_order(records: list[Record]) -> dict[str, list[bytes]]:
    """Each player's events as a careful consumer takes them (I12): told again is the same again, and nothing is left out."""
    told: defaultdict[str, list[bytes]] = defaultdict(list)
    places: dict[str, int] = {}
    for record in records:
        event = codec.decode_event(record.value)
        player, seq, so_far = event.player, event.seq, told[event.player]
        assert record.key == player
        assert places.setdefault(player, record.partition) == record.partition, f"{player} is told on two partitions"
        assert seq <= len(so_far) + 1, f"gap: {player}-{seq} follows {len(so_far)}"
        if seq == len(so_far) + 1:
            so_far.append(record.value)
        assert so_far[seq - 1] == record.value, f"fork: {player}-{seq} was told twice and differently"
    return dict(told)


async def _events_are_the_operations(connection: asyncpg.Connection, events: dict[str, list[bytes]]) -> None:
    heads = {
        row["player"]: row["head"]
        for row in await connection.fetch("SELECT player, encode(chain_head, 'hex') AS head FROM players")
    }
    movements: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in await connection.fetch("SELECT * FROM movements ORDER BY player, seq, n"):
        values = dict(row)
        del values["n"]
        movements[values.pop("player"), values.pop("seq")].append(values)
    stored: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in await connection.fetch("SELECT * FROM operations ORDER BY player, seq"):
        stored[row["player"]].append(_as_told(row, movements[row["player"], row["seq"]]))
    assert set(heads) == set(stored) == set(events)
    for player, operations in stored.items():
        told = check_chain(events[player])
        assert told[-1]["hash"] == heads[player], f"the chain of {player} does not end at his head"
        for event in told:
            del event["previous_hash"]
        assert told == operations


def _as_told(row: asyncpg.Record, movements: list[dict[str, Any]]) -> dict[str, Any]:
    values = {("limit" if name == "limit_name" else name): value for name, value in row.items() if value is not None}
    values["gaming_day"] = values["gaming_day"].isoformat()
    values["hash"] = values["hash"].hex()
    moment = values.pop("occurred_at")
    values["occurred_at_ms"] = int(moment.timestamp()) * 1_000 + moment.microsecond // 1_000
    values["movements"] = movements
    return {name: value for name, value in values.items() if name not in LEFT_OUT or value != LEFT_OUT[name]}


async def _positions_are_at_the_end(connection: asyncpg.Connection, bootstrap_servers: str, names: TopicNames) -> None:
    """I8: what was applied and the position moved together, so a ledger at rest stands behind the last changing command."""
    ends = await asyncio.to_thread(_end_offsets, bootstrap_servers, names)
    changing: defaultdict[int, int] = defaultdict(int)
    for record in await asyncio.to_thread(read_topic, bootstrap_servers, names, COMMANDS):
        header = codec.decode_header(record.value)
        if header is None or header.kind not in QUERIES:
            changing[record.partition] = record.offset + 1
    for row in await connection.fetch("SELECT * FROM partition_position"):
        partition = row["partition"]
        assert changing[partition] <= row["next_offset"] <= ends[partition], f"partition {partition} stands at {row['next_offset']}"


def _end_offsets(bootstrap_servers: str, names: TopicNames) -> dict[int, int]:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "tests"})
    try:
        parts = [TopicPartition(names.of(COMMANDS), partition) for partition in range(COMMANDS.partitions)]
        return {part.partition: consumer.get_watermark_offsets(part, timeout=30)[1] for part in parts}
    finally:
        consumer.close()
