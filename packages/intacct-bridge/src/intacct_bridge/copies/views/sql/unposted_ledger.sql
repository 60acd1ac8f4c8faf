-- unposted_ledger: the lines of journal entries that are not posted: drafts, and entries that wait for approval.
-- Grain: line_key.
-- Units: amounts in the base currency of the entity, debit positive.
-- Rule: lines of entries in any state other than posted or reversed, without those of statistical accounts. They are in
--   no balance and no other view.
-- Reads: GLBATCH (RECORDNO text!, BATCHNO text, BATCH_TITLE text, JOURNAL text, BATCH_DATE date!, STATE text!,
--   REFERENCENO text, CREATEDBYLOGINID text)
-- Reads: GLENTRY (RECORDNO text, BATCHNO text!, LINE_NO int, TR_TYPE int!, ACCOUNTNO text, AMOUNT number!,
--   TRX_AMOUNT number, CURRENCY text, BASECURR text, LOCATION text, DEPARTMENT text, CUSTOMERID text, VENDORID text,
--   EMPLOYEEID text, ITEMID text, PROJECTID text, CLASSID text, DESCRIPTION text, DOCUMENT text, STATISTICAL flag)
-- Columns:
--   line_key: RECORDNO of the line (GLENTRY)
--   entry_key: RECORDNO of the journal entry (GLBATCH)
--   entry_date: date on which the entry will count
--   state: state of the entry, such as Draft or Submitted
--   entity_id: entity that owns the location; empty for none
--   journal: symbol of the journal
--   entry_no: number of the entry in its journal
--   entry_title: description of the entry
--   reference_no: reference number of the entry
--   created_by: user who entered it
--   line_no: number of the line in its entry
--   account_no: number of the account
--   account_title: title of the account
--   location_id: location
--   department_id: department
--   customer_id: customer
--   vendor_id: vendor
--   employee_id: employee
--   item_id: item
--   project_id: project
--   class_id: class
--   base_currency: currency of the amount
--   amount: amount in base currency, debit positive
--   currency: currency of the transaction
--   transaction_amount: amount in the currency of the transaction, debit positive
--   memo: description of the line
--   document_no: document that the line names
SELECT
    g.recordno AS line_key,
    b.recordno AS entry_key,
    b.batch_date AS entry_date,
    b.state,
    coalesce(p.entity_id, '') AS entity_id,
    b.journal,
    b.batchno AS entry_no,
    b.batch_title AS entry_title,
    b.referenceno AS reference_no,
    b.createdbyloginid AS created_by,
    g.line_no,
    g.accountno AS account_no,
    a.title AS account_title,
    g.location AS location_id,
    g.department AS department_id,
    g.customerid AS customer_id,
    g.vendorid AS vendor_id,
    g.employeeid AS employee_id,
    g.itemid AS item_id,
    g.projectid AS project_id,
    g.classid AS class_id,
    coalesce(nullif(g.basecurr, ''), e.base_currency) AS base_currency,
    CAST(g.amount * g.tr_type AS {money}) AS amount,
    coalesce(nullif(g.currency, ''), nullif(g.basecurr, ''), e.base_currency) AS currency,
    CAST(coalesce(g.trx_amount, g.amount) * g.tr_type AS {trx_money}) AS transaction_amount,
    g.description AS memo,
    g.document AS document_no
FROM raw.glbatch AS b
JOIN raw.glentry AS g ON g.batchno = b.recordno
LEFT JOIN reporting.locations AS p ON p.location_id = g.location
JOIN reporting.entities AS e ON e.entity_id = coalesce(p.entity_id, '')
LEFT JOIN reporting.accounts AS a ON a.account_no = g.accountno
WHERE NOT {posted:b.state} AND NOT g.statistical
