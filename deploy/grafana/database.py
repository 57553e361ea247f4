"""PostgreSQL as the operator API samples it every 30 seconds: room, waiting, cache, log, standbys, hot tables."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from deploy.grafana import panels as p


def build() -> dashboard.Dashboard:
    """Each replica of the operator API samples the same server: the maximum is taken everywhere."""
    made = p.board("database", "database", "PostgreSQL: connections, transactions, cache, write-ahead log, standbys, hot tables.")
    for panel in (*_figures(), *_work(), *_tables()):
        made = made.with_panel(panel)
    return made


def _figures() -> list[p.Number]:
    return [
        p.number(
            "Last looked at",
            "time() - max(stakewire_database_sampled_timestamp_seconds)",
            "Seconds ago. Above 120 everything here is old.",
            unit=p.SECONDS,
            steps=((60, p.YELLOW), (120, p.RED)),
        ),
        p.number(
            "Connections",
            "stakewire:database_connections:share",
            "Share of the connections that the server takes.",
            unit=p.SHARE,
            steps=((0.6, p.YELLOW), (0.8, p.RED)),
        ),
        p.number(
            "Oldest transaction",
            "max(stakewire_database_oldest_transaction_seconds)",
            "An old one keeps vacuum from its work. The wallets' own last milliseconds.",
            unit=p.SECONDS,
            steps=((60, p.YELLOW), (300, p.RED)),
        ),
        p.number(
            "Found in memory",
            "stakewire:database_cache_hit:share10m",
            "Share of the blocks that PostgreSQL had in its cache.",
            unit=p.SHARE,
        ),
        p.number("Size", "max(stakewire_database_size_bytes)", "With all indexes.", unit=p.BYTES),
        p.number("Standbys", "max(stakewire_database_standbys)", "How many are connected."),
    ]


def _work() -> list[p.Chart]:
    return [
        p.chart(
            "Transactions",
            [
                ("max(rate(stakewire_database_commits_total[5m]))", "committed"),
                ("max(rate(stakewire_database_rollbacks_total[5m]))", "rolled back"),
            ],
            "A second, of the whole database. A batch of commands is one.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Sessions",
            [
                ("max by (state) (stakewire_database_sessions)", "{{state}}"),
                ("max(stakewire_database_waiting_for_locks)", "waiting for locks"),
                ("max(stakewire_database_connections)", "of the whole server"),
            ],
            "Sessions of this database by state.",
        ),
        p.chart(
            "Deadlocks and failed looks",
            [
                ("max(increase(stakewire_database_deadlocks_total[5m]))", "deadlocks"),
                ("sum(increase(stakewire_database_sample_failures_total[5m]))", "looks without an answer"),
                ("sum(increase(stakewire_access_database_away_total[5m]))", "API keys not looked up"),
            ],
            "In 5 minutes. 0 is normal.",
        ),
        p.chart(
            "Blocks read from disk",
            [("max(rate(stakewire_database_blocks_read_total[5m]))", "a second")],
            "Blocks that were not in PostgreSQL's cache; the system's cache may have had them.",
            unit=p.PER_SECOND,
        ),
        p.chart(
            "Written",
            [
                ("max(rate(stakewire_database_wal_bytes_total[5m]))", "write-ahead log"),
                ("max(rate(stakewire_database_temporary_bytes_total[5m]))", "temporary files"),
            ],
            "Bytes a second.",
            unit=p.BYTES_PER_SECOND,
        ),
        p.chart(
            "Standbys behind",
            [("max by (standby) (stakewire_database_standby_behind_bytes)", "{{standby}}")],
            "Write-ahead log that a standby has not replayed. stakewire_database_standby_behind_seconds has it as time.",
            unit=p.BYTES,
            steps=((64e6, p.RED),),
        ),
    ]


def _tables() -> list[p.Chart]:
    return [
        p.chart(
            "Size of tables",
            [("max by (table) (stakewire_database_table_bytes)", "{{table}}")],
            "With indexes.",
            unit=p.BYTES,
            stacked=True,
            width=8,
        ),
        p.chart(
            "Rows",
            [("max by (table) (stakewire_database_table_live_rows)", "{{table}}")],
            "As the statistics have them.",
            width=8,
        ),
        p.chart(
            "Dead rows",
            [("max by (table) (stakewire_database_table_dead_rows)", "{{table}}")],
            "Row versions that vacuum has still to remove. They come and go; they should not only come.",
            width=8,
        ),
    ]
