-- name: players_by_key
-- Those of some keys that the projections have.
SELECT player, brand, country, test, status, excluded_until_ms, seq, created_at, last_at
FROM projections.players WHERE player = ANY ($1::text[]) LIMIT 50;

-- name: players_by_external_id
-- Whose operation has this id at a provider, or is in this round.
SELECT player, provider_account, kind, round_id, external_id, seq, occurred_at FROM (
    (SELECT player, provider_account, kind, round_id, external_id, seq, occurred_at
     FROM projections.operations WHERE external_id = $1 LIMIT 50)
    UNION ALL
    (SELECT player, provider_account, 'round', round_id, '', first_seq, opened_at
     FROM projections.rounds WHERE round_id = $1 LIMIT 50)
) AS found ORDER BY occurred_at DESC LIMIT 50;

-- name: latest_players
-- Who was seen last, for the search page before a search.
SELECT p.player, p.brand, p.country, p.test, p.status, p.excluded_until_ms, p.seq, p.created_at, p.last_at
FROM (SELECT player FROM (SELECT player, occurred_at FROM projections.operations
      WHERE occurred_at > $1 ORDER BY occurred_at DESC LIMIT 400) AS recent GROUP BY player ORDER BY max(occurred_at) DESC LIMIT 10)
  AS latest JOIN projections.players AS p USING (player) ORDER BY p.last_at DESC;

-- name: balances
-- A player's balances as the last event told them.
SELECT currency, balance FROM projections.balances WHERE player = $1 ORDER BY currency LIMIT 50;

-- name: last_rounds_of_player
-- The newest rounds of a player.
SELECT r.provider_account, r.round_id, r.game_id, coalesce(g.name, r.game_id) AS game, r.currency, r.status, r.bets, r.stake,
       r.win + r.free_win AS win, r.opened_at, r.player
FROM projections.rounds AS r LEFT JOIN projections.games AS g USING (provider_account, game_id)
WHERE r.player = $1 ORDER BY r.first_seq DESC LIMIT $2;

-- name: game
-- One game.
SELECT provider_account, game_id, name, state, studio, section, tags, rtp, version, record
FROM projections.games WHERE provider_account = $1 AND game_id = $2;

-- name: games
-- A page of games by name; an empty text is no filter. Words are found anywhere in name and id.
SELECT provider_account, game_id, name, state, studio, section, tags, rtp, version, record FROM projections.games
WHERE ($1 = '' OR strpos(lower(name), lower($1)) > 0 OR strpos(lower(game_id), lower($1)) > 0)
  AND ($2 = '' OR provider_account = $2) AND ($3 = '' OR section = $3) AND ($4 = '' OR studio = $4)
  AND ($5 = '' OR $5 = ANY (tags)) AND ($6 = '' OR state = $6)
  AND ($7 = '' OR (lower(name), provider_account, game_id) > (lower($7), $8, $9))
ORDER BY lower(name), provider_account, game_id LIMIT $10;

-- name: last_rounds_of_game
-- The newest rounds of a game, of players who are none for tests; within a day, whose index it is.
SELECT r.player, r.provider_account, r.round_id, r.game_id, r.game_id AS game, r.currency, r.status, r.bets, r.stake,
       r.win + r.free_win AS win, r.opened_at
FROM (
    SELECT o.player, o.provider_account, o.round_id, max(o.occurred_at) AS at FROM projections.operations AS o
    WHERE o.occurred_at > $3 AND o.provider_account = $1 AND o.game_id = $2 AND o.round_id <> '' AND NOT o.test
    GROUP BY o.player, o.provider_account, o.round_id ORDER BY at DESC LIMIT $4
) AS latest JOIN projections.rounds AS r USING (player, provider_account, round_id) ORDER BY r.opened_at DESC;

-- name: accounts
-- The provider accounts that anything is known of.
SELECT provider_account FROM (
    SELECT DISTINCT provider_account FROM projections.games
    UNION SELECT DISTINCT provider_account FROM projections.finding_hours
    UNION SELECT DISTINCT provider_account FROM projections.pulse
) AS known ORDER BY provider_account LIMIT 200;

-- name: count_games
-- The games of an account by state.
SELECT state, count(*) AS games FROM projections.games WHERE provider_account = $1 GROUP BY state ORDER BY state;

-- name: dialect
-- The dialect of an account's last callback of a week.
SELECT dialect FROM projections.callbacks WHERE provider_account = $1 AND received_at > $2 ORDER BY received_at DESC LIMIT 1;
