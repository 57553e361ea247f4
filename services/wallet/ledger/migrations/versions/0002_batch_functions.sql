-- The statements of a batch: one to load, one to save. Values travel as JSON text in both directions: the wallet encodes
-- and decodes it in a fraction of the time that arrays of columns take, and the operations are written from the very text
-- that is published as their events.
--
-- Both functions are VOLATILE: each statement inside takes a new snapshot, so what is read after the lock is what the
-- previous holder of the lock committed. Look-ups go key by key (LATERAL ... OFFSET 0): on a table that was never analysed
-- a join would read it whole.

-- An operation exactly as its event told it, with movements and both hashes.
CREATE FUNCTION operation_json(o operations) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_strip_nulls(json_build_object(
        'player', o.player, 'seq', o.seq, 'provider_account', o.provider_account, 'namespace', o.namespace,
        'external_id', o.external_id, 'kind', o.kind, 'status', o.status,
        'occurred_at_ms', (extract(epoch FROM o.occurred_at) * 1000)::bigint, 'gaming_day', o.gaming_day, 'brand', o.brand,
        'result', o.result, 'limit', o.limit_name, 'test', o.test, 'currency', o.currency, 'stake', o.stake, 'win', o.win,
        'nominal_stake', o.nominal_stake, 'jackpot_contribution', o.jackpot_contribution, 'promo_class', o.promo_class,
        'round_id', o.round_id, 'closes_round', o.closes_round, 'game_id', o.game_id, 'game_state', o.game_state,
        'session_id', o.session_id, 'grant_id', o.grant_id, 'free_rounds_asked', o.free_rounds_asked,
        'free_rounds_charged', o.free_rounds_charged, 'free_rounds_left', o.free_rounds_left, 'free_round', o.free_round,
        'target_seq', o.target_seq, 'balance_after', o.balance_after, 'details', o.details, 'schema', o.schema,
        'movements', (SELECT json_agg(json_build_object('debit_account', m.debit_account, 'credit_account', m.credit_account,
                'amount', m.amount, 'currency', m.currency, 'balance_after', m.balance_after) ORDER BY m.n)
            FROM movements m WHERE m.player = o.player AND m.seq = o.seq),
        -- By order and limit, not by equality: on an empty table the planner would as soon take the index of the keys, and keep it.
        'previous_hash', coalesce((SELECT encode(q.hash, 'hex') FROM operations q WHERE q.player = o.player AND q.seq < o.seq
            ORDER BY q.seq DESC LIMIT 1), repeat('0', 64)),
        'hash', encode(o.hash, 'hex')))
$$;

-- Locks the players and reads what the commands refer to. Arguments that are NULL are not looked up.
CREATE FUNCTION load_batch(
    p_players text[], p_keys json, p_targets json, p_rounds json, p_sessions json, p_provider_sessions json, p_live json,
    p_grants json, p_profiles json
) RETURNS TABLE (
    o_players json, o_balances json, o_operations json, o_undone json, o_rounds json, o_sessions json, o_grants json, o_profiles json
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    targets operations[];
    found operations[];
BEGIN
    -- 1. Lock, in sorted order, in a statement of its own.
    PERFORM 1 FROM players p WHERE p.player = ANY (p_players) ORDER BY p.player FOR UPDATE;

    -- 2. Read, each in a later statement.
    o_players := (SELECT json_agg(t) FROM unnest(p_players) u(player) CROSS JOIN LATERAL (
        SELECT p.player, p.brand, p.status, p.test, p.seq, encode(p.chain_head, 'hex') AS chain_head
        FROM players p WHERE p.player = u.player OFFSET 0) t);
    o_balances := (SELECT json_agg(t) FROM unnest(p_players) u(player) CROSS JOIN LATERAL (
        SELECT b.player, b.currency, b.balance FROM balances b WHERE b.player = u.player OFFSET 0) t);
    IF p_targets IS NOT NULL THEN
        targets := ARRAY(SELECT t.r FROM json_to_recordset(p_targets) u(player text, account text, namespace text, external_id text)
            CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
                AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t);
    END IF;
    IF p_keys IS NOT NULL THEN
        found := targets || ARRAY(
            SELECT t.r FROM json_to_recordset(p_keys) u(player text, account text, namespace text, external_id text)
            CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
                AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t);
        IF cardinality(found) > 0 THEN
            o_operations := (SELECT json_agg(operation_json(x)) FROM unnest(found) x);
            o_undone := (SELECT json_agg(t) FROM unnest(found) u CROSS JOIN LATERAL (
                SELECT o.player, o.target_seq FROM operations o WHERE o.player = u.player AND o.target_seq = u.seq OFFSET 0) t);
        END IF;
    END IF;
    IF p_rounds IS NOT NULL OR targets IS NOT NULL THEN
        -- The rounds that the commands name, and those of the operations to be undone.
        o_rounds := (SELECT json_agg(t) FROM (
                SELECT * FROM json_to_recordset(p_rounds) n(player text, account text, round_id text)
                UNION SELECT x.player, x.provider_account, x.round_id FROM unnest(targets) x WHERE x.round_id IS NOT NULL
            ) u CROSS JOIN LATERAL (SELECT * FROM rounds w WHERE w.player = u.player
                AND w.provider_account = u.account AND w.round_id = u.round_id OFFSET 0) t);
    END IF;
    IF p_sessions IS NOT NULL OR p_provider_sessions IS NOT NULL OR p_live IS NOT NULL THEN
        -- By our id; by the provider's id; and the live ones of a player at a provider account (newest first, bounded).
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
                    AND s.status IN ('pending', 'active') ORDER BY s.opened_at_ms DESC LIMIT 32) f) t);
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
    RETURN NEXT;
END
$$;

-- Writes everything a batch changed. The positions go first: each moves from where its owner believes it to be. Another
-- count than the partitions' means that another owner went on: error SW001, the caller rolls back and reads its positions.
CREATE FUNCTION save_batch(
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
        INSERT INTO profiles (player, operator_player_id, country, language)
            SELECT * FROM json_to_recordset(x_new_profiles) u(player text, operator_player_id text, country text, language text);
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
        INSERT INTO players (player, brand, seq, chain_head)
            SELECT u.player, u.brand, u.seq, decode(u.chain_head, 'hex')
            FROM json_to_recordset(x_players) u(player text, brand text, seq bigint, chain_head text)
            ON CONFLICT (player) DO UPDATE SET seq = excluded.seq, chain_head = excluded.chain_head;
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
        INSERT INTO grants SELECT * FROM json_populate_recordset(NULL::grants, x_grants)
            ON CONFLICT (player, grant_id) DO UPDATE SET remaining = excluded.remaining;
    END IF;
END
$$;

GRANT EXECUTE ON FUNCTION operation_json, load_batch, save_batch TO stakewire_wallet;
