"""The Spark source on a real Spark: the same rows as the library reads, for any number of tasks and companies."""

from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.testing import Company
from support.apps.spark_reading import in_library, in_order, killing_workers, options_of, read

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
BILL = ("RECORDNO", "VENDORID", "TOTALENTERED", "WHENDUE", "AUWHENCREATED")
LEDGER = ("RECORDNO", "BATCHKEY", "ACCOUNTNO", "AMOUNT", "TR_TYPE")


def shared(place: PostgresPlace) -> str:
    return f"{place.uri}&schema={place.schema}"


@pytest.mark.spark
def test_spark_finds_the_format_by_itself_and_reads_what_the_library_reads(spark: Any, books: Company) -> None:
    df = read(spark, books, object="apbill", fields=",".join(BILL))
    assert df.dtypes == [
        ("RECORDNO", "bigint"),
        ("VENDORID", "string"),
        ("TOTALENTERED", "decimal(38,14)"),
        ("WHENDUE", "date"),
        ("AUWHENCREATED", "timestamp"),
    ]
    assert [one.nullable for one in df.schema] == [False, True, True, True, True]
    assert df.schema["TOTALENTERED"].metadata["comment"]
    assert in_order(df.collect()) == in_library(books, "APBILL", *BILL)


@pytest.mark.parametrize(("name", "fields"), [("GLENTRY", ("RECORDNO", "AMOUNT", "BATCHNO")), ("GLDETAIL", LEDGER)])
def test_any_number_of_partitions_gives_the_same_rows(
    spark: Any, books: Company, postgres_place: PostgresPlace, name: str, fields: tuple[str, ...]
) -> None:
    wanted = in_library(books, name, *fields)
    for partitions in ("1", "2", "8"):
        before = books.request_count.most_at_once
        df = read(
            spark, books, object=name, fields=",".join(fields), partitions=partitions, outbox=shared(postgres_place)
        )
        assert df.rdd.getNumPartitions() == min(int(partitions), -(-len(wanted) // 2000))
        assert in_order(df.collect()) == wanted
        assert max(before, books.request_count.most_at_once) <= 2


def test_many_companies_are_one_table_with_the_company(spark: Any, books: Company, spark_home: Path) -> None:
    clones = [books, *books.share(49)]
    clones[7].seed("DEPARTMENT", [{"DEPARTMENTID": "OWN", "TITLE": "Of one company"}])
    tables = (
        f'[connections.{one.company_id}]\nendpoint = "{one.url}"\nenvironment = "demo"\n'
        + "".join(f'{name} = "{value}"\n' for name, value in one.credentials.items())
        for one in clones
    )
    file = spark_home / "config" / "intacct-bridge" / "intacct.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(tables))
    file.chmod(0o600)
    names = ",".join(one.company_id for one in clones)
    given = {"connections": names, "object": "DEPARTMENT", "fields": "RECORDNO,DEPARTMENTID,TITLE"}
    df = spark.read.format("intacct").options(**given).load()
    assert df.columns == ["_company", "RECORDNO", "DEPARTMENTID", "TITLE"]
    wanted = [
        (one.company_id, *row)
        for one in clones
        for row in in_library(one, "DEPARTMENT", "RECORDNO", "DEPARTMENTID", "TITLE")
    ]
    assert in_order(df.collect()) == in_order(wanted)
    assert all(one.request_count.most_at_once <= 2 for one in clones)
    assert df.where("DEPARTMENTID = 'OWN'").select("_company").collect()[0][0] == clones[7].company_id


# --- filters


def test_a_filter_of_the_options_is_applied_by_the_gateway(spark: Any, books: Company) -> None:
    wanted = [row for row in in_library(books, "APBILL", *BILL) if row[0] > 1100 and row[1] != "V10001"]
    before = len(books.requests)
    df = read(spark, books, object="APBILL", fields=",".join(BILL), where="RECORDNO > 1100 AND VENDORID != 'V10001'")
    assert 0 < len(wanted) == df.count()
    assert in_order(df.collect()) == wanted
    bodies = [one.body for one in books.requests[before:] if b"<query>" in one.body]
    assert bodies
    assert all(b"<greaterthan><field>RECORDNO</field><value>1100</value></greaterthan>" in one for one in bodies)


@pytest.mark.parametrize("pushes", ["false", "true"])
def test_queries_on_one_data_frame_do_not_lend_each_other_their_filters(
    spark: Any, books: Company, pushes: str
) -> None:
    """Spark 4.3 keeps the filters that it has pushed down for the other queries on a DataFrame."""
    spark.conf.set("spark.sql.python.filterPushdown.enabled", pushes)
    try:
        rows = in_library(books, "APBILL", *BILL)
        df = read(spark, books, object="APBILL", fields=",".join(BILL))
        some, others = df.where("RECORDNO > 1100"), df.where("RECORDNO <= 1100")
        assert 0 < some.count() < len(rows)
        assert in_order(df.collect()) == rows
        assert in_order(some.union(others).collect()) == rows
    finally:
        spark.conf.unset("spark.sql.python.filterPushdown.enabled")


# --- errors and secrets


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"object": "APBLIL"}, "APBILL"),
        ({"object": "APBILL", "fields": "RECORDNO,TOTALENTRED"}, "TOTALENTERED"),
        ({"object": "APBILL", "user_password": "wrong"}, "SignInError"),
        ({"object": "APBILL", "partition": "2"}, "did you mean partitions"),
        ({"object": "APBILL", "partitions": "8"}, "counts the requests of all tasks"),
        ({}, "`object` is missing"),
        ({"object": "APBILL", "where": "TOTALENTERED >"}, "Error"),
    ],
)
def test_a_mistake_shows_on_the_driver_when_the_data_frame_is_made(
    spark: Any, books: Company, options: dict[str, str], told: str
) -> None:
    with pytest.raises(Exception, match="PYTHON_DATA_SOURCE_ERROR") as failed:
        read(spark, books, **options)
    text = str(failed.value)
    assert told in text
    assert text.count('File "') <= 2, "the lines of code that lead to a mistake hide what is told"
    assert books.credentials["sender_password"] not in text
    assert "demo-user-password" not in text


