-- name: pulse
-- How the callbacks of the last 15 minutes ended, and how many took how long, account by account.
SELECT provider_account,
       sum(count)::bigint AS calls,
       coalesce(sum(count) FILTER (WHERE verdict = 'refused'), 0)::bigint AS rejected,
       coalesce(sum(count) FILTER (WHERE result IN ('refused_authentication', 'refused_address')), 0)::bigint AS strangers,
       coalesce(sum(count) FILTER (WHERE verdict NOT IN ('answered', 'refused')), 0)::bigint AS unknown,
       max(slowest_us)::bigint AS slowest_us,
       ARRAY[sum(buckets[1]), sum(buckets[2]), sum(buckets[3]), sum(buckets[4]), sum(buckets[5]), sum(buckets[6]),
             sum(buckets[7]), sum(buckets[8]), sum(buckets[9]), sum(buckets[10])]::bigint[] AS buckets
FROM projections.pulse
WHERE second >= now() - interval '15 minutes' AND provider_account = ANY ($1::text[])
GROUP BY provider_account;

-- name: presence
-- When each account was last heard of, in how many minutes of the hour before the last ten, and on how many of the last seven
-- days at this time of day (half an hour either side).
SELECT account.name AS provider_account, last.received_at AS last_at,
       (SELECT count(DISTINCT date_trunc('minute', pulse.second)) FROM projections.pulse
        WHERE pulse.provider_account = account.name AND pulse.second >= now() - interval '60 minutes'
          AND pulse.second < now() - interval '10 minutes') AS active_minutes,
       (SELECT max(pulse.second) FROM projections.pulse
        WHERE pulse.provider_account = account.name AND pulse.second >= now() - interval '60 minutes') AS last_second,
       (SELECT count(*) FROM generate_series(1, 7) AS day
        WHERE EXISTS (SELECT FROM projections.callbacks
                      WHERE callbacks.provider_account = account.name
                        AND callbacks.received_at >= now() - make_interval(days => day, mins => 30)
                        AND callbacks.received_at < now() - make_interval(days => day, mins => -30))) AS usual_days
FROM unnest($1::text[]) AS account (name)
LEFT JOIN LATERAL (
    SELECT callbacks.received_at FROM projections.callbacks
    WHERE callbacks.provider_account = account.name
    ORDER BY callbacks.received_at DESC
    LIMIT 1
) AS last ON true;

-- name: recent_counts
-- How often each finding happened in this hour and the last.
SELECT provider_account, finding, sum(count)::bigint AS count
FROM projections.finding_hours
WHERE hour >= date_trunc('hour', now()) - interval '1 hour' AND provider_account = ANY ($1::text[])
GROUP BY provider_account, finding
LIMIT 10000;
