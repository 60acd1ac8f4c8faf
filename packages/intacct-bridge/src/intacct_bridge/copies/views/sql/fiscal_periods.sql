-- fiscal_periods: the fiscal months of each entity.
-- Grain: entity_id, period_start.
-- Units: none.
-- Rule: fiscal years begin in the entity's first fiscal month and are named after the year in which they end. The
--   months reach from the fiscal year of the first posting to that of the last posting, or of the last extract if that
--   is later. Intacct's reporting periods overlap and know no fiscal year; see reporting_periods.
-- Reads: GLDETAIL (BATCH_DATE date!)
-- Columns:
--   entity_id: id of the entity; empty for what belongs to none
--   fiscal_year: year in which the fiscal year ends
--   fiscal_month: 1 to 12, counted from the first fiscal month
--   fiscal_quarter: 1 to 4
--   period_start: first day of the month
--   period_end: last day of the month
--   is_year_end: whether it is the last month of its fiscal year
WITH RECURSIVE bounds AS (
    SELECT
        CAST(date_trunc('month', min(l.batch_date) - INTERVAL '11 months') AS DATE) AS first_month,
        CAST(date_trunc('month', greatest(max(l.batch_date), (
            SELECT max(CAST(s.value AS DATE)) FROM bridge.settings AS s WHERE s.name = 'read_on'
        )) + INTERVAL '11 months') AS DATE) AS last_month,
        CAST(date_trunc('month', min(l.batch_date)) AS DATE) AS first_posted,
        CAST(date_trunc('month', greatest(max(l.batch_date), (
            SELECT max(CAST(s.value AS DATE)) FROM bridge.settings AS s WHERE s.name = 'read_on'
        ))) AS DATE) AS last_posted
    FROM raw.gldetail AS l
),
months AS (
    SELECT b.first_month AS period_start FROM bounds AS b WHERE b.first_month IS NOT NULL
    UNION ALL
    SELECT CAST(m.period_start + INTERVAL '1 month' AS DATE)
    FROM months AS m CROSS JOIN bounds AS b
    WHERE m.period_start < b.last_month
),
numbered AS (
    SELECT
        e.entity_id,
        {fiscal_year:m.period_start, e.first_fiscal_month} AS fiscal_year,
        {fiscal_month:m.period_start, e.first_fiscal_month} AS fiscal_month,
        m.period_start
    FROM reporting.entities AS e CROSS JOIN months AS m
),
spanned AS (
    SELECT n.entity_id, min(n.fiscal_year) AS first_year, max(n.fiscal_year) AS last_year
    FROM numbered AS n
    JOIN bounds AS b ON n.period_start BETWEEN b.first_posted AND b.last_posted
    GROUP BY n.entity_id
)
SELECT
    n.entity_id,
    n.fiscal_year,
    n.fiscal_month,
    CAST(floor((n.fiscal_month + 2) / 3) AS INTEGER) AS fiscal_quarter,
    n.period_start,
    CAST(n.period_start + INTERVAL '1 month' - INTERVAL '1 day' AS DATE) AS period_end,
    n.fiscal_month = 12 AS is_year_end
FROM numbered AS n
JOIN spanned AS s ON s.entity_id = n.entity_id AND n.fiscal_year BETWEEN s.first_year AND s.last_year
