-- reporting_periods: Intacct's reporting periods, as named ranges of dates.
-- Grain: period_name.
-- Units: none.
-- Rule: these periods overlap and know no fiscal year. They serve to choose dates; fiscal_periods counts months.
-- Reads: REPORTINGPERIOD (NAME text!, START_DATE date!, END_DATE date!, REPORTING_PERIODTYPE text, BUDGETING flag,
--   STATUS text)
-- Columns:
--   period_name: name of the period
--   start_date: first day
--   end_date: last day
--   period_type: Month, Quarter, Year or another
--   for_budgets: whether budgets can use it
--   status: active or inactive
SELECT
    p.name AS period_name,
    p.start_date,
    p.end_date,
    p.reporting_periodtype AS period_type,
    p.budgeting AS for_budgets,
    p.status
FROM raw.reportingperiod AS p
