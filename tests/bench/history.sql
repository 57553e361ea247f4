-- name: games
-- Games in sections; $1: how many.
INSERT INTO projections.games (provider_account, game_id, name, state, studio, section, tags, rtp, version, record)
SELECT 'bench', 'g' || n, 'Game ' || n, 'live', 'studio ' || n % 10, 'section ' || n % 5, ARRAY['tag ' || n % 7], ARRAY['96'], 1, ''
FROM generate_series(0, $1::bigint - 1) AS n;

-- name: players
-- $1: how many; $2: how many operations each has; $3: when the first one was.
INSERT INTO projections.players (player, brand, country, test, status, excluded_until_ms, seq, hash, created_at, last_at)
SELECT lpad(translate(n::text, '0189', 'abcd'), 16, 'z'), 'main', 'MT', false, 'active', 0, $2, decode(repeat('00', 32), 'hex'), $3, $3
FROM generate_series(0, $1::bigint - 1) AS n;

-- name: operations
-- Operations $1 to $2 of all, in the order of time, each of the next player: a bet and its win in turn. $3: players; $4: when the
-- first one was; $5: microseconds from one to the next; $6: games.
INSERT INTO projections.operations (
    player, seq, provider_account, namespace, external_id, kind, status, result, limit_name, brand, test, currency, stake, win,
    nominal_stake, jackpot_contribution, promo_class, round_id, closes_round, game_id, session_id, grant_id, free_round, target_seq,
    balance_after, details, gaming_day, occurred_at, hash, movements
)
SELECT o.player, o.seq, 'bench', 'tx', 'x' || o.n, o.kind, 'applied', 'OK', '', 'main', false, 'EUR',
    CASE o.kind WHEN 'bet' THEN 100000 ELSE 0 END, CASE o.kind WHEN 'win' THEN 95000 ELSE 0 END, 0, 0, '',
    'r' || (o.seq + 1) / 2, o.kind = 'win', 'g' || ((o.seq + 1) / 2 * 7 + o.p) % $6::bigint, '', '', false, 0,
    100000000 - o.seq * 2500, '', o.at::date, o.at, decode(repeat('00', 32), 'hex'),
    '[{"debit_account":"player","credit_account":"provider:bench","amount":100000,"currency":"EUR","balance_after":0}]'
FROM (
    SELECT n, n % $3::bigint AS p, lpad(translate((n % $3)::text, '0189', 'abcd'), 16, 'z') AS player, n / $3 + 1 AS seq,
        CASE (n / $3) % 2 WHEN 0 THEN 'bet' ELSE 'win' END AS kind,
        $4::timestamptz + make_interval(secs => n * $5::double precision / 1000000) AS at
    FROM generate_series($1::bigint, $2::bigint - 1) AS n
) AS o;

-- name: rounds
-- The rounds of these operations.
INSERT INTO projections.rounds (
    player, provider_account, round_id, brand, test, game_id, session_id, currency, status, bets, operations, stake, win, free_win,
    nominal_stake, first_seq, last_seq, opened_at, last_at
)
SELECT player, provider_account, round_id, 'main', false, game_id, '', 'EUR', 'closed', 1, 2, 100000, 95000, 0, 0, seq, seq + 1,
    occurred_at, occurred_at
FROM projections.operations WHERE kind = 'bet';

-- name: days
-- What they did on each day.
INSERT INTO projections.player_days (
    gaming_day, player, provider_account, game_id, currency, brand, country, test, stake, win, bets, rounds, stake2, stake_win, win2
)
SELECT gaming_day, player, provider_account, game_id, 'EUR', 'main', 'MT', false, sum(stake), sum(win), count(*) FILTER (WHERE kind = 'bet'),
    count(*) FILTER (WHERE kind = 'bet'), sum(stake::numeric * stake), 0, sum(win::numeric * win)
FROM projections.operations GROUP BY gaming_day, player, provider_account, game_id;

-- name: player
-- The key of the first player.
SELECT lpad('a', 16, 'z');
