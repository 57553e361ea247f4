-- What limits, exclusion and corrections by hand need. An older wallet goes on working beside a new one: load_batch and
-- save_batch get overloads with more arguments, those of before stay as they are.
--
-- The players come first, as in 0003: behind somebody who reads them for long (a backup) this gives up instead of holding up
-- every bet: run it again then.
SET LOCAL lock_timeout = '10s';

ALTER TABLE players ADD COLUMN excluded_until_ms bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN players.excluded_until_ms IS 'The end of his exclusion in Unix milliseconds; 0: none.';

-- All rows satisfy the narrower check of before, so that none has to be read while everybody waits.
ALTER TABLE rounds
    DROP CONSTRAINT rounds_status_check,
    ADD CONSTRAINT rounds_status_check CHECK (status IN ('open', 'closed', 'voided', 'settled')) NOT VALID;

CREATE INDEX sessions_token ON sessions (player, token_sha256) WHERE token_sha256 <> '';

CREATE TABLE limits (
    player        text NOT NULL,
    currency      text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('stake', 'loss', 'wager', 'deposit', 'session_time')),
    window_name   text NOT NULL CHECK (window_name IN ('', 'day', 'week', 'month')),
    value         bigint NOT NULL CHECK (value >= -1),
    next_value    bigint NOT NULL CHECK (next_value >= -1),
    next_from_ms  bigint NOT NULL,
    PRIMARY KEY (player, currency, kind, window_name)
) WITH (fillfactor = 80);
COMMENT ON TABLE limits IS 'What players may stake, lose, wager, deposit; -1: no limit. Never deleted: who has a row is counted.';
COMMENT ON COLUMN limits.next_from_ms IS 'From when next_value holds instead of value; 0: no change waits.';

CREATE TABLE usage (
    player      text NOT NULL,
    currency    text NOT NULL,
    gaming_day  date NOT NULL,
    staked      bigint NOT NULL,
    won         bigint NOT NULL,
    deposited   bigint NOT NULL,
    PRIMARY KEY (player, currency, gaming_day)
) WITH (fillfactor = 70);
COMMENT ON TABLE usage IS 'What counts towards limits, a gaming day a row, of players who have limits; without what was rolled back.';

GRANT SELECT, INSERT, UPDATE ON limits, usage TO stakewire_wallet;

