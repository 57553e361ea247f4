-- Facts about the database for the metrics of the operator API, without a right to look at anybody's rows or queries.
-- The functions act as their owner, because PostgreSQL shows states and transactions of sessions only to the user who
-- logged in, and standbys only to pg_read_all_stats: grant that role to the schema's owner where he is no superuser.

CREATE FUNCTION operator.database_facts(
    OUT size_bytes bigint, OUT connections bigint, OUT connections_max bigint, OUT active bigint, OUT idle bigint,
    OUT idle_in_transaction bigint, OUT waiting_for_locks bigint, OUT oldest_transaction_s double precision,
    OUT commits bigint, OUT rollbacks bigint, OUT deadlocks bigint, OUT blocks_hit bigint, OUT blocks_read bigint,
    OUT temporary_bytes bigint, OUT wal_bytes bigint, OUT standbys bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_database_size(d.datid), (SELECT sum(numbackends)::bigint FROM pg_stat_database),
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint,
        a.active, a.idle, a.in_transaction, a.locks, a.oldest_s,
        d.xact_commit, d.xact_rollback, d.deadlocks, d.blks_hit, d.blks_read, d.temp_bytes,
        (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint,
        (SELECT count(*) FROM pg_stat_replication)
    FROM pg_stat_database d,
        (SELECT count(*) FILTER (WHERE state = 'active' AND pid <> pg_backend_pid()) AS active,
            count(*) FILTER (WHERE state = 'idle') AS idle,
            count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS in_transaction,
            count(*) FILTER (WHERE wait_event_type = 'Lock') AS locks,
            coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) FILTER (WHERE pid <> pg_backend_pid()), 0)
                ::double precision AS oldest_s
         FROM pg_stat_activity WHERE datname = current_database()) a
    WHERE d.datname = current_database()
$$;

CREATE FUNCTION operator.database_standbys(OUT standby text, OUT behind_bytes bigint, OUT behind_s double precision)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT application_name, (pg_current_wal_lsn() - replay_lsn)::bigint,
        coalesce(extract(epoch FROM replay_lag), 0)::double precision
    FROM pg_stat_replication
    WHERE NOT pg_is_in_recovery() AND state = 'streaming' AND replay_lsn IS NOT NULL
    ORDER BY 2 DESC LIMIT 8
$$;

CREATE FUNCTION operator.database_tables(OUT name text, OUT live_rows bigint, OUT dead_rows bigint, OUT bytes bigint)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT relname::text, n_live_tup, n_dead_tup, pg_total_relation_size(relid)
    FROM pg_stat_user_tables
    WHERE schemaname = 'public' AND relname IN
        ('players', 'balances', 'operations', 'movements', 'sessions', 'rounds', 'grants', 'usage', 'partition_position')
$$;

REVOKE ALL ON FUNCTION operator.database_facts, operator.database_standbys, operator.database_tables FROM PUBLIC;
GRANT EXECUTE ON FUNCTION operator.database_facts, operator.database_standbys, operator.database_tables TO stakewire_operator;
