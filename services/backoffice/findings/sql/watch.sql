-- Watch lists. Each is a page after a key ($1 time, $2 player, $3 number; NULL for the first page), of one provider account
-- ($4, empty: all), with test players or without ($5), of a brand ($6, empty: all), so many lines ($7); from $8 on its own.

-- name: stuck_rounds
-- Rounds that are open since before a time ($8), the oldest first.
SELECT round.opened_at AS at, round.player, round.first_seq AS number, round.provider_account, round.round_id, round.game_id,
       round.session_id, round.currency, round.stake, round.win, round.last_at, round.test, round.last_seq AS seq,
       coalesce(games.name, round.game_id) AS game
FROM projections.rounds AS round
LEFT JOIN projections.games USING (provider_account, game_id)
WHERE round.status = 'open' AND round.opened_at < $8
  AND ($1::timestamptz IS NULL OR (round.opened_at, round.player, round.first_seq) > ($1, $2::text, $3::bigint))
  AND ($4 = '' OR round.provider_account = $4) AND ($5 OR NOT round.test) AND ($6 = '' OR round.brand = $6)
ORDER BY round.opened_at, round.player, round.first_seq
LIMIT $7;

-- name: count_stuck_rounds
-- How many there are of real players, account by account; counting ends somewhere above what is of interest.
SELECT provider_account, count(*) AS rounds
FROM (SELECT provider_account FROM projections.rounds WHERE status = 'open' AND opened_at < $1 AND NOT test
      ORDER BY opened_at LIMIT 10000) AS stuck
GROUP BY provider_account
ORDER BY provider_account;

-- name: unknown_rollbacks
-- Rollbacks of what had never come, newest first, since a time ($8).
SELECT operation.occurred_at AS at, operation.player, operation.seq AS number, operation.seq, operation.provider_account,
       operation.external_id, operation.round_id, operation.game_id, operation.currency, operation.details, operation.test
FROM projections.operations AS operation
WHERE operation.kind = 'rollback' AND operation.status = 'void' AND operation.details LIKE '%"original_not_found"%'
  AND operation.occurred_at >= $8
  AND ($1::timestamptz IS NULL OR (operation.occurred_at, operation.player, operation.seq) < ($1, $2::text, $3::bigint))
  AND ($4 = '' OR operation.provider_account = $4) AND ($5 OR NOT operation.test) AND ($6 = '' OR operation.brand = $6)
ORDER BY operation.occurred_at DESC, operation.player DESC, operation.seq DESC
LIMIT $7;

-- name: tombstones
-- Bets that were rolled back before they came and have not come until now: since a time ($8), older than another ($9). A bet
-- that comes late is refused, and a refusal is always archived.
SELECT operation.occurred_at AS at, operation.player, operation.seq AS number, operation.seq, operation.provider_account,
       operation.external_id, operation.round_id, operation.game_id, operation.currency, operation.details, operation.test
FROM projections.operations AS operation
WHERE operation.status = 'tombstone' AND operation.occurred_at >= $8 AND operation.occurred_at < $9
  AND ($1::timestamptz IS NULL OR (operation.occurred_at, operation.player, operation.seq) < ($1, $2::text, $3::bigint))
  AND ($4 = '' OR operation.provider_account = $4) AND ($5 OR NOT operation.test) AND ($6 = '' OR operation.brand = $6)
  AND NOT EXISTS (
      SELECT FROM projections.callbacks AS callback
      WHERE callback.player = operation.player AND callback.player <> '' AND callback.provider_account = operation.provider_account
        AND callback.external_id = operation.external_id AND callback.received_at >= operation.occurred_at
        AND callback.kind IN ('bet', 'win', 'bet_and_win', 'batch')
  )
ORDER BY operation.occurred_at DESC, operation.player DESC, operation.seq DESC
LIMIT $7;

-- name: overdrafts
-- Players below zero, with the operation that took them there.
SELECT overdrawn.occurred_at AS at, balance.player, overdrawn.seq AS number, overdrawn.seq, overdrawn.provider_account,
       overdrawn.external_id, overdrawn.round_id, overdrawn.game_id, balance.currency, balance.balance, overdrawn.details,
       player.test
FROM projections.balances AS balance
JOIN projections.players AS player USING (player)
JOIN LATERAL (
    SELECT operation.occurred_at, operation.seq, operation.provider_account, operation.external_id, operation.round_id,
           operation.game_id, operation.details
    FROM projections.operations AS operation
    WHERE operation.player = balance.player AND operation.details LIKE '%"overdraft":true%' AND operation.currency = balance.currency
    ORDER BY operation.seq DESC
    LIMIT 1
) AS overdrawn ON true
WHERE balance.balance < 0
  AND ($1::timestamptz IS NULL OR (overdrawn.occurred_at, balance.player, overdrawn.seq) < ($1, $2::text, $3::bigint))
  AND ($4 = '' OR overdrawn.provider_account = $4) AND ($5 OR NOT player.test) AND ($6 = '' OR player.brand = $6)
ORDER BY overdrawn.occurred_at DESC, balance.player DESC, overdrawn.seq DESC
LIMIT $7;

-- name: limits
-- Stakes and deposits that a limit refused, newest first, since a time ($8).
SELECT operation.occurred_at AS at, operation.player, operation.seq AS number, operation.seq, operation.provider_account,
       operation.external_id, operation.round_id, operation.game_id, operation.currency, operation.stake, operation.kind,
       operation.limit_name, operation.test