def test_no_secret_shows_in_plans_and_schemas(spark: Any, books: Company, postgres_place: PostgresPlace) -> None:
    df = read(spark, books, object="APBILL", fields=",".join(BILL), outbox=shared(postgres_place))
    df.where("RECORDNO > 10").collect()
    shown = (
        df._jdf.queryExecution().toString() + df.schema.json() + repr(df) + str(spark.sparkContext.getConf().getAll())
    )
    for secret in (books.credentials["sender_password"], books.credentials["user_password"], postgres_place.uri):
        assert secret not in shown


# --- schemas that the user gives


def test_a_schema_selects_and_narrows_and_what_does_not_fit_is_refused(spark: Any, books: Company) -> None:
    def with_schema(text: str) -> Any:
        return spark.read.format("intacct").schema(text).options(**options_of(books, object="APBILL")).load()

    df = with_schema("TOTALENTERED DECIMAL(18,2), RECORDNO BIGINT")
    wanted = in_library(books, "APBILL", "TOTALENTERED", "RECORDNO")
    assert in_order(df.collect()) == wanted
    with pytest.raises(Exception, match="binary fraction"):
        with_schema("TOTALENTERED DOUBLE").collect()
    with pytest.raises(Exception, match="does not have"):
        with_schema("TOTALENTRED DECIMAL(18,2)").collect()
    with pytest.raises(Exception, match="does not fit"):
        with_schema("TOTALENTERED DECIMAL(3,2)").collect()


# --- tasks that die


@pytest.mark.spark
def test_killed_tasks_lose_and_double_nothing(spark: Any, books: Company, postgres_place: PostgresPlace) -> None:
    wanted = in_library(books, "GLDETAIL", *LEDGER)
    df = read(spark, books, object="GLDETAIL", fields=",".join(LEDGER), partitions="4", outbox=shared(postgres_place))
    df.schema  # noqa: B018  # the driver's own calls come first
    before = len(books.received("query"))
    with killing_workers(spark, lambda: len(books.received("query")) > before + 3) as killed:
        rows = df.collect()
    assert killed
    assert in_order(rows) == wanted
