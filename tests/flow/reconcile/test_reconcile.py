"""A copy equals the ledger, or reconcile names the period, the account and the record."""

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.errors import InvalidRequestError, SettingsError
from intacct_bridge.flow.destinations.open import open_sink
from intacct_bridge.flow.extract.run import Extraction
from intacct_bridge.flow.extract.selection import select_streams
from intacct_bridge.flow.extract.source import GatewaySource
from intacct_bridge.flow.reconcile.ledger_copy import open_ledger
from intacct_bridge.flow.reconcile.reconcile import BalanceDifference, Reconciliation, RecordDifference, reconcile

DEMO = Connection(
    name="demo",
    company_id="demo-company",
    user_id="demo-user",
    user_password="demo-user-password",
    sender_id="demo-sender",
    sender_password="demo-sender-password",
    environment="demo",
)
CENT = Decimal("0.01")
ROW = (
    "BOOKID = 'ACCRUAL' AND STATISTICAL = 'F' AND DEBITAMOUNT > 0 AND BATCH_DATE BETWEEN '2025-06-01' AND '2025-06-30'"
)


@pytest.fixture(scope="module")
def grown(two_years: Emulator) -> Emulator:
    return two_years


def extract(client: Client, uri: str, names: tuple[str, ...] = ("GLDETAIL",)) -> None:
    chosen = select_streams(client, names)
    sink = open_sink(uri)
    try:
        run = Extraction(GatewaySource(client), sink, chosen.streams, headers=chosen.headers)
        for _ in run:
            pass
    finally:
        sink.close()
    assert [one.error for one in run.outcomes] == ["" for _ in run.outcomes]


@pytest.fixture(scope="module")
def original(grown: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A correct copy of the demo company's GLDETAIL."""
    path = tmp_path_factory.mktemp("original") / "copy.duckdb"
    with Client(DEMO, transport=grown.clone()) as client:
        extract(client, str(path))
    return path


@pytest.fixture
def client(demo: Emulator) -> Iterator[Client]:
    with Client(DEMO, transport=demo) as made:
        yield made


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "copy.duckdb"))


def change(copy: Path, sql: str) -> dict[str, Any]:
    """Alter the copy, and return the altered row as it was before."""
    with duckdb.connect(str(copy)) as con:
        found = f"SELECT rowid, * FROM GLDETAIL WHERE {ROW} ORDER BY rowid LIMIT 1"
        row: dict[str, Any] = con.sql(found).to_arrow_table().to_pylist()[0]
        con.execute(sql.format(row=row["rowid"]))
    return row


def held(client: Client, copy: Path | str, period: str = "") -> Reconciliation:
    with open_ledger(str(copy)) as ledger:
        return reconcile(client, ledger, period)


def only(found: Reconciliation) -> tuple[BalanceDifference, RecordDifference]:
    (difference,) = found.differences
    assert difference.records is not None
    (record,) = difference.records
    return difference, record


def test_a_true_copy_ties_to_the_cent_for_a_call_a_month(client: Client, copy: Path) -> None:
    client.company_time  # noqa: B018  # signs in
    found = held(client, copy)
    assert found.ties
    assert found.places > 1000
    months = len(found.periods) - 2
    assert found.transactions == months + 1
    for (book, currency), money in found.totals.items():
        assert (book, money.balance) == ("ACCRUAL", Decimal(0)), currency
        assert money.debits > 0


def test_an_amount_altered_by_a_cent(client: Client, copy: Path) -> None:
    row = change(copy, "UPDATE GLDETAIL SET DEBITAMOUNT = DEBITAMOUNT + 0.01 WHERE rowid = {row}")
    difference, record = only(held(client, copy))
    assert (difference.period, difference.place.account) == ("June 2025", row["ACCOUNTNO"])
    assert (difference.place.location, difference.amount) == (row["LOCATIONID"], CENT)
    assert record == RecordDifference(
        "altered", row["RECORDNO"], row["BATCHKEY"], row["BATCH_DATE"], row["DEBITAMOUNT"], row["DEBITAMOUNT"] + CENT
    )


def test_a_missing_row(client: Client, copy: Path) -> None:
    row = change(copy, "DELETE FROM GLDETAIL WHERE rowid = {row}")
    difference, record = only(held(client, copy))
    assert (difference.period, difference.place.account) == ("June 2025", row["ACCOUNTNO"])
    assert (record.kind, record.record, record.ledger, record.copy) == (
        "missing", row["RECORDNO"], row["DEBITAMOUNT"], None,
    )  # fmt: skip
    assert difference.amount == -row["DEBITAMOUNT"]


def test_a_doubled_row(client: Client, copy: Path) -> None:
    row = change(copy, "INSERT INTO GLDETAIL SELECT * FROM GLDETAIL WHERE rowid = {row}")
    difference, record = only(held(client, copy))
    assert (difference.period, difference.place.account) == ("June 2025", row["ACCOUNTNO"])
    assert (record.kind, record.record, record.copy) == ("doubled", row["RECORDNO"], row["DEBITAMOUNT"])


def test_a_surplus_row(client: Client, copy: Path) -> None:
    row = change(copy, "INSERT INTO GLDETAIL SELECT * REPLACE ('999999' AS RECORDNO) FROM GLDETAIL WHERE rowid = {row}")
    _, record = only(held(client, copy))
    assert (record.kind, record.record, record.ledger, record.batch) == ("surplus", "999999", None, row["BATCHKEY"])


