-- name: begin
-- A partition that nobody has read yet is read from its first record on.
INSERT INTO projections.offsets (topic, partition, next_offset) SELECT $1, u.partition, 0
FROM unnest($2::integer[]) AS u (partition) ORDER BY u.partition
ON CONFLICT (topic, partition) DO NOTHING;

-- name: read
-- Where partitions of a topic are.
SELECT partition, next_offset FROM projections.offsets WHERE topic = $1 AND partition = ANY ($2::integer[]);

-- name: lock
-- The first statement of a batch: who holds the rows of its partitions is the only one to change what is made of them.
SELECT partition FROM projections.offsets WHERE topic = $1 AND partition = ANY ($2::integer[]) ORDER BY partition FOR UPDATE;

-- name: move
-- Moves partitions on from where they are expected to be; whoever expected something else gets fewer rows back.
UPDATE projections.offsets AS o SET next_offset = u.next_offset, read_at = now()
FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS u (partition, expected, next_offset)
WHERE o.topic = $1 AND o.partition = u.partition AND o.next_offset = u.expected
RETURNING o.partition;

-- name: all
-- Where all partitions are.
SELECT topic, partition, next_offset, read_at FROM projections.offsets ORDER BY topic, partition;

-- name: generation
-- Which making of the projections this is.
SELECT generation FROM projections.state;

-- name: fork
-- Why a process takes no more events in; empty where none has stopped.
SELECT fork FROM projections.state;

-- name: note_fork
-- Keeps the first reason.
UPDATE projections.state SET fork = $1 WHERE fork = '';

-- name: next_waiting
-- The next player with events that wait, and the first of them.
SELECT w.player, w.seq, w.partition, coalesce((SELECT p.seq FROM projections.players AS p WHERE p.player = w.player), 0) AS head
FROM projections.waiting AS w WHERE w.player > $1 ORDER BY w.player, w.seq LIMIT 1;

-- name: head
-- A player's last event that was taken in.
SELECT seq FROM projections.players WHERE player = $1;

-- name: waiting_of
-- Events of a player that wait, oldest first.
SELECT seq, hash, event FROM projections.waiting WHERE player = $1 AND seq <= $2 ORDER BY seq, hash LIMIT $3;

-- name: forget_waiting
-- Events that were taken in or were there already.
DELETE FROM projections.waiting AS w USING unnest($2::bigint[], $3::text[]) AS u (seq, hash)
WHERE w.player = $1 AND w.seq = u.seq AND w.hash = u.hash;

-- name: count_waiting
-- How many events and players wait, counted up to a limit.
SELECT count(*) AS events, count(DISTINCT w.player) AS players
FROM (SELECT player FROM projections.waiting LIMIT $1) AS w;
