-- name: players
-- Each player of a batch as he stands; one that is new comes with nulls.
SELECT u.player, p.brand, p.country, p.test, p.status, p.excluded_until_ms, p.seq, encode(p.hash, 'hex') AS hash,
       (extract(epoch FROM p.created_at) * 1000)::bigint AS created_at_ms,
       (extract(epoch FROM p.last_at) * 1000)::bigint AS last_at_ms
FROM unnest($1::text[]) AS u (player)
LEFT JOIN LATERAL (SELECT * FROM projections.players AS each WHERE each.player = u.player OFFSET 0) AS p ON true;

-- name: rounds
-- The rounds of a batch that are there already.
SELECT r.player, r.provider_account, r.round_id, r.brand, r.test, r.game_id, r.session_id, r.currency, r.first_seq,
       (extract(epoch FROM r.opened_at) * 1000)::bigint AS opened_at_ms, r.status, r.bets, r.operations, r.stake, r.win,
       r.free_win, r.nominal_stake, r.last_seq, (extract(epoch FROM r.last_at) * 1000)::bigint AS last_at_ms
FROM unnest($1::text[], $2::text[], $3::text[]) AS u (player, provider_account, round_id)
CROSS JOIN LATERAL (
    SELECT * FROM projections.rounds AS each
    WHERE each.player = u.player AND each.provider_account = u.provider_account AND each.round_id = u.round_id OFFSET 0
) AS r;

-- name: stored
-- The hashes of events of a batch that are there already.
SELECT u.player, u.seq, encode(o.hash, 'hex') AS hash
FROM unnest($1::text[], $2::bigint[]) AS u (player, seq)
CROSS JOIN LATERAL (
    SELECT each.hash FROM projections.operations AS each WHERE each.player = u.player AND each.seq = u.seq OFFSET 0
) AS o;

-- name: originals
-- What rollbacks go back to: along `target_seq` to the first operation that is no rollback.
SELECT u.player, u.seq, o.kind, o.status, o.details, o.round_id, o.nominal_stake, o.jackpot_contribution
FROM unnest($1::text[], $2::bigint[]) AS u (player, seq)
CROSS JOIN LATERAL (
    WITH RECURSIVE back AS (
        SELECT t.kind, t.status, t.details, t.round_id, t.nominal_stake, t.jackpot_contribution, t.target_seq
        FROM projections.operations AS t WHERE t.player = u.player AND t.seq = u.seq
        UNION ALL
        SELECT t.kind, t.status, t.details, t.round_id, t.nominal_stake, t.jackpot_contribution, t.target_seq
        FROM back JOIN projections.operations AS t ON t.player = u.player AND t.seq = back.target_seq
        WHERE back.kind = 'rollback'
    )
    SELECT * FROM back WHERE back.kind <> 'rollback' LIMIT 1
) AS o;

-- name: save_players
-- Players as they are from now on.
INSERT INTO projections.players AS p
    (player, brand, country, test, status, excluded_until_ms, seq, hash, created_at, last_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::text[], $6::bigint[], $7::bigint[], $8::bytea[],
                     $9::timestamptz[], $10::timestamptz[])
ON CONFLICT (player) DO UPDATE SET
    brand = EXCLUDED.brand, country = EXCLUDED.country, test = EXCLUDED.test, status = EXCLUDED.status,
    excluded_until_ms = EXCLUDED.excluded_until_ms, seq = EXCLUDED.seq, hash = EXCLUDED.hash,
    created_at = EXCLUDED.created_at, last_at = EXCLUDED.last_at;

-- name: save_balances
-- Balances as they are from now on.
INSERT INTO projections.balances (player, currency, balance)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
ON CONFLICT (player, currency) DO UPDATE SET balance = EXCLUDED.balance;

-- name: save_rounds
-- Rounds that were there before as they are from now on. An UPDATE joined with `unnest` may read the whole table; this cannot.
INSERT INTO projections.rounds
    (player, provider_account, round_id, brand, test, game_id, session_id, currency, first_seq, opened_at, status, bets, operations,
     stake, win, free_win, nominal_stake, last_seq, last_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::text[], $7::text[], $8::text[],
                     $9::bigint[], $10::timestamptz[], $11::text[], $12::integer[], $13::integer[], $14::bigint[], $15::bigint[],
                     $16::bigint[], $17::bigint[], $18::bigint[], $19::timestamptz[])
ON CONFLICT (player, provider_account, round_id) DO UPDATE SET
    status = EXCLUDED.status, bets = EXCLUDED.bets, operations = EXCLUDED.operations, stake = EXCLUDED.stake,
    win = EXCLUDED.win, free_win = EXCLUDED.free_win, nominal_stake = EXCLUDED.nominal_stake,
    last_seq = EXCLUDED.last_seq, last_at = EXCLUDED.last_at;

-- name: add_days
-- What a batch adds to the days.
INSERT INTO projections.player_days AS d
    (gaming_day, player, provider_account, game_id, currency, brand, country, test, stake, win, stake_undone, win_undone,
     free_win, promo_win, jackpot_win, nominal_stake, jackpot_contribution, bets, rounds, stake2, stake_win, win2)
SELECT * FROM unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[],
                     $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
                     $16::bigint[], $17::bigint[], $18::bigint[], $19::bigint[], $20::numeric[], $21::numeric[], $22::numeric[])
ON CONFLICT (gaming_day, player, provider_account, game_id, currency) DO UPDATE SET
    stake = d.stake + EXCLUDED.stake, win = d.win + EXCLUDED.win,
    stake_undone = d.stake_undone + EXCLUDED.stake_undone, win_undone = d.win_undone + EXCLUDED.win_undone,
    free_win = d.free_win + EXCLUDED.free_win, promo_win = d.promo_win + EXCLUDED.promo_win,
    jackpot_win = d.jackpot_win + EXCLUDED.jackpot_win, nominal_stake = d.nominal_stake + EXCLUDED.nominal_stake,
    jackpot_contribution = d.jackpot_contribution + EXCLUDED.jackpot_contribution, bets = d.bets + EXCLUDED.bets,
    rounds = d.rounds + EXCLUDED.rounds, stake2 = d.stake2 + EXCLUDED.stake2, stake_win = d.stake_win + EXCLUDED.stake_win,
    win2 = d.win2 + EXCLUDED.win2;

-- name: save_waiting
-- Events whose predecessors were not read yet.
INSERT INTO projections.waiting (player, seq, hash, partition, event)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::integer[], $5::text[])
ON CONFLICT (player, seq, hash) DO NOTHING;
