-- entities: the entities of the company, with base currency and first fiscal month.
-- Grain: entity_id. A row with the entity_id '' stands for everything that belongs to no entity.
-- Units: none.
-- Rule: an entity without a first fiscal month, or without a currency, has the company's (getFinancialSetup). A
--   location that is an entity is one here, even if the copy has no LOCATIONENTITY.
-- Reads if present: LOCATIONENTITY (LOCATIONID text, NAME text, CURRENCY text, FIRSTMONTH text, STATUS text,
--   STARTDATE date)
-- Reads if present: LOCATION (LOCATIONID text, NAME text, CURRENCY text, FIRSTMONTH text, STATUS text, STARTDATE date,
--   LOCATIONTYPE text)
-- Columns:
--   entity_id: id of the entity; empty for what belongs to none
--   entity_name: name of the entity
--   base_currency: currency in which the entity keeps its books; empty if it is not known
--   first_fiscal_month: 1 to 12: the month in which its fiscal year begins
--   start_date: first day of the entity
--   status: active or inactive
WITH company AS (
    SELECT
        coalesce(max(s.value) FILTER (WHERE s.name = 'base_currency'), '') AS base_currency,
        coalesce(max(s.value) FILTER (WHERE s.name = 'first_fiscal_month'), '') AS first_month
    FROM bridge.settings AS s
),
named AS (
    SELECT e.locationid, e.name, e.currency, e.firstmonth, e.startdate, e.status FROM raw.locationentity AS e
    UNION ALL
    SELECT l.locationid, l.name, l.currency, l.firstmonth, l.startdate, l.status
    FROM raw.location AS l
    WHERE l.locationtype = 'E' AND l.locationid NOT IN (SELECT e.locationid FROM raw.locationentity AS e)
    UNION ALL
    SELECT '', 'No entity', NULL, NULL, NULL, 'active'
)
SELECT
    n.locationid AS entity_id,
    n.name AS entity_name,
    coalesce(nullif(n.currency, ''), c.base_currency) AS base_currency,
    CASE
        WHEN n.firstmonth IN ('1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12')
            THEN CAST(n.firstmonth AS INTEGER)
        WHEN c.first_month IN ('1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12')
            THEN CAST(c.first_month AS INTEGER)
        ELSE 1
    END AS first_fiscal_month,
    n.startdate AS start_date,
    n.status
FROM named AS n CROSS JOIN company AS c
