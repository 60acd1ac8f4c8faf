-- trial_balance_in: the trial balance translated into one currency.
-- Grain: entity_id, book, base_currency, account_no, period_start.
-- Units: the currency asked for; balances are debit positive.
-- Rule: translation, not consolidation: nothing between entities is eliminated. Balance sheet accounts are translated
--   at the rate of the last day of the month, and open at that of the day before the month. The movement of income
--   statement accounts is translated at the average of the month's daily rates, and adds up to the end of the fiscal
--   year, or for ever if the account does not close. Earnings of closed years stand on their closing account, at the
--   rates of balance sheet accounts. A line with the account_no '' holds the translation difference, so that opening and
--   closing of each entity, book and month add up to zero. The rates are those of the
--   given type (EXCHANGERATE.TYPENAME), from the base currency to the one asked for, else the reciprocal of the other
--   direction; an amount without a rate is null. A type that the copy has no rates of is an error, which names those
--   that it has.
-- Parameters: into_currency text, rate_type text
-- Reads: EXCHANGERATE (RECORDNO text!, TYPENAME text, FROM_CURRENCY text!, TO_CURRENCY text!)
-- Reads: EXCHANGERATEENTRY (EXCHANGERATEKEY text!, EFFECTIVE_START_DATE date!, EXCHANGE_RATE number!)
-- Columns:
--   entity_id text: entity that owns the location of the lines; empty for none
--   book text: book, as in trial_balance
--   base_currency text: base currency of the entity
--   account_no text: number of the account; empty for the translation difference
--   account_title text: title of the account
--   fiscal_year integer: year in which the fiscal year ends
--   fiscal_month integer: 1 to 12, counted from the first fiscal month
--   period_start date: first day of the month
--   period_end date: last day of the month
--   opening any_money: balance at the start of the month
--   movement any_money: change in the month, that of the rates included
--   closing any_money: balance at the end of the month
--   closing_rate rate: rate of the last day of the month
--   average_rate rate: average rate of the month
WITH quoted_rates AS (
    SELECT r.from_currency AS base, n.effective_start_date AS since, n.exchange_rate AS rate, 1 AS preference
    FROM raw.exchangerate AS r
    JOIN raw.exchangerateentry AS n ON n.exchangeratekey = r.recordno
    WHERE r.to_currency = {into_currency} AND r.typename = {rate_type} AND n.exchange_rate > 0
    UNION ALL
    SELECT r.to_currency, n.effective_start_date,
        CAST(1 / CAST(n.exchange_rate AS DOUBLE PRECISION) AS {rate}), 2
    FROM raw.exchangerate AS r
    JOIN raw.exchangerateentry AS n ON n.exchangeratekey = r.recordno
    WHERE r.from_currency = {into_currency} AND r.typename = {rate_type} AND n.exchange_rate > 0
),
direct AS (
    SELECT q.base, min(q.preference) AS preference FROM quoted_rates AS q GROUP BY q.base
),
rates AS (
    SELECT
        q.base,
        q.since,
        max(q.rate) AS rate,
        lead(q.since, 1, DATE '9999-12-31') OVER (PARTITION BY q.base ORDER BY q.since) AS before
    FROM quoted_rates AS q
    JOIN direct AS d ON d.base = q.base AND d.preference = q.preference
    GROUP BY q.base, q.since
),
rate_types AS (
    SELECT
        count(*) FILTER (WHERE r.typename = {rate_type}) AS matching,
        concat('the copy has no exchange rates of the type "', max({rate_type}), '"; it has: ',
            coalesce(string_agg(DISTINCT r.typename, ', '), 'none')) AS problem
    FROM raw.exchangerate AS r
),
months AS (
    SELECT o.*, o.base_currency = {into_currency} AS is_same
    FROM (SELECT DISTINCT t.base_currency, t.period_start, t.period_end FROM reporting.trial_balance AS t) AS o
),
monthly AS (
    SELECT
        m.base_currency,
        m.period_start,
        m.period_end,
        CASE
            WHEN m.is_same THEN 1
            WHEN max(k.matching) = 0 THEN CAST(max(k.problem) AS {rate})
            ELSE max(r.rate) FILTER (WHERE m.period_end < r.before)
        END AS closing_rate,
        CASE
            WHEN m.is_same THEN 1
            WHEN min(r.since) <= m.period_start THEN CAST(
                sum(CAST(r.rate AS {rate}) * (
                    least(r.before, CAST(m.period_end + INTERVAL '1 day' AS DATE)) - greatest(r.since, m.period_start)
                )) / (m.period_end - m.period_start + 1) AS {rate})
        END AS average_rate
    FROM months AS m
    CROSS JOIN rate_types AS k
    LEFT JOIN rates AS r ON r.base = m.base_currency AND r.since <= m.period_end AND r.before > m.period_start
    GROUP BY m.base_currency, m.period_start, m.period_end, m.is_same
),
sides AS (
    SELECT
        t.*,
        coalesce(a.account_type = 'incomestatement', FALSE) AS is_income,
        CASE WHEN a.closes THEN t.fiscal_year ELSE 0 END AS kept_year,
        t.debit - t.credit AS moved,
        b.closing_rate AS opening_rate,
        c.closing_rate,
        c.average_rate
    FROM reporting.trial_balance AS t
    JOIN monthly AS c ON c.base_currency = t.base_currency AND c.period_start = t.period_start
    LEFT JOIN monthly AS b
        ON b.base_currency = t.base_currency AND b.period_end = CAST(t.period_start - INTERVAL '1 day' AS DATE)
    LEFT JOIN reporting.accounts AS a ON a.account_no = t.account_no
),
shown_months AS (
    SELECT DISTINCT s.entity_id, s.book, s.base_currency, s.fiscal_year, s.fiscal_month, s.period_start, s.period_end,
        s.closing_rate, s.average_rate
    FROM sides AS s
),
income_accounts AS (
    SELECT s.entity_id, s.book, s.base_currency, s.account_no, max(s.account_title) AS account_title, s.kept_year,
        min(s.period_start) AS first_month
    FROM sides AS s
    WHERE s.is_income
    GROUP BY s.entity_id, s.book, s.base_currency, s.account_no, s.kept_year
),
income AS (
    SELECT
        m.*,
        i.account_no,
        i.account_title,
        i.kept_year,
        CASE WHEN s.moved <> 0 AND m.average_rate IS NULL THEN 1 ELSE 0 END AS lacking,
        {translated:coalesce(CAST(s.moved AS {small}) * CAST(m.average_rate AS {rate}), 0), {into_currency}} AS moved
    FROM income_accounts AS i
    JOIN shown_months AS m
        ON m.entity_id = i.entity_id AND m.book = i.book AND m.base_currency = i.base_currency
        AND m.period_start >= i.first_month AND i.kept_year IN (0, m.fiscal_year)
    LEFT JOIN sides AS s
        ON s.entity_id = i.entity_id AND s.book = i.book AND s.base_currency = i.base_currency
        AND s.account_no = i.account_no AND s.period_start = m.period_start
),
summed_income AS (
    SELECT n.*, sum(n.moved) OVER a AS moved_so_far, sum(n.lacking) OVER a AS lacking_so_far
    FROM income AS n
    WINDOW a AS (
        PARTITION BY n.entity_id, n.book, n.base_currency, n.account_no, n.kept_year ORDER BY n.period_start
    )
),
translated AS (
    SELECT entity_id, book, base_currency, account_no, account_title, fiscal_year, fiscal_month, period_start,
        period_end, closing_rate, average_rate,
        CASE WHEN opening = 0 THEN 0
            ELSE {translated:CAST(opening AS {small}) * CAST(opening_rate AS {rate}), {into_currency}} END
            AS opening,
        CASE WHEN closing = 0 THEN 0
            ELSE {translated:CAST(closing AS {small}) * CAST(closing_rate AS {rate}), {into_currency}} END
            AS closing
    FROM sides
    WHERE NOT is_income
    UNION ALL
    SELECT entity_id, book, base_currency, account_no, account_title, fiscal_year, fiscal_month, period_start,
        period_end, closing_rate, average_rate,
        CASE WHEN lacking_so_far = lacking THEN moved_so_far - moved END,
        CASE WHEN lacking_so_far = 0 THEN moved_so_far END
    FROM summed_income
),
with_difference AS (
    SELECT * FROM translated
    UNION ALL
    SELECT entity_id, book, base_currency, '', 'Translation difference', fiscal_year, fiscal_month, period_start,
        period_end, max(closing_rate), max(average_rate),
        CASE WHEN count(*) = count(opening) THEN -sum(opening) END,
        CASE WHEN count(*) = count(closing) THEN -sum(closing) END
    FROM translated
    GROUP BY entity_id, book, base_currency, fiscal_year, fiscal_month, period_start, period_end
)
SELECT
    w.entity_id,
    w.book,
    w.base_currency,
    w.account_no,
    w.account_title,
    w.fiscal_year,
    w.fiscal_month,
    w.period_start,
    w.period_end,
    CAST(w.opening AS {any_money}) AS opening,
    CAST(w.closing - w.opening AS {any_money}) AS movement,
    CAST(w.closing AS {any_money}) AS closing,
    CAST(w.closing_rate AS {rate}) AS closing_rate,
    CAST(w.average_rate AS {rate}) AS average_rate
FROM with_difference AS w
WHERE w.closing <> 0 OR w.opening <> 0 OR w.closing IS NULL OR w.opening IS NULL
