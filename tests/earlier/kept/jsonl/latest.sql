-- The latest row of every record that is not gone, as DuckDB views. In this folder: duckdb -init latest.sql

CREATE OR REPLACE VIEW "DEPARTMENT" AS
SELECT CAST(r."DEPARTMENTID" AS VARCHAR) AS "DEPARTMENTID", CAST(r."RECORDNO" AS BIGINT) AS "RECORDNO", CAST(r."TITLE" AS VARCHAR) AS "TITLE", timezone('UTC', CAST(r."WHENMODIFIED" AS TIMESTAMP)) AS "WHENMODIFIED", CAST(r."_run" AS BIGINT) AS "_run", timezone('UTC', CAST(r."_read_at" AS TIMESTAMP)) AS "_read_at"
FROM (SELECT * FROM (SELECT *, CAST(_seq AS BIGINT) AS _at FROM read_json(['DEPARTMENT/000001-0001-rows.jsonl'], format = 'newline_delimited', columns = {'DEPARTMENTID': 'VARCHAR', 'RECORDNO': 'VARCHAR', 'TITLE': 'VARCHAR', 'WHENMODIFIED': 'VARCHAR', '_run': 'VARCHAR', '_read_at': 'VARCHAR', '_seq': 'VARCHAR'})) QUALIFY row_number() OVER (PARTITION BY "RECORDNO" ORDER BY _at DESC) = 1) r
WHERE true;

CREATE OR REPLACE VIEW "VENDOR" AS
SELECT CAST(r."RECORDNO" AS BIGINT) AS "RECORDNO", CAST(r."VENDORID" AS VARCHAR) AS "VENDORID", CAST(r."NAME" AS VARCHAR) AS "NAME", CAST(r."TOTALDUE" AS DECIMAL(38,14)) AS "TOTALDUE", timezone('UTC', CAST(r."WHENMODIFIED" AS TIMESTAMP)) AS "WHENMODIFIED", CAST(r."_run" AS BIGINT) AS "_run", timezone('UTC', CAST(r."_read_at" AS TIMESTAMP)) AS "_read_at"
FROM (SELECT * FROM (SELECT *, CAST(_seq AS BIGINT) AS _at FROM read_json(['VENDOR/000001-0001-rows.jsonl'], format = 'newline_delimited', columns = {'RECORDNO': 'VARCHAR', 'VENDORID': 'VARCHAR', 'NAME': 'VARCHAR', 'TOTALDUE': 'VARCHAR', 'WHENMODIFIED': 'VARCHAR', '_run': 'VARCHAR', '_read_at': 'VARCHAR', '_seq': 'VARCHAR'})) QUALIFY row_number() OVER (PARTITION BY "RECORDNO" ORDER BY _at DESC) = 1) r
WHERE true;
