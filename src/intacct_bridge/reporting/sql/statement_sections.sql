-- statement_sections: the section of the balance sheet or of the income statement in which each account stands.
-- Grain: statement, account_no.
-- Units: none.
-- Rule: the sections of accounts, unless [reporting] in intacct.toml names account groups for the statement. Then an
--   account stands in the first of these groups that holds it, directly or through other groups, and in 'Other' if none
--   does. Groups overlap and have no order, so they are never chosen here. The earnings of the year, which have the
--   account_no '', stand in Equity, or in the last of the named groups.
-- Reads if present: GLACCTGRPHIERARCHY (GLACCTGRPNAME text, ACCOUNTNO text)
-- Columns:
--   statement: balance_sheet or income_statement
--   account_no: number of the account; empty for the earnings of the fiscal year
--   section: name of the section
--   section_order: order of the sections
WITH named AS (
    {groups}
),
every AS (
    SELECT
        CASE a.account_type WHEN 'incomestatement' THEN 'income_statement' ELSE 'balance_sheet' END AS statement,
        a.account_no,
        a.section
    FROM reporting.accounts AS a
    WHERE NOT a.statistical
    UNION ALL
    SELECT 'balance_sheet', '', 'Equity'
),
grouped AS (
    SELECT n.statement, h.accountno AS account_no, min(n.place) AS place
    FROM named AS n
    JOIN raw.glacctgrphierarchy AS h ON h.glacctgrpname = n.group_name
    GROUP BY n.statement, h.accountno
    UNION ALL
    SELECT n.statement, '', max(n.place) FROM named AS n WHERE n.statement = 'balance_sheet' GROUP BY n.statement
)
SELECT
    e.statement,
    e.account_no,
    CASE
        WHEN n.group_name IS NOT NULL THEN n.group_name
        WHEN EXISTS (SELECT 1 FROM named AS o WHERE o.statement = e.statement) THEN 'Other'
        ELSE e.section
    END AS section,
    CASE
        WHEN n.place IS NOT NULL THEN n.place
        WHEN EXISTS (SELECT 1 FROM named AS o WHERE o.statement = e.statement) THEN 99
        ELSE CASE e.section WHEN 'Liabilities' THEN 2 WHEN 'Expenses' THEN 2 WHEN 'Equity' THEN 3 ELSE 1 END
    END AS section_order
FROM every AS e
LEFT JOIN grouped AS g ON g.statement = e.statement AND g.account_no = e.account_no
LEFT JOIN named AS n ON n.statement = g.statement AND n.place = g.place
