-- The two statements of a batch. Both are VOLATILE: each statement inside takes a new snapshot, so what is read after
-- the lock is what the previous holder of the lock committed. Look-ups go key by key (LATERAL ... OFFSET 0): on a
-- table that was never analysed a join would read it whole.

CREATE FUNCTION load_batch(
    IN p_players text[],
    IN k_player text[], IN k_account text[], IN k_namespace text[], IN k_external_id text[],
    IN t_player text[], IN t_account text[], IN t_namespace text[], IN t_external_id text[],
    IN r_player text[], IN r_account text[], IN r_round text[],
    IN s_player text[], IN s_session text[],
    IN v_player text[], IN v_account text[], IN v_session text[],
    IN l_player text[], IN l_account text[],
    IN g_player text[], IN g_grant text[],
    IN c_player text[],
    OUT o_players players[], OUT o_balances balances[], OUT o_operations operations[],
    OUT o_targets operations[], OUT o_movements movements[], OUT o_reversals operations[],
    OUT o_rounds rounds[], OUT o_sessions sessions[], OUT o_grants grants[], OUT o_profiles profiles[]
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    -- 1. Lock, in sorted order, in a statement of its own.
    PERFORM 1 FROM players p WHERE p.player = ANY (p_players) ORDER BY p.player FOR UPDATE;

    -- 2. Read, each in a later statement.
    o_players := ARRAY(SELECT t.r FROM unnest(p_players) u(player)
        CROSS JOIN LATERAL (SELECT p AS r FROM players p WHERE p.player = u.player OFFSET 0) t);
    o_balances := ARRAY(SELECT t.r FROM unnest(p_players) u(player)
        CROSS JOIN LATERAL (SELECT b AS r FROM balances b WHERE b.player = u.player OFFSET 0) t);
    o_operations := ARRAY(SELECT t.r FROM unnest(k_player, k_account, k_namespace, k_external_id) u(player, account, namespace, external_id)
        CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
            AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t);
    IF cardinality(t_player) > 0 THEN
        o_targets := ARRAY(SELECT t.r FROM unnest(t_player, t_account, t_namespace, t_external_id) u(player, account, namespace, external_id)
            CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
                AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t);
        o_movements := ARRAY(SELECT t.r FROM unnest(o_targets) u
            CROSS JOIN LATERAL (SELECT m AS r FROM movements m WHERE m.player = u.player AND m.seq = u.seq ORDER BY m.n OFFSET 0) t);
        o_reversals := ARRAY(SELECT t.r FROM unnest(o_targets) u
            CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.target_seq = u.seq OFFSET 0) t);
    END IF;
    IF cardinality(r_player) > 0 OR cardinality(t_player) > 0 THEN
        -- The rounds that the commands name, and those of the operations to be undone.
        o_rounds := ARRAY(SELECT t.r FROM (
                SELECT * FROM unnest(r_player, r_account, r_round) n(player, account, round_id)
                UNION SELECT x.player, x.provider_account, x.round_id FROM unnest(o_targets) x WHERE x.round_id IS NOT NULL
            ) u CROSS JOIN LATERAL (SELECT w AS r FROM rounds w WHERE w.player = u.player
                AND w.provider_account = u.account AND w.round_id = u.round_id OFFSET 0) t);
    END IF;
    IF cardinality(s_player) > 0 OR cardinality(v_player) > 0 OR cardinality(l_player) > 0 THEN
        -- By our id; by the provider's id; and the live ones of a player at a provider account (newest first, bounded).
        o_sessions := ARRAY(
            SELECT t.r FROM unnest(s_player, s_session) u(player, session_id)
                CROSS JOIN LATERAL (SELECT s AS r FROM sessions s WHERE s.player = u.player AND s.session_id = u.session_id OFFSET 0) t
            UNION ALL
            SELECT t.r FROM unnest(v_player, v_account, v_session) u(player, account, session_id)
                CROSS JOIN LATERAL (SELECT s AS r FROM sessions s WHERE s.player = u.player AND s.provider_account = u.account
                    AND s.provider_session_id = u.session_id AND s.provider_session_id <> '' ORDER BY s.opened_at_ms DESC LIMIT 1) t
            UNION ALL
            SELECT t.r FROM unnest(l_player, l_account) u(player, account)
                CROSS JOIN LATERAL (SELECT s AS r FROM sessions s WHERE s.player = u.player AND s.provider_account = u.account
                    AND s.status IN ('pending', 'active') ORDER BY s.opened_at_ms DESC LIMIT 32) t);
    END IF;
    IF cardinality(g_player) > 0 OR cardinality(t_player) > 0 THEN
        o_grants := ARRAY(SELECT t.r FROM (
                SELECT * FROM unnest(g_player, g_grant) n(player, grant_id)
                UNION SELECT x.player, x.grant_id FROM unnest(o_targets) x WHERE x.grant_id IS NOT NULL
            ) u CROSS JOIN LATERAL (SELECT g AS r FROM grants g WHERE g.player = u.player AND g.grant_id = u.grant_id OFFSET 0) t);
    END IF;
    IF cardinality(c_player) > 0 THEN
        o_profiles := ARRAY(SELECT t.r FROM unnest(c_player) u(player)
            CROSS JOIN LATERAL (SELECT f AS r FROM profiles f WHERE f.player = u.player OFFSET 0) t);
    END IF;
