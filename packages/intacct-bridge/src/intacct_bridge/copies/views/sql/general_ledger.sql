-- general_ledger: every posted line of the general ledger, once for each book that shows it.
-- Grain: one posted line per book; line_key and book together, as far as the gateway's keys are unique.
-- Units: debit, credit and amount in the base currency of the entity; amount is debit positive.
-- Rule: lines that are not statistical, of entries that are posted. The entity is the one that owns the line's location.
--   The exchange rate is that of GLENTRY; without one it is derived from the two amounts, and null if that is not
--   possible. The key of the document is there only if exactly one record has its kind, number and party.
-- Reads: GLDETAIL (RECORDNO text, BATCHKEY text, GLENTRYKEY text, BATCH_DATE date!, ENTRY_DATE date, BATCH_TITLE text,
--   BATCH_NO text, SYMBOL text, MODULEKEY text, REFERENCENO text, LINE_NO int, BOOKID text, ADJ flag, ACCOUNTNO text!,
--   STATISTICAL flag, LOCATIONID text, DEPARTMENTID text, CUSTOMERID text, VENDORID text, EMPLOYEEID text, ITEMID text,
--   PROJECTID text, CLASSID text, TASKID text, COSTTYPEID text, CONTRACTID text, WAREHOUSEID text, BASECURR text,
--   CURRENCY text, DEBITAMOUNT number, CREDITAMOUNT number, AMOUNT number, TRX_AMOUNT number, DESCRIPTION text,
--   RECORDTYPE text, RECORDID text, DOCUMENT text, VENDENTITY text, CUSTENTITY text, EMPENTITY text, BATCH_STATE text,
--   WHENMODIFIED time)
-- Reads if present: GLENTRY (RECORDNO text, EXCHANGE_RATE number)
-- Columns:
--   line_key: RECORDNO of the line in GLDETAIL
--   entry_key: RECORDNO of the journal entry (GLBATCH)
--   entry_line_key: RECORDNO of the line of the journal entry (GLENTRY)
--   posting_date: date on which the entry counts
--   entry_date: date of the line
--   fiscal_year: year in which the fiscal year ends
--   fiscal_month: 1 to 12, counted from the first fiscal month
--   entity_id: entity that owns the location; empty for none
--   book: book that shows the line: ACCRUAL, CASH, or a book of adjustments
--   adjusting: whether it belongs to an adjusting entry
--   journal: symbol of the journal
--   entry_no: number of the entry in its journal
--   entry_title: description of the entry
--   reference_no: reference number of the entry
--   module: application that posted it, such as 3.AP
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
--   task_id: task
--   cost_type_id: cost type
--   contract_id: contract
--   warehouse_id: warehouse
--   base_currency: currency of debit, credit and amount
--   debit: debit in base currency
--   credit: credit in base currency
--   amount: debit less credit, in base currency
--   currency: currency of the transaction
--   transaction_amount: amount in the currency of the transaction, debit positive
--   exchange_rate: base currency for one unit of the transaction's currency; null if it is not known
--   memo: description of the line
--   document_type: kind of the document, such as bill or receipt; empty for journal entries
--   document_no: number of the document
--   party_id: vendor, customer or employee of the document
--   document_key: RECORDNO of the document, if exactly one matches
--   modified_at: time of the last change
WITH documents AS (
    SELECT d.record_type, d.document_no, d.party_id, min(d.document_key) AS document_key, count(*) AS matches
    FROM reporting.subledger_documents AS d
    WHERE d.document_no <> ''
    GROUP BY d.record_type, d.document_no, d.party_id
),
lines AS (
    SELECT
        l.*,
        coalesce(p.entity_id, '') AS entity_id,
        coalesce(nullif(l.basecurr, ''), nullif(e.base_currency, ''), l.currency, '') AS base_currency,
        e.first_fiscal_month,
        {debit:l} AS debit,
        {credit:l} AS credit,
        substr(coalesce(nullif(l.vendentity, ''), nullif(l.custentity, ''), l.empentity), 2) AS party_id
    FROM raw.gldetail AS l
    LEFT JOIN reporting.locations AS p ON p.location_id = l.locationid
    JOIN reporting.entities AS e ON e.entity_id = coalesce(p.entity_id, '')
    WHERE NOT l.statistical AND {posted:l.batch_state}
)
SELECT
    l.recordno AS line_key,
    l.batchkey AS entry_key,
    l.glentrykey AS entry_line_key,
    l.batch_date AS posting_date,
    l.entry_date,
    {fiscal_year:l.batch_date, l.first_fiscal_month} AS fiscal_year,
    {fiscal_month:l.batch_date, l.first_fiscal_month} AS fiscal_month,
    l.entity_id,
    coalesce(nullif(l.bookid, ''), 'ACCRUAL') AS book,
    l.adj AS adjusting,
    l.symbol AS journal,
    l.batch_no AS entry_no,
    l.batch_title AS entry_title,
    l.referenceno AS reference_no,
    l.modulekey AS module,
    l.line_no,
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
    l.taskid AS task_id,
    l.costtypeid AS cost_type_id,
    l.contractid AS contract_id,
    l.warehouseid AS warehouse_id,
    {dimensions:l}
    l.base_currency,
    CAST(l.debit AS {money}) AS debit,
    CAST(l.credit AS {money}) AS credit,
    CAST(l.debit - l.credit AS {money}) AS amount,
    coalesce(nullif(l.currency, ''), l.base_currency) AS currency,
    CAST(CASE
        WHEN l.debit <> l.credit THEN sign(l.debit - l.credit) * abs(l.trx_amount) ELSE l.trx_amount END AS {trx_money}) AS transaction_amount,
    CAST(CASE
        WHEN g.exchange_rate > 0 THEN g.exchange_rate
        WHEN coalesce(nullif(l.currency, ''), l.base_currency) = l.base_currency THEN 1
        WHEN l.trx_amount <> 0
            THEN abs(CAST(l.debit - l.credit AS DOUBLE PRECISION) / CAST(l.trx_amount AS DOUBLE PRECISION))
    END AS DECIMAL(18, 10)) AS exchange_rate,
    l.description AS memo,
    coalesce({document_type:l.recordtype}, '') AS document_type,
    coalesce(nullif(l.recordid, ''), l.document) AS document_no,
    l.party_id,
    CASE WHEN d.matches = 1 THEN d.document_key END AS document_key,
    l.whenmodified AS modified_at
FROM lines AS l
LEFT JOIN reporting.accounts AS a ON a.account_no = l.accountno
LEFT JOIN raw.glentry AS g ON g.recordno = l.glentrykey
LEFT JOIN documents AS d
    ON d.record_type = l.recordtype AND d.document_no = l.recordid AND d.party_id = coalesce(l.party_id, '')
