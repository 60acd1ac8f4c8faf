-- statement_sections: the section of the balance sheet or of the income statement in which each account stands.
-- Grain: statement, account_no.
-- Units: none.
-- Rule: the sections of accounts, unless [reporting] in intacct.toml names account groups for the statement. Then an
--   account stands in the first of these groups that holds it, directly or through other groups, and in 'Other' if none
--   does. Groups overlap and have no order, so they are never chosen here. The earnings of the year, which have the
--   account_no '', stand in Equity, or in the last of the named groups. All amounts of a section have the same sign,
--   so that they can be added: that of the group's normal balance in Intacct. A section without one is credit positive
--   if it holds revenue, or no assets: expenses in a section with revenue, and liabilities in one with assets, are
--   subtracted.
-- Reads if present: GLACCTGRPHIERARCHY (GLACCTGRPNAME text, GLACCTGRPNORMALBALANCE text, ACCOUNTNO text)
-- Columns:
--   statement: balance_sheet or income_statement
--   account_no: number of the account; empty for the earnings of the fiscal year
--   section: name of the section
--   section_order: order of the sections
--   section_normal_balance: debit or credit: the side on which the amounts of the section are positive
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
group_sides AS (
    SELECT h.glacctgrpname AS group_name, min(h.glacctgrpnormalbalance) AS normal_balance
    FROM raw.glacctgrphierarchy AS h
    WHERE h.glacctgrpnormalbalance IN ('debit', 'credit')
    GROUP BY h.glacctgrpname
),
grouped AS (
    SELECT n.statement, h.accountno AS account_no, min(n.place) AS place
    FROM named AS n
    JOIN raw.glacctgrphierarchy AS h ON h.glacctgrpname = n.group_name
    GROUP BY n.statement, h.accountno
    UNION ALL
    SELECT n.statement, '', max(n.place) FROM named AS n WHERE n.statement = 'balance_sheet' GROUP BY n.statement
),
placed AS (
    SELECT
        e.statement,
        e.account_no,
        e.section AS own_section,
        s.normal_balance,
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
    LEFT JOIN group_sides AS s ON s.group_name = n.group_name
)
SELECT
    p.statement,
    p.account_no,
    p.section,
    p.section_order,
    coalesce(
        max(p.normal_balance) OVER w,
        CASE
            WHEN bool_or(p.own_section = 'Revenue') OVER w THEN 'credit'
            WHEN bool_or(p.own_section IN ('Expenses', 'Assets')) OVER w THEN 'debit'
            ELSE 'credit'
        END
    ) AS section_normal_balance
FROM placed AS p
WINDOW w AS (PARTITION BY p.statement, p.section)
