-- statistical_ledger: every posted line of statistical accounts, such as headcount or hours.
-- Grain: one posted line per book.
-- Units: units of the account; there is no currency.
-- Rule: lines of statistical accounts, of entries that are posted. Their amounts are never added to money.
-- Reads: GLDETAIL (RECORDNO text, BATCHKEY text, BATCH_DATE date!, BATCH_TITLE text, BATCH_NO text, SYMBOL text,
--   BOOKID text, ACCOUNTNO text!, STATISTICAL flag, LOCATIONID text, DEPARTMENTID text, CUSTOMERID text, VENDORID text,
--   EMPLOYEEID text, ITEMID text, PROJECTID text, CLASSID text, DEBITAMOUNT number, CREDITAMOUNT number, AMOUNT number,
--   DESCRIPTION text, BATCH_STATE text)
-- Columns:
--   line_key: RECORDNO of the line in GLDETAIL
--   entry_key: RECORDNO of the journal entry (GLBATCH)
--   posting_date: date on which the entry counts
--   entity_id: entity that owns the location; empty for none
--   book: book that shows the line
--   journal: symbol of the journal
--   entry_no: number of the entry in its journal
--   entry_title: description of the entry
--   account_no: number of the statistical account
--   account_title: title of the account
--   location_id: location
--   department_id: department
--   customer_id: customer
--   vendor_id: vendor
--   employee_id: employee
--   item_id: item
--   project_id: project
--   class_id: class
--   quantity: units added, less units taken away
--   memo: description of the line
SELECT
    l.recordno AS line_key,
    l.batchkey AS entry_key,
    l.batch_date AS posting_date,
    coalesce(p.entity_id, '') AS entity_id,
    coalesce(nullif(l.bookid, ''), 'ACCRUAL') AS book,
    l.symbol AS journal,
    l.batch_no AS entry_no,
    l.batch_title AS entry_title,
    l.accountno AS account_no,
    a.title AS account_title,
    l.locationid AS location_id,
    l.departmentid AS department_id,
    l.customerid AS customer_id,
    l.vendorid AS vendor_id,
    l.employeeid AS employee_id,
    l.itemid AS item_id,
    l.projectid AS project_id,
    l.classid AS class_id,
    {dimensions:l}
    CAST({debit:l} - {credit:l} AS {quantity}) AS quantity,
    l.description AS memo
FROM raw.gldetail AS l
LEFT JOIN reporting.locations AS p ON p.location_id = l.locationid
LEFT JOIN reporting.accounts AS a ON a.account_no = l.accountno
WHERE l.statistical AND {posted:l.batch_state}
