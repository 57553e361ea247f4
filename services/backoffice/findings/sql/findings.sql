-- name: groups
-- What failed since a time ($1), by account and code, with what people decided about it; open ones first, the latest first.
-- $2 account, $3 code, $4 state: empty for all. A finding that came again after it was resolved is open again.
WITH hours AS (
    SELECT provider_account, finding, sum(count)::bigint AS count, min(first_at) AS first_at, max(last_at) AS last_at,
           coalesce(sum(count) FILTER (WHERE hour > now() - interval '24 hours'), 0)::bigint AS last_day,
           (array_agg(last_request_id ORDER BY last_at DESC))[1] AS last_request_id
    FROM projections.finding_hours
    WHERE hour >= $1 AND ($2 = '' OR provider_account = $2) AND ($3 = '' OR finding = $3)
    GROUP BY provider_account, finding
), decided AS (
    SELECT hours.*, coalesce(decision.changed_by, '') AS changed_by, decision.changed_at,
           CASE WHEN decision.state = 'resolved' AND hours.last_at > decision.changed_at THEN 'open'
                ELSE coalesce(decision.state, 'open') END AS state,
           coalesce(decision.state = 'resolved' AND hours.last_at > decision.changed_at, false) AS came_back
    FROM hours
    LEFT JOIN office.findings AS decision USING (provider_account, finding)
)
SELECT decided.*, coalesce(example.finding_facts, '') AS facts
FROM decided
LEFT JOIN LATERAL (
    SELECT callback.finding_facts
    FROM projections.callbacks AS callback
    WHERE callback.provider_account = decided.provider_account AND callback.finding = decided.finding AND callback.finding <> ''
      AND callback.received_at = decided.last_at
    ORDER BY callback.request_id = decided.last_request_id DESC
    LIMIT 1
) AS example ON true
WHERE $4 = '' OR decided.state = $4
ORDER BY decided.state = 'open' DESC, decided.state = 'known' DESC, decided.last_at DESC, decided.provider_account, decided.finding
LIMIT $5;

-- name: hours
-- Counts hour by hour since a time ($1), of one finding or all; empty: all.
SELECT provider_account, finding, hour, count
FROM projections.finding_hours
WHERE hour >= $1 AND ($2 = '' OR provider_account = $2) AND ($3 = '' OR finding = $3)
LIMIT 100000;

-- name: examples
-- The latest callbacks with a finding since a time, newest first.
SELECT received_at, request_id, provider_account, dialect, method, kind, player, external_id, verdict, result, response_status,
       remote_address, diagnosis, finding, finding_facts, request_body, request_base64, total_us
FROM projections.callbacks
WHERE provider_account = $1 AND finding = $2 AND finding <> '' AND received_at >= $3
ORDER BY received_at DESC
LIMIT $4;

-- name: first_with_id
-- The first callback of a player with an id of the provider's that was answered: what a repetition of it has to be like.
SELECT received_at, request_id, method, request_body, request_base64
FROM projections.callbacks
WHERE player = $1 AND player <> '' AND provider_account = $2 AND external_id = $3 AND method = $4
  AND received_at >= $5 AND received_at < $6 AND request_id <> $7
ORDER BY received_at
LIMIT 1;

-- name: stored_with_id
-- What the ledger has under an id of the provider's.
SELECT seq, namespace, kind, status, result, currency, stake, win, round_id, game_id, session_id, occurred_at
FROM projections.operations
WHERE player = $1 AND provider_account = $2 AND external_id = $3 AND kind <> 'rollback'
ORDER BY seq
LIMIT 5;

-- name: recent_ids
-- Ids that the provider has used lately for this player.
SELECT external_id
FROM projections.operations
WHERE player = $1 AND seq > (SELECT max(seq) FROM projections.operations WHERE player = $1) - $3 AND provider_account = $2
  AND external_id <> '' AND kind <> 'rollback' AND status <> 'tombstone'
ORDER BY seq DESC
LIMIT $3;

-- name: decide
-- What somebody has decided about a finding; gives the state before.
WITH before AS (SELECT state FROM office.findings WHERE provider_account = $1 AND finding = $2),
written AS (
    INSERT INTO office.findings AS f (provider_account, finding, state, changed_by, changed_at)
    VALUES ($1, $2, $3, $4, clock_timestamp())
    ON CONFLICT (provider_account, finding) DO UPDATE SET
        state = EXCLUDED.state, changed_by = EXCLUDED.changed_by, changed_at = EXCLUDED.changed_at
)
SELECT coalesce((SELECT state FROM before), 'open') AS state;

-- name: add_note
-- A note on a finding.
INSERT INTO office.notes (login, object, words) VALUES ($1, $2, $3);

-- name: accounts
-- Provider accounts that were ever called or whose games are known.
SELECT DISTINCT provider_account FROM (
    SELECT provider_account FROM projections.pulse
    UNION
    SELECT provider_account FROM projections.finding_hours WHERE hour > now() - interval '30 days'
    UNION
    SELECT provider_account FROM projections.games
) AS seen
ORDER BY provider_account
LIMIT 200;