FROM projections.operations AS operation
WHERE operation.limit_name <> '' AND operation.limit_name <> 'exclusion' AND operation.status = 'refused'
  AND operation.occurred_at >= $8
  AND ($1::timestamptz IS NULL OR (operation.occurred_at, operation.player, operation.seq) < ($1, $2::text, $3::bigint))
  AND ($4 = '' OR operation.provider_account = $4) AND ($5 OR NOT operation.test) AND ($6 = '' OR operation.brand = $6)
ORDER BY operation.occurred_at DESC, operation.player DESC, operation.seq DESC
LIMIT $7;

-- name: excluded_stakes
-- What players tried while they were excluded, newest first, since a time ($8).
SELECT operation.occurred_at AS at, operation.player, operation.seq AS number, operation.seq, operation.provider_account,
       operation.external_id, operation.round_id, operation.game_id, operation.currency, operation.stake, operation.kind,
       operation.limit_name, operation.test
FROM projections.operations AS operation
WHERE operation.limit_name = 'exclusion' AND operation.status = 'refused' AND operation.occurred_at >= $8
  AND ($1::timestamptz IS NULL OR (operation.occurred_at, operation.player, operation.seq) < ($1, $2::text, $3::bigint))
  AND ($4 = '' OR operation.provider_account = $4) AND ($5 OR NOT operation.test) AND ($6 = '' OR operation.brand = $6)
ORDER BY operation.occurred_at DESC, operation.player DESC, operation.seq DESC
LIMIT $7;

-- name: exclusions
-- Players who are excluded at a time ($8), those whose exclusion ends first at the top; an account does not narrow them.
SELECT to_timestamp(least(player.excluded_until_ms, 253402300799000) / 1000.0) AS at, player.player,
       player.excluded_until_ms AS number, player.last_at, player.country, player.brand, player.test, $4::text AS asked
FROM projections.players AS player
WHERE player.excluded_until_ms > 0 AND player.excluded_until_ms > extract(epoch FROM $8::timestamptz) * 1000
  AND ($1::timestamptz IS NULL OR (player.excluded_until_ms, player.player) > ($3::bigint, $2::text))
  AND ($5 OR NOT player.test) AND ($6 = '' OR player.brand = $6)
ORDER BY player.excluded_until_ms, player.player
LIMIT $7;

-- name: unfollowed
-- Applied, but UNKNOWN was answered and as far as is known nobody followed up: since a time ($8), older than another ($9).
-- A follow-up is a later callback of the same id that was answered, one that takes it back, or an undo that was applied.
WITH cases AS (
    SELECT DISTINCT ON (callback.player, operation.seq)
           callback.received_at, callback.request_id, callback.method, callback.player, operation.seq, operation.provider_account,
           operation.namespace, operation.external_id, operation.round_id, operation.game_id, operation.currency,
           operation.stake, operation.win, operation.kind, operation.occurred_at, operation.test, operation.brand
    FROM projections.callbacks AS callback
    CROSS JOIN LATERAL (
        SELECT CASE WHEN callback.keys = '' OR strpos(callback.keys, '\u0000') > 0 THEN '[]'::jsonb ELSE callback.keys::jsonb END AS list
        OFFSET 0
    ) AS told
    CROSS JOIN LATERAL jsonb_to_recordset(told.list) AS key (namespace text, external_id text)
    CROSS JOIN LATERAL (
        SELECT * FROM projections.operations AS stored
        WHERE stored.player = callback.player AND stored.external_id = key.external_id AND stored.namespace = key.namespace
          AND stored.provider_account = callback.provider_account AND stored.status = 'applied' AND stored.movements <> ''
        OFFSET 0
    ) AS operation
    WHERE callback.verdict = 'unknown' AND callback.player <> '' AND callback.received_at >= $8 AND callback.received_at < $9
    ORDER BY callback.player, operation.seq, callback.received_at DESC
)
SELECT cases.received_at AS at, cases.seq AS number, cases.*
FROM cases
WHERE ($1::timestamptz IS NULL OR (cases.received_at, cases.player, cases.seq) < ($1, $2::text, $3::bigint))
  AND ($4 = '' OR cases.provider_account = $4) AND ($5 OR NOT cases.test) AND ($6 = '' OR cases.brand = $6)
  AND NOT EXISTS (
      SELECT FROM projections.operations AS undo
      WHERE undo.player = cases.player AND undo.target_seq = cases.seq AND undo.target_seq > 0 AND undo.status = 'applied'
  )
  AND NOT EXISTS (
      SELECT FROM projections.callbacks AS later
      WHERE later.player = cases.player AND later.player <> '' AND later.received_at > cases.received_at
        AND later.provider_account = cases.provider_account AND later.verdict = 'answered'
        AND (later.external_id = cases.external_id OR strpos(later.keys, to_json(cases.external_id)::text) > 0)
  )
ORDER BY cases.received_at DESC, cases.player DESC, cases.seq DESC
LIMIT $7;

-- name: round
-- One round.
SELECT round.opened_at AS at, round.player, round.first_seq AS number, round.provider_account, round.round_id, round.game_id,
       round.session_id, round.currency, round.stake, round.win, round.last_at, round.test, round.last_seq AS seq, round.brand,
       round.status AS kind, coalesce(games.name, round.game_id) AS game
FROM projections.rounds AS round
LEFT JOIN projections.games USING (provider_account, game_id)
WHERE round.player = $1 AND round.provider_account = $2 AND round.round_id = $3;
