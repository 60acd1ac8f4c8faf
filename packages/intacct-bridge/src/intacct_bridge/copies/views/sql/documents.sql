-- Only ap:
-- {side}_documents: the posted bills and payables adjustments, with entity and control account.
-- End
-- Only ar:
-- {side}_documents: the posted invoices, receivables adjustments, overpayments and advances, with entity and control account.
-- End
-- Grain: document_key.
-- Units: entered and remaining in the currency of the document, entered_base and remaining_base in base currency.
--   Credits are negative.
-- Rule: documents that are posted. A reversed document has the day of its reversal: that of the record in the state
--   Reversal with the same number, {party} and amount with the other sign, else that of its last change. The entity is
--   that of the lines' base location, else the one in which the document was entered, else that of its first line.
-- Only ar:
--   An overpayment is the part of a receipt that was paid for no invoice; it stands on the control account that all
--   invoices share, in the entity of the ledger line of that day, customer and amount, else in that of the bank
--   account. An advance stands on the account of its lines.
-- End
-- Made for: ap party=vendor document=bill documents=payables, ar party=customer document=invoice documents=receivables
-- Reads: {SIDE}{DOCUMENT} (RECORDNO text!, RECORDTYPE text, RECORDID text, {PARTY}ID text, {PARTY}NAME text, STATE text!,
--   WHENCREATED date, WHENPOSTED date, WHENDUE date, CURRENCY text, BASECURR text, TOTALENTERED number!,
--   TRX_TOTALENTERED number, TOTALDUE number, TRX_TOTALDUE number, MEGAENTITYID text, WHENMODIFIED date)
-- Reads if present: {SIDE}ADJUSTMENT (RECORDNO text, RECORDTYPE text, RECORDID text, {PARTY}ID text, {PARTY}NAME text,
--   STATE text, WHENCREATED date, WHENPOSTED date, WHENDUE date, CURRENCY text, BASECURR text, TOTALENTERED number,
--   TRX_TOTALENTERED number, TOTALDUE number, TRX_TOTALDUE number, MEGAENTITYID text, WHENMODIFIED date)
-- Reads if present: {SIDE}{DOCUMENT}ITEM (RECORDKEY text, LINE_NO int, OFFSETGLACCOUNTNO text, BASELOCATION text,
--   LOCATIONID text)
-- Reads if present: {SIDE}ADJUSTMENTITEM (RECORDKEY text, LINE_NO int, OFFSETGLACCOUNTNO text, BASELOCATION text,
--   LOCATIONID text)
-- Only ar:
-- Reads if present: ARPYMT (RECORDNO text, RECORDTYPE text, RECORDID text, DOCNUMBER text, CUSTOMERID text,
--   CUSTOMERNAME text, STATE text, WHENCREATED date, RECEIPTDATE date, CURRENCY text, BASECURR text,
--   EXCHANGE_RATE number, TOTALENTERED number, TRX_TOTALENTERED number, TOTALDUE number, TRX_TOTALDUE number,
--   FINANCIALENTITY text, MEGAENTITYID text, WHENMODIFIED date)
-- Reads if present: ARPYMTDETAIL (PAYMENTKEY text, PAYMENTAMOUNT number, TRX_PAYMENTAMOUNT number)
-- Reads if present: CHECKINGACCOUNT (BANKACCOUNTID text, LOCATIONID text)
-- Reads if present: GLDETAIL (BATCH_DATE date, RECORDTYPE text, ACCOUNTNO text, CUSTENTITY text, LOCATIONID text,
--   TRX_AMOUNT number)
-- Reads if present: ARADVANCE (RECORDNO text, RECORDID text, CUSTOMERID text, CUSTOMERNAME text, STATE text,
--   RECEIPTDATE date, WHENCREATED date, CURRENCY text, BASECURR text, TOTALENTERED number, TRX_TOTALENTERED number,
--   TOTALDUE number, TRX_TOTALDUE number, MEGAENTITYID text, WHENMODIFIED date)
-- Reads if present: ARADVANCEITEM (RECORDKEY text, ACCOUNTNO text, LOCATIONID text)
-- End
-- Columns:
--   document_key: RECORDNO of the document
-- Only ap:
--   document_type: bill or payables adjustment
-- End
-- Only ar:
--   document_type: invoice, receivables adjustment, receipt (an overpayment) or customer advance
-- End
--   document_no: number of the document
--   party_id: {party}
--   party_name: name of the {party}
--   state: state of the document today
--   entity_id: entity of the document; empty for none
--   control_account: ledger account of what is open; empty if the lines have several
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
    SELECT * FROM raw.{side}{document}
    UNION ALL
    SELECT * FROM raw.{side}adjustment
),
items AS (
    SELECT recordkey, line_no, offsetglaccountno, baselocation, locationid FROM raw.{side}{document}item
    UNION ALL
    SELECT recordkey, line_no, offsetglaccountno, baselocation, locationid FROM raw.{side}adjustmentitem
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
            PARTITION BY d.recordtype, d.recordid, d.{party}id, d.state, d.totalentered
            ORDER BY length(d.recordno), d.recordno
        ) AS place
    FROM every AS d
    WHERE d.state IN ('Reversed', 'Reversal')
),
reversals AS (
    SELECT o.recordno, min(coalesce(r.whenposted, r.whencreated, o.whenmodified)) AS reversed_on
    FROM numbered AS o
    LEFT JOIN numbered AS r
        ON r.state = 'Reversal' AND r.recordtype = o.recordtype AND r.{party}id = o.{party}id
        AND coalesce(r.recordid, '') = coalesce(o.recordid, '') AND r.totalentered = -o.totalentered
        AND r.place = o.place
    WHERE o.state = 'Reversed'
    GROUP BY o.recordno
-- Only ar:
),
paid AS (
    SELECT t.paymentkey, sum(coalesce(t.trx_paymentamount, t.paymentamount)) AS amount
    FROM raw.arpymtdetail AS t
    GROUP BY t.paymentkey
),
receipts AS (
    SELECT
        p.*,
        coalesce(p.trx_totalentered, p.totalentered) - coalesce(q.amount, 0) AS overpaid,
        row_number() OVER (
            PARTITION BY p.recordid, p.customerid, p.state, p.totalentered ORDER BY length(p.recordno), p.recordno
        ) AS place
    FROM raw.arpymt AS p
    LEFT JOIN paid AS q ON q.paymentkey = p.recordno
),
overpayments AS (
    SELECT
        p.*,
        CASE
            WHEN p.state IN ('Reversed', 'Voided')
                THEN coalesce(greatest(r.whencreated, r.receiptdate), p.whenmodified)
        END AS reversed_on
    FROM receipts AS p
    LEFT JOIN receipts AS r
        ON p.state IN ('Reversed', 'Voided') AND r.state = 'Reversal' AND r.customerid = p.customerid
        AND coalesce(r.recordid, '') = coalesce(p.recordid, '') AND r.totalentered = -p.totalentered
        AND r.place = p.place
    WHERE p.overpaid > 0
        AND p.state IN ('Confirmed', 'Complete', 'Cleared', 'Reconciled', 'Paid', 'Posted', 'Voided', 'Reversed')
),
shared_control AS (
    SELECT CASE WHEN min(h.control_account) = max(h.other_account) THEN min(h.control_account) ELSE '' END AS account_no
    FROM headed AS h
),
control_lines AS (
    SELECT
        l.batch_date,
        l.custentity,
        abs(l.trx_amount) AS amount,
        min(p.entity_id) AS entity_id,
        max(p.entity_id) AS other_entity_id
    FROM raw.gldetail AS l
    JOIN shared_control AS s ON s.account_no = l.accountno
    JOIN reporting.locations AS p ON p.location_id = l.locationid
    WHERE l.recordtype = 'rp'
    GROUP BY 1, 2, 3
),
advances AS (
    SELECT
        v.*,
        row_number() OVER (
            PARTITION BY v.recordid, v.customerid, v.state, v.totalentered ORDER BY length(v.recordno), v.recordno
        ) AS place
    FROM raw.aradvance AS v
),
advance_reversals AS (
    SELECT o.recordno, coalesce(greatest(r.receiptdate, r.whencreated), o.whenmodified) AS reversed_on
    FROM advances AS o
    LEFT JOIN advances AS r
        ON r.state = 'Reversal' AND r.customerid = o.customerid
        AND coalesce(r.recordid, '') = coalesce(o.recordid, '') AND r.totalentered = -o.totalentered
        AND r.place = o.place
    WHERE o.state = 'Reversed'
),
advance_lines AS (
    SELECT i.recordkey, min(i.accountno) AS account_no, max(i.accountno) AS other_no, min(p.entity_id) AS entity_id
    FROM raw.aradvanceitem AS i
    LEFT JOIN reporting.locations AS p ON p.location_id = i.locationid
    GROUP BY i.recordkey
-- End
)
SELECT
    d.recordno AS document_key,
    coalesce({document_type:d.recordtype}, '') AS document_type,
    coalesce(d.recordid, '') AS document_no,
    coalesce(d.{party}id, '') AS party_id,
    coalesce(d.{party}name, '') AS party_name,
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
-- Only ar:
UNION ALL
SELECT
    p.recordno,
    'receipt',
    coalesce(nullif(p.recordid, ''), p.docnumber, ''),
    coalesce(p.customerid, ''),
    coalesce(p.customername, ''),
    p.state,
    coalesce(CASE WHEN g.entity_id = g.other_entity_id THEN g.entity_id END, m.entity_id, b.entity_id, ''),
    coalesce(s.account_no, ''),
    coalesce(p.receiptdate, p.whencreated),
    coalesce(p.receiptdate, p.whencreated),
    coalesce(p.receiptdate, p.whencreated),
    p.reversed_on,
    coalesce(nullif(p.currency, ''), p.basecurr, ''),
    coalesce(nullif(p.basecurr, ''), p.currency, ''),
    CAST(-p.overpaid AS {trx_money}),
    {rounded:-CAST(p.overpaid AS DECIMAL(20, 3))
        * CAST(CASE WHEN p.currency = p.basecurr THEN 1 ELSE coalesce(p.exchange_rate, 1) END AS DECIMAL(18, 10)),
        p.basecurr},
    CAST(-coalesce(p.trx_totaldue, p.totaldue) AS {trx_money}),
    CAST(-p.totaldue AS {money})
