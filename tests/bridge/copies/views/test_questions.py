"""Questions to a copy by someone who is not trusted: what is refused, what is limited, and what comes out right."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from threading import Event, Timer
from urllib.parse import urlsplit

import pytest

from intacct_bridge.copies.copy import answer_here, open_copy
from intacct_bridge.copies.questions.answer import CopyAnswer, QuestionLimits, reporting_tables
from intacct_bridge.copies.questions.checked_select import checked_select
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError, SettingsError, TransientError
from support.copies.reported import Copy

LIMITS = QuestionLimits(rows=50, seconds=60)
SHORT = QuestionLimits(rows=50, seconds=0.3)


def asked(uri: str, sql: str, limits: QuestionLimits = LIMITS) -> CopyAnswer:
    return open_copy(uri).ask(sql, limits, Event())


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret.csv"
    path.write_text("word\nopen-sesame\n")
    return path


@pytest.fixture(scope="module")
def bills(grown: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy of one table, which is opened for every attack."""
    return Copy.of(grown.clone(), f"duckdb:{tmp_path_factory.mktemp('bills') / 'bills.duckdb'}", ("APBILL",))


ATTACKS = (
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_csv_auto('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT * FROM read_blob('{file}')",
    "SELECT * FROM read_json('{file}')",
    "SELECT * FROM read_parquet('{file}')",
    "SELECT * FROM sniff_csv('{file}')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM '{file}'",
    'SELECT * FROM "{file}"',
    "FROM '{file}'",
    "SELECT (SELECT word FROM '{file}' LIMIT 1) FROM APBILL",
    "SELECT * FROM APBILL WHERE EXISTS (SELECT 1 FROM read_text('{file}'))",
    "WITH a AS (SELECT * FROM read_text('{file}')) SELECT * FROM a",
    "SELECT * FROM APBILL, LATERAL (SELECT * FROM read_text('{file}'))",
    "SELECT read_text('{file}')",
    "COPY APBILL TO '{file}.out'",
    "COPY (SELECT 1) TO '{file}.out'",
    "EXPORT DATABASE '{file}.out'",
    "ATTACH '{file}.db' AS other",
    "DETACH copy",
    "USE copy",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "PRAGMA enable_external_access=true",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "CALL pragma_version()",
    "EXPLAIN ANALYZE SELECT 1",
    "DESCRIBE APBILL",
    "SHOW TABLES",
    "SUMMARIZE APBILL",
    "CHECKPOINT",
    "VACUUM",
    "CREATE TABLE x AS SELECT 1",
    "CREATE MACRO f(a) AS a",
    "DROP TABLE APBILL",
    "DELETE FROM APBILL",
    "UPDATE APBILL SET TOTALDUE = 0",
    "INSERT INTO APBILL SELECT * FROM APBILL",
    "TRUNCATE APBILL",
    "MERGE INTO APBILL USING APBILL b ON true WHEN MATCHED THEN DELETE",
    "SELECT 1 INTO x",
    "SELECT * FROM APBILL FOR UPDATE",
    "WITH d AS (DELETE FROM APBILL RETURNING *) SELECT * FROM d",
    "WITH d AS (UPDATE APBILL SET TOTALDUE = 0 RETURNING *) SELECT * FROM d",
    "WITH d AS (INSERT INTO APBILL SELECT * FROM APBILL RETURNING *) SELECT * FROM d",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE APBILL",
    "SELECT 1 /* */; DELETE FROM APBILL --",
    "BEGIN; SELECT 1",
    "",
    "   ;  ",
    "-- nothing",
    "SELECT list_aggregate(range(1000000000), 'sum')",
    "SELECT range(RECORDNO) FROM APBILL",
    "SELECT len(generate_series(1, 1000000000, 2))",
    "SELECT unnest(range(DATE '2026-01-01', DATE '2026-01-02', INTERVAL 1 MICROSECOND))",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT rpad('x', RECORDNO, 'y') FROM APBILL",
    "SELECT printf('%2000000000d', 1)",
    "SELECT printf('%*d', 2000000000, 1)",
    "SELECT format('{:>2000000000}', 'x')",
    "SELECT format('{:{}}', 'x', 2000000000)",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT current_setting('data_directory')",
    "SELECT pg_sleep(1000)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_advisory_lock(1)",
    "SELECT nextval('s')",
    "SELECT query_to_xml('DELETE FROM APBILL', true, true, '')",
    "SELECT * FROM dblink('dbname=postgres', 'DELETE FROM x') AS t(a int)",
    "SELECT dblink_exec('dbname=postgres', 'DELETE FROM x')",
    "SELECT getenv('HOME')",
    "SELECT getvariable('x')",
    "SELECT current_user",
    "SELECT session_user",
    "SELECT version()",
    "SELECT current_database()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_databases()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('APBILL')",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_shadow",
    "SELECT * FROM pg_authid",
    "WITH pg_shadow AS (SELECT * FROM pg_shadow) SELECT * FROM pg_shadow",
    "WITH a AS (SELECT * FROM pg_shadow), pg_shadow AS (SELECT 1) SELECT * FROM a",
    "SELECT * FROM pg_shadow WHERE 1 IN (WITH pg_shadow AS (SELECT 1 AS one) SELECT one FROM pg_shadow)",
    "SELECT * FROM (WITH pg_shadow AS (SELECT 1) SELECT * FROM pg_shadow) AS x, pg_shadow",
    'WITH "{file}" AS (SELECT * FROM "{file}") SELECT * FROM "{file}"',
    "SELECT * FROM _with_0",
    "WITH a AS (SELECT 1) SELECT * FROM _with_0",
    "SELECT * FROM copy._bridge.copy",
    "SELECT * FROM _bridge.bookmarks",
    "SELECT * FROM copy.main.APBILL",
    "SELECT * FROM other.APBILL",
    "SELECT * FROM reporting.nothing",
    "SELECT * FROM reporting.read_text('{file}')",
    "SELECT $1",
    "SELECT ?",
    "SELECT repeat('x', 1000000000)",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_does_more_than_read_the_copy_is_refused(bills: Copy, secret: Path, attack: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        asked(bills.uri, attack.replace("{file}", str(secret)))
    assert refused.value.fix
    assert "open-sesame" not in str(refused.value)
    assert [one.name for one in secret.parent.iterdir()] == ["secret.csv"]


@pytest.mark.parametrize("sql", ["FROM (SUMMARIZE '/etc/passwd')", "SELECT * FROM (DESCRIBE APBILL)"])
def test_a_description_is_no_question(sql: str) -> None:
    """It names its table in a place of its own, where a file would pass the check of tables."""
    with pytest.raises(InvalidRequestError, match="describes a table"):
        checked_select(sql, ["APBILL"])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("len(range(1, 13))", 12),
        ("len(range(10, 0, -1))", 10),
        ("len(generate_series(DATE '2026-01-01', DATE '2026-12-31', INTERVAL 1 MONTH))", 12),
        ("lpad('7', 3, '0')", "007"),
        ("printf('%05d', 42)", "00042"),
        ("format('{:,}', 1234567)", "1,234,567"),
    ],
)
def test_short_lists_and_texts_are_made(bills: Copy, value: str, expected: object) -> None:
    assert asked(bills.uri, f"SELECT {value}").rows == ((expected,),)
    assert asked(bills.uri, "SELECT count(*) FROM range(1000000)").rows == ((1_000_000,),)


def test_duckdb_itself_would_refuse_files_if_the_check_let_one_pass(
    demo_copy: Copy, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is one wall, and the closed connection another."""
    from intacct_bridge.copies.live_sql.statement import parsed
    from intacct_bridge.copies.questions import checked_select as checks

    monkeypatch.setattr(checks, "checked_select", lambda sql, _: checks.CheckedSelect(parsed(sql), (), ()))
    for sql in (f"SELECT * FROM read_text('{secret}')", f"SELECT * FROM '{secret}'"):
        with pytest.raises(InvalidRequestError, match="disabled"):
            answer_here(demo_copy.uri, sql, LIMITS)


def test_the_file_is_free_again_after_every_question(demo_copy: Copy) -> None:
    import duckdb

    for sql in ("SELECT count(*) FROM APBILL", "SELECT nonsense FROM APBILL", "DROP TABLE APBILL"):
        with suppress(InvalidRequestError):
            asked(demo_copy.uri, sql)
        duckdb.connect(demo_copy.uri.removeprefix("duckdb:")).close()  # it would not open beside another one


def test_an_endless_question_ends_with_its_time(demo_copy: Copy) -> None:
    for sql in (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "SELECT count(*) FROM range(100000000000) a, range(100000000000) b",
    ):
        with pytest.raises(InvalidRequestError, match="longer than"):
            asked(demo_copy.uri, sql, SHORT)


def doubled(levels: int, first: str = "SELECT RECORDNO FROM APBILL") -> str:
    """A statement whose tables double with each expression of WITH."""
    parts = [f"a0 AS ({first})", *(f"a{n} AS (SELECT x.* FROM a{n - 1} x, a{n - 1} y)" for n in range(1, levels + 1))]
    return f"WITH {', '.join(parts)} SELECT count(*) FROM a{levels}"


@pytest.mark.parametrize("first", ["SELECT RECORDNO FROM APBILL", "SELECT 1 AS n", "VALUES (1), (2)"])
@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
def test_tables_that_double_with_each_expression_are_refused(first: str, dialect: str) -> None:
    checked_select(doubled(8, first), ["APBILL"], dialect=dialect)
    with pytest.raises(InvalidRequestError, match="reads 512 tables"):
        checked_select(doubled(9, first), ["APBILL"], dialect=dialect)
    with pytest.raises(InvalidRequestError, match="reads 16,384 tables"):
        checked_select(doubled(14, first), ["APBILL"], dialect=dialect)
    unused = f"WITH z AS ({doubled(14, first)}) SELECT 1"
    with pytest.raises(InvalidRequestError, match="reads 16,384 tables"):
        checked_select(unused, ["APBILL"], dialect=dialect)


def test_a_question_that_its_engine_does_not_stop_is_ended(demo_copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan of such a statement takes minutes and gigabytes before DuckDB looks at the clock or at its memory."""
    monkeypatch.setattr("intacct_bridge.copies.copy.answer_here", plan_without_check)
    with pytest.raises(InvalidRequestError, match="took longer than 1 second"):
        asked(demo_copy.uri, doubled(14), QuestionLimits(rows=50, seconds=1))
    with pytest.raises(InvalidRequestError, match="took more than 1 MB of memory"):
        monkeypatch.setattr("intacct_bridge.copies.copy._BESIDE_ENGINE_MB", 150)
        asked(demo_copy.uri, doubled(14), QuestionLimits(rows=50, seconds=600, memory_mb=1))


def plan_without_check(uri: str, sql: str, _: QuestionLimits) -> None:
    """What happens in the child if the check lets a statement pass."""
    import duckdb

    with duckdb.connect(uri.removeprefix("duckdb:"), read_only=True) as database:
        database.execute(sql)


def test_a_cancelled_question_ends(demo_copy: Copy) -> None:
    cancelled = Event()
    Timer(0.2, cancelled.set).start()
    with pytest.raises(TransientError, match="cancelled"):
        open_copy(demo_copy.uri).ask("SELECT count(*) FROM range(100000000000) a, range(1000) b", LIMITS, cancelled)


def test_a_huge_result_is_cut_and_says_so(demo_copy: Copy) -> None:
    answer = asked(demo_copy.uri, "SELECT * FROM range(100000000000)")
    assert (len(answer.rows), answer.more) == (50, True)
    answer = asked(demo_copy.uri, "SELECT range FROM range(50)")
    assert (len(answer.rows), answer.more) == (50, False)
    assert not asked(demo_copy.uri, "SELECT range FROM range(100) LIMIT 7").more
    assert asked(demo_copy.uri, "SELECT range FROM range(100) LIMIT 60 + 20").more
    assert asked(demo_copy.uri, "SELECT 1 FROM range(40) UNION ALL SELECT 2 FROM range(40)").more


def test_amounts_and_order_are_those_of_the_copy(demo_copy: Copy) -> None:
    sql = "SELECT VENDORID, sum(TOTALDUE) AS due FROM APBILL GROUP BY VENDORID HAVING due > 0 ORDER BY due DESC"
    answer = asked(demo_copy.uri, sql)
    # computed from the rows by hand, without SQL
    owed: dict[str, Decimal] = {}
    for vendor, due, deleted in demo_copy.rows("SELECT VENDORID, TOTALDUE, _deleted_at FROM main.APBILL"):
        if deleted is None:
            owed[vendor] = owed.get(vendor, Decimal(0)) + due
    expected = sorted((one for one in owed.values() if one > 0), reverse=True)[:50]
    assert [row[1] for row in answer.rows] == expected
    assert answer.columns == ("VENDORID", "due")
    assert answer.as_of.keys() == {"APBILL"} and all(answer.as_of.values())


SHADOWED = (
    "WITH APBILL AS (SELECT * FROM APBILL) SELECT count(*) AS n FROM APBILL",
    "WITH apbill AS (SELECT VENDORID FROM ApBill b), again AS (SELECT * FROM apbill) SELECT count(*) AS n FROM again",
    "SELECT count(*) AS n FROM (WITH x AS (SELECT 1) SELECT APBILL.VENDORID FROM APBILL, x) AS y",
    "WITH x AS (SELECT 1 AS one) SELECT count(x.one) AS n FROM x, APBILL",
    (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT n.i + 1 FROM n WHERE i < 2)"
        " SELECT count(*) AS n FROM APBILL JOIN n ON n.i = 2"
    ),
)
"""Questions with the count of the bills, whose common table expressions have names of tables, or of parts of others."""


@pytest.mark.parametrize("sql", SHADOWED)
def test_a_common_table_expression_with_the_name_of_a_table_hides_nothing(demo_copy: Copy, sql: str) -> None:
    """A table is read without deleted rows, and named with its time, wherever it stands."""
    ((whole,),) = demo_copy.rows("SELECT count(*) FROM main.APBILL WHERE _deleted_at IS NULL")
    answer = asked(demo_copy.uri, sql)
    assert answer.rows == ((whole,),)
    assert list(answer.as_of) == ["APBILL"]


def test_views_and_functions_of_reporting_answer_with_the_objects_behind_them(demo_copy: Copy) -> None:
    answer = asked(demo_copy.uri, "SELECT * FROM reporting.trial_balance LIMIT 3")
    assert len(answer.rows) == 3
    assert {"GLDETAIL", "GLACCOUNT"} <= answer.as_of.keys()
    assert asked(demo_copy.uri, "SELECT vendor_id, total FROM reporting.ap_ageing(DATE '2026-11-22')").rows
    for sql, fix in (
        ("SELECT * FROM reporting.ap_ageing", "ap_ageing(as_of"),
        ("SELECT * FROM reporting.trial_balance()", "reporting.trial_balance"),
    ):
        with pytest.raises(InvalidRequestError) as refused:
            asked(demo_copy.uri, sql)
        assert fix in refused.value.fix


def test_a_wrong_name_gets_the_nearest_one(demo_copy: Copy) -> None:
    with pytest.raises(InvalidRequestError, match="APBILLS is not a table of the copy; did you mean APBILL"):
        asked(demo_copy.uri, "SELECT * FROM APBILLS")


def test_tables_and_views_are_described(demo_copy: Copy) -> None:
    tables = {one.name: one for one in open_copy(demo_copy.uri).described(LIMITS)}
    due = next(one for one in tables["APBILL"].columns if one.name == "TOTALDUE")
    assert due.type.startswith("decimal")
    views = {one.name: one for one in reporting_tables()}
    assert views["reporting.ap_ageing"].parameters.startswith("as_of date")
    assert all(one.shows and one.columns for one in views.values())


# --- PostgreSQL


@pytest.fixture(scope="module")
def reader(demo_in_postgres: Copy) -> Iterator[str]:
    """The address of the copy for a role that only reads."""
    name, schema = "agent_" + next(tempfile._get_candidate_names()), "public"  # type: ignore[attr-defined]
    run_in(demo_in_postgres.uri, f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'p'")
    for one in (schema, f"{schema}_bridge", "reporting"):
        run_in(demo_in_postgres.uri, f'GRANT USAGE ON SCHEMA "{one}" TO "{name}"')
        run_in(demo_in_postgres.uri, f'GRANT SELECT ON ALL TABLES IN SCHEMA "{one}" TO "{name}"')
    yield as_role(demo_in_postgres.uri, name)
    run_in(demo_in_postgres.uri, f'DROP OWNED BY "{name}"')
    run_in(demo_in_postgres.uri, f'DROP ROLE "{name}"')


def run_in(uri: str, sql: str) -> None:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(sql)


def as_role(uri: str, name: str) -> str:
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{name}:p@{host}").geturl()


@pytest.mark.slow
def test_postgresql_refuses_the_same(reader: str, secret: Path) -> None:
    named = [
        one for one in ATTACKS if re.search("pg_|set_|dblink|nextval|query_to|lo_|current|; |WITH d|FOR U|INTO", one)
    ]
    assert len(named) > 20
    for attack in named:
        with pytest.raises(InvalidRequestError):
            asked(reader, attack.replace("{file}", str(secret)))


@pytest.mark.slow
def test_postgresql_answers_as_duckdb_does(reader: str, demo_copy: Copy) -> None:
    for sql in (
        "select count(*) as bills, sum(totaldue) as due from apbill where state <> 'Paid'",
        "SELECT v.NAME, b.TOTALDUE FROM APBILL b JOIN VENDOR v ON v.VENDORID = b.VENDORID ORDER BY 2 DESC, 1 LIMIT 5",
        "WITH b AS (SELECT VENDORID v, TOTALDUE FROM APBILL) SELECT v, max(totaldue) AS m FROM b GROUP BY 1 ORDER BY 1",
        "SELECT sum(debit) AS d, sum(credit) AS c FROM reporting.trial_balance",
    ):
        ours, theirs = asked(reader, sql), asked(demo_copy.uri, sql)
        assert [as_numbers(row) for row in ours.rows] == [as_numbers(row) for row in theirs.rows]
        assert [one.lower() for one in ours.columns] == [one.lower() for one in theirs.columns]
        assert ours.as_of.keys() == theirs.as_of.keys() and all(ours.as_of.values())


def as_numbers(row: tuple[object, ...]) -> list[object]:
    found: list[object] = []
    for one in row:
        try:
            found.append(Decimal(str(one)))
        except ArithmeticError:
            found.append(one)
    return found


@pytest.mark.slow
def test_postgresql_reads_no_deleted_row_through_a_common_table_expression(reader: str, demo_in_postgres: Copy) -> None:
    run_in(demo_in_postgres.uri, 'UPDATE "APBILL" SET _deleted_at = now() WHERE "RECORDNO" % 2 = 0')
    try:
        ((whole,),) = demo_in_postgres.rows('SELECT count(*) FROM "APBILL" WHERE _deleted_at IS NULL')
        for sql in SHADOWED:
            answer = asked(reader, sql)
            assert [int(str(row[0])) for row in answer.rows] == [int(str(whole))], sql
            assert list(answer.as_of) == ["APBILL"]
        with pytest.raises(InvalidRequestError, match="not a table of the copy"):
            asked(reader, 'WITH "PG_ROLES" AS (SELECT 1) SELECT * FROM pg_roles')
    finally:
        run_in(demo_in_postgres.uri, 'UPDATE "APBILL" SET _deleted_at = NULL')


@pytest.mark.slow
def test_postgresql_ends_a_question_with_its_time_and_cuts_its_rows(reader: str) -> None:
    with pytest.raises(InvalidRequestError, match="longer than"):
        asked(reader, "SELECT count(*) FROM GLDETAIL a, GLDETAIL b, GLDETAIL c, GLDETAIL d", SHORT)
    answer = asked(reader, "SELECT a.RECORDNO FROM GLDETAIL a, GLDETAIL b, GLDETAIL c")
    assert (len(answer.rows), answer.more) == (50, True)


@pytest.mark.slow
def test_the_transaction_itself_cannot_write(
    reader: str, demo_in_postgres: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the check: a function that the check would refuse changes nothing and lifts no limit."""
    from intacct_bridge.copies.questions import checked_select

    monkeypatch.setattr(checked_select, "_check_function", lambda _: None)
    run_in(
        demo_in_postgres.uri,
        "CREATE FUNCTION public.wipe() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS "
        "'WITH d AS (DELETE FROM public.\"VENDOR\" RETURNING 1) SELECT count(*) FROM d'",
    )
    for sql in ("SELECT wipe()", "SELECT set_config('transaction_read_only', 'off', false)", "SELECT nextval('s')"):
        with pytest.raises(InvalidRequestError):
            asked(reader, sql)
    run_in(demo_in_postgres.uri, "DROP FUNCTION public.wipe()")
    assert asked(reader, "SELECT count(*) FROM VENDOR").rows[0][0] > 0


@pytest.mark.slow
def test_a_role_that_may_write_is_refused(reader: str, demo_in_postgres: Copy) -> None:
    with pytest.raises(SettingsError, match="rights on the server itself") as refused:
        asked(demo_in_postgres.uri, "SELECT 1")
    assert "CREATE ROLE" in refused.value.fix
    role = urlsplit(reader).username
    run_in(demo_in_postgres.uri, f'GRANT INSERT ON "VENDOR" TO "{role}"')
    with pytest.raises(SettingsError, match="may write to the copy") as refused:
        asked(reader, "SELECT 1")
    assert "GRANT SELECT" in refused.value.fix and ":p@" not in str(refused.value)
    run_in(demo_in_postgres.uri, f'ALTER ROLE "{role}" SET default_transaction_read_only = on')
    assert asked(reader, "SELECT count(*) FROM VENDOR").rows
    run_in(demo_in_postgres.uri, f'REVOKE INSERT ON "VENDOR" FROM "{role}"')
    run_in(demo_in_postgres.uri, f'ALTER ROLE "{role}" RESET default_transaction_read_only')
    run_in(demo_in_postgres.uri, f'GRANT pg_read_server_files TO "{role}"')
    with pytest.raises(SettingsError, match="rights on the server itself"):
        asked(reader, "SELECT 1")
    run_in(demo_in_postgres.uri, f'REVOKE pg_read_server_files FROM "{role}"')


@pytest.mark.slow
def test_tables_of_postgresql_are_described(reader: str) -> None:
    tables = {one.name: one for one in open_copy(reader).described(LIMITS)}
    assert "TOTALDUE" in [one.name for one in tables["APBILL"].columns]
    assert tables["APBILL"].as_of


@pytest.mark.slow
def test_a_copy_in_another_schema_answers_from_its_own_views(demo_in_postgres: Copy) -> None:
    """The schema `reporting` has the views of another copy, maybe of another company."""
    name = "agent_" + next(tempfile._get_candidate_names())  # type: ignore[attr-defined]
    run_in(demo_in_postgres.uri, "CREATE SCHEMA books")
    own = f"{demo_in_postgres.uri}&options=-csearch_path%3Dbooks"
    books = Copy.of(demo_in_postgres.emulator, own, ("GLACCOUNT", "GLDETAIL", "LOCATION", "LOCATIONENTITY"))
    run_in(own, 'UPDATE "GLDETAIL" SET _deleted_at = now() WHERE "RECORDNO"::bigint % 2 = 0')
    run_in(demo_in_postgres.uri, f"CREATE ROLE \"{name}\" LOGIN PASSWORD 'p'")
    for one in ("books", "books_bridge", "books_reporting", "reporting"):
        run_in(demo_in_postgres.uri, f'GRANT USAGE ON SCHEMA "{one}" TO "{name}"')
        run_in(demo_in_postgres.uri, f'GRANT SELECT ON ALL TABLES IN SCHEMA "{one}" TO "{name}"')
    sql = "SELECT count(*) FROM reporting.general_ledger"
    ((all_lines,),) = demo_in_postgres.rows(sql)
    ((expected,),) = books.rows(sql.replace("reporting", "books_reporting"))
    assert 0 < expected < all_lines
    assert asked(as_role(own, name), sql).rows == ((expected,),)
    run_in(demo_in_postgres.uri, f'DROP OWNED BY "{name}"')
    run_in(demo_in_postgres.uri, f'DROP ROLE "{name}"')
    with pytest.raises(SettingsError) as refused:
        asked(own, sql)
    assert "books_reporting" in refused.value.fix
