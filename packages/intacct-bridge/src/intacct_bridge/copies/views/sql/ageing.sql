-- {side}_ageing: what is open of each {party} at the end of a day, by age.
-- Grain: entity_id, {party}_id, base_currency.
-- Units: base currency of the entity. Credits lessen the amounts.
-- Rule: the open items of the day, by the days since their due date, or since their document or posting date (aged_by
--   document or posting). The buckets end after the given days, four at most: with 30, 60, 90 and 120, bucket_1 is 1 to 30
--   days, and bucket_5 is more than 120. A bucket that is not asked for is 0, and so is one that ends before the bucket
--   ahead of it. Another basis or aged_by is an error.
-- Made for: ap party=vendor, ar party=customer
-- Parameters: as_of date, basis text = 'gl', buckets integer[] = {30, 60, 90, 120}, aged_by text = 'due'
-- Columns:
--   entity_id text: entity of the documents; empty for none
--   {party}_id text: {party}
--   {party}_name text: name of the {party}
--   base_currency text: currency of the amounts
--   not_due money: not due on that day
--   bucket_1 money: up to the first number of days
--   bucket_2 money: up to the second
--   bucket_3 money: up to the third
--   bucket_4 money: up to the fourth
--   bucket_5 money: older
--   total money: sum of all
--   items int: number of open items
WITH aged AS (
    SELECT
        o.*,
        CASE {aged_by}
            WHEN 'document' THEN {as_of} - o.document_date
            WHEN 'posting' THEN {as_of} - o.posting_date
            ELSE o.days_overdue
        END AS age,
        coalesce({buckets}[1], 2147483647) AS end_1,
        greatest({buckets}[1], coalesce({buckets}[2], 2147483647)) AS end_2,
        greatest({buckets}[1], {buckets}[2], coalesce({buckets}[3], 2147483647)) AS end_3,
        greatest({buckets}[1], {buckets}[2], {buckets}[3], coalesce({buckets}[4], 2147483647)) AS end_4
    FROM reporting.{side}_open_items({as_of}, {basis}) AS o
    WHERE CASE WHEN {aged_by} IN ('due', 'document', 'posting') THEN TRUE
        ELSE CAST('aged_by is due, document or posting, not ' || coalesce({aged_by}, 'null') AS BOOLEAN) END
)
SELECT
    a.entity_id,
    a.{party}_id,
    max(a.{party}_name) AS {party}_name,
    a.base_currency,
    CAST(coalesce(sum(a.open_base) FILTER (WHERE a.age <= 0), 0) AS {money}) AS not_due,
    CAST(coalesce(sum(a.open_base) FILTER (WHERE a.age > 0 AND a.age <= a.end_1), 0) AS {money}) AS bucket_1,
    CAST(coalesce(sum(a.open_base) FILTER (WHERE a.age > greatest(a.end_1, 0) AND a.age <= a.end_2), 0) AS {money}) AS bucket_2,
    CAST(coalesce(sum(a.open_base) FILTER (WHERE a.age > greatest(a.end_2, 0) AND a.age <= a.end_3), 0) AS {money}) AS bucket_3,
    CAST(coalesce(sum(a.open_base) FILTER (WHERE a.age > greatest(a.end_3, 0) AND a.age <= a.end_4), 0) AS {money}) AS bucket_4,
    CAST(coalesce(sum(a.open_base) FILTER (WHERE a.age > greatest(a.end_4, 0)), 0) AS {money}) AS bucket_5,
    CAST(sum(a.open_base) AS {money}) AS total,
    count(*) AS items
FROM aged AS a
GROUP BY a.entity_id, a.{party}_id, a.base_currency