FROM overpayments AS p
CROSS JOIN shared_control AS s
LEFT JOIN reporting.locations AS m ON m.location_id = p.megaentityid
LEFT JOIN raw.checkingaccount AS k ON k.bankaccountid = p.financialentity
LEFT JOIN reporting.locations AS b ON b.location_id = k.locationid
LEFT JOIN control_lines AS g
    ON g.batch_date = coalesce(p.receiptdate, p.whencreated) AND g.amount = p.overpaid
    AND g.custentity = 'C' || p.customerid
UNION ALL
SELECT
    v.recordno,
    'customer advance',
    coalesce(v.recordid, ''),
    coalesce(v.customerid, ''),
    coalesce(v.customername, ''),
    v.state,
    coalesce(m.entity_id, l.entity_id, ''),
    CASE WHEN l.account_no = l.other_no THEN l.account_no ELSE '' END,
    coalesce(v.receiptdate, v.whencreated),
    coalesce(v.receiptdate, v.whencreated),
    coalesce(v.receiptdate, v.whencreated),
    r.reversed_on,
    coalesce(nullif(v.currency, ''), v.basecurr, ''),
    coalesce(nullif(v.basecurr, ''), v.currency, ''),
    CAST(-coalesce(v.trx_totalentered, v.totalentered) AS {trx_money}),
    CAST(-v.totalentered AS {money}),
    CAST(-coalesce(v.trx_totaldue, v.totaldue) AS {trx_money}),
    CAST(-v.totaldue AS {money})
FROM raw.aradvance AS v
LEFT JOIN advance_lines AS l ON l.recordkey = v.recordno
LEFT JOIN reporting.locations AS m ON m.location_id = v.megaentityid
LEFT JOIN advance_reversals AS r ON r.recordno = v.recordno
WHERE v.state NOT IN ('Draft', 'Submitted', 'Declined', 'Reversal')
-- End
