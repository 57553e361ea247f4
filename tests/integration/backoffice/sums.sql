-- name: cells
-- What was moved, from the wallet's own tables alone, by day, player, account, game and currency: another way than the reports'.
-- An operation is followed along target_seq to the one it goes back to; an even number of steps has its effect, an odd one undoes it.
WITH RECURSIVE steps AS (
    SELECT player, seq, target_seq, 0 AS step, seq AS root FROM public.operations WHERE status = 'applied'
    UNION ALL
    SELECT s.player, s.seq, o.target_seq, s.step + 1, o.seq
    FROM steps AS s JOIN public.operations AS o ON o.player = s.player AND o.seq = s.target_seq
),
ends AS (
    SELECT DISTINCT ON (player, seq) player, seq, root, CASE WHEN step % 2 = 0 THEN 1 ELSE -1 END AS sign
    FROM steps ORDER BY player, seq, step DESC
),
moved AS (
    SELECT m.player, m.seq,
        sum(amount) FILTER (WHERE credit_account LIKE 'provider:%') AS house_got,
        sum(amount) FILTER (WHERE debit_account LIKE 'provider:%') AS house_paid,
        sum(CASE WHEN debit_account LIKE 'free_rounds:%' THEN amount WHEN credit_account LIKE 'free_rounds:%' THEN -amount END) AS free,
        sum(CASE WHEN debit_account LIKE 'promo:%' THEN amount WHEN credit_account LIKE 'promo:%' THEN -amount END) AS promo,
        sum(CASE WHEN debit_account LIKE 'jackpot:%' THEN amount WHEN credit_account LIKE 'jackpot:%' THEN -amount END) AS jackpot
    FROM public.movements AS m GROUP BY m.player, m.seq
)
SELECT o.gaming_day, o.player, o.brand, o.test, o.provider_account, coalesce(o.game_id, '') AS game_id, coalesce(o.currency, '') AS currency,
    sum(CASE e.sign WHEN 1 THEN coalesce(m.house_got, 0) ELSE -coalesce(m.house_paid, 0) END)::bigint AS stake,
    sum(CASE e.sign WHEN 1 THEN coalesce(m.house_paid, 0) ELSE -coalesce(m.house_got, 0) END)::bigint AS win,
    (sum(coalesce(m.house_got, 0)) - sum(coalesce(m.house_paid, 0)))::bigint AS ggr,
    sum(coalesce(m.free, 0))::bigint AS free, sum(coalesce(m.promo, 0))::bigint AS promo, sum(coalesce(m.jackpot, 0))::bigint AS jackpot,
    sum(e.sign * coalesce(r.nominal_stake, 0))::bigint AS nominal,
    sum(e.sign * coalesce(r.jackpot_contribution, 0))::bigint AS contribution,
    sum(CASE WHEN e.sign = 1 AND m.house_got > 0 THEN 1 WHEN e.sign = -1 AND m.house_paid > 0 THEN -1 ELSE 0 END)::bigint AS bets,
    sum(CASE WHEN o.target_seq IS NULL THEN 0 WHEN e.sign = -1 THEN coalesce(m.house_paid, 0) ELSE -coalesce(m.house_got, 0) END)::bigint
        AS stake_undone,
    sum(CASE WHEN o.target_seq IS NULL THEN 0 WHEN e.sign = -1 THEN coalesce(m.house_got, 0) ELSE -coalesce(m.house_paid, 0) END)::bigint
        AS win_undone,
    count(*) FILTER (WHERE EXISTS (
        SELECT FROM public.rounds AS w WHERE w.player = o.player AND w.provider_account = o.provider_account AND w.round_id = o.round_id
            AND o.seq = (SELECT min(f.seq) FROM public.operations AS f WHERE f.player = w.player
                AND f.provider_account = w.provider_account AND f.round_id = w.round_id AND f.status = 'applied'
                AND f.kind IN ('bet', 'bet_and_win', 'win'))
    )) AS rounds
FROM public.operations AS o
JOIN ends AS e ON e.player = o.player AND e.seq = o.seq
JOIN public.operations AS r ON r.player = e.player AND r.seq = e.root
LEFT JOIN moved AS m ON m.player = o.player AND m.seq = o.seq
WHERE o.status = 'applied'
GROUP BY 1, 2, 3, 4, 5, 6, 7;

-- name: squares
-- Of every round as it stands at last (what names none, or one in another currency, is a round of its own), by currency: the sums that the corridor is made of.
WITH RECURSIVE steps AS (
    SELECT player, seq, target_seq, 0 AS step, seq AS root FROM public.operations WHERE status = 'applied'
    UNION ALL
    SELECT s.player, s.seq, o.target_seq, s.step + 1, o.seq
    FROM steps AS s JOIN public.operations AS o ON o.player = s.player AND o.seq = s.target_seq
),
ends AS (
    SELECT DISTINCT ON (player, seq) player, seq, root, CASE WHEN step % 2 = 0 THEN 1 ELSE -1 END AS sign
    FROM steps ORDER BY player, seq, step DESC
),
of_rounds AS (
    SELECT o.player, o.provider_account, o.currency, coalesce(o.round_id, '') AS round_id,
        CASE WHEN coalesce(o.round_id, '') = '' OR o.currency <> w.currency THEN e.root ELSE 0 END AS alone,
        sum(CASE WHEN (e.sign = 1) = (m.credit_account LIKE 'provider:%') THEN e.sign * m.amount ELSE 0 END) AS stake,
        sum(CASE WHEN (e.sign = 1) = (m.debit_account LIKE 'provider:%') THEN e.sign * m.amount ELSE 0 END) AS win
    FROM public.operations AS o
    JOIN ends AS e ON e.player = o.player AND e.seq = o.seq
    JOIN public.movements AS m ON m.player = o.player AND m.seq = o.seq
    LEFT JOIN public.rounds AS w ON w.player = o.player AND w.provider_account = o.provider_account AND w.round_id = o.round_id
    WHERE m.credit_account LIKE 'provider:%' OR m.debit_account LIKE 'provider:%'
    GROUP BY 1, 2, 3, 4, 5
)
SELECT currency, sum(stake * stake) AS stake2, sum(stake * win) AS stake_win, sum(win * win) AS win2 FROM of_rounds GROUP BY currency;
