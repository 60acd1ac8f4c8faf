-- subledger_documents: the documents of the sub-ledgers, with kind, number and party.
-- Grain: document_object, document_key.
-- Units: none.
-- Rule: every document of the copy, in any state.
-- Reads if present: APBILL (RECORDNO text, RECORDTYPE text, RECORDID text, VENDORID text, STATE text)
-- Reads if present: APADJUSTMENT (RECORDNO text, RECORDTYPE text, RECORDID text, VENDORID text, STATE text)
-- Reads if present: APPYMT (RECORDNO text, RECORDTYPE text, RECORDID text, VENDORID text, STATE text)
-- Reads if present: ARINVOICE (RECORDNO text, RECORDTYPE text, RECORDID text, CUSTOMERID text, STATE text)
-- Reads if present: ARADJUSTMENT (RECORDNO text, RECORDTYPE text, RECORDID text, CUSTOMERID text, STATE text)
-- Reads if present: ARPYMT (RECORDNO text, RECORDTYPE text, RECORDID text, CUSTOMERID text, STATE text)
-- Reads if present: EEXPENSES (RECORDNO text, RECORDTYPE text, RECORDID text, EMPLOYEEID text, STATE text)
-- Reads if present: CCTRANSACTION (RECORDNO text, RECORDTYPE text, RECORDID text, STATE text)
-- Reads if present: OTHERRECEIPTS (RECORDNO text, RECORDTYPE text, RECORDID text, STATE text)
-- Columns:
--   document_object: Intacct object of the document
--   document_key: RECORDNO of the document
--   record_type: Intacct's code of the kind, such as pi
--   document_type: kind of the document, such as bill
--   document_no: number of the document; empty if it has none
--   party_id: vendor, customer or employee; empty if there is none
--   state: state of the document
WITH every AS (
    SELECT 'APBILL' AS document_object, recordno, recordtype, recordid, vendorid AS party_id, state FROM raw.apbill
    UNION ALL SELECT 'APADJUSTMENT', recordno, recordtype, recordid, vendorid, state FROM raw.apadjustment
    UNION ALL SELECT 'APPYMT', recordno, recordtype, recordid, vendorid, state FROM raw.appymt
    UNION ALL SELECT 'ARINVOICE', recordno, recordtype, recordid, customerid, state FROM raw.arinvoice
    UNION ALL SELECT 'ARADJUSTMENT', recordno, recordtype, recordid, customerid, state FROM raw.aradjustment
    UNION ALL SELECT 'ARPYMT', recordno, recordtype, recordid, customerid, state FROM raw.arpymt
    UNION ALL SELECT 'EEXPENSES', recordno, recordtype, recordid, employeeid, state FROM raw.eexpenses
    UNION ALL SELECT 'CCTRANSACTION', recordno, recordtype, recordid, NULL, state FROM raw.cctransaction
    UNION ALL SELECT 'OTHERRECEIPTS', recordno, recordtype, recordid, NULL, state FROM raw.otherreceipts
)
SELECT
    d.document_object,
    d.recordno AS document_key,
    d.recordtype AS record_type,
    coalesce({document_type:d.recordtype}, '') AS document_type,
    coalesce(d.recordid, '') AS document_no,
    coalesce(d.party_id, '') AS party_id,
    d.state
FROM every AS d
