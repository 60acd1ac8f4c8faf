-- ap_documents: the posted bills and payables adjustments, with entity and control account.
-- Grain: document_key.
-- Units: entered and remaining in the currency of the document, entered_base and remaining_base in base currency.
--   Credits are negative.
-- Rule: documents that are posted. A reversed document has the day of its reversal: that of the record in the state
--   Reversal with the same number, vendor and amount with the other sign, else that of its last change. The entity is
--   that of the lines' base location, else the one in which the document was entered, else that of its first line.
-- Reads: APBILL (RECORDNO text!, RECORDTYPE text, RECORDID text, VENDORID text, VENDORNAME text, STATE text!,
--   WHENCREATED date, WHENPOSTED date, WHENDUE date, CURRENCY text, BASECURR text, TOTALENTERED number!,
--   TRX_TOTALENTERED number, TOTALDUE number, TRX_TOTALDUE number, MEGAENTITYID text, WHENMODIFIED date)
-- Reads if present: APADJUSTMENT (RECORDNO text, RECORDTYPE text, RECORDID text, VENDORID text, VENDORNAME text,
--   STATE text, WHENCREATED date, WHENPOSTED date, WHENDUE date, CURRENCY text, BASECURR text, TOTALENTERED number,
--   TRX_TOTALENTERED number, TOTALDUE number, TRX_TOTALDUE number, MEGAENTITYID text, WHENMODIFIED date)
-- Reads if present: APBILLITEM (RECORDKEY text, LINE_NO int, OFFSETGLACCOUNTNO text, BASELOCATION text,
--   LOCATIONID text)
-- Reads if present: APADJUSTMENTITEM (RECORDKEY text, LINE_NO int, OFFSETGLACCOUNTNO text, BASELOCATION text,
--   LOCATIONID text)
-- Columns:
--   document_key: RECORDNO of the document
--   document_type: bill or payables adjustment
--   document_no: number of the document
--   party_id: vendor
--   party_name: name of the vendor
--   state: state of the document today
--   entity_id: entity that owes it; empty for none
--   control_account: ledger account of what is open; empty where the lines have several
--   document_date: date of the document
--   posting_date: date on which it counts in the ledger
--   due_date: date on which it is due
--   reversed_on: date of its reversal
--   currency: currency of the document
--   base_currency: base currency of the entity
--   entered: total, in the currency of the document
--   entered_base: total in base currency
--   remaining: what is open today, in the currency of the document
--   remaining_base: what is open today, in base currency
WITH every AS (
    SELECT * FROM raw.apbill
    UNION ALL
    SELECT * FROM raw.apadjustment
),
items AS (
    SELECT recordkey, line_no, offsetglaccountno, baselocation, locationid FROM raw.apbillitem
    UNION ALL
    SELECT recordkey, line_no, offsetglaccountno, baselocation, locationid FROM raw.apadjustmentitem
),
headed AS (
    SELECT
        i.recordkey,
        min(i.offsetglaccountno) AS control_account,
        max(i.offsetglaccountno) AS other_account,
        min(i.baselocation) AS base_location,
        min(i.line_no) AS first_line
    FROM items AS i
    GROUP BY i.recordkey
),
first_lines AS (
    SELECT i.recordkey, min(p.entity_id) AS entity_id
    FROM items AS i
    JOIN headed AS h ON h.recordkey = i.recordkey AND h.first_line = i.line_no AND h.base_location IS NULL
    JOIN reporting.locations AS p ON p.location_id = i.locationid
    GROUP BY i.recordkey
),
numbered AS (
    SELECT
        d.*,
        row_number() OVER (
            PARTITION BY d.recordtype, d.recordid, d.vendorid, d.state, d.totalentered
            ORDER BY length(d.recordno), d.recordno
        ) AS place
    FROM every AS d
    WHERE d.state IN ('Reversed', 'Reversal')
),
reversals AS (
    SELECT o.recordno, min(coalesce(r.whenposted, r.whencreated, o.whenmodified)) AS reversed_on
    FROM numbered AS o
    LEFT JOIN numbered AS r
        ON r.state = 'Reversal' AND r.recordtype = o.recordtype AND r.vendorid = o.vendorid
        AND coalesce(r.recordid, '') = coalesce(o.recordid, '') AND r.totalentered = -o.totalentered
        AND r.place = o.place
    WHERE o.state = 'Reversed'
    GROUP BY o.recordno
)
SELECT
    d.recordno AS document_key,
    coalesce({document_type:d.recordtype}, '') AS document_type,
    coalesce(d.recordid, '') AS document_no,
    coalesce(d.vendorid, '') AS party_id,
    coalesce(d.vendorname, '') AS party_name,
    d.state,
    coalesce(b.entity_id, m.entity_id, f.entity_id, '') AS entity_id,
    CASE WHEN h.control_account = h.other_account THEN h.control_account ELSE '' END AS control_account,
    d.whencreated AS document_date,
    coalesce(d.whenposted, d.whencreated) AS posting_date,
    coalesce(d.whendue, d.whenposted, d.whencreated) AS due_date,
    r.reversed_on,
    coalesce(nullif(d.currency, ''), d.basecurr, '') AS currency,
    coalesce(nullif(d.basecurr, ''), d.currency, '') AS base_currency,
    CAST(coalesce(d.trx_totalentered, d.totalentered) AS {trx_money}) AS entered,
    CAST(d.totalentered AS {money}) AS entered_base,
    CAST(coalesce(d.trx_totaldue, d.totaldue) AS {trx_money}) AS remaining,
    CAST(d.totaldue AS {money}) AS remaining_base
FROM every AS d
LEFT JOIN headed AS h ON h.recordkey = d.recordno
LEFT JOIN reporting.locations AS b ON b.location_key = h.base_location
LEFT JOIN reporting.locations AS m ON m.location_id = d.megaentityid
LEFT JOIN first_lines AS f ON f.recordkey = d.recordno
LEFT JOIN reversals AS r ON r.recordno = d.recordno
WHERE d.state NOT IN (
    'Draft', 'Submitted', 'Partially Approved', 'Approved', 'Declined', 'Analyzing', 'Reversal'
)
