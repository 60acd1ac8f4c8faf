-- customer_revenue: revenue in the ledger by customer, item and department, month by month.
-- Grain: entity_id, book, base_currency, customer_id, item_id, department_id, account_no, period_start.
-- Units: base currency of the entity; revenue is positive.
-- Rule: the posted lines of the accounts in the section Revenue. Lines without a customer are there too, with the
--   customer_id '', so that the sum is the revenue of the income statement.
-- Columns:
--   entity_id: entity that owns the location of the lines; empty for none
--   book: book that shows the lines
--   base_currency: currency of the amount
--   customer_id: customer; empty for none
--   customer_name: name of the customer
--   item_id: item; empty for none
--   department_id: department; empty for none
--   account_no: number of the account
--   account_title: title of the account
--   fiscal_year: year in which the fiscal year ends
--   fiscal_month: 1 to 12, counted from the first fiscal month
--   period_start: first day of the month
--   amount: revenue in base currency
SELECT
    g.entity_id,
    g.book,
    g.base_currency,
    coalesce(g.customer_id, '') AS customer_id,
    coalesce(max(d.value_name), '') AS customer_name,
    coalesce(g.item_id, '') AS item_id,
    coalesce(g.department_id, '') AS department_id,
    g.account_no,
    max(a.title) AS account_title,
    g.fiscal_year,
    g.fiscal_month,
    CAST(date_trunc('month', g.posting_date) AS DATE) AS period_start,
    CAST(-sum(g.amount) AS {money}) AS amount
FROM reporting.general_ledger AS g
JOIN reporting.accounts AS a ON a.account_no = g.account_no AND a.section = 'Revenue'
LEFT JOIN reporting.dimensions AS d ON d.dimension = 'customer' AND d.value_id = g.customer_id
GROUP BY 1, 2, 3, 4, 6, 7, 8, 10, 11, 12