END
$$;

-- Everything an ordinary batch writes, in one statement. The positions go first: each moves from where its owner
-- believes it to be. Another count than the partitions' means that another owner went on: error SW001, the caller
-- rolls back and reads its positions again.
CREATE FUNCTION save_batch(
    x_partition integer[], x_expected bigint[], x_next bigint[], x_epoch integer,
    o_player text[], o_seq bigint[], o_account text[], o_namespace text[], o_external_id text[], o_kind text[],
    o_status text[], o_result text[], o_limit text[], o_brand text[], o_test boolean[], o_currency text[],
    o_stake bigint[], o_win bigint[], o_nominal bigint[], o_jackpot bigint[], o_promo text[], o_round text[],
    o_closes boolean[], o_game text[], o_game_state text[], o_session text[], o_grant text[], o_asked integer[],
    o_charged integer[], o_left integer[], o_free boolean[], o_target bigint[], o_balance bigint[], o_details text[],
    o_day date[], o_at timestamptz, o_schema smallint[], o_hash bytea[],
    m_player text[], m_seq bigint[], m_n smallint[], m_debit text[], m_credit text[], m_amount bigint[],
    m_currency text[], m_balance bigint[],
    p_player text[], p_seq bigint[], p_head bytea[],
    b_player text[], b_currency text[], b_balance bigint[],
    r_player text[], r_account text[], r_round text[], r_game text[], r_session text[], r_currency text[], r_status text[],
    r_bets integer[], r_stake bigint[], r_win bigint[], r_free integer[], r_grant text[], r_opened bigint[], r_closed bigint[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    n integer;
BEGIN
    UPDATE partition_position x SET next_offset = u.next_offset
        FROM unnest(x_partition, x_expected, x_next) u(partition, expected, next_offset)
        WHERE x.partition = u.partition AND x.next_offset = u.expected AND x.epoch = x_epoch;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n <> cardinality(x_partition) THEN
        RAISE EXCEPTION 'positions: % of % partitions were where this owner believed them', n, cardinality(x_partition)
            USING ERRCODE = 'SW001';
    END IF;
    IF cardinality(o_player) = 0 THEN
        RETURN;
    END IF;
    INSERT INTO operations
        SELECT u.player, u.seq, u.account, u.namespace, u.external_id, u.kind, u.status, u.result, nullif(u.limit_name, ''), u.brand,
            u.test, nullif(u.currency, ''), u.stake, u.win, nullif(u.nominal, 0), nullif(u.jackpot, 0), nullif(u.promo, ''),
            nullif(u.round_id, ''), u.closes, nullif(u.game, ''), nullif(u.game_state, ''), nullif(u.session, ''),
            nullif(u.grant_id, ''), nullif(u.asked, 0), nullif(u.charged, 0), nullif(u.remaining, -1), u.free, nullif(u.target, 0),
            u.balance, nullif(u.details, ''), u.day, o_at, u.schema, u.hash
        FROM unnest(o_player, o_seq, o_account, o_namespace, o_external_id, o_kind, o_status, o_result, o_limit, o_brand, o_test,
            o_currency, o_stake, o_win, o_nominal, o_jackpot, o_promo, o_round, o_closes, o_game, o_game_state, o_session, o_grant,
            o_asked, o_charged, o_left, o_free, o_target, o_balance, o_details, o_day, o_schema, o_hash)
            u(player, seq, account, namespace, external_id, kind, status, result, limit_name, brand, test, currency, stake, win,
              nominal, jackpot, promo, round_id, closes, game, game_state, session, grant_id, asked, charged, remaining, free,
              target, balance, details, day, schema, hash);
    IF cardinality(m_player) > 0 THEN
        INSERT INTO movements
            SELECT * FROM unnest(m_player, m_seq, m_n, m_debit, m_credit, m_amount, m_currency, m_balance);
    END IF;
    UPDATE players p SET seq = u.seq, chain_head = u.head
        FROM unnest(p_player, p_seq, p_head) u(player, seq, head) WHERE p.player = u.player;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n <> cardinality(p_player) THEN
        RAISE EXCEPTION 'players: % of % rows were there', n, cardinality(p_player);
    END IF;
    IF cardinality(b_player) > 0 THEN
        UPDATE balances b SET balance = u.balance
            FROM unnest(b_player, b_currency, b_balance) u(player, currency, balance)
            WHERE b.player = u.player AND b.currency = u.currency;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n <> cardinality(b_player) THEN
            RAISE EXCEPTION 'balances: % of % rows were there', n, cardinality(b_player);
        END IF;
    END IF;
    IF cardinality(r_player) > 0 THEN
        INSERT INTO rounds
            SELECT * FROM unnest(r_player, r_account, r_round, r_game, r_session, r_currency, r_status, r_bets, r_stake, r_win,
                r_free, r_grant, r_opened, r_closed)
            ON CONFLICT (player, provider_account, round_id) DO UPDATE SET status = excluded.status, bets = excluded.bets,
                stake = excluded.stake, win = excluded.win, free_charged = excluded.free_charged, grant_id = excluded.grant_id,
                closed_at_ms = excluded.closed_at_ms;
    END IF;
END
$$;

GRANT EXECUTE ON FUNCTION load_batch, save_batch TO stakewire_wallet;
