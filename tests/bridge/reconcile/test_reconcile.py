"""A copy matches the company, or reconcile names the record and the field."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.apps.views.reconcile import difference_lines, verdict
from intacct_bridge.client.client import Client
from intacct_bridge.connections.connection import Connection
from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.reconcile import comparison, search
from intacct_bridge.reconcile.comparison import ComparisonMethod
from intacct_bridge.reconcile.digests import TableDigest, table_digests
from intacct_bridge.reconcile.reconcile import ReconcileOptions, Reconciliation, compare_copy, estimate_comparison
from intacct_bridge.reconcile.record_differences import RecordDifference
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_protocol.errors import InvalidRequestError, SettingsError

DEMO = Connection(
    name="demo",
    company_id="demo-company",
    user_id="demo-user",
    user_password="demo-user-password",
    sender_id="demo-sender",
    sender_password="demo-sender-password",
    environment="demo",
)
STREAMS = ("GLDETAIL", "GLENTRY", "GLBATCH", "APBILL", "APBILLITEM", "ARINVOICE", "GLACCOUNT", "SODOCUMENT")
LARGE = ("GLDETAIL", "GLENTRY")
"""More than a page in four months of the demo company."""
CENT = Decimal("0.01")
LINE = (
    "BOOKID = 'ACCRUAL' AND STATISTICAL = 'F' AND DEBITAMOUNT > 1 AND CURRENCY = 'USD' AND DEPARTMENTID IS NOT NULL "
    "AND BATCH_DATE BETWEEN '2026-09-01' AND '2026-09-30'"
)


@pytest.fixture(scope="module")
def original(grown: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A correct copy."""
    path = tmp_path_factory.mktemp("original") / "copy.duckdb"
    with Client(DEMO, transport=grown.clone()) as client:
        extract(client, str(path), STREAMS)
    return path


@pytest.fixture(scope="module")
def client(grown: Emulator) -> Iterator[Client]:
    with Client(DEMO, transport=grown.clone()) as made:
        prepare(made, ReadRequest(STREAMS))  # reads the definitions
        yield made


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "copy.duckdb"))


def extract(client: Client, uri: str, names: tuple[str, ...]) -> None:
    destination = open_destination(uri)
    try:
        run = prepare(client, ReadRequest(names)).into(destination)
        for _ in run:
            pass
    finally:
        destination.close()
    assert [one.error for one in run.outcomes] == ["" for _ in run.outcomes]


def lines(copy: Path) -> list[dict[str, Any]]:
    """Lines of GLDETAIL of one month, each of another entry."""
    with duckdb.connect(str(copy)) as con:
        first = "QUALIFY row_number() OVER (PARTITION BY BATCHKEY ORDER BY RECORDNO) = 1 ORDER BY RECORDNO"
        found: list[dict[str, Any]] = (
            con.sql(f"SELECT rowid, * FROM GLDETAIL WHERE {LINE} {first}").to_arrow_table().to_pylist()
        )
    return found


def change(copy: Path, *statements: str, row: dict[str, Any] | None = None) -> dict[str, Any]:
    """Alter the copy, and return a line of GLDETAIL as it was; `{line}` stands for it, `{key}` for its GLENTRY."""
    row = row or lines(copy)[0]
    with duckdb.connect(str(copy)) as con:
        for sql in statements:
            text = sql.format(line=f"rowid = {row['rowid']}", key=row["GLENTRYKEY"], batch=row["BATCHKEY"])
            assert con.execute(text).fetchall() != [(0,)], text
    return row


def keep(copy: Path, *tables: str) -> None:
    """Drop the other tables of the copy."""
    with duckdb.connect(str(copy)) as con:
        for one in set(STREAMS).difference(tables):
            con.execute(f"DROP TABLE {one}")
            forget(con, one)


def forget(con: duckdb.DuckDBPyConnection, stream: str) -> None:
    """Remove what the copy notes about a stream."""
    for noted in ("bookmarks", "outcomes"):
        con.execute(f"DELETE FROM _bridge.{noted} WHERE stream = ?", [stream])


