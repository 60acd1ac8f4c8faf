-- income_statement: revenue and expenses of each entity and book in each fiscal month, and in the year to date.
-- Grain: entity_id, book, base_currency, period_end, account_no.
-- Units: base currency of the entity; revenue is credit positive, expenses are debit positive.
-- Rule: income statement accounts with the movement of the month, and with that of the fiscal year up to its end.
--   Earnings are revenue less expenses. Sections are those of accounts; [reporting] in intacct.toml can name account
--   groups instead.
-- Columns:
--   entity_id: id of the entity; empty for none
--   book: book, as in trial_balance
--   base_currency: currency of the amounts
--   fiscal_year: year in which the fiscal year ends
--   fiscal_month: 1 to 12, counted from the first fiscal month
--   period_start: first day of the month
--   period_end: last day of the month
--   section: Revenue, Expenses, or a group that [reporting] names
--   section_order: order of the sections
--   category: category of the account
--   account_no: number of the account
--   account_title: title of the account
--   amount: movement of the month with the sign of the section
--   year_to_date: movement of the fiscal year up to the end of the month, with the sign of the section
--   balance: movement of the month, debit positive
WITH moved AS (
    SELECT
        t.entity_id,
        t.book,
        t.base_currency,
        t.fiscal_year,
        t.fiscal_month,
        t.period_start,
        t.period_end,
        t.account_no,
        t.debit - t.credit AS balance,
        sum(t.debit - t.credit) OVER (
            PARTITION BY t.entity_id, t.book, t.base_currency, t.account_no, t.fiscal_year ORDER BY t.period_start
        ) AS to_date
    FROM reporting.trial_balance AS t
    JOIN reporting.accounts AS a ON a.account_no = t.account_no AND a.account_type = 'incomestatement'
)
SELECT
    m.entity_id,
    m.book,
    m.base_currency,
    m.fiscal_year,
    m.fiscal_month,
    m.period_start,
    m.period_end,
    c.section,
    c.section_order,
    a.category,
    m.account_no,
    a.title AS account_title,
    CAST(CASE WHEN a.section = 'Revenue' THEN -m.balance ELSE m.balance END AS {money}) AS amount,
    CAST(CASE WHEN a.section = 'Revenue' THEN -m.to_date ELSE m.to_date END AS {money}) AS year_to_date,
    CAST(m.balance AS {money}) AS balance
FROM moved AS m
JOIN reporting.accounts AS a ON a.account_no = m.account_no
JOIN reporting.statement_sections AS c ON c.statement = 'income_statement' AND c.account_no = m.account_no
WHERE m.balance <> 0 OR m.to_date <> 0
