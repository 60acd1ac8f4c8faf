"""After writes of every kind, an incremental copy equals the company in every field of every record."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.apps.views.reconcile import difference_lines, verdict
from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract import deletes, run
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.reconcile import comparison
from intacct_bridge.reconcile.reconcile import ReconcileOptions, Reconciliation, compare_copy
from intacct_bridge.streams.times import format_time
from intacct_emulator.server.gateway import Emulator
from support.copies.companies import FIVE, ONE, Scene
from support.emulator.own_company import OwnCompany
from support.small_company import Clock, client, little_company

PARTIES = ("VENDOR", "CUSTOMER", "EMPLOYEE")
STREAMS = (
    *PARTIES,
    *("APBILL", "APBILLITEM", "APADJUSTMENT", "APADJUSTMENTITEM", "APPYMT", "APPYMTDETAIL"),
    *("ARINVOICE", "ARINVOICEITEM", "ARADJUSTMENT", "ARADJUSTMENTITEM", "ARADVANCE", "ARPYMT", "ARPYMTDETAIL"),
    *("EEXPENSES", "EEXPENSESITEM", "CCTRANSACTION", "OTHERRECEIPTS", "DEPOSIT"),
    *("SODOCUMENT", "SODOCUMENTENTRY", "PODOCUMENT", "PODOCUMENTENTRY", "INVDOCUMENT", "INVDOCUMENTENTRY"),
    *("GLBATCH", "GLENTRY", "GLDETAIL", "GLACCOUNT", "ITEM", "LOCATION", "PROJECT", "CHECKINGACCOUNT"),
)


def extract(emulator: Emulator, uri: str, names: Sequence[str] = STREAMS, options: ExtractOptions | None = None) -> int:
    """Extract as a process of its own would, and give the API transactions of the streams."""
    with client(emulator) as company, closing(open_destination(uri)) as destination:
        extraction = prepare(company, ReadRequest(tuple(names))).into(destination, options or ExtractOptions())
        for _ in extraction:
            pass
    assert not [outcome for outcome in extraction.outcomes if outcome.error]
    return sum(outcome.transactions for outcome in extraction.outcomes)


def compared(emulator: Emulator, uri: str) -> Reconciliation:
    with client(emulator) as company, open_copy(uri).open() as copy:
        return compare_copy(company, copy, ReconcileOptions(all_fields=True))


@pytest.mark.slow
@pytest.mark.parametrize("own", [ONE, FIVE], ids=["one", "five"])
def test_a_copy_equals_the_company_after_two_hundred_writes_of_all_kinds(tmp_path: Path, own: OwnCompany) -> None:
    uri = f"duckdb:///{tmp_path}/copy.duckdb"
    scene = Scene(own, seed=3)
    with closing(scene.emulator) as emulator:
        scene.post(30)
        extract(emulator, uri)
        assert compared(emulator, uri).equal
        for _ in range(4):
            scene.post(50)
            extract(emulator, uri)
            result = compared(emulator, uri)
            assert result.equal, [(one.table, one.record, one.kind, one.fields) for one in result.records]
    kinds = {kind for (kind, done), count in scene.poster.outcomes.items() if done and count}
    assert {"bill", "pay", "invoice", "receive", "journal", "reverse"} <= kinds


# --- what it costs, and when the records are read

BILL_DAY = date(2026, 11, 20)


def new_bill(emulator: Emulator, vendor: str = "V10087") -> str:
    line = {"ACCOUNTNO": "60500", "TRX_AMOUNT": "100.00", "LOCATIONID": "110", "DEPARTMENTID": "100"}
    row = {"VENDORID": vendor, "WHENCREATED": BILL_DAY, "WHENDUE": BILL_DAY, "APBILLITEMS": [line]}
    with client(emulator) as company:
        (outcome,) = company.create("APBILL", [row])
    assert outcome.ok, outcome.faults
    return outcome.key


def remove_bill(emulator: Emulator, key: str) -> None:
    with client(emulator) as company:
        assert company.delete("APBILL", [key])[0].ok


def due_in_copy(folder: Path) -> Any:
    with duckdb.connect(str(folder / "copy.duckdb"), read_only=True) as database:
        return database.execute("SELECT TOTALDUE FROM VENDOR WHERE VENDORID = 'V10087'").fetchone()


def due(emulator: Emulator) -> Any:
    with client(emulator) as company:
        return (next(company.query("VENDOR", "TOTALDUE", where="VENDORID = 'V10087'"))["TOTALDUE"],)


@pytest.fixture
def little() -> Iterator[tuple[Clock, Emulator]]:
    clock = Clock()
    with closing(little_company(clock)) as emulator:
        yield clock, emulator


def test_vendors_are_read_again_with_one_call_if_bills_changed(tmp_path: Path, little: tuple[Clock, Emulator]) -> None:
    clock, emulator = little
    uri, names = f"duckdb:///{tmp_path}/copy.duckdb", ("VENDOR", "APBILL")
    transactions = []
    extract(emulator, uri, names)
    key = ""
    for change in ("nothing", "a bill", "nothing", "the bill is deleted", "nothing"):
        clock.forward(days=1)
        if change == "a bill":
            key = new_bill(emulator)
        elif change == "the bill is deleted":
            remove_bill(emulator, key)
        clock.forward(hours=1)
        transactions.append(extract(emulator, uri, names))
        assert due_in_copy(tmp_path) == due(emulator), change
    # a page of each stream and one of the audit history; then also the vendors, and the count of the bills
    # of a run with changes, or the confirmation of a delete
    assert transactions == [3, 5, 3, 5, 3]


def test_bills_of_a_run_that_was_killed_bring_their_vendors_in_the_next(
    tmp_path: Path, little: tuple[Clock, Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, emulator = little
    uri, names = f"duckdb:///{tmp_path}/copy.duckdb", ("VENDOR", "APBILL")
    extract(emulator, uri, names)
    clock.forward(days=1)
    new_bill(emulator)
    clock.forward(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(run, "follow_deletes", _killed)
        with pytest.raises(_KilledError):
            extract(emulator, uri, names)
    assert due_in_copy(tmp_path) != due(emulator)
    clock.forward(days=1)  # so that the next run does not read the bill again
    extract(emulator, uri, names)
    assert due_in_copy(tmp_path) == due(emulator)


def test_a_deleted_bill_brings_its_own_vendor_alone(tmp_path: Path, little: tuple[Clock, Emulator]) -> None:
    clock, emulator = little
    uri, names = f"duckdb:///{tmp_path}/copy.duckdb", ("VENDOR", "APBILL")
    key = new_bill(emulator)
    extract(emulator, uri, names)
    clock.forward(days=1)
    remove_bill(emulator, key)
    clock.forward(hours=1)
    before = len(emulator.received)
    extract(emulator, uri, names)
    assert due_in_copy(tmp_path) == due(emulator)
    asked = [one.body for one in emulator.received[before:] if b"<object>VENDOR</object>" in one.body]
    assert [body.count(b"V100") for body in asked if b"V10087" in body] == [1, 1], "in the copy's query, and in ours"


def test_deletes_of_a_run_that_was_killed_after_them_bring_vendors_in_the_next(
    tmp_path: Path, little: tuple[Clock, Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, emulator = little
    uri, names = f"duckdb:///{tmp_path}/copy.duckdb", ("VENDOR", "APBILL")
    key = new_bill(emulator)
    extract(emulator, uri, names)
    clock.forward(days=1)
    remove_bill(emulator, key)
    clock.forward(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(deletes, "_refresh_computed", _killed)
        with pytest.raises(_KilledError):
            extract(emulator, uri, names)
    clock.forward(days=1)
    extract(emulator, uri, names)
    assert due_in_copy(tmp_path) == due(emulator)


class _KilledError(Exception):
    """The process ends here."""


def _killed(*_: object) -> None:
    raise _KilledError


def test_a_copy_that_began_at_a_date_does_not_take_older_vendors(
    tmp_path: Path, little: tuple[Clock, Emulator]
) -> None:
    clock, emulator = little
    uri, names = f"duckdb:///{tmp_path}/copy.duckdb", ("VENDOR", "APBILL")
    options = ExtractOptions(start=format_time(clock.now))
    clock.forward(days=1)
    extract(emulator, uri, names, options)
    clock.forward(days=1)
    new_bill(emulator)
    clock.forward(hours=5)
    extract(emulator, uri, names, options)
    assert due_in_copy(tmp_path) is None


def test_reconcile_says_what_a_difference_without_a_new_time_is(tmp_path: Path, little: tuple[Clock, Emulator]) -> None:
    clock, emulator = little
    uri = f"duckdb:///{tmp_path}/copy.duckdb"
    extract(emulator, uri, ("VENDOR", "TASK"))
    assert verdict(compared(emulator, uri)).startswith("The copy matches the company: every field of ")
    clock.forward(days=1)
    new_bill(emulator)
    extract(emulator, uri, ("VENDOR",))  # without the bills
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as database:
        database.execute("UPDATE VENDOR SET NAME = 'X' WHERE VENDORID = 'V10004'")
    text = "\n".join(difference_lines(compared(emulator, uri)))
    assert "Intacct computes VENDOR.TOTALDUE" in text
    assert "VENDOR.NAME differs, with the same time of change on both sides" in text
    assert "Update the copy with" not in text


def test_a_date_that_changed_in_a_large_table_is_found_without_reading_it(
    tmp_path: Path, little: tuple[Clock, Emulator], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dates that are no groups are compared by their first and last value, in the same call."""
    _, emulator = little
    uri = f"duckdb:///{tmp_path}/copy.duckdb"
    extract(emulator, uri, ("APBILL",))
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as database:
        database.execute("UPDATE APBILL SET AUWHENCREATED = TIMESTAMP '2031-01-01' WHERE RECORDNO ="
                         " (SELECT max(RECORDNO) FROM APBILL)")  # fmt: skip
    monkeypatch.setattr(comparison, "MAX_PAGE", 0)
    with client(emulator) as company, open_copy(uri).open() as copy:
        result = compare_copy(company, copy)
    assert [field.name for record in result.records for field in record.fields] == ["AUWHENCREATED"]