def held(client: Client, copy: Path | str, **options: Any) -> Reconciliation:
    with open_copy(str(copy)).open() as opened:
        return compare_copy(client, opened, ReconcileOptions(**options))


def only(found: Reconciliation) -> RecordDifference:
    (record,) = found.records
    assert not found.equal
    return record


# --- equal copies, and their price


def test_a_true_copy_equals_the_company_for_a_call_a_table_and_one_a_book(client: Client, original: Path) -> None:
    found = held(client, original)
    assert found.equal
    assert found.ledger is not None
    assert found.ledger.places > 100
    assert {one.table: one.method for one in found.comparison.tables} == {
        one: ComparisonMethod.SUMS if one in LARGE else ComparisonMethod.RECORDS for one in STREAMS
    }
    assert found.transactions == len(STREAMS) + 1
    assert [one.transactions for one in _estimates(client, original)] == [1] * (len(STREAMS) + 1)
    for (book, _), money in found.ledger.totals.items():
        assert (book, money.balance) == ("ACCRUAL", Decimal(0))
        assert money.debits > 0


def _estimates(client: Client, copy: Path, **options: Any) -> list[Any]:
    before = client.meter.transactions
    with open_copy(str(copy)).open() as opened:
        found = estimate_comparison(client, opened, ReconcileOptions(**options))
    assert client.meter.transactions == before
    return found


def test_reading_every_record_costs_what_was_estimated(client: Client, original: Path) -> None:
    estimate = _estimates(client, original, all_fields=True)
    assert {one.name: one.transactions for one in estimate if one.transactions > 1} == dict.fromkeys(LARGE, 2)
    found = held(client, original, all_fields=True)
    assert found.equal
    assert {one.method for one in found.comparison.tables} == {ComparisonMethod.RECORDS}
    assert found.transactions == sum(one.transactions for one in estimate)


# --- planted differences

PLANTED: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "an amount of the ledger": (
        "UPDATE GLDETAIL SET DEBITAMOUNT = DEBITAMOUNT + 0.01 WHERE {line}",
        *("GLDETAIL", "altered", ("DEBITAMOUNT",)),
    ),
    "AMOUNT": ("UPDATE GLDETAIL SET AMOUNT = AMOUNT + 0.01 WHERE {line}", "GLDETAIL", "altered", ("AMOUNT",)),
    "TRX_AMOUNT": (
        "UPDATE GLDETAIL SET TRX_AMOUNT = TRX_AMOUNT + 0.01 WHERE {line}",
        *("GLDETAIL", "altered", ("TRX_AMOUNT",)),
    ),
    "a missing row": ("DELETE FROM GLDETAIL WHERE {line}", "GLDETAIL", "missing", ()),
    "a row marked as deleted": (
        "UPDATE GLDETAIL SET _deleted_at = now() WHERE {line}",
        *("GLDETAIL", "missing", ()),
    ),
    "a doubled row": (
        "INSERT INTO GLDETAIL SELECT * FROM GLDETAIL WHERE {line}",
        *("GLDETAIL", "doubled", ()),
    ),
    "a surplus row": (
        "INSERT INTO GLDETAIL SELECT * REPLACE (RECORDNO || '0' AS RECORDNO) FROM GLDETAIL WHERE {line}",
        *("GLDETAIL", "surplus", ()),
    ),
    "another period": (
        "UPDATE GLDETAIL SET BATCH_DATE = '2026-10-01' WHERE {line}",
        *("GLDETAIL", "altered", ("BATCH_DATE",)),
    ),
    "another entity": (
        "UPDATE GLDETAIL SET LOCATIONID = '310' WHERE {line}",
        *("GLDETAIL", "altered", ("LOCATIONID",)),
    ),
    "another currency": (
        "UPDATE GLDETAIL SET CURRENCY = 'CAD' WHERE {line}",
        *("GLDETAIL", "altered", ("CURRENCY",)),
    ),
    "another account": ("UPDATE GLDETAIL SET ACCOUNTNO = '1' WHERE {line}", "GLDETAIL", "altered", ("ACCOUNTNO",)),
    "another department": (
        "UPDATE GLDETAIL SET DEPARTMENTID = NULL WHERE {line}",
        *("GLDETAIL", "altered", ("DEPARTMENTID",)),
    ),
    "a moved entry date": (
        "UPDATE GLDETAIL SET ENTRY_DATE = ENTRY_DATE + 1 WHERE {line}",
        *("GLDETAIL", "altered", ("ENTRY_DATE",)),
    ),
    "a missing GLENTRY": ("DELETE FROM GLENTRY WHERE RECORDNO = {key}", "GLENTRY", "missing", ()),
    "a missing GLBATCH": ("DELETE FROM GLBATCH WHERE RECORDNO = {batch}", "GLBATCH", "missing", ()),
    "a moved date of GLENTRY": (
        "UPDATE GLENTRY SET ENTRY_DATE = ENTRY_DATE + 1 WHERE RECORDNO = {key}",
        *("GLENTRY", "altered", ("ENTRY_DATE",)),
    ),
    "another account of GLENTRY": (
        "UPDATE GLENTRY SET ACCOUNTNO = '1' WHERE RECORDNO = {key}",
        *("GLENTRY", "altered", ("ACCOUNTNO",)),
    ),
    "a draft that is called posted": (
        "UPDATE GLBATCH SET STATE = 'Posted' WHERE STATE = 'Draft'",
        *("GLBATCH", "altered", ("STATE",)),
    ),
    "a missing bill": (
        "DELETE FROM APBILL WHERE RECORDNO IN (SELECT min(RECORDNO) FROM APBILL)",
        *("APBILL", "missing", ()),
    ),
    "the amount of an invoice": (
        "UPDATE ARINVOICE SET TOTALENTERED = TOTALENTERED + 1 WHERE RECORDNO IN (SELECT max(RECORDNO) FROM ARINVOICE)",
        *("ARINVOICE", "altered", ("TOTALENTERED",)),
    ),
}
"""SQL that alters a line of its own, and the table, kind and fields that have to be named."""


