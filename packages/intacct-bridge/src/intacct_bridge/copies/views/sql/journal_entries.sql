-- journal_entries: every entry of the journals, with its totals.
-- Grain: entry_key, base_currency. An entry between entities of several base currencies has a row for each.
-- Units: base currency of the entities.
-- Rule: entries in any state; totals are those of its lines without statistical ones, in GLENTRY.
-- Reads: GLBATCH (RECORDNO text!, BATCHNO text, BATCH_TITLE text, JOURNAL text, BATCH_DATE date!, STATE text!,
--   REFERENCENO text, MODULE text, REVERSED date, REVERSEDKEY text, REVERSEDFROM text, CREATEDBYLOGINID text,
--   MODIFIEDBYLOGINID text, WHENCREATED time, WHENMODIFIED time, MEGAENTITYID text)
-- Reads: GLENTRY (BATCHNO text!, TR_TYPE int!, AMOUNT number!, BASECURR text, STATISTICAL flag, DOCUMENT text)
-- Columns:
--   entry_key: RECORDNO of the entry (GLBATCH)
--   posting_date: date on which the entry counts
--   journal: symbol of the journal
--   entry_no: number of the entry in its journal
--   entry_title: description of the entry
--   reference_no: reference number of the entry
--   module: application that made it, such as 2.GL or 3.AP
--   state: Posted, Draft, Submitted, Reversed or another
--   is_posted: whether it is in the ledger
--   owning_entity_id: entity in which it was entered; empty for the top level
--   base_currency: currency of the totals
--   lines: number of lines
--   debit: sum of the debits
--   credit: sum of the credits
--   documents: number of lines that name a document
--   reversed_on: date of its reversal
--   reversed_by_key: RECORDNO of the entry that reverses it
--   reverses_key: RECORDNO of the entry that it reverses
--   created_by: user who entered it
--   created_at: time of entry
--   modified_by: user of the last change
--   modified_at: time of the last change
WITH totals AS (
    SELECT
        g.batchno,
        coalesce(g.basecurr, '') AS base_currency,
        count(*) AS lines,
        sum(CASE WHEN g.tr_type = 1 AND NOT g.statistical THEN g.amount ELSE 0 END) AS debit,
        sum(CASE WHEN g.tr_type = -1 AND NOT g.statistical THEN g.amount ELSE 0 END) AS credit,
        count(nullif(g.document, '')) AS documents
    FROM raw.glentry AS g
    GROUP BY 1, 2
)
SELECT
    b.recordno AS entry_key,
    b.batch_date AS posting_date,
    b.journal,
    b.batchno AS entry_no,
    b.batch_title AS entry_title,
    b.referenceno AS reference_no,
    b.module,
    b.state,
    {posted:b.state} AS is_posted,
    coalesce(b.megaentityid, '') AS owning_entity_id,
    coalesce(t.base_currency, '') AS base_currency,
    coalesce(t.lines, 0) AS lines,
    CAST(coalesce(t.debit, 0) AS {money}) AS debit,
    CAST(coalesce(t.credit, 0) AS {money}) AS credit,
    coalesce(t.documents, 0) AS documents,
    b.reversed AS reversed_on,
    b.reversedkey AS reversed_by_key,
    b.reversedfrom AS reverses_key,
    b.createdbyloginid AS created_by,
    b.whencreated AS created_at,
    b.modifiedbyloginid AS modified_by,
    b.whenmodified AS modified_at
FROM raw.glbatch AS b
LEFT JOIN totals AS t ON t.batchno = b.recordno
