-- dimensions: the values of all dimensions that ledger lines can have.
-- Grain: dimension, value_id, parent_id.
-- Units: none.
-- Rule: the records of each dimension. A user-defined dimension is listed with the values that ledger lines use, as
--   record numbers, since its records are not part of the usual tables.
-- Reads if present: DEPARTMENT (DEPARTMENTID text, TITLE text, PARENTID text, STATUS text)
-- Reads if present: LOCATION (LOCATIONID text, NAME text, PARENTID text, STATUS text)
-- Reads if present: CUSTOMER (CUSTOMERID text, NAME text, PARENTID text, STATUS text)
-- Reads if present: VENDOR (VENDORID text, NAME text, PARENTID text, STATUS text)
-- Reads if present: EMPLOYEE (EMPLOYEEID text, CONTACT_NAME text, STATUS text)
-- Reads if present: ITEM (ITEMID text, NAME text, STATUS text)
-- Reads if present: PROJECT (PROJECTID text, NAME text, PARENTID text, STATUS text)
-- Reads if present: CLASS (CLASSID text, NAME text, PARENTID text, STATUS text)
-- Reads if present: TASK (TASKID text, NAME text, PROJECTID text)
-- Reads if present: WAREHOUSE (WAREHOUSEID text, NAME text, PARENTID text, STATUS text)
-- Reads if present: GLDETAIL ()
-- Columns:
--   dimension: name of the dimension, such as department
--   value_id: id of the value, as ledger lines have it
--   value_name: name of the value; empty if it is not known
--   parent_id: value above it; for a task its project; empty at the top
--   status: active or inactive; empty if it is not known
WITH every AS (
    SELECT 'department' AS dimension, departmentid AS value_id, title AS value_name, parentid, status
    FROM raw.department
    UNION ALL SELECT 'location', locationid, name, parentid, status FROM raw.location
    UNION ALL SELECT 'customer', customerid, name, parentid, status FROM raw.customer
    UNION ALL SELECT 'vendor', vendorid, name, parentid, status FROM raw.vendor
    UNION ALL SELECT 'employee', employeeid, contact_name, NULL, status FROM raw.employee
    UNION ALL SELECT 'item', itemid, name, NULL, status FROM raw.item
    UNION ALL SELECT 'project', projectid, name, parentid, status FROM raw.project
    UNION ALL SELECT 'class', classid, name, parentid, status FROM raw.class
    UNION ALL SELECT 'task', taskid, name, projectid, NULL FROM raw.task
    UNION ALL SELECT 'warehouse', warehouseid, name, parentid, status FROM raw.warehouse
    {dimension_values}
)
SELECT
    d.dimension,
    d.value_id,
    coalesce(d.value_name, '') AS value_name,
    coalesce(d.parentid, '') AS parent_id,
    coalesce(d.status, '') AS status
FROM every AS d
WHERE d.value_id <> ''
