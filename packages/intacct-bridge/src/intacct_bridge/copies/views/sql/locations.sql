-- locations: the entity that owns each location.
-- Grain: location_id.
-- Units: none.
-- Rule: a location belongs to the entity that is found first above it. A location above which there is no entity
--   belongs to none, and has the entity_id ''.
-- Reads if present: LOCATION (LOCATIONID text, RECORDNO text, NAME text, PARENTID text, LOCATIONTYPE text, STATUS text)
-- Reads if present: LOCATIONENTITY (LOCATIONID text, RECORDNO text, NAME text, STATUS text)
-- Columns:
--   location_id: id of the location
--   location_key: RECORDNO of the location
--   location_name: name of the location
--   parent_id: location above it; empty at the top
--   entity_id: entity that owns it; empty if there is none
--   status: active or inactive
WITH RECURSIVE places AS (
    SELECT l.locationid, l.recordno, l.name, l.parentid, l.status, l.locationtype = 'E' AS is_entity
    FROM raw.location AS l
    WHERE l.locationid NOT IN (SELECT e.locationid FROM raw.locationentity AS e)
    UNION ALL
    SELECT e.locationid, e.recordno, e.name, NULL, e.status, TRUE
    FROM raw.locationentity AS e
),
above AS (
    SELECT p.locationid, p.locationid AS reached FROM places AS p
    UNION
    SELECT a.locationid, p.parentid
    FROM above AS a
    JOIN places AS p ON p.locationid = a.reached AND NOT coalesce(p.is_entity, FALSE)
    WHERE p.parentid <> ''
)
SELECT
    p.locationid AS location_id,
    p.recordno AS location_key,
    p.name AS location_name,
    coalesce(p.parentid, '') AS parent_id,
    coalesce(o.entity_id, '') AS entity_id,
    p.status
FROM places AS p
LEFT JOIN (
    SELECT a.locationid, min(a.reached) AS entity_id
    FROM above AS a
    JOIN places AS e ON e.locationid = a.reached AND e.is_entity
    GROUP BY a.locationid
) AS o ON o.locationid = p.locationid
