-- {side}_open_items: the {documents} that are open at the end of a day, with what is open of each.
-- Grain: document_key.
-- Units: open_amount in the currency of the document, open_base in base currency at the document's rate. Credits are
--   negative.
-- Rule: a document is open from its day; what settles it counts from its own day, and a void or a reversal restores the
--   item from that day on. With the basis gl these are the posting dates, so that the items of a day add up to the
--   control accounts of the ledger; with the basis document they are the dates of the documents. The base amounts of
--   settlements count if they add up to what the document says; otherwise the document's own rate does. Another
--   basis is an error.
-- Made for: ap party=vendor documents=payables, ar party=customer documents=receivables
-- Parameters: as_of date, basis text = 'gl'
-- Columns:
--   entity_id text: entity of the document; empty for none
--   {party}_id text: {party}
--   {party}_name text: name of the {party}
--   document_type text: kind of the document
--   document_key text: RECORDNO of the document
--   document_no text: number of the document
--   control_account text: ledger account of what is open; empty if it is not one
--   document_date date: date of the document
--   posting_date date: date on which it counts in the ledger
--   due_date date: date on which it is due
--   days_overdue integer: days from the due date to the day asked for; negative before it
--   currency text: currency of the document
--   entered trx_money: total of the document, in its currency
--   open_amount trx_money: what is open, in the currency of the document
--   base_currency text: base currency of the entity
--   open_base money: what is open, in base currency
WITH settled AS (
    SELECT
        s.document_key,
        sum(CASE WHEN s.voided_on IS NULL THEN s.amount ELSE 0 END) AS kept,
        sum(CASE WHEN s.voided_on IS NULL THEN s.amount_base ELSE 0 END) AS kept_base,
        sum(s.amount * (
            CASE WHEN CASE {basis} WHEN 'document' THEN s.settled_on_document ELSE s.settled_on END <= {as_of}
                THEN 1 ELSE 0 END - CASE WHEN s.voided_on <= {as_of} THEN 1 ELSE 0 END
        )) AS amount,
        sum(s.amount_base * (
            CASE WHEN CASE {basis} WHEN 'document' THEN s.settled_on_document ELSE s.settled_on END <= {as_of}
                THEN 1 ELSE 0 END - CASE WHEN s.voided_on <= {as_of} THEN 1 ELSE 0 END
        )) AS amount_base
    FROM reporting.{side}_settlements AS s
    GROUP BY s.document_key
),
there AS (
    SELECT
        d.*,
        d.entered * (
            CASE WHEN CASE {basis} WHEN 'document' THEN d.document_date ELSE d.posting_date END <= {as_of}
                THEN 1 ELSE 0 END - CASE WHEN d.reversed_on <= {as_of} THEN 1 ELSE 0 END
        ) AS begun,
        d.entered_base * (
            CASE WHEN CASE {basis} WHEN 'document' THEN d.document_date ELSE d.posting_date END <= {as_of}
                THEN 1 ELSE 0 END - CASE WHEN d.reversed_on <= {as_of} THEN 1 ELSE 0 END
        ) AS begun_base,
        coalesce(s.amount, 0) AS settled,
        CASE
            WHEN d.currency = d.base_currency THEN coalesce(s.amount, 0)
            WHEN d.reversed_on IS NOT NULL AND s.kept_base = 0 THEN s.amount_base
            WHEN s.kept_base = d.entered_base - d.remaining_base THEN s.amount_base
            WHEN s.kept <> 0 THEN {rounded:CAST(d.entered_base - d.remaining_base AS DOUBLE PRECISION)
                / CAST(s.kept AS DOUBLE PRECISION) * CAST(s.amount AS DOUBLE PRECISION), d.base_currency}
            WHEN d.entered <> 0 THEN {rounded:CAST(d.entered_base AS DOUBLE PRECISION)
                / CAST(d.entered AS DOUBLE PRECISION) * CAST(coalesce(s.amount, 0) AS DOUBLE PRECISION), d.base_currency}
            ELSE coalesce(s.amount_base, 0)
        END AS settled_base
    FROM reporting.{side}_documents AS d
    LEFT JOIN settled AS s ON s.document_key = d.document_key
)
SELECT
    t.entity_id,
    t.party_id AS {party}_id,
    t.party_name AS {party}_name,
    t.document_type,
    t.document_key,
    t.document_no,
    t.control_account,
    t.document_date,
    t.posting_date,
    t.due_date,
    {as_of} - t.due_date AS days_overdue,
    t.currency,
    t.entered,
    CAST(t.begun - t.settled AS {trx_money}) AS open_amount,
    t.base_currency,
    CAST(t.begun_base - coalesce(t.settled_base, 0) AS {money}) AS open_base
FROM there AS t
WHERE (t.begun <> t.settled OR t.begun_base <> coalesce(t.settled_base, 0))
    AND CASE WHEN {basis} IN ('gl', 'document') THEN TRUE
        ELSE CAST('the basis is gl or document, not ' || coalesce({basis}, 'null') AS BOOLEAN) END
