-- name: load_batch
-- Locks the players and reads what the commands refer to (0004_limits_and_corrections.sql).
SELECT * FROM load_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: save_batch
-- Moves the positions and writes all that the batch changed (0004_limits_and_corrections.sql).
SELECT save_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

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
-- The newest incarnation of the commands topic that was taken into service: the one that the positions belong to.
SELECT topic, epoch, topic_id FROM topic_epochs ORDER BY epoch DESC LIMIT 1;

-- name: first_epoch
-- The first incarnation needs no explicit step.
INSERT INTO topic_epochs (topic, epoch, topic_id) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING;

-- name: open_epoch
-- A new incarnation, taken into service by the operator.
INSERT INTO topic_epochs (topic, epoch, topic_id) VALUES ($1, $2, $3);

-- name: restart_positions
-- The offsets of a new incarnation begin at 0.
UPDATE partition_position SET next_offset = 0, epoch = $1;

-- name: skip_commands
-- A ledger that was restored goes on behind the last command of before: what lies between is noted, and never applied.
WITH ends AS (SELECT u.partition, u.next_offset FROM json_to_recordset($2::json) u(partition integer, next_offset bigint)),
    noted AS (INSERT INTO skipped_commands (epoch, partition, from_offset, to_offset)
        SELECT $1, e.partition, least(coalesce(p.next_offset, 0), e.next_offset), e.next_offset
        FROM ends e LEFT JOIN partition_position p USING (partition))
INSERT INTO partition_position AS p (partition, next_offset, epoch) SELECT e.partition, e.next_offset, $1 FROM ends e
    ON CONFLICT (partition) DO UPDATE SET next_offset = EXCLUDED.next_offset, epoch = EXCLUDED.epoch;

-- name: lock_positions
-- No wallet moves a position until the epoch is open.
SELECT partition, next_offset FROM partition_position ORDER BY partition FOR UPDATE;

-- name: skipped_commands
-- What the newest epoch has skipped; nothing where it was not opened after a restore.
SELECT s.partition, s.from_offset, s.to_offset FROM skipped_commands s
    WHERE s.epoch = (SELECT max(e.epoch) FROM topic_epochs e) ORDER BY s.partition;

-- name: all_positions
-- Where all partitions go on.
SELECT partition, next_offset FROM partition_position ORDER BY partition;

-- name: stored_by_key
-- Operations as they were published, by their keys.
SELECT json_agg(operation_json(t.r)) FROM json_to_recordset($1::json) u(player text, account text, namespace text, external_id text)
    CROSS JOIN LATERAL (SELECT o AS r FROM operations o WHERE o.player = u.player AND o.provider_account = u.account
        AND o.namespace = u.namespace AND o.external_id = u.external_id OFFSET 0) t;
