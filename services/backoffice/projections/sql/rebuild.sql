-- name: begin
-- Nobody writes from here on: whoever takes records in begins with the offsets.
LOCK TABLE projections.offsets IN ACCESS EXCLUSIVE MODE;

-- name: patience
-- Emptying waits for those who read, within a limit.
SET LOCAL statement_timeout = '60s';

-- name: empty_events
-- What is made of events and games.
TRUNCATE projections.players, projections.waiting, projections.balances, projections.operations, projections.rounds,
    projections.player_days, projections.games;

-- name: empty_callbacks
-- What is made of callbacks.
TRUNCATE projections.callbacks, projections.finding_hours, projections.pulse;

-- name: forget_offsets
-- Topics are read from the beginning again, but for those that are named.
DELETE FROM projections.offsets WHERE topic <> ALL ($1::text[]);

-- name: next_generation
-- Whoever reads sees that everything is made anew.
UPDATE projections.state SET generation = generation + 1, begun_at = now(), fork = '' RETURNING generation;

-- name: callbacks_since
-- The first callback that is kept.
SELECT min(received_at) FROM projections.callbacks;