def plant(copy: Path, names: list[str]) -> list[tuple[str, str, tuple[str, ...], str]]:
    """Plant these differences, and say what has to be named: table, kind, fields, and the entry or nothing."""
    expected = []
    for name, row in zip(names, lines(copy), strict=False):
        sql, *found = PLANTED[name]
        change(copy, sql, row=row)
        entry = str(row["BATCHKEY"]) if found[0] in LARGE else ""
        expected.append((str(found[0]), str(found[1]), tuple(found[2]), entry))
    assert len(expected) == len(names)
    return sorted(expected)


def told(found: Reconciliation) -> list[tuple[str, str, tuple[str, ...], str]]:
    """The records that differ: table, kind, altered fields and journal entry."""
    return sorted((one.table, one.kind, tuple(each.name for each in one.fields), one.owner) for one in found.records)


def test_every_planted_difference_is_found_and_named(client: Client, copy: Path) -> None:
    change(copy, "UPDATE APBILL SET DESCRIPTION = 'Wrong' WHERE RECORDNO IN (SELECT max(RECORDNO) FROM APBILL)")
    expected = [*plant(copy, list(PLANTED)), ("APBILL", "altered", ("DESCRIPTION",), "")]
    found = held(client, copy)
    assert not found.equal
    assert told(found) == sorted(expected)