-- The first operation of a player at or after a moment (one past his last where there is none), by halving: the times of a
-- player's operations grow with their numbers, but for what the clocks of two wallets differ.
CREATE FUNCTION first_operation_since(p_player text, p_moment timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 1;
    high bigint := 1 + (SELECT p.seq FROM players p WHERE p.player = p_player);
    middle bigint;
    at timestamptz;
BEGIN
    WHILE low < high LOOP
        middle := (low + high) / 2;
        at := (SELECT o.occurred_at FROM operations o WHERE o.player = p_player AND o.seq >= middle ORDER BY o.seq LIMIT 1);
        IF at < p_moment THEN
            low := middle + 1;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    RETURN high;
END
$$;

-- The operation that a rollback is about: what it undoes, through undos of undos.
CREATE FUNCTION original_of(o operations) RETURNS operations LANGUAGE plpgsql STABLE AS $$
DECLARE
    original operations := o;
BEGIN
    WHILE original.kind = 'rollback' LOOP
        SELECT * INTO original FROM operations x WHERE x.player = o.player AND x.seq = original.target_seq;
    END LOOP;
    RETURN original;
END
$$;

-- The usage of a player since a gaming day, counted from his operations: what `usage` would hold had it been kept.
CREATE FUNCTION usage_since(p_player text, p_since date)
RETURNS TABLE (player text, currency text, gaming_day date, staked bigint, won bigint, deposited bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- A gaming day is less than two days away from the day of that name in UTC.
    first bigint := first_operation_since(p_player, (p_since - 2)::timestamp AT TIME ZONE 'UTC');
BEGIN
    RETURN QUERY SELECT p_player, (t.r).currency, (t.r).gaming_day,
            sum(CASE WHEN (t.r).kind IN ('bet', 'bet_and_win') THEN t.sign * (t.r).stake ELSE 0 END)::bigint,
            sum(CASE WHEN (t.r).kind IN ('win', 'bet_and_win', 'settle_round') THEN t.sign * (t.r).win ELSE 0 END)::bigint,
            sum(CASE WHEN (t.r).kind = 'deposit' THEN (t.r).win ELSE 0 END)::bigint
        FROM (SELECT CASE WHEN (o.r).kind = 'rollback' THEN original_of(o.r) ELSE o.r END AS r,
                CASE WHEN (o.r).kind <> 'rollback' OR (o.r).details LIKE '%"restores":true%' THEN 1 ELSE -1 END AS sign
            FROM (SELECT x AS r FROM operations x WHERE x.player = p_player AND x.seq >= first ORDER BY x.seq OFFSET 0) o
            WHERE (o.r).status = 'applied'
                AND (o.r).kind IN ('bet', 'bet_and_win', 'win', 'settle_round', 'deposit', 'rollback')
            OFFSET 0) t
        WHERE (t.r).gaming_day >= p_since AND ((t.r).stake <> 0 OR (t.r).win <> 0)
            AND ((t.r).kind IN ('bet', 'bet_and_win', 'win', 'settle_round') OR ((t.r).kind = 'deposit' AND t.sign = 1))
        GROUP BY (t.r).currency, (t.r).gaming_day;
END
$$;

-- Locks the players and reads what the commands refer to. Arguments that are NULL are not looked up: `p_live_everywhere` are
-- players of whom all live sessions are wanted, `p_whole_rounds` rounds of which all applied operations are, `p_counted` players
-- who are about to have limits. Usage is read from gaming day `p_since` on, of players with limits alone; for those about to have
-- some it is counted from `p_counted_since` on.
CREATE FUNCTION load_batch(
    p_players text[], p_keys json, p_targets json, p_rounds json, p_sessions json, p_provider_sessions json, p_live json,
    p_grants json, p_profiles json, p_live_everywhere json, p_whole_rounds json, p_counted json, p_since date,
    p_counted_since date
) RETURNS TABLE (
    o_players json, o_balances json, o_operations json, o_undone json, o_rounds json, o_sessions json, o_grants json, o_profiles json,
    o_limits json, o_usage json, o_counted json, o_targets json
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    targets operations[];
    whole operations[];
BEGIN
    -- 1. Lock, in sorted order, in a statement of its own. A row that had to be waited for is read as its holder left it;
    -- what other tables say is not, within the same statement.
    o_players := (SELECT json_agg(t) FROM (
        SELECT p.player, p.brand, p.status, p.test, p.seq, encode(p.chain_head, 'hex') AS chain_head, p.excluded_until_ms
        FROM players p WHERE p.player = ANY (p_players) ORDER BY p.player FOR UPDATE) t);

    -- 2. Read, each in a later statement.
    o_balances := (SELECT json_agg(t) FROM unnest(p_players) u(player) CROSS JOIN LATERAL (
        SELECT b.player, b.currency, b.balance FROM balances b WHERE b.player = u.player OFFSET 0) t);
    IF p_targets IS NOT NULL THEN
        targets := ARRAY(SELECT t.r FROM json_to_recordset(p_targets) u(player text, account text, namespace text, external_id text)
            CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
                AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t);
    END IF;
    IF p_whole_rounds IS NOT NULL THEN
        -- Of a round that was opened at a time by one wallet's clock, and may go on by another's.
        whole := ARRAY(SELECT t.r FROM json_to_recordset(p_whole_rounds) u(player text, account text, round_id text)
            CROSS JOIN LATERAL (SELECT w.opened_at_ms FROM rounds w WHERE w.player = u.player
                AND w.provider_account = u.account AND w.round_id = u.round_id OFFSET 0) opened
            CROSS JOIN LATERAL (SELECT first_operation_since(u.player,
                'epoch'::timestamptz + (opened.opened_at_ms - 60000) * interval '1 millisecond') AS seq OFFSET 0) first
            CROSS JOIN LATERAL (SELECT x AS r
                FROM (SELECT o AS x FROM operations o WHERE o.player = u.player AND o.seq >= first.seq ORDER BY o.seq OFFSET 0) y
                WHERE (x).provider_account = u.account AND (x).round_id = u.round_id AND (x).status = 'applied'
                LIMIT 1001) t);
        targets := targets || whole;
    END IF;
    IF p_keys IS NOT NULL THEN
        -- As a decision reads it where the same key comes again: without movements and hashes, which are what makes
        -- operation_json dear. What is to be undone needs all of it.
        o_operations := (SELECT json_agg(t) FROM json_to_recordset(p_keys) u(player text, account text, namespace text, external_id text)
            CROSS JOIN LATERAL (SELECT o.player, o.seq, o.provider_account, o.namespace, o.external_id, o.kind, o.status,
                    0 AS occurred_at_ms, o.gaming_day, o.brand, o.result, coalesce(o.limit_name, '') AS "limit",
                    coalesce(o.currency, '') AS currency, o.stake, o.win, coalesce(o.nominal_stake, 0) AS nominal_stake,
                    coalesce(o.promo_class, '') AS promo_class, coalesce(o.round_id, '') AS round_id,
                    coalesce(o.game_id, '') AS game_id, coalesce(o.session_id, '') AS session_id,
                    coalesce(o.grant_id, '') AS grant_id, coalesce(o.free_rounds_asked, 0) AS free_rounds_asked,
                    coalesce(o.free_rounds_charged, 0) AS free_rounds_charged,
                    coalesce(o.free_rounds_left, -1) AS free_rounds_left, coalesce(o.target_seq, 0) AS target_seq,
                    o.balance_after, coalesce(o.details, '') AS details,
                    EXISTS (SELECT FROM operations q WHERE q.player = o.player AND q.target_seq = o.seq) AS undone
                FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
                    AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t);
    END IF;
    IF cardinality(targets) > 0 THEN
        o_targets := (SELECT json_agg(operation_json(x)) FROM unnest(targets) x);
        o_undone := (SELECT json_agg(t) FROM unnest(targets) u CROSS JOIN LATERAL (
            SELECT o.player, o.target_seq FROM operations o WHERE o.player = u.player AND o.target_seq = u.seq OFFSET 0) t);
    END IF;
    IF p_rounds IS NOT NULL OR targets IS NOT NULL THEN
        -- The rounds that the commands name, and those of the operations to be undone.
        o_rounds := (SELECT json_agg(t) FROM (
                SELECT * FROM json_to_recordset(p_rounds) n(player text, account text, round_id text)
                UNION SELECT x.player, x.provider_account, x.round_id FROM unnest(targets) x WHERE x.round_id IS NOT NULL
            ) u CROSS JOIN LATERAL (SELECT * FROM rounds w WHERE w.player = u.player
                AND w.provider_account = u.account AND w.round_id = u.round_id OFFSET 0) t);
    END IF;
    IF p_sessions IS NOT NULL OR p_provider_sessions IS NOT NULL OR p_live IS NOT NULL OR p_live_everywhere IS NOT NULL THEN
        -- By our id; by the provider's id; the live ones of a player at a provider account, and at all of them (newest first, bounded).
        o_sessions := (SELECT json_agg(t.r) FROM (
            SELECT f.r FROM json_to_recordset(p_sessions) u(player text, session_id text)
                CROSS JOIN LATERAL (SELECT s AS r FROM sessions s WHERE s.player = u.player AND s.session_id = u.session_id OFFSET 0) f
            UNION ALL
            SELECT f.r FROM json_to_recordset(p_provider_sessions) u(player text, account text, session_id text)
                CROSS JOIN LATERAL (SELECT s AS r FROM sessions s WHERE s.player = u.player AND s.provider_account = u.account
                    AND s.provider_session_id = u.session_id AND s.provider_session_id <> '' ORDER BY s.opened_at_ms DESC, s.session_id DESC LIMIT 1) f
            UNION ALL
            SELECT f.r FROM json_to_recordset(p_live) u(player text, account text)
                CROSS JOIN LATERAL (SELECT s AS r FROM sessions s WHERE s.player = u.player AND s.provider_account = u.account
                    AND s.status IN ('pending', 'active') ORDER BY s.opened_at_ms DESC LIMIT 32) f
            UNION ALL
            SELECT f.r FROM json_to_recordset(p_live_everywhere) u(player text)
                CROSS JOIN LATERAL (SELECT s AS r FROM sessions s WHERE s.player = u.player
                    AND s.status IN ('pending', 'active') ORDER BY s.opened_at_ms DESC, s.session_id COLLATE "C" DESC LIMIT 100) f) t);
    END IF;
    IF p_grants IS NOT NULL OR targets IS NOT NULL THEN
        o_grants := (SELECT json_agg(t) FROM (
                SELECT * FROM json_to_recordset(p_grants) n(player text, grant_id text)
                UNION SELECT x.player, x.grant_id FROM unnest(targets) x WHERE x.grant_id IS NOT NULL
            ) u CROSS JOIN LATERAL (SELECT * FROM grants g WHERE g.player = u.player AND g.grant_id = u.grant_id OFFSET 0) t);
    END IF;
    IF p_profiles IS NOT NULL THEN
        o_profiles := (SELECT json_agg(t) FROM json_to_recordset(p_profiles) u(player text)
            CROSS JOIN LATERAL (SELECT * FROM profiles f WHERE f.player = u.player OFFSET 0) t);
    END IF;
    o_limits := (SELECT json_agg(t) FROM unnest(p_players) u(player) CROSS JOIN LATERAL (
        SELECT l.player, l.kind, l.window_name AS "window", l.currency, l.value, l.next_value, l.next_from_ms
        FROM limits l WHERE l.player = u.player OFFSET 0) t);
    IF o_limits IS NOT NULL THEN
        o_usage := (SELECT json_agg(t) FROM (SELECT DISTINCT x.player FROM json_to_recordset(o_limits) x(player text)) u
            CROSS JOIN LATERAL (SELECT * FROM usage g WHERE g.player = u.player AND g.gaming_day >= p_since OFFSET 0) t);
    END IF;
    IF p_counted IS NOT NULL THEN
        -- Who gets his first limit: what he did before counts.
        o_counted := (SELECT json_agg(t) FROM (
                SELECT c.player FROM json_to_recordset(p_counted) c(player text)
                EXCEPT SELECT x.player FROM json_to_recordset(o_limits) x(player text)
            ) u CROSS JOIN LATERAL usage_since(u.player, p_counted_since) t);
    END IF;
    RETURN NEXT;
END
$$;

-- Writes everything a batch changed. The positions go first: each moves from where its owner believes it to be. Another
-- count than the partitions' means that another owner went on: error SW001, the caller rolls back and reads its positions.
-- A wallet of before calls the function of before, which leaves alone what that wallet knows nothing of.
CREATE FUNCTION save_batch(
    x_positions json, x_epoch integer, x_operations json, x_players json, x_balances json, x_rounds json, x_sessions json,
    x_grants json, x_new_players json, x_new_profiles json, x_limits json, x_usage json
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
        -- The text is read once for both tables: reading it again cost a tenth of the whole function.
        WITH u AS MATERIALIZED (
            SELECT * FROM json_to_recordset(x_operations) u(player text, seq bigint, provider_account text, namespace text,
                external_id text, kind text, status text, result text, "limit" text, brand text, test boolean, currency text,
                stake bigint, win bigint, nominal_stake bigint, jackpot_contribution bigint, promo_class text, round_id text,
                closes_round boolean, game_id text, game_state text, session_id text, grant_id text, free_rounds_asked integer,
                free_rounds_charged integer, free_rounds_left integer, free_round boolean, target_seq bigint,
                balance_after bigint, details text, gaming_day date, occurred_at_ms bigint, schema smallint, hash text,
                movements json)
        ), written AS (
            INSERT INTO operations
            SELECT u.player, u.seq, u.provider_account, u.namespace, u.external_id, u.kind, u.status, coalesce(u.result, 'OK'),
                u."limit", u.brand, coalesce(u.test, false), u.currency, coalesce(u.stake, 0), coalesce(u.win, 0), u.nominal_stake,
                u.jackpot_contribution, u.promo_class, u.round_id, coalesce(u.closes_round, false), u.game_id, u.game_state,
                u.session_id, u.grant_id, u.free_rounds_asked, u.free_rounds_charged, u.free_rounds_left,
                coalesce(u.free_round, false), u.target_seq, coalesce(u.balance_after, 0), u.details, u.gaming_day,
                'epoch'::timestamptz + u.occurred_at_ms * interval '1 millisecond', coalesce(u.schema, 1::smallint), decode(u.hash, 'hex')
            FROM u
        )
        INSERT INTO movements
            SELECT u.player, u.seq, m.n, m.debit_account, m.credit_account, m.amount, m.currency, m.balance_after
            FROM u CROSS JOIN LATERAL ROWS FROM (json_to_recordset(u.movements)
                AS (debit_account text, credit_account text, amount bigint, currency text, balance_after bigint))
                WITH ORDINALITY AS m(debit_account, credit_account, amount, currency, balance_after, n);
        -- All of them are there. A plain UPDATE would join, and a join planned on an empty table reads the whole of it for ever.
        INSERT INTO players (player, brand, status, seq, chain_head, excluded_until_ms)
            SELECT u.player, u.brand, u.status, u.seq, decode(u.chain_head, 'hex'), u.excluded_until_ms
            FROM json_to_recordset(x_players)
                u(player text, brand text, status text, seq bigint, chain_head text, excluded_until_ms bigint)
            ON CONFLICT (player) DO UPDATE SET status = excluded.status, seq = excluded.seq, chain_head = excluded.chain_head,
                excluded_until_ms = excluded.excluded_until_ms;
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
    IF x_limits IS NOT NULL THEN
        INSERT INTO limits (player, currency, kind, window_name, value, next_value, next_from_ms)
            SELECT * FROM json_to_recordset(x_limits) u(player text, currency text, kind text, "window" text, value bigint,
                next_value bigint, next_from_ms bigint)
            ON CONFLICT (player, currency, kind, window_name) DO UPDATE SET value = excluded.value, next_value = excluded.next_value,
                next_from_ms = excluded.next_from_ms;
    END IF;
    IF x_usage IS NOT NULL THEN
        -- Additions, so that days which were not read can be corrected too.
        INSERT INTO usage (player, currency, gaming_day, staked, won, deposited)
            SELECT * FROM json_to_recordset(x_usage) u(player text, currency text, gaming_day date, staked bigint, won bigint,
                deposited bigint)
            ON CONFLICT (player, currency, gaming_day) DO UPDATE SET staked = usage.staked + excluded.staked,
                won = usage.won + excluded.won, deposited = usage.deposited + excluded.deposited;
    END IF;
END
$$;

GRANT EXECUTE ON FUNCTION first_operation_since, original_of, usage_since,
    load_batch(text[], json, json, json, json, json, json, json, json, json, json, json, date, date),
    save_batch(json, integer, json, json, json, json, json, json, json, json, json, json) TO stakewire_wallet;
