-- balance_sheet: the balance sheet of each entity and book at the end of each fiscal month.
-- Grain: entity_id, book, base_currency, period_end, account_no.
-- Units: base currency of the entity; amounts have the sign of their section (section_normal_balance), balances are
--   debit positive.
-- Rule: balance sheet accounts with their closing balance, and one line for the earnings of the fiscal year to date:
--   the income statement accounts that are not closed yet. The balances of one entity, book and month add up to zero.
--   Sections are those of accounts; [reporting] in intacct.toml can name account groups instead.
-- Columns:
--   entity_id: id of the entity; empty for none
--   book: book, as in trial_balance
--   base_currency: currency of the amounts
--   fiscal_year: year in which the fiscal year ends
--   fiscal_month: 1 to 12, counted from the first fiscal month
--   period_end: day of the balance sheet
--   section: Assets, Liabilities, Equity, or a group that [reporting] names
--   section_order: order of the sections
--   section_normal_balance: debit or credit: the side on which the amounts of the section are positive
--   category: category of the account
--   account_no: number of the account; empty for the earnings of the year
--   account_title: title of the account
--   amount: balance with the sign of the section: usually debit positive for assets, credit positive otherwise
--   balance: balance, debit positive
WITH lines AS (
    SELECT
        t.entity_id,
        t.book,
        t.base_currency,
        t.fiscal_year,
        t.fiscal_month,
        t.period_end,
        CASE WHEN a.account_type = 'incomestatement' THEN '' ELSE t.account_no END AS account_no,
        t.closing
    FROM reporting.trial_balance AS t
    LEFT JOIN reporting.accounts AS a ON a.account_no = t.account_no
    WHERE t.closing <> 0
),
sums AS (
    SELECT entity_id, book, base_currency, fiscal_year, fiscal_month, period_end, account_no, sum(closing) AS balance
    FROM lines
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT
    s.entity_id,
    s.book,
    s.base_currency,
    s.fiscal_year,
    s.fiscal_month,
    s.period_end,
    coalesce(c.section, 'Unknown account') AS section,
    coalesce(c.section_order, 100) AS section_order,
    coalesce(c.section_normal_balance, 'credit') AS section_normal_balance,
    coalesce(a.category, '') AS category,
    s.account_no,
    CASE WHEN s.account_no = '' THEN 'Earnings of the fiscal year' ELSE a.title END AS account_title,
    CAST(CASE WHEN c.section_normal_balance = 'debit' THEN s.balance ELSE -s.balance END AS {money}) AS amount,
    CAST(s.balance AS {money}) AS balance
FROM sums AS s
LEFT JOIN reporting.accounts AS a ON a.account_no = s.account_no
LEFT JOIN reporting.statement_sections AS c ON c.statement = 'balance_sheet' AND c.account_no = s.account_no
