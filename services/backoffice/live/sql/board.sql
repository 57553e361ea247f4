-- name: seconds
-- Callbacks second by second since a time: how they ended, and how many took how long.
SELECT extract(epoch FROM second)::bigint AS second,
       coalesce(sum(count) FILTER (WHERE verdict = 'answered' AND result = 'OK'), 0)::bigint AS ok,
       coalesce(sum(count) FILTER (WHERE verdict = 'answered' AND result <> 'OK'), 0)::bigint AS refused,
       coalesce(sum(count) FILTER (WHERE verdict = 'refused'), 0)::bigint AS rejected,
       coalesce(sum(count) FILTER (WHERE verdict NOT IN ('answered', 'refused')), 0)::bigint AS unknown,
       max(slowest_us)::bigint AS slowest_us,
       ARRAY[sum(buckets[1]), sum(buckets[2]), sum(buckets[3]), sum(buckets[4]), sum(buckets[5]), sum(buckets[6]),
             sum(buckets[7]), sum(buckets[8]), sum(buckets[9]), sum(buckets[10])]::bigint[] AS buckets
FROM projections.pulse
WHERE second >= now() - make_interval(secs => $1)
GROUP BY second
ORDER BY second;

-- name: results
-- How the callbacks of the last seconds ended, the most frequent first.
SELECT result, verdict, sum(count)::bigint AS count
FROM projections.pulse
WHERE second >= now() - make_interval(secs => $1)
GROUP BY result, verdict
ORDER BY 3 DESC, 1, 2
LIMIT 30;

-- name: read_at
-- When the ingest last wrote something of a topic.
SELECT topic, max(read_at) AS read_at
FROM projections.offsets
GROUP BY topic
ORDER BY topic
LIMIT 20;

-- name: plays
-- What was staked in a stretch of time, minute by minute: the games with the highest stakes of each currency.
SELECT ranked.minute, ranked.provider_account, ranked.game_id, ranked.currency, ranked.stake, ranked.bets, ranked.last_at,
       coalesce(games.name, ranked.game_id) AS name
FROM (
    SELECT sums.*, row_number() OVER (PARTITION BY minute, currency ORDER BY stake DESC, provider_account, game_id) AS place
    FROM (
        SELECT extract(epoch FROM date_trunc('minute', occurred_at))::bigint AS minute, provider_account, game_id, currency,
               sum(stake) AS stake, count(*) AS bets, max(occurred_at) AS last_at
        FROM projections.operations
        WHERE occurred_at >= $1 AND occurred_at < $2 AND status = 'applied' AND kind IN ('bet', 'bet_and_win') AND stake > 0
          AND NOT test
        GROUP BY 1, 2, 3, 4
    ) AS sums
) AS ranked
LEFT JOIN projections.games USING (provider_account, game_id)
WHERE ranked.place <= $3
ORDER BY ranked.minute, ranked.currency, ranked.place
LIMIT 20000;

-- name: wins
-- The notable wins of a stretch of time: the largest of each currency, and the largest multiples of their own stakes. The
-- stake of a win that came alone is its round's.
WITH won AS MATERIALIZED (
    SELECT player, seq, provider_account, game_id, currency, stake, win, round_id, occurred_at,
           row_number() OVER (PARTITION BY currency ORDER BY win DESC, player, seq) AS by_amount,
           row_number() OVER (ORDER BY win / greatest(stake, 1) * (stake > 0)::integer DESC, win DESC, player, seq) AS by_multiple
    FROM projections.operations
    WHERE occurred_at >= $1 AND occurred_at < $2 AND status = 'applied' AND kind IN ('win', 'bet_and_win') AND win > 0
      AND NOT test
)
SELECT won.player, won.seq, won.provider_account, won.game_id, won.currency, won.win, won.occurred_at,
       CASE WHEN won.stake > 0 THEN won.stake ELSE coalesce(round.stake, 0) END AS stake,
       coalesce(games.name, won.game_id) AS name
FROM won
LEFT JOIN LATERAL (
    SELECT rounds.stake
    FROM projections.rounds
    WHERE rounds.player = won.player AND rounds.provider_account = won.provider_account AND rounds.round_id = won.round_id
    OFFSET 0
) AS round ON won.round_id <> '' AND won.stake = 0
LEFT JOIN projections.games USING (provider_account, game_id)
WHERE won.by_amount <= $3 OR (won.by_multiple <= $3 AND won.stake > 0)
LIMIT 1000;

-- name: signed_in
-- Which of these sign-ins still hold.
SELECT sign_ins.token_sha256
FROM office.sign_ins
JOIN office.users USING (login)
WHERE sign_ins.token_sha256 = ANY ($1::bytea[]) AND NOT users.disabled
  AND sign_ins.expires_at > now() AND sign_ins.seen_at > now() - make_interval(secs => $2);
