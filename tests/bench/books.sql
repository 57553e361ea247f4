-- One row of counts over the whole ledger: see books.Books.
SELECT
    (SELECT count(*) FROM operations WHERE provider_account = %(account)s AND namespace = 'tx' AND status = 'applied') AS operations,
    (SELECT count(*) FROM operations WHERE provider_account = %(account)s AND namespace = 'tx' AND status <> 'applied') AS refusals,
    (SELECT count(*) FROM operations WHERE kind = 'deposit' AND status = 'applied' AND external_id LIKE 'deposits-%%') AS deposits,
    (
        SELECT coalesce(sum(m.amount), 0) FROM movements m JOIN operations o USING (player, seq)
        WHERE o.kind = 'deposit' AND o.status = 'applied' AND o.external_id LIKE 'deposits-%%' AND m.credit_account = 'player'
    ) AS deposited,
    (SELECT count(*) FROM sessions WHERE provider_account = %(studio)s AND status IN ('active', 'superseded')) AS sessions,
    (
        SELECT count(*) FROM balances b
        LEFT JOIN (
            SELECT player, currency, sum(CASE WHEN credit_account = 'player' THEN amount ELSE -amount END) AS total,
                (array_agg(balance_after ORDER BY seq DESC, n DESC))[1] AS last
            FROM movements GROUP BY player, currency
        ) m USING (player, currency)
        WHERE b.balance <> coalesce(m.total, 0) OR b.balance <> coalesce(m.last, 0)
    ) AS broken_balances,
    (
        SELECT count(*) FROM players p
        LEFT JOIN (SELECT player, count(*) AS n, max(seq) AS last FROM operations GROUP BY player) o USING (player)
        WHERE p.seq <> coalesce(o.n, 0) OR p.seq <> coalesce(o.last, 0)
    ) AS broken_sequences,
    (
        SELECT count(*) FROM players p JOIN operations o ON o.player = p.player AND o.seq = p.seq WHERE o.hash <> p.chain_head
    ) AS broken_chains
