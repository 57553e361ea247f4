-- What the operator's commands need. An older wallet goes on working beside a new one: the functions keep their signatures.
--
-- The players come first: every batch locks one of them before anything else, so this waits for batches in hand and no batch
-- can wait for this and be waited for. Behind somebody who reads the players for long (a backup) it gives up instead of holding
-- up every bet: run it again then.
SET LOCAL lock_timeout = '10s';

-- All rows satisfy the narrower check of before, so that none has to be read while everybody waits.
ALTER TABLE players
    DROP CONSTRAINT players_status_check,
    ADD CONSTRAINT players_status_check CHECK (status IN ('active', 'draining', 'blocked', 'closed')) NOT VALID;

ALTER TABLE grants ADD COLUMN cancelled_at_ms bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN grants.cancelled_at_ms IS 'Since when none of them can be charged any more; 0: they can.';

-- Pages of a player's sessions and grants. The conditions hold for every row: they keep these indexes away from look-ups by
-- id, for which the planner would as soon take them as the primary key while a table is empty, and keep that plan.
CREATE INDEX sessions_page ON sessions (player, opened_at_ms, session_id) WHERE opened_at_ms >= 0;
CREATE INDEX grants_page ON grants (player, expires_at_ms, grant_id) WHERE count > 0;

-- Writes everything a batch changed. The positions go first: each moves from where its owner believes it to be. Another
-- count than the partitions' means that another owner went on: error SW001, the caller rolls back and reads its positions.
-- A wallet of before sends no `cancelled_at_ms` and no `erased`, and a player's status as it read it: it takes nothing back.
CREATE OR REPLACE FUNCTION save_batch(
    x_positions json, x_epoch integer, x_operations json, x_players json, x_balances json, x_rounds json, x_sessions json,
    x_grants json, x_new_players json, x_new_profiles json
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    n integer;
BEGIN
    UPDATE partition_position x SET next_offset = u.next_offset
        FROM json_to_recordset(x_positions) u(partition integer, expected bigint, next_offset bigint)
        WHERE x.partition = u.partition AND x.next_offset = u.expected AND x.epoch = x_epoch;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n <> json_array_length(x_positions) THEN
        RAISE EXCEPTION 'positions: % of % partitions were where this owner believed them', n, json_array_length(x_positions)
            USING ERRCODE = 'SW001';
    END IF;
    IF x_new_players IS NOT NULL THEN
        INSERT INTO players (player, brand, test, seq, chain_head)
            SELECT u.player, u.brand, u.test, 0, decode(repeat('00', 32), 'hex')
            FROM json_to_recordset(x_new_players) u(player text, brand text, test boolean);
    END IF;
    IF x_new_profiles IS NOT NULL THEN
        -- New ones first: a player may be created and erased by one batch.
        INSERT INTO profiles (player, operator_player_id, country, language)
            SELECT u.player, u.operator_player_id, u.country, u.language
            FROM json_to_recordset(x_new_profiles) u(player text, operator_player_id text, country text, language text, erased boolean)
            WHERE u.erased IS NOT TRUE;
        DELETE FROM profiles f WHERE f.player = ANY (ARRAY(
            SELECT u.player FROM json_to_recordset(x_new_profiles) u(player text, erased boolean) WHERE u.erased));
    END IF;
    IF x_operations IS NOT NULL THEN
        INSERT INTO operations
            SELECT u.player, u.seq, u.provider_account, u.namespace, u.external_id, u.kind, u.status, coalesce(u.result, 'OK'),
                u."limit", u.brand, coalesce(u.test, false), u.currency, coalesce(u.stake, 0), coalesce(u.win, 0), u.nominal_stake,
                u.jackpot_contribution, u.promo_class, u.round_id, coalesce(u.closes_round, false), u.game_id, u.game_state,
                u.session_id, u.grant_id, u.free_rounds_asked, u.free_rounds_charged, u.free_rounds_left,
                coalesce(u.free_round, false), u.target_seq, coalesce(u.balance_after, 0), u.details, u.gaming_day,
                'epoch'::timestamptz + u.occurred_at_ms * interval '1 millisecond', coalesce(u.schema, 1::smallint), decode(u.hash, 'hex')
            FROM json_to_recordset(x_operations) u(player text, seq bigint, provider_account text, namespace text, external_id text,
                kind text, status text, result text, "limit" text, brand text, test boolean, currency text, stake bigint, win bigint,
                nominal_stake bigint, jackpot_contribution bigint, promo_class text, round_id text, closes_round boolean, game_id text,
                game_state text, session_id text, grant_id text, free_rounds_asked integer, free_rounds_charged integer,
                free_rounds_left integer, free_round boolean, target_seq bigint, balance_after bigint, details text, gaming_day date,
                occurred_at_ms bigint, schema smallint, hash text);
        INSERT INTO movements
            SELECT u.player, u.seq, m.n, m.debit_account, m.credit_account, m.amount, m.currency, m.balance_after
            FROM json_to_recordset(x_operations) u(player text, seq bigint, movements json)
            CROSS JOIN LATERAL ROWS FROM (json_to_recordset(u.movements)
                AS (debit_account text, credit_account text, amount bigint, currency text, balance_after bigint))
                WITH ORDINALITY AS m(debit_account, credit_account, amount, currency, balance_after, n);
        -- All of them are there. A plain UPDATE would join, and a join planned on an empty table reads the whole of it for ever.
        INSERT INTO players (player, brand, status, seq, chain_head)
            SELECT u.player, u.brand, coalesce(u.status, (SELECT p.status FROM players p WHERE p.player = u.player), 'active'),
                u.seq, decode(u.chain_head, 'hex')
            FROM json_to_recordset(x_players) u(player text, brand text, status text, seq bigint, chain_head text)
            ON CONFLICT (player) DO UPDATE SET status = excluded.status, seq = excluded.seq, chain_head = excluded.chain_head;
    END IF;
    IF x_balances IS NOT NULL THEN
        INSERT INTO balances (player, currency, balance)
            SELECT * FROM json_to_recordset(x_balances) u(player text, currency text, balance bigint)
            ON CONFLICT (player, currency) DO UPDATE SET balance = excluded.balance;
    END IF;
    IF x_rounds IS NOT NULL THEN
        INSERT INTO rounds SELECT * FROM json_populate_recordset(NULL::rounds, x_rounds)
            ON CONFLICT (player, provider_account, round_id) DO UPDATE SET status = excluded.status, bets = excluded.bets,
                stake = excluded.stake, win = excluded.win, free_charged = excluded.free_charged, closed_at_ms = excluded.closed_at_ms;
    END IF;
    IF x_sessions IS NOT NULL THEN
        INSERT INTO sessions SELECT * FROM json_populate_recordset(NULL::sessions, x_sessions)
            ON CONFLICT (player, session_id) DO UPDATE SET provider_session_id = excluded.provider_session_id,
                status = excluded.status, close_reason = excluded.close_reason, last_seen_ms = excluded.last_seen_ms;
    END IF;
    IF x_grants IS NOT NULL THEN
        INSERT INTO grants (player, grant_id, provider_account, currency, game_ids, stake, count, remaining, expires_at_ms, cancelled_at_ms)
            SELECT u.player, u.grant_id, u.provider_account, u.currency, u.game_ids, u.stake, u.count, u.remaining, u.expires_at_ms,
                coalesce(u.cancelled_at_ms, 0)
            FROM json_populate_recordset(NULL::grants, x_grants) u
            ON CONFLICT (player, grant_id) DO UPDATE SET remaining = excluded.remaining,
                cancelled_at_ms = greatest(grants.cancelled_at_ms, excluded.cancelled_at_ms);
    END IF;
END
$$;