def test_a_row_in_another_account_differs_in_both(client: Client, copy: Path) -> None:
    row = change(copy, "UPDATE GLDETAIL SET ACCOUNTNO = '1' WHERE rowid = {row}")
    one, other = held(client, copy).differences
    assert {one.place.account, other.place.account} == {"1", row["ACCOUNTNO"]}
    kinds = {one.place.account: one.records, other.place.account: other.records}
    assert [each.kind for each in kinds["1"] or ()] == ["surplus"]
    assert [each.kind for each in kinds[row["ACCOUNTNO"]] or ()] == ["missing"]


def test_a_row_in_another_month_differs_in_both(client: Client, copy: Path) -> None:
    row = change(copy, "UPDATE GLDETAIL SET BATCH_DATE = '2020-01-31' WHERE rowid = {row}")
    found = held(client, copy)
    assert {one.period for one in found.differences} == {"January 2020", "June 2025"}
    assert {each.record for one in found.differences for each in one.records or ()} == {row["RECORDNO"]}


def test_a_row_in_another_location_names_the_altered_field(client: Client, copy: Path) -> None:
    row = change(copy, "UPDATE GLDETAIL SET LOCATIONID = '310' WHERE rowid = {row}")
    found = held(client, copy)
    assert {one.place.location for one in found.differences} == {"310", row["LOCATIONID"]}
    for one in found.differences:
        assert [(each.kind, each.what) for each in one.records or ()] == [("altered", "LOCATIONID")]


def test_entries_before_and_after_the_days_of_the_copy_are_found(client: Client, copy: Path) -> None:
    with duckdb.connect(str(copy)) as con:
        con.execute("DELETE FROM GLDETAIL WHERE BATCH_DATE < '2025-03-01' OR BATCH_DATE > '2026-09-30'")
    found = held(client, copy)
    assert {one.period for one in found.differences} == {"before March 2025", "after September 2026"}
    assert any(one.records is None for one in found.differences)  # too many to be matched one by one
    assert {each.kind for one in found.differences for each in one.records or ()} == {"missing"}


def test_one_period_by_its_name_or_as_a_month(client: Client, copy: Path) -> None:
    change(copy, "UPDATE GLDETAIL SET DEBITAMOUNT = DEBITAMOUNT + 0.01 WHERE rowid = {row}")
    assert held(client, copy, "2025-05").ties
    assert not held(client, copy, "2025-06").ties
    assert [one.period for one in held(client, copy, "Quarter 2 2025").differences] == ["Quarter 2 2025"]
    (period,) = held(client, copy, "2025-06").periods
    assert (period.first, period.last) == (date(2025, 6, 1), date(2025, 6, 30))
    with pytest.raises(InvalidRequestError, match="no reporting period 'Juno'"):
        held(client, copy, "Juno")


def test_rows_that_are_marked_as_deleted_do_not_count(client: Client, copy: Path) -> None:
    change(copy, "UPDATE GLDETAIL SET _deleted_at = now() WHERE rowid = {row}")
    assert only(held(client, copy))[1].kind == "missing"


@pytest.mark.parametrize("scheme", ["parquet", "csv", "jsonl"])
def test_copies_in_files_tie_too(client: Client, tmp_path: Path, scheme: str) -> None:
    extract(client, f"{scheme}:{tmp_path}/copy")
    assert held(client, f"{scheme}:{tmp_path}/copy").ties


def test_a_copy_in_postgres_ties_too_and_a_cent_is_found(client: Client, postgres: str) -> None:
    from adbc_driver_postgresql import dbapi

    extract(client, postgres)
    assert held(client, postgres).ties
    with dbapi.connect(postgres, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(
            'UPDATE "GLDETAIL" SET "DEBITAMOUNT" = "DEBITAMOUNT" + 0.01 WHERE ctid IN (SELECT ctid FROM "GLDETAIL" '
            """WHERE "STATISTICAL" = 'F' AND "DEBITAMOUNT" > 0 AND "BATCH_DATE" >= '2025-06-01' """
            """AND "BATCH_DATE" <= '2025-06-30' LIMIT 1)"""
        )
    difference, record = only(held(client, postgres))
    assert (difference.period, difference.amount, record.kind) == ("June 2025", CENT, "altered")


def test_a_copy_that_cannot_be_compared_with_the_ledger_says_why(client: Client, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no file"):
        held(client, tmp_path / "none.duckdb")
    with duckdb.connect(str(tmp_path / "empty.duckdb")):
        pass
    with pytest.raises(SettingsError, match="holds no GLDETAIL"):
        held(client, tmp_path / "empty.duckdb")
    with duckdb.connect(str(tmp_path / "narrow.duckdb")) as con:
        con.execute("CREATE TABLE GLDETAIL (RECORDNO VARCHAR, _deleted_at TIMESTAMPTZ)")
    with pytest.raises(SettingsError, match="has no BATCHKEY"):
        held(client, tmp_path / "narrow.duckdb")
    with pytest.raises(SettingsError, match="holds no complete GLDETAIL"):
        held(client, f"parquet:{tmp_path}")
