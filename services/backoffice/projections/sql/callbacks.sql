-- name: make_months
-- Makes the months of callbacks that are missing.
SELECT projections.make_months($1::date[]);

-- name: drop_months
-- Drops the months of callbacks that ended by a day; gives their names.
SELECT * FROM projections.drop_months($1::date);

-- name: add_finding_hours
-- What a batch adds to the hours of findings.
INSERT INTO projections.finding_hours AS h (provider_account, finding, hour, count, first_at, last_at, last_request_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[])
ON CONFLICT (provider_account, finding, hour) DO UPDATE SET
    count = h.count + EXCLUDED.count,
    first_at = least(h.first_at, EXCLUDED.first_at),
    last_at = greatest(h.last_at, EXCLUDED.last_at),
    last_request_id = CASE
        WHEN EXCLUDED.last_at > h.last_at
          OR (EXCLUDED.last_at = h.last_at AND EXCLUDED.last_request_id COLLATE "C" > h.last_request_id COLLATE "C")
        THEN EXCLUDED.last_request_id ELSE h.last_request_id
    END;

-- name: add_pulse
-- What a batch adds to the seconds. Rows are locked in one order, so that two batches of different partitions never wait for
-- each other in a circle.
INSERT INTO projections.pulse AS p (second, provider_account, result, verdict, count, total_us, slowest_us, buckets)
SELECT u.second, u.provider_account, u.result, u.verdict, u.count, u.total_us, u.slowest_us, u.buckets::integer[]
FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::integer[], $8::text[])
    AS u (second, provider_account, result, verdict, count, total_us, slowest_us, buckets)
ORDER BY u.second, u.provider_account, u.result, u.verdict
ON CONFLICT (second, provider_account, result, verdict) DO UPDATE SET
    count = p.count + EXCLUDED.count,
    total_us = p.total_us + EXCLUDED.total_us,
    slowest_us = greatest(p.slowest_us, EXCLUDED.slowest_us),
    buckets = ARRAY(
        SELECT old.n + new.n
        FROM unnest(p.buckets) WITH ORDINALITY AS old (n, place)
        JOIN unnest(EXCLUDED.buckets) WITH ORDINALITY AS new (n, place) USING (place)
        ORDER BY place
    );

-- name: forget_pulse
-- Seconds that are shown no more.
DELETE FROM projections.pulse WHERE second < $1;
