-- name: load_batch
-- Locks the players and reads what the commands refer to (0002_batch_functions.sql).
SELECT * FROM load_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22);

-- name: save_batch
-- Moves the positions and writes operations, movements, players, balances and rounds (0002_batch_functions.sql).
SELECT save_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
    $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49,
    $50, $51, $52, $53, $54, $55, $56, $57, $58, $59, $60, $61, $62, $63, $64, $65, $66);

-- name: insert_players
-- New players, before anything refers to them.
INSERT INTO players (player, brand, test, seq, chain_head)
    SELECT u.player, u.brand, u.test, 0, decode(repeat('00', 32), 'hex') FROM unnest($1::text[], $2::text[], $3::boolean[]) u(player, brand, test);

-- name: insert_profiles
-- The personal data of new players.
INSERT INTO profiles (player, operator_player_id, country, language)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]);

-- name: insert_balances
-- The accounts of new players.
INSERT INTO balances (player, currency, balance) SELECT u.player, u.currency, 0 FROM unnest($1::text[], $2::text[]) u(player, currency);

-- name: save_sessions
-- Sessions opened or changed.
INSERT INTO sessions (player, session_id, provider_account, provider_session_id, currency, game_id, grant_id, token_sha256, device,
        language, status, close_reason, opened_at_ms, last_seen_ms, idle_timeout_s, absolute_timeout_s)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[], $15::integer[], $16::integer[])
    ON CONFLICT (player, session_id) DO UPDATE SET provider_session_id = excluded.provider_session_id, status = excluded.status,
        close_reason = excluded.close_reason, last_seen_ms = excluded.last_seen_ms;

-- name: save_grant
-- One grant of free rounds, new or with its counter moved.
INSERT INTO grants (player, grant_id, provider_account, currency, game_ids, stake, count, remaining, expires_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (player, grant_id) DO UPDATE SET remaining = excluded.remaining;

-- name: free_players
-- Which of the players nobody else holds: asked after a lock wait ran out, never waits itself.
SELECT p.player FROM players p WHERE p.player = ANY ($1::text[]) ORDER BY p.player FOR UPDATE SKIP LOCKED;

-- name: known_players
-- Which of the players exist at all.
SELECT p.player FROM players p WHERE p.player = ANY ($1::text[]);

-- name: positions
-- Where the owner of these partitions has to go on.
SELECT partition, next_offset, epoch FROM partition_position WHERE partition = ANY ($1::integer[]);

-- name: create_positions
-- First contact with a partition.
INSERT INTO partition_position (partition, next_offset, epoch) SELECT u.p, 0, $2 FROM unnest($1::integer[]) u(p) ON CONFLICT DO NOTHING;

-- name: current_epoch
-- The newest incarnation of the commands topic that was taken into service.
SELECT epoch, topic_id FROM topic_epochs WHERE topic = $1 ORDER BY epoch DESC LIMIT 1;

-- name: first_epoch
-- The first incarnation needs no explicit step.
INSERT INTO topic_epochs (topic, epoch, topic_id) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING;

-- name: open_epoch
-- A new incarnation, taken into service by the operator.
INSERT INTO topic_epochs (topic, epoch, topic_id) VALUES ($1, $2, $3);

-- name: restart_positions
-- The offsets of a new incarnation begin at 0.
UPDATE partition_position SET next_offset = 0, epoch = $1;

-- name: stored_by_key
-- Operations as they were published, by their keys, with the hash before and the movements.
SELECT o.*, q.hash AS previous_hash, ARRAY(SELECT m FROM movements m WHERE m.player = o.player AND m.seq = o.seq ORDER BY m.n) AS moved
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) u(player, account, namespace, external_id)
    CROSS JOIN LATERAL (SELECT * FROM operations x WHERE x.player = u.player AND x.provider_account = u.account
        AND x.namespace = u.namespace AND x.external_id = u.external_id OFFSET 0) o
    LEFT JOIN LATERAL (SELECT y.hash FROM operations y WHERE y.player = o.player AND y.seq = o.seq - 1 OFFSET 0) q ON true;

-- name: stored_by_seq
-- A stretch of one player's operations as they were published.
SELECT o.*, q.hash AS previous_hash, ARRAY(SELECT m FROM movements m WHERE m.player = o.player AND m.seq = o.seq ORDER BY m.n) AS moved
    FROM operations o
    LEFT JOIN LATERAL (SELECT y.hash FROM operations y WHERE y.player = o.player AND y.seq = o.seq - 1 OFFSET 0) q ON true
    WHERE o.player = $1 AND o.seq BETWEEN $2 AND $3 ORDER BY o.seq;
