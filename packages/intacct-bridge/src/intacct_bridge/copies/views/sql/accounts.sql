-- accounts: the accounts of the general ledger, and the statistical accounts.
-- Grain: account_no.
-- Units: none.
-- Rule: the section of a balance sheet account follows the side (debit or credit) that most accounts of its category
--   have, so that an allowance stands with the assets that it lessens; without a majority it follows the account's own
--   normal balance. A category that holds an account to which others close is equity. Income statement accounts are
--   revenue or expenses by the same rule. An account closes at year end if CLOSINGTYPE says so, to its
--   CLOSINGACCOUNTNO, else to the company's first account of type 'closed to account'.
-- Reads: GLACCOUNT (ACCOUNTNO text!, TITLE text, ACCOUNTTYPE text!, NORMALBALANCE text!, CLOSINGTYPE text,
--   CLOSINGACCOUNTNO text, CATEGORY text, STATUS text)
-- Reads if present: STATACCOUNT (ACCOUNTNO text, TITLE text, ACCOUNTTYPE text, STATUS text)
-- Columns:
--   account_no: number of the account
--   title: title of the account
--   account_type: balancesheet, incomestatement or statistical
--   statistical: whether the account counts units instead of money
--   normal_balance: debit or credit; empty for statistical accounts
--   category: category of the account, as the company names it
--   section: Assets, Liabilities, Equity, Revenue, Expenses or Statistical
--   closes: whether the balance is zero again at the start of a fiscal year
--   closing_account_no: account that takes the balance at year end; empty if the account does not close
--   statistical_type: forperiod or cumulative; empty for accounts in money
--   status: active or inactive
WITH usual AS (
    SELECT min(accountno) AS account_no FROM raw.glaccount WHERE closingtype = 'closed to account'
),
targets AS (
    SELECT
        a.accountno,
        CASE WHEN a.closingtype = 'closing account' THEN coalesce(nullif(a.closingaccountno, ''), u.account_no) END
            AS target
    FROM raw.glaccount AS a CROSS JOIN usual AS u
),
sides AS (
    SELECT
        a.accounttype,
        a.category,
        count(*) FILTER (WHERE a.normalbalance = 'debit') AS debits,
        count(*) FILTER (WHERE a.normalbalance = 'credit') AS credits,
        count(*) FILTER (
            WHERE a.closingtype = 'closed to account'
                OR a.accountno IN (SELECT t.target FROM targets AS t WHERE t.target IS NOT NULL)
        ) AS closed_to
    FROM raw.glaccount AS a
    WHERE a.category <> ''
    GROUP BY a.accounttype, a.category
),
sided AS (
    SELECT
        a.accountno,
        CASE
            WHEN s.debits > s.credits THEN 'debit'
            WHEN s.credits > s.debits THEN 'credit'
            ELSE a.normalbalance
        END AS side,
        coalesce(s.closed_to, CASE WHEN a.closingtype = 'closed to account' THEN 1 ELSE 0 END) AS closed_to
    FROM raw.glaccount AS a
    LEFT JOIN sides AS s ON s.accounttype = a.accounttype AND s.category = a.category
)
SELECT
    a.accountno AS account_no,
    a.title,
    a.accounttype AS account_type,
    FALSE AS statistical,
    a.normalbalance AS normal_balance,
    coalesce(a.category, '') AS category,
    CASE
        WHEN a.accounttype = 'incomestatement' AND d.side = 'credit' THEN 'Revenue'
        WHEN a.accounttype = 'incomestatement' THEN 'Expenses'
        WHEN d.closed_to > 0 THEN 'Equity'
        WHEN d.side = 'credit' THEN 'Liabilities'
        ELSE 'Assets'
    END AS section,
    t.target IS NOT NULL AND t.target <> a.accountno AS closes,
    CASE WHEN t.target <> a.accountno THEN t.target ELSE '' END AS closing_account_no,
    '' AS statistical_type,
    a.status
FROM raw.glaccount AS a
JOIN targets AS t ON t.accountno = a.accountno
JOIN sided AS d ON d.accountno = a.accountno
UNION ALL
SELECT accountno, title, 'statistical', TRUE, '', '', 'Statistical', FALSE, '', accounttype, status
FROM raw.stataccount
WHERE accountno NOT IN (SELECT g.accountno FROM raw.glaccount AS g)
