-- vendor_spend: what was bought from each vendor, by month, account and department.
-- Grain: entity_id, vendor_id, base_currency, period_start, account_no, department_id.
-- Units: base currency of the entity.
-- Rule: the lines of posted bills, less credits, by the posting date of the document. A reversal counts with the other
--   sign on its own date. The entity is the one that owns the line's location.
-- Reads: APBILL (RECORDNO text!, VENDORID text!, VENDORNAME text, STATE text!, WHENCREATED date, WHENPOSTED date,
--   BASECURR text)
-- Reads: APBILLITEM (RECORDKEY text!, ACCOUNTNO text, AMOUNT number!, DEPARTMENTID text, LOCATIONID text)
-- Reads if present: APADJUSTMENT (RECORDNO text, VENDORID text, VENDORNAME text, STATE text, WHENCREATED date,
--   WHENPOSTED date, BASECURR text)
-- Reads if present: APADJUSTMENTITEM (RECORDKEY text, ACCOUNTNO text, AMOUNT number, DEPARTMENTID text,
--   LOCATIONID text)
-- Columns:
--   entity_id: entity that owns the location of the lines; empty for none
--   vendor_id: vendor
--   vendor_name: name of the vendor
--   base_currency: currency of the amount
--   period_start: first day of the month
--   account_no: number of the account
--   account_title: title of the account
--   department_id: department; empty for none
--   documents: number of bills and credits
--   amount: amount in base currency
WITH lines AS (
    SELECT b.recordno, b.vendorid, b.vendorname, b.state, coalesce(b.whenposted, b.whencreated) AS posting_date,
        b.basecurr, i.accountno, i.amount, i.departmentid, i.locationid
    FROM raw.apbill AS b
    JOIN raw.apbillitem AS i ON i.recordkey = b.recordno
    UNION ALL
    SELECT b.recordno, b.vendorid, b.vendorname, b.state, coalesce(b.whenposted, b.whencreated),
        b.basecurr, i.accountno, i.amount, i.departmentid, i.locationid
    FROM raw.apadjustment AS b
    JOIN raw.apadjustmentitem AS i ON i.recordkey = b.recordno
)
SELECT
    coalesce(p.entity_id, '') AS entity_id,
    l.vendorid AS vendor_id,
    max(l.vendorname) AS vendor_name,
    coalesce(nullif(l.basecurr, ''), e.base_currency) AS base_currency,
    CAST(date_trunc('month', l.posting_date) AS DATE) AS period_start,
    l.accountno AS account_no,
    max(a.title) AS account_title,
    coalesce(l.departmentid, '') AS department_id,
    count(DISTINCT l.recordno) AS documents,
    CAST(sum(l.amount) AS {money}) AS amount
FROM lines AS l
LEFT JOIN reporting.locations AS p ON p.location_id = l.locationid
JOIN reporting.entities AS e ON e.entity_id = coalesce(p.entity_id, '')
LEFT JOIN reporting.accounts AS a ON a.account_no = l.accountno
WHERE l.state NOT IN ('Draft', 'Submitted', 'Partially Approved', 'Approved', 'Declined', 'Analyzing')
GROUP BY 1, 2, 4, 5, 6, 8
