-- income_statement: revenue and expenses of each entity and book in each fiscal month, and in the year to date.
-- Grain: entity_id, book, base_currency, period_end, account_no.
-- Units: base currency of the entity; amounts have the sign of their section (section_normal_balance): revenue is credit
--   positive, expenses are debit positive.
-- Rule: income statement accounts with the movement of the month, and with that of the fiscal year up to its end.
--   Earnings are the sections that are credit positive less those that are debit positive. Sections are those of
--   accounts; [reporting] in intacct.toml can name account groups instead. A group with revenue and expenses is revenue
--   less expenses, unless its normal balance in Intacct is debit.
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
--   section_normal_balance: debit or credit: the side on which the amounts of the section are positive
--   category: category of the account
--   account_no: number of the account
--   account_title: title of the account
--   amount: movement of the month with the sign of the section
--   year_to_date: movement of the fiscal year up to the end of the month, with the sign of the section
--   balance: movement of the month, debit positive
SELECT
    t.entity_id,
    t.book,
    t.base_currency,
    t.fiscal_year,
    t.fiscal_month,
    t.period_start,
    t.period_end,
    c.section,
    c.section_order,
    c.section_normal_balance,
    a.category,
    t.account_no,
    a.title AS account_title,
    CAST(CASE c.section_normal_balance WHEN 'credit' THEN t.credit - t.debit ELSE t.debit - t.credit END AS {money})
        AS amount,
    CAST(CASE c.section_normal_balance WHEN 'credit' THEN -t.year_to_date ELSE t.year_to_date END AS {money})
        AS year_to_date,
    CAST(t.debit - t.credit AS {money}) AS balance
FROM reporting.trial_balance AS t
JOIN reporting.accounts AS a ON a.account_no = t.account_no AND a.account_type = 'incomestatement'
JOIN reporting.statement_sections AS c ON c.statement = 'income_statement' AND c.account_no = t.account_no
WHERE t.debit <> t.credit OR t.year_to_date <> 0
