-- cash_movement: money in bank accounts: opening balance, received, paid and closing balance in each fiscal month.
-- Grain: entity_id, book, base_currency, account_no, period_start.
-- Units: base currency of the entity.
-- Rule: the ledger accounts of checking and savings accounts, as trial_balance has them. Bank accounts that share a
--   ledger account share a row.
-- Reads: CHECKINGACCOUNT (BANKACCOUNTID text!, GLACCOUNTNO text!)
-- Reads if present: SAVINGSACCOUNT (BANKACCOUNTID text, GLACCOUNTNO text)
-- Columns:
--   entity_id: entity that owns the location of the lines; empty for none
--   book: book, as in trial_balance
--   base_currency: currency of the amounts
--   account_no: ledger account
--   account_title: title of the account
--   bank_accounts: bank accounts that post to it
--   fiscal_year: year in which the fiscal year ends
--   fiscal_month: 1 to 12, counted from the first fiscal month
--   period_start: first day of the month
--   period_end: last day of the month
--   opening: balance at the start of the month
--   received: debits of the month
--   paid: credits of the month
--   closing: balance at the end of the month
WITH banks AS (
    SELECT c.glaccountno, c.bankaccountid FROM raw.checkingaccount AS c WHERE c.glaccountno <> ''
    UNION
    SELECT s.glaccountno, s.bankaccountid FROM raw.savingsaccount AS s WHERE s.glaccountno <> ''
),
accounts AS (
    SELECT b.glaccountno, string_agg(b.bankaccountid, ', ' ORDER BY b.bankaccountid) AS bank_accounts
    FROM banks AS b
    GROUP BY b.glaccountno
)
SELECT
    t.entity_id,
    t.book,
    t.base_currency,
    t.account_no,
    t.account_title,
    a.bank_accounts,
    t.fiscal_year,
    t.fiscal_month,
    t.period_start,
    t.period_end,
    t.opening,
    t.debit AS received,
    t.credit AS paid,
    t.closing
FROM reporting.trial_balance AS t
JOIN accounts AS a ON a.glaccountno = t.account_no
