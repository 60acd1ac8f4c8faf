-- {side}_settlements: what settled each {documents} document, and when: payments, discounts, credits, advances.
-- Grain: payment_key, document_key, kind, and the line of the payment.
-- Units: amount in the currency of the document, amount_base in base currency. What a credit gives is negative.
-- Rule: the details of payments that are confirmed. The ledger's day is the posting date of the payment, or the date of
--   the detail if that is another than the payment's. A void restores the document on its own day: the later
--   date of the record in the state Reversal with the same number, {party} and amount with the other sign, else that
--   of its last change. A credit line of the document itself changes nothing in its total and is left out.
-- Made for: ap party=vendor documents=payables, ar party=customer documents=receivables
-- Reads: {SIDE}PYMTDETAIL (RECORDNO text!, RECORDKEY text!, POSADJKEY text, PAYMENTKEY text!, PAYMENTDATE date,
--   PAYMENTAMOUNT number!, TRX_PAYMENTAMOUNT number, DISCOUNTAMOUNT number, TRX_DISCOUNTAMOUNT number,
--   ADJUSTMENTKEY text, ADJUSTMENTAMOUNT number, TRX_ADJUSTMENTAMOUNT number, INLINEKEY text, INLINEAMOUNT number,
--   TRX_INLINEAMOUNT number, ADVANCEKEY text, POSTEDADVANCEKEY text, POSTEDADVANCEAMOUNT number,
-- Only ar:
--   OVERPAYMENTKEY text, OVERPAYMENTAMOUNT number, TRX_POSTEDOVERPAYMENTAMOUNT number,
--   NEGATIVEINVOICEKEY text, NEGATIVEINVOICEAMOUNT number, TRX_NEGATIVEINVOICEAMOUNT number,
-- End
--   TRX_POSTEDADVANCEAMOUNT number, STATE text)
-- Reads if present: {SIDE}PYMT (RECORDNO text, RECORDID text, DOCNUMBER text, {PARTY}ID text, STATE text,
-- Only ar:
--   RECEIPTDATE date,
-- End
--   WHENCREATED date, WHENPOSTED date, TOTALENTERED number, WHENMODIFIED date)
-- Columns:
--   document_key: RECORDNO of the document that is settled, or whose credit is used
--   payment_key: RECORDNO of the payment
--   payment_no: number of the payment
-- Only ap:
--   kind: payment, discount, credit, advance or inline credit; with the word used for what a credit gives
-- End
-- Only ar:
--   kind: payment, discount, credit, advance, overpayment, negative invoice or inline credit; with the word used for
--     what a credit gives
-- End
--   settled_on: day on which it counts in the ledger
--   settled_on_document: date of the payment
--   voided_on: day on which the payment was voided
--   amount: amount in the currency of the document
--   amount_base: amount in base currency
WITH numbered AS (
    SELECT
        p.*,
        row_number() OVER (
            PARTITION BY p.recordid, p.{party}id, p.state, p.totalentered ORDER BY length(p.recordno), p.recordno
        ) AS place
    FROM raw.{side}pymt AS p
    WHERE p.state IN ('Voided', 'Reversed', 'Reversal')
),
voids AS (
    -- Only ap:
    SELECT o.recordno, min(coalesce(greatest(r.whencreated, r.whenposted), o.whenmodified)) AS voided_on
    -- End
    -- Only ar:
    SELECT o.recordno, min(coalesce(greatest(r.whencreated, r.receiptdate), o.whenmodified)) AS voided_on
    -- End
    FROM numbered AS o
    LEFT JOIN numbered AS r
        ON r.state = 'Reversal' AND r.{party}id = o.{party}id AND coalesce(r.recordid, '') = coalesce(o.recordid, '')
        AND r.totalentered = -o.totalentered AND r.place = o.place
    WHERE o.state <> 'Reversal'
    GROUP BY o.recordno
),
details AS (
    SELECT
        d.*,
        coalesce(d.recordkey, d.posadjkey) AS settled_key,
        p.recordid,
        p.docnumber,
        coalesce(d.paymentdate, p.whencreated) AS settled_on_document,
        CASE
            WHEN d.paymentdate <> p.whencreated THEN d.paymentdate
            ELSE coalesce(p.whenposted, p.whencreated, d.paymentdate)
        END AS settled_on,
        v.voided_on
    FROM raw.{side}pymtdetail AS d
    LEFT JOIN raw.{side}pymt AS p ON p.recordno = d.paymentkey
    LEFT JOIN voids AS v ON v.recordno = d.paymentkey
    WHERE p.state IN ('Confirmed', 'Complete', 'Cleared', 'Reconciled', 'Paid', 'Posted', 'Voided', 'Reversed')
        OR (p.recordno IS NULL AND coalesce(d.state, 'C') = 'C')
),
parts AS (
    SELECT d.*, d.settled_key AS document_key, 'payment' AS kind,
        coalesce(d.trx_paymentamount, d.paymentamount) AS amount, d.paymentamount AS amount_base
    FROM details AS d
    UNION ALL
    SELECT d.*, d.settled_key, 'discount',
        coalesce(d.trx_discountamount, d.discountamount), d.discountamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.settled_key, 'credit',
        coalesce(d.trx_adjustmentamount, d.adjustmentamount), d.adjustmentamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.adjustmentkey, 'credit used',
        -coalesce(d.trx_adjustmentamount, d.adjustmentamount), -d.adjustmentamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.settled_key, 'advance',
        coalesce(d.trx_postedadvanceamount, d.postedadvanceamount), d.postedadvanceamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.settled_key, 'inline credit',
        coalesce(d.trx_inlineamount, d.inlineamount), d.inlineamount
    FROM details AS d
    WHERE d.inlinekey <> d.settled_key
    UNION ALL
    SELECT d.*, d.inlinekey, 'inline credit used',
        -coalesce(d.trx_inlineamount, d.inlineamount), -d.inlineamount
    FROM details AS d
    WHERE d.inlinekey <> d.settled_key
    -- Only ar:
    UNION ALL
    SELECT d.*, coalesce(d.postedadvancekey, d.advancekey), 'advance used',
        -coalesce(d.trx_postedadvanceamount, d.postedadvanceamount), -d.postedadvanceamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.settled_key, 'overpayment',
        coalesce(d.trx_postedoverpaymentamount, d.overpaymentamount), d.overpaymentamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.overpaymentkey, 'overpayment used',
        -coalesce(d.trx_postedoverpaymentamount, d.overpaymentamount), -d.overpaymentamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.settled_key, 'negative invoice',
        coalesce(d.trx_negativeinvoiceamount, d.negativeinvoiceamount), d.negativeinvoiceamount
    FROM details AS d
    UNION ALL
    SELECT d.*, d.negativeinvoicekey, 'negative invoice used',
        -coalesce(d.trx_negativeinvoiceamount, d.negativeinvoiceamount), -d.negativeinvoiceamount
    FROM details AS d
    -- End
)
SELECT
    p.document_key,
    p.paymentkey AS payment_key,
    coalesce(nullif(p.recordid, ''), p.docnumber, '') AS payment_no,
    p.kind,
    p.settled_on,
    p.settled_on_document,
    p.voided_on,
    CAST(p.amount AS {trx_money}) AS amount,
    CAST(coalesce(p.amount_base, 0) AS {money}) AS amount_base
FROM parts AS p
WHERE p.document_key IS NOT NULL AND p.amount <> 0