def test_sums_find_every_planted_difference_in_tables_of_many_pages(
    client: Client, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MAX_PAGE", 0)
    monkeypatch.setattr(search, "MAX_FILTERED", 0)
    monkeypatch.setattr(search, "MAX_PAGE", 200)  # so that spans are halved
    expected = plant(copy, [one for one in PLANTED if PLANTED[one][1] in ("APBILL", "GLBATCH")])
    keep(copy, "APBILL", "GLBATCH")
    assert told(held(client, copy)) == expected


@pytest.mark.slow
def test_a_copy_of_the_ledger_alone_is_enough(client: Client, copy: Path) -> None:
    expected = plant(copy, [one for one in PLANTED if PLANTED[one][1] == "GLDETAIL"])
    keep(copy, "GLDETAIL")
    assert told(held(client, copy)) == expected


def test_the_record_is_named_with_both_values(client: Client, copy: Path) -> None:
    row = change(copy, "UPDATE GLDETAIL SET DEBITAMOUNT = DEBITAMOUNT + 0.01 WHERE {line}")
    keep(copy, "GLDETAIL")
    found = held(client, copy)
    record = only(found)
    assert (record.record, record.owner) == (row["RECORDNO"], str(row["BATCHKEY"]))
    assert [(one.name, one.company, one.copy) for one in record.fields] == [
        ("DEBITAMOUNT", row["DEBITAMOUNT"], row["DEBITAMOUNT"] + CENT)
    ]
    (balance,) = found.balances
    assert (balance.period, balance.place.account) == ("September 2026", row["ACCOUNTNO"])
    assert (balance.place.location, balance.amount) == (row["LOCATIONID"], CENT)


def test_both_sides_of_an_entry_off_by_the_same_amount(client: Client, copy: Path) -> None:
    """The entry still balances, and so does its account where both sides post to it."""
    row = change(
        copy,
        "UPDATE GLDETAIL SET DEBITAMOUNT = DEBITAMOUNT + 5, AMOUNT = AMOUNT + 5 "
        "WHERE BATCHKEY = {batch} AND DEBITAMOUNT > 0",
        "UPDATE GLDETAIL SET CREDITAMOUNT = CREDITAMOUNT + 5, AMOUNT = AMOUNT - 5 "
        "WHERE BATCHKEY = {batch} AND CREDITAMOUNT > 0",
    )
    keep(copy, "GLDETAIL")
    found = held(client, copy)
    assert {one.owner for one in found.records} == {str(row["BATCHKEY"])}
    assert len(found.records) >= 2
    assert all(one.kind == "altered" for one in found.records)


def test_swapped_amounts_of_two_rows_of_one_account_and_day(client: Client, copy: Path) -> None:
    """No sum changes: the lines' GLENTRY shows it."""
    with duckdb.connect(str(copy)) as con:
        pair = con.execute(
            f"SELECT min(RECORDNO), max(RECORDNO) FROM GLDETAIL WHERE {LINE} "
            "GROUP BY BATCH_DATE, ENTRY_DATE, ACCOUNTNO, LOCATIONID, DEPARTMENTID, STATE, WHENDUE, PROJECTID, "
            "EMPLOYEEID, CUSTOMERID, VENDORID "
            "HAVING count(*) > 1 AND min(DEBITAMOUNT) <> max(DEBITAMOUNT) ORDER BY 1 LIMIT 1"
        ).fetchall()
        ((one, other),) = pair
        names = ("DEBITAMOUNT", "AMOUNT", "TRX_DEBITAMOUNT", "TRX_AMOUNT")
        sets = ", ".join(f"{name} = o.{name}" for name in names)
        con.execute("CREATE TEMP TABLE o AS SELECT * FROM GLDETAIL WHERE RECORDNO IN (?, ?)", [one, other])
        con.execute(
            f"UPDATE GLDETAIL SET {sets} FROM o WHERE (GLDETAIL.RECORDNO, o.RECORDNO) IN ((?, ?), (?, ?))",
            [one, other, other, one],
        )
    keep(copy, "GLDETAIL", "GLENTRY")
    found = held(client, copy)
    assert {one.record for one in found.records} >= {one, other}
    assert {one.table for one in found.records} == {"GLDETAIL"}


def test_changed_texts_of_a_large_table_need_all_fields(client: Client, copy: Path) -> None:
    row = change(copy, "UPDATE GLENTRY SET VENDORID = 'V', DESCRIPTION = 'Wrong' WHERE RECORDNO = {key}")
    found = held(client, copy, all_fields=True)
    record = only(found)
    assert (record.table, record.record) == ("GLENTRY", str(row["GLENTRYKEY"]))
    assert {one.name: one.copy for one in record.fields} == {"VENDORID": "V", "DESCRIPTION": "Wrong"}


def test_a_field_can_be_left_out(client: Client, copy: Path) -> None:
    change(copy, "UPDATE APBILL SET TOTALDUE = TOTALDUE + 1")
    keep(copy, "APBILL")
    assert not held(client, copy).equal
    found = held(client, copy, ignored={"apbill": ["totaldue"]})
    assert found.equal
    assert [(one.table, one.fields) for one in found.comparison.not_compared] == [("APBILL", ("TOTALDUE",))]
    with pytest.raises(InvalidRequestError, match=r"APBILL\.NOSUCH"):
        held(client, copy, ignored={"APBILL": ["NOSUCH"]})


@pytest.mark.slow
def test_a_copy_that_lacks_most_records_is_not_searched_to_the_last(client: Client, copy: Path) -> None:
    change(copy, "DELETE FROM GLENTRY WHERE RECORDNO > (SELECT min(RECORDNO) + 20 FROM GLENTRY)")
    keep(copy, "GLENTRY")
    found = held(client, copy)
    (entries,) = found.comparison.tables
    assert entries.more
    assert entries.company_rows is not None
    assert entries.rows < entries.company_rows
    assert len(found.records) >= 1000


# --- periods, destinations, and what cannot be compared


def test_one_period_by_its_name_or_as_a_month(client: Client, copy: Path) -> None:
    change(copy, "UPDATE GLDETAIL SET DEBITAMOUNT = DEBITAMOUNT + 0.01 WHERE {line}")
    keep(copy, "GLDETAIL", "GLBATCH", "APBILL")
    other = held(client, copy, period="2026-10")
    assert other.equal
    assert {one.table for one in other.comparison.tables} == {"GLDETAIL", "GLBATCH"}
    found = held(client, copy, period="2026-09")
    assert only(found).table == "GLDETAIL"
    assert [one.period for one in found.balances] == ["2026-09"]
    assert [one.period for one in held(client, copy, period="Quarter 3 2026").balances] == ["Quarter 3 2026"]
    with pytest.raises(InvalidRequestError, match="no reporting period 'Juno'"):
        held(client, copy, period="Juno")


def digests(uri: str) -> list[TableDigest]:
    """The digests of two tables."""
    with open_copy(uri).open() as opened:
        return list(table_digests(opened, ["APBILL", "GLBATCH"]))


@pytest.mark.parametrize("scheme", ["parquet", pytest.param("csv", marks=pytest.mark.slow)])
def test_copies_in_files_are_compared_too(client: Client, original: Path, tmp_path: Path, scheme: str) -> None:
    extract(client, f"{scheme}:{tmp_path}/copy", ("GLBATCH", "APBILL"))
    found = held(client, f"{scheme}:{tmp_path}/copy")
    assert found.equal
    assert digests(f"{scheme}:{tmp_path}/copy") == digests(str(original))
    assert len(found.comparison.tables) == 2


def test_a_copy_in_postgres_is_compared_too_and_a_cent_is_found(client: Client, postgres: str) -> None:
    from adbc_driver_postgresql import dbapi

    extract(client, postgres, ("GLDETAIL", "GLACCOUNT"))
    with dbapi.connect(postgres, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            'UPDATE "GLDETAIL" SET "DEBITAMOUNT" = "DEBITAMOUNT" + 0.01 WHERE ctid IN (SELECT ctid FROM "GLDETAIL" '
            """WHERE "STATISTICAL" = 'F' AND "DEBITAMOUNT" > 0 LIMIT 1)"""
        )
    found = held(client, postgres)
    assert [one.name for one in only(found).fields] == ["DEBITAMOUNT"]
    assert [one.amount for one in found.balances] == [CENT]
    assert {one.table: one.equal for one in found.comparison.tables} == {"GLACCOUNT": True, "GLDETAIL": False}


@pytest.mark.parametrize("scheme", ["duckdb", "parquet", "postgresql"])
def test_a_stream_that_never_made_a_table_is_a_difference(
    grown: Emulator, tmp_path: Path, request: pytest.FixtureRequest, scheme: str
) -> None:
    """The run that failed is not the last one, and later runs read other streams."""
    uri = request.getfixturevalue("postgres") if scheme == "postgresql" else f"{scheme}:{tmp_path}/copy"
    emulator = grown.clone()
    text = "You do not have permission to read this"
    refused = ScriptedFault("fault", "query", object="CLASS", calls=(), errorno="DL02000001", text=text)
    with Client(DEMO, transport=emulator) as client:
        emulator.fault_plan = FaultPlan((refused,))
        destination = open_destination(uri)
        run = prepare(client, ReadRequest(("DEPARTMENT", "CLASS"))).into(destination)
        list(run)
        destination.close()
        assert [one.name for one in run.outcomes if one.error] == ["CLASS"]
        emulator.fault_plan = FaultPlan(())
        extract(client, uri, ("DEPARTMENT",))
        found = held(client, uri)
        assert not found.equal
        (missing,) = found.comparison.missing
        assert missing.table == "CLASS"
        assert text in missing.reason
        assert verdict(found) == "The copy does not match the company: CLASS is not in the copy"
        lines = "\n".join(difference_lines(found))
        assert text in lines
        assert "intacct extract CLASS" in lines
        assert held(client, uri, ignored={"class": ["*"]}).equal
        extract(client, uri, ("CLASS",))
        assert held(client, uri).equal
        left_out = held(client, uri, ignored={"class": ["*"]}).comparison
        assert [one.table for one in left_out.tables] == ["DEPARTMENT"]


def test_a_table_that_was_dropped_is_a_difference(client: Client, copy: Path) -> None:
    keep(copy, "GLACCOUNT", "GLBATCH")
    with duckdb.connect(str(copy)) as con:
        con.execute("DROP TABLE GLACCOUNT")
    assert [one.table for one in held(client, copy).comparison.missing] == ["GLACCOUNT"]


def test_the_copy_of_another_company_is_refused(client: Client, copy: Path) -> None:
    with duckdb.connect(str(copy)) as con:
        con.execute("UPDATE _bridge.copy SET company = 'another'")
    with pytest.raises(SettingsError, match="company another, and this connection is to demo-company"):
        held(client, copy)


def test_a_copy_without_a_ledger_says_so(client: Client, copy: Path, tmp_path: Path) -> None:
    keep(copy, "GLDETAIL", "GLACCOUNT")
    change(copy, "ALTER TABLE GLDETAIL DROP COLUMN DEBITAMOUNT")
    assert "no DEBITAMOUNT" in held(client, copy).no_ledger
    with duckdb.connect(str(copy)) as con:
        con.execute("DROP TABLE GLDETAIL")
        forget(con, "GLDETAIL")
    found = held(client, copy)
    assert found.equal
    assert "holds no complete GLDETAIL" in found.no_ledger
    with pytest.raises(SettingsError, match="there is no file"):
        held(client, tmp_path / "none.duckdb")


def test_tables_that_are_no_object_are_named_as_not_compared(client: Client, copy: Path) -> None:
    keep(copy, "GLACCOUNT")
    with duckdb.connect(str(copy)) as con:
        con.execute("CREATE TABLE NOTES AS SELECT 1 AS RECORDNO, NULL::TIMESTAMPTZ AS _deleted_at")
        con.execute('CREATE TABLE "my notes" AS SELECT 1 AS RECORDNO, NULL::TIMESTAMPTZ AS _deleted_at')
    found = held(client, copy)
    assert found.equal
    assert [one.table for one in found.comparison.not_compared] == ["NOTES", "my notes"]


@pytest.mark.slow
def test_a_gateway_that_refuses_groups_is_asked_for_less(
    client: Client, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = client.batches

    def refusing(query: Any) -> Any:
        if any(isinstance(one, str) for one in query.select):
            raise InvalidRequestError("no groups here", by_gateway=True)
        return batches(query)

    monkeypatch.setattr(client, "batches", refusing)
    keep(copy, "GLDETAIL")
    change(copy, "DELETE FROM GLDETAIL WHERE {line}")
    assert [one[:2] for one in told(held(client, copy))] == [("GLDETAIL", "missing")]
