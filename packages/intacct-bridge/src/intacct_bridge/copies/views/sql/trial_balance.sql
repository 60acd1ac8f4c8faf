-- trial_balance: opening balance, debits, credits and closing balance of each account in each fiscal month.
-- Grain: entity_id, book, base_currency, account_no, period_start.
-- Units: base currency of the entity; balances are debit positive.
-- Rule: posted lines that are not statistical. The books ACCRUAL and CASH stand alone and are never added. Every other
--   book holds adjustments: it is shown added to each of them, such as ACCRUAL+GAAP. At the start of a fiscal year an
--   account that closes opens with zero, and its closing account opens with the balance; nothing is posted for that.
--   Months without movement are there as long as the account has a balance, up to the last posting or the last extract.
--   So are those of an income statement account whose movements of the fiscal year do not add up to zero.
-- Reads: GLDETAIL (BATCH_DATE date!, BOOKID text, ACCOUNTNO text!, LOCATIONID text, BASECURR text, CURRENCY text,
--   STATISTICAL flag, DEBITAMOUNT number, CREDITAMOUNT number, AMOUNT number, BATCH_STATE text)
-- Columns:
--   entity_id: entity that owns the location of the lines; empty for none
--   book: ACCRUAL, CASH, or one of them with a book of adjustments, such as ACCRUAL+GAAP
--   main_book: ACCRUAL or CASH
--   adjustment_book: book of adjustments that is added; empty for none
--   base_currency: currency of the amounts
--   account_no: number of the account
--   account_title: title of the account
--   fiscal_year: year in which the fiscal year ends
--   fiscal_month: 1 to 12, counted from the first fiscal month
--   period_start: first day of the month
--   period_end: last day of the month
--   opening: balance at the start of the month, debit positive
--   debit: debits of the month
--   credit: credits of the month
--   closing: balance at the end of the month, debit positive
--   year_to_date: debits less credits of the fiscal year, up to the end of the month
WITH RECURSIVE lines AS (
    SELECT
        coalesce(l.locationid, '') AS location_id,
        coalesce(nullif(l.bookid, ''), 'ACCRUAL') AS book,
        coalesce(nullif(l.basecurr, ''), '') AS base_currency,
        coalesce(nullif(l.currency, ''), '') AS currency,
        l.accountno AS account_no,
        CAST(date_trunc('month', l.batch_date) AS DATE) AS period_start,
        sum({debit:l}) AS debit,
        sum({credit:l}) AS credit
    FROM raw.gldetail AS l
    WHERE NOT l.statistical AND {posted:l.batch_state}
    GROUP BY 1, 2, 3, 4, 5, 6
),
moved AS (
    SELECT
        coalesce(p.entity_id, '') AS entity_id,
        e.first_fiscal_month,
        l.book,
        coalesce(nullif(l.base_currency, ''), nullif(e.base_currency, ''), l.currency) AS base_currency,
        l.account_no,
        l.period_start,
        sum(l.debit) AS debit,
        sum(l.credit) AS credit
    FROM lines AS l
    LEFT JOIN reporting.locations AS p ON p.location_id = l.location_id
    JOIN reporting.entities AS e ON e.entity_id = coalesce(p.entity_id, '')
    GROUP BY 1, 2, 3, 4, 5, 6
),
books AS (
    SELECT DISTINCT m.book, m.book IN ('ACCRUAL', 'CASH') AS is_main FROM moved AS m
),
shown AS (
    SELECT b.book, b.book AS main_book, '' AS adjustment_book, b.book AS part
    FROM books AS b
    WHERE b.is_main OR NOT EXISTS (SELECT 1 FROM books AS o WHERE o.is_main)
    UNION ALL
    SELECT b.book || '+' || a.book, b.book, a.book, p.book
    FROM books AS b
    JOIN books AS a ON b.is_main AND NOT a.is_main
    JOIN books AS p ON p.book IN (b.book, a.book)
),
monthly AS (
    SELECT
        m.entity_id,
        m.first_fiscal_month,
        s.book,
        s.main_book,
        s.adjustment_book,
        m.base_currency,
        m.account_no,
        m.period_start,
        {fiscal_year:m.period_start, m.first_fiscal_month} AS fiscal_year,
        sum(m.debit) AS debit,
        sum(m.credit) AS credit
    FROM moved AS m
    JOIN shown AS s ON s.part = m.book
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
),
bounds AS (
    SELECT
        min(m.period_start) AS first_month,
        CAST(date_trunc('month', greatest(max(m.period_start), (
            SELECT max(CAST(s.value AS DATE)) FROM bridge.settings AS s WHERE s.name = 'read_on'
        ))) AS DATE) AS last_month
    FROM monthly AS m
),
closing_chain AS (
    SELECT a.account_no, a.closing_account_no AS target, 1 AS steps FROM reporting.accounts AS a WHERE a.closes
    UNION ALL
    SELECT c.account_no, a.closing_account_no, c.steps + 1
    FROM closing_chain AS c
    JOIN reporting.accounts AS a ON a.account_no = c.target AND a.closes
    WHERE c.steps < 9
),
closing_accounts AS (
    SELECT c.account_no, c.target
    FROM closing_chain AS c
    WHERE c.steps = (SELECT max(o.steps) FROM closing_chain AS o WHERE o.account_no = c.account_no)
),
closed_years AS (
    SELECT
        y.entity_id,
        y.first_fiscal_month,
        y.book,
        y.main_book,
        y.adjustment_book,
        y.base_currency,
        y.account_no,
        c.target,
        make_date(y.fiscal_year + CASE WHEN y.first_fiscal_month > 1 THEN 0 ELSE 1 END, y.first_fiscal_month, 1)
            AS period_start,
        sum(y.debit - y.credit) AS balance
    FROM monthly AS y
    JOIN closing_accounts AS c ON c.account_no = y.account_no
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
),
changes AS (
    SELECT entity_id, first_fiscal_month, book, main_book, adjustment_book, base_currency, account_no, period_start,
        debit, credit, debit - credit AS change
    FROM monthly
    UNION ALL
    SELECT entity_id, first_fiscal_month, book, main_book, adjustment_book, base_currency, account_no, period_start,
        0, 0, -balance
    FROM closed_years
    UNION ALL
    SELECT entity_id, first_fiscal_month, book, main_book, adjustment_book, base_currency, target, period_start,
        0, 0, balance
    FROM closed_years
),
by_month AS (
    SELECT entity_id, first_fiscal_month, book, main_book, adjustment_book, base_currency, account_no, period_start,
        sum(debit) AS debit, sum(credit) AS credit, sum(change) AS change
    FROM changes
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
),
months AS (
    SELECT b.first_month AS period_start FROM bounds AS b WHERE b.first_month IS NOT NULL
    UNION ALL
    SELECT CAST(m.period_start + INTERVAL '1 month' AS DATE)
    FROM months AS m CROSS JOIN bounds AS b
    WHERE m.period_start < b.last_month
),
keys AS (
    SELECT entity_id, first_fiscal_month, book, main_book, adjustment_book, base_currency, account_no,
        min(period_start) AS first_month
    FROM by_month
    GROUP BY 1, 2, 3, 4, 5, 6, 7
),
running AS (
    SELECT
        k.entity_id,
        k.first_fiscal_month,
        k.book,
        k.main_book,
        k.adjustment_book,
        k.base_currency,
        k.account_no,
        m.period_start,
        coalesce(c.debit, 0) AS debit,
        coalesce(c.credit, 0) AS credit,
        sum(coalesce(c.change, 0)) OVER (
            PARTITION BY k.entity_id, k.book, k.base_currency, k.account_no ORDER BY m.period_start
        ) AS closing,
        sum(coalesce(c.debit, 0) - coalesce(c.credit, 0)) OVER (
            PARTITION BY k.entity_id, k.book, k.base_currency, k.account_no,
                {fiscal_year:m.period_start, k.first_fiscal_month}
            ORDER BY m.period_start
        ) AS year_to_date
    FROM keys AS k
    JOIN months AS m ON m.period_start >= k.first_month
    LEFT JOIN by_month AS c
        ON c.entity_id = k.entity_id AND c.book = k.book AND c.base_currency = k.base_currency
        AND c.account_no = k.account_no AND c.period_start = m.period_start
)
SELECT
    r.entity_id,
    r.book,
    r.main_book,
    r.adjustment_book,
    r.base_currency,
    r.account_no,
    a.title AS account_title,
    {fiscal_year:r.period_start, r.first_fiscal_month} AS fiscal_year,
    {fiscal_month:r.period_start, r.first_fiscal_month} AS fiscal_month,
    r.period_start,
    CAST(r.period_start + INTERVAL '1 month' - INTERVAL '1 day' AS DATE) AS period_end,
    CAST(r.closing - r.debit + r.credit AS {money}) AS opening,
    CAST(r.debit AS {money}) AS debit,
    CAST(r.credit AS {money}) AS credit,
    CAST(r.closing AS {money}) AS closing,
    CAST(r.year_to_date AS {money}) AS year_to_date
FROM running AS r
LEFT JOIN reporting.accounts AS a ON a.account_no = r.account_no
WHERE r.closing <> 0 OR r.debit <> 0 OR r.credit <> 0 OR r.closing - r.debit + r.credit <> 0
    OR (r.year_to_date <> 0 AND a.account_type = 'incomestatement')
