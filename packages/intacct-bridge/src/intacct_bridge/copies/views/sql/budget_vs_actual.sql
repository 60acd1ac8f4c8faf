-- budget_vs_actual: budgets beside what was posted, by account and department, for each period of a budget.
-- Grain: budget_id, entity_id, account_no, department_id, period_start, period_end, budget_currency, base_currency.
-- Units: budget in the currency of the budget, actual in the base currency of the entity; both have the sign of the
--   account's normal balance.
-- Rule: the items of each budget without statistical ones, against the posted lines of the company's usual book
--   (ACCRUAL unless getFinancialSetup says CASH) in the dates of the period, by the entity of the location. Lines of
--   income statement accounts are there without a budget too, in the periods and entities that the budget has. The
--   variance is null if the budget is in another currency than the ledger. Amounts posted count once: if a budget
--   has several currencies, they stand beside the budget in the base currency. A budget whose items all lack a location is
--   one of the whole company: it stands, with an empty entity_id, beside the sum over all entities. Where the ledger has
--   several base currencies there is no such sum: actual and variance are null then. Nor is there a currency for
--   items without location and currency: budget_currency is empty, and the variance is null.
-- Reads: GLBUDGETITEM (BUDGETID text!, BUDGETKEY text, ACCT_NO text!, DEPT_NO text, LOCATION_NO text, CURRENCY text,
--   AMOUNT number!, PERIODNAME text, PSTARTDATE date, PENDDATE date, STATISTICAL flag)
-- Reads if present: GLBUDGETHEADER (RECORDNO text, BUDGETID text)
-- Reads if present: REPORTINGPERIOD (NAME text, START_DATE date, END_DATE date)
-- Reads: GLDETAIL (BATCH_DATE date!, BOOKID text, ACCOUNTNO text!, LOCATIONID text, DEPARTMENTID text, BASECURR text,
--   STATISTICAL flag, DEBITAMOUNT number, CREDITAMOUNT number, AMOUNT number, BATCH_STATE text)
-- Columns:
--   budget_id: name of the budget, from its header where an item has none
--   entity_id: entity that owns the location; empty for none, and for a budget of the whole company
--   account_no: number of the account
--   account_title: title of the account
--   section: section of the account, such as Revenue or Expenses
--   department_id: department; empty for none
--   period_name: reporting period of the budget; empty if only the ledger has amounts
--   period_start: first day of the period
--   period_end: last day of the period
--   budget_currency: currency of the budget; empty if there is none, or none is known
--   budget: amount of the budget, with the sign of the normal balance
--   base_currency: currency of the actual amount; empty if there would be several
--   actual: amount posted, with the sign of the normal balance; null if it would add several base currencies
--   variance: actual less budget; null if the currencies differ
WITH usual_book AS (
    SELECT coalesce(max(upper(s.value)) FILTER (WHERE s.name = 'default_book' AND upper(s.value) = 'CASH'), 'ACCRUAL')
        AS book
    FROM bridge.settings AS s
),
days AS (
    SELECT
        coalesce(l.locationid, '') AS location_id,
        l.accountno AS account_no,
        coalesce(l.departmentid, '') AS department_id,
        coalesce(l.basecurr, '') AS base_currency,
        l.batch_date,
        sum({debit:l} - {credit:l}) AS balance
    FROM raw.gldetail AS l
    WHERE NOT l.statistical AND {posted:l.batch_state}
        AND coalesce(nullif(l.bookid, ''), 'ACCRUAL') = (SELECT u.book FROM usual_book AS u)
    GROUP BY 1, 2, 3, 4, 5
),
owned AS (
    SELECT
        FALSE AS is_whole,
        coalesce(l.entity_id, '') AS entity_id,
        d.account_no,
        d.department_id,
        coalesce(nullif(d.base_currency, ''), e.base_currency) AS base_currency,
        e.base_currency AS entity_currency,
        d.batch_date,
        d.balance
    FROM days AS d
    LEFT JOIN reporting.locations AS l ON l.location_id = d.location_id
    JOIN reporting.entities AS e ON e.entity_id = coalesce(l.entity_id, '')
),
whole_company AS (
    SELECT
        count(DISTINCT o.base_currency) > 1 AS differs,
        CASE WHEN count(DISTINCT o.base_currency) = 1 THEN min(o.base_currency) END AS base_currency
    FROM owned AS o
),
budget_items AS (  -- an item without BUDGETID has that of its header
    SELECT coalesce(nullif(b.budgetid, ''), h.budgetid, '') AS budget_id, b.*
    FROM raw.glbudgetitem AS b
    LEFT JOIN raw.glbudgetheader AS h ON h.recordno = b.budgetkey
    WHERE NOT b.statistical
),
items AS (
    SELECT
        b.budget_id,
        coalesce(l.entity_id, '') AS entity_id,
        b.acct_no AS account_no,
        coalesce(b.dept_no, '') AS department_id,
        min(b.periodname) AS period_name,
        coalesce(b.pstartdate, r.start_date) AS period_start,
        coalesce(b.penddate, r.end_date) AS period_end,
        CASE
            WHEN b.currency <> '' THEN b.currency
            WHEN e.entity_id <> '' OR NOT c.differs THEN e.base_currency
        END AS budget_currency,
        e.base_currency,
        sum(b.amount) AS budget
    FROM budget_items AS b
    LEFT JOIN raw.reportingperiod AS r ON r.name = b.periodname
    LEFT JOIN reporting.locations AS l ON l.location_id = b.location_no
    JOIN reporting.entities AS e ON e.entity_id = coalesce(l.entity_id, '')
    CROSS JOIN whole_company AS c
    GROUP BY 1, 2, 3, 4, 6, 7, 8, 9
),
whole_budgets AS (
    SELECT b.budget_id
    FROM budget_items AS b
    GROUP BY 1
    HAVING max(coalesce(b.location_no, '')) = ''
),
spans AS (
    SELECT i.budget_id, w.budget_id IS NOT NULL AS is_whole, i.entity_id, i.period_start, i.period_end
    FROM items AS i
    LEFT JOIN whole_budgets AS w ON w.budget_id = i.budget_id
    GROUP BY 1, 2, 3, 4, 5
),
budgeted AS (
    SELECT i.budget_id, i.entity_id, i.account_no FROM items AS i GROUP BY 1, 2, 3
),
scoped AS (
    SELECT o.* FROM owned AS o
    UNION ALL
    SELECT TRUE, '', o.account_no, o.department_id, o.base_currency, o.base_currency, o.batch_date, o.balance
    FROM owned AS o
    CROSS JOIN whole_company AS c
    WHERE NOT c.differs AND (SELECT count(*) FROM whole_budgets) > 0
),
posted AS (
    SELECT
        s.budget_id,
        s.entity_id,
        d.account_no,
        d.department_id,
        s.period_start,
        s.period_end,
        d.base_currency,
        d.entity_currency,
        sum(CASE a.normal_balance WHEN 'credit' THEN -d.balance ELSE d.balance END) AS actual
    FROM scoped AS d
    JOIN spans AS s
        ON s.is_whole = d.is_whole AND s.entity_id = d.entity_id
        AND d.batch_date BETWEEN s.period_start AND s.period_end
    JOIN reporting.accounts AS a ON a.account_no = d.account_no
    LEFT JOIN budgeted AS b
        ON b.budget_id = s.budget_id AND b.entity_id = s.entity_id AND b.account_no = d.account_no
    WHERE a.account_type = 'incomestatement' OR b.account_no IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
),
placed_items AS (
    SELECT i.*, row_number() OVER (
        PARTITION BY i.budget_id, i.entity_id, i.account_no, i.department_id, i.period_start, i.period_end
        ORDER BY CASE i.budget_currency WHEN i.base_currency THEN 1 ELSE 2 END, i.budget_currency
    ) AS place
    FROM items AS i
),
placed_posted AS (
    SELECT p.*, row_number() OVER (
        PARTITION BY p.budget_id, p.entity_id, p.account_no, p.department_id, p.period_start, p.period_end
        ORDER BY CASE p.base_currency WHEN p.entity_currency THEN 1 ELSE 2 END, p.base_currency
    ) AS place
    FROM posted AS p
),
beside AS (
    SELECT
        coalesce(i.budget_id, p.budget_id) AS budget_id,
        coalesce(i.entity_id, p.entity_id) AS entity_id,
        coalesce(i.account_no, p.account_no) AS account_no,
        coalesce(i.department_id, p.department_id) AS department_id,
        coalesce(i.period_name, '') AS period_name,
        coalesce(i.period_start, p.period_start) AS period_start,
        coalesce(i.period_end, p.period_end) AS period_end,
        coalesce(i.budget_currency, '') AS budget_currency,
        i.budget_id IS NOT NULL AND i.budget_currency IS NULL AS is_unknown,
        coalesce(i.budget, 0) AS budget,
        p.base_currency,
        coalesce(p.actual, 0) AS actual
    FROM placed_items AS i
    FULL JOIN placed_posted AS p
        ON p.budget_id = i.budget_id AND p.entity_id = i.entity_id AND p.account_no = i.account_no
        AND p.department_id = i.department_id AND p.period_start = i.period_start AND p.period_end = i.period_end
        AND p.place = i.place
),
compared AS (
    SELECT
        b.*,
        CASE
            WHEN w.budget_id IS NOT NULL AND c.differs THEN ''
            ELSE coalesce(b.base_currency, CASE WHEN w.budget_id IS NOT NULL THEN c.base_currency END, e.base_currency)
        END AS actual_currency,
        CASE WHEN w.budget_id IS NULL OR NOT c.differs THEN b.actual END AS comparable
    FROM beside AS b
    JOIN reporting.entities AS e ON e.entity_id = b.entity_id
    CROSS JOIN whole_company AS c
    LEFT JOIN whole_budgets AS w ON w.budget_id = b.budget_id
)
SELECT
    b.budget_id,
    b.entity_id,
    b.account_no,
    a.title AS account_title,
    a.section,
    b.department_id,
    b.period_name,
    b.period_start,
    b.period_end,
    b.budget_currency,
    CAST(b.budget AS {money}) AS budget,
    b.actual_currency AS base_currency,
    CAST(b.comparable AS {money}) AS actual,
    CASE WHEN NOT b.is_unknown AND b.budget_currency IN ('', b.actual_currency)
        THEN CAST(b.comparable - b.budget AS {money}) END AS variance
FROM compared AS b
LEFT JOIN reporting.accounts AS a ON a.account_no = b.account_no
