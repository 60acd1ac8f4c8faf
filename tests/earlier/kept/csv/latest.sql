-- The latest row of every record that is not gone, as DuckDB views. In this folder: duckdb -init latest.sql

CREATE OR REPLACE VIEW "DEPARTMENT" AS
SELECT CAST(r."DEPARTMENTID" AS VARCHAR) AS "DEPARTMENTID", CAST(r."RECORDNO" AS BIGINT) AS "RECORDNO", CAST(r."TITLE" AS VARCHAR) AS "TITLE", timezone('UTC', CAST(r."WHENMODIFIED" AS TIMESTAMP)) AS "WHENMODIFIED", CAST(r."_run" AS BIGINT) AS "_run", timezone('UTC', CAST(r."_read_at" AS TIMESTAMP)) AS "_read_at"
FROM (SELECT * FROM (SELECT *, CAST(_seq AS BIGINT) AS _at FROM read_csv(['DEPARTMENT/000001-0001-rows.csv'], header = true, all_varchar = true, union_by_name = true, nullstr = '', allow_quoted_nulls = false)) QUALIFY row_number() OVER (PARTITION BY "RECORDNO" ORDER BY _at DESC) = 1) r
WHERE true;

CREATE OR REPLACE VIEW "VENDOR" AS
SELECT CAST(r."RECORDNO" AS BIGINT) AS "RECORDNO", CAST(r."VENDORID" AS VARCHAR) AS "VENDORID", CAST(r."NAME" AS VARCHAR) AS "NAME", CAST(r."TOTALDUE" AS DECIMAL(38,14)) AS "TOTALDUE", timezone('UTC', CAST(r."WHENMODIFIED" AS TIMESTAMP)) AS "WHENMODIFIED", CAST(r."_run" AS BIGINT) AS "_run", timezone('UTC', CAST(r."_read_at" AS TIMESTAMP)) AS "_read_at"
FROM (SELECT * FROM (SELECT *, CAST(_seq AS BIGINT) AS _at FROM read_csv(['VENDOR/000001-0001-rows.csv'], header = true, all_varchar = true, union_by_name = true, nullstr = '', allow_quoted_nulls = false)) QUALIFY row_number() OVER (PARTITION BY "RECORDNO" ORDER BY _at DESC) = 1) r
WHERE true;
