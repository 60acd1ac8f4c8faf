-- trial_balance_in: the trial balance translated into one currency.
-- Grain: entity_id, book, base_currency, account_no, period_start.
-- Units: the currency asked for; balances are debit positive.
-- Rule: translation, not consolidation: nothing between entities is eliminated. Balance sheet accounts are translated
--   at the rate of the last day of the month, the movement of income statement accounts at the average of the month's
--   daily rates. Earnings of closed years stand on their closing account, at the closing rate. A line with the account_no
--   '' holds the translation difference, so that each entity, book and month adds up to zero. The rates are those of the
--   given type (EXCHANGERATE.TYPENAME), from the base currency to the one asked for, else the reciprocal of the other
--   direction; an amount without a rate is null.
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
--   opening money: balance at the start of the month
--   movement money: change in the month, that of the rates included
--   closing money: balance at the end of the month
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
months AS (
    SELECT o.*, o.base_currency = {into_currency} AS is_same
    FROM (SELECT DISTINCT t.base_currency, t.period_start, t.period_end FROM reporting.trial_balance AS t) AS o
),
monthly AS (
    SELECT
        m.base_currency,
        m.period_start,
        CASE WHEN m.is_same THEN 1 ELSE max(r.rate) FILTER (WHERE m.period_end < r.before) END
            AS closing_rate,
        CASE
            WHEN m.is_same THEN 1
            WHEN min(r.since) <= m.period_start THEN CAST(
                sum(CAST(r.rate AS {rate}) * (
                    least(r.before, CAST(m.period_end + INTERVAL '1 day' AS DATE)) - greatest(r.since, m.period_start)
                )) / (m.period_end - m.period_start + 1) AS {rate})
        END AS average_rate
    FROM months AS m
    LEFT JOIN rates AS r ON r.base = m.base_currency AND r.since <= m.period_end AND r.before > m.period_start
    GROUP BY m.base_currency, m.period_start, m.period_end, m.is_same
),
sides AS (
    SELECT
        t.entity_id,
        t.book,
        t.base_currency,
        t.account_no,
        t.account_title,
        t.fiscal_year,
        t.fiscal_month,
        t.period_start,
        t.period_end,
        a.account_type = 'incomestatement' AS is_income,
        t.closing,
        t.debit - t.credit AS moved,
        c.closing_rate,
        c.average_rate
    FROM reporting.trial_balance AS t
    JOIN monthly AS c ON c.base_currency = t.base_currency AND c.period_start = t.period_start
    LEFT JOIN reporting.accounts AS a ON a.account_no = t.account_no
),
translated AS (
    SELECT
        s.entity_id,
        s.book,
        s.base_currency,
        s.account_no,
        s.account_title,
        s.fiscal_year,
        s.fiscal_month,
        s.period_start,
        s.period_end,
        s.is_income,
        s.closing_rate,
        s.average_rate,
        CASE
            WHEN s.is_income THEN CASE
                WHEN count(*) FILTER (WHERE s.moved <> 0 AND s.average_rate IS NULL) OVER (
                    PARTITION BY s.entity_id, s.book, s.base_currency, s.account_no, s.fiscal_year
                    ORDER BY s.period_start
                ) = 0
                THEN sum(CAST(CAST(s.moved AS {small}) * CAST(s.average_rate AS {rate}) AS {money})) OVER (
                    PARTITION BY s.entity_id, s.book, s.base_currency, s.account_no, s.fiscal_year
                    ORDER BY s.period_start
                )
            END
            ELSE CAST(CAST(s.closing AS {small}) * CAST(s.closing_rate AS {rate}) AS {money})
        END AS closing
    FROM sides AS s
),
with_difference AS (
    SELECT entity_id, book, base_currency, account_no, account_title, fiscal_year, fiscal_month, period_start,
        period_end, is_income, closing_rate, average_rate, closing
    FROM translated
    UNION ALL
    SELECT entity_id, book, base_currency, '', 'Translation difference', fiscal_year, fiscal_month, period_start,
        period_end, FALSE, max(closing_rate), max(average_rate),
        CASE WHEN count(*) = count(closing) THEN -sum(closing) END
    FROM translated
    GROUP BY entity_id, book, base_currency, fiscal_year, fiscal_month, period_start, period_end
),
before AS (
    SELECT
        w.*,
        CASE
            WHEN lag(w.period_end) OVER a = CAST(w.period_start - INTERVAL '1 day' AS DATE)
                AND NOT (w.is_income AND w.fiscal_month = 1)
                THEN lag(w.closing) OVER a
            ELSE 0
        END AS opening
    FROM with_difference AS w
    WINDOW a AS (PARTITION BY w.entity_id, w.book, w.base_currency, w.account_no ORDER BY w.period_start)
)
SELECT
    b.entity_id,
    b.book,
    b.base_currency,
    b.account_no,
    b.account_title,
    b.fiscal_year,
    b.fiscal_month,
    b.period_start,
    b.period_end,
    CAST(b.opening AS {money}) AS opening,
    CAST(b.closing - b.opening AS {money}) AS movement,
    CAST(b.closing AS {money}) AS closing,
    CAST(b.closing_rate AS {rate}) AS closing_rate,
    CAST(b.average_rate AS {rate}) AS average_rate
FROM before AS b
WHERE b.closing <> 0 OR b.opening <> 0 OR b.closing IS NULL
