"""Which entries an undo takes back, in which order, and the other side of a journal entry's lines."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.client.protocol import Row
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, RecordLine, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.undo.opposite import _filled, _modified, _opposite, _take_row
from intacct_bridge.load.undo.undo import _choose, _doubtful
from intacct_protocol.xml.values import Value

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
APPLIED, IN_DOUBT, REJECTED = RecordStatus.APPLIED, RecordStatus.IN_DOUBT, RecordStatus.REJECTED
CREATE, UPDATE, DELETE = WriteOperation.CREATE, WriteOperation.UPDATE, WriteOperation.DELETE


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW) as opened:
        yield opened


def entry(
    outbox: Outbox, identity: str, record: str = "", *, name: str = "VENDOR", operation: WriteOperation = CREATE,
    status: RecordStatus = APPLIED, undoes: int | None = None, position: str = "",
) -> OutboxEntry:  # fmt: skip
    target = WriteTarget("acme", "", operation, name)
    (sent,) = outbox.begin(outbox.plan([new_entry(target, identity, "d", "<x/>", position=position, undoes=undoes)]))
    (done,) = outbox.conclude([sent.ended(status, Receipt(record) if record else None)])
    return done


def test_the_latest_is_taken_back_first_and_an_update_before_the_one_below_it(outbox: Outbox) -> None:
    posted = entry(outbox, "a", "7")
    first = entry(outbox, "u1", "7", operation=UPDATE)
    last = entry(outbox, "u2", "7", operation=UPDATE)
    other = entry(outbox, "b", "7", name="CUSTOMER")
    chosen = _choose(outbox, [posted, last, other, first])
    assert chosen.to_take == [other, last, posted], "a vendor may be deleted with its updates"
    assert [(one.entry, one.reason) for one in chosen.left] == [
        (first, f"entry {last.number} is taken back first; run the undo again after that")
    ]
    assert chosen.refused == []


def test_a_journal_entry_waits_for_the_undo_of_its_correction(outbox: Outbox) -> None:
    posted, other = entry(outbox, "a", "7", name="GLBATCH"), entry(outbox, "b", "8", name="GLBATCH")
    update = entry(outbox, "u", "7", name="GLBATCH", operation=UPDATE)
    chosen = _choose(outbox, [posted, other, update])
    assert (chosen.to_take, [one.entry for one in chosen.left]) == ([update, other], [posted])


def test_what_cannot_be_taken_back_is_told_with_its_reason(outbox: Outbox) -> None:
    refused = {
        "it is in doubt": entry(outbox, "a", status=IN_DOUBT),
        "its receipt has no record": entry(outbox, "b"),
        "it was reversed, which Intacct cannot take back": entry(outbox, "c", "9", operation=WriteOperation.REVERSE),
    }
    rejected = entry(outbox, "d", status=REJECTED)
    folder = entry(outbox, "e", "5", name="SUPDOCFOLDER")
    posted = entry(outbox, "f", "7")
    undo = entry(outbox, "g", "8", undoes=posted.number)
    released = outbox.entry(posted.number)
    refused[f"it took back entry {posted.number} itself"] = undo
    chosen = _choose(outbox, [*refused.values(), rejected, folder, released])
    assert {one.reason: one.entry for one in chosen.refused} == refused
    assert all(one.fix for one in chosen.refused)
    assert {one.entry.identity: one.reason for one in chosen.left} == {
        "e": "an attachment folder stays, because other records may use it",
        "f": f"taken back by entry {undo.number}",
    }
    assert chosen.to_take == []


@pytest.mark.parametrize(
    ("position", "record", "fix"),
    [
        ("v.csv:3", "7", "to post it again, load v.csv:3 again"),
        ("", "7", "create the record again from your own data"),
        ("v.csv:3", "8", "create the record again from your own data"),
    ],
)
def test_a_deleted_record_is_made_anew_from_its_input(outbox: Outbox, position: str, record: str, fix: str) -> None:
    entry(outbox, "z", "6", position="other.csv:9")
    entry(outbox, "y", "6", operation=DELETE)
    entry(outbox, "a", record, position=position)
    deletion = entry(outbox, "d", "7", operation=DELETE)
    (refusal,) = _choose(outbox, [deletion]).refused
    assert refusal.reason == "it was deleted, and a new record would have another number and none of its history"
    assert refusal.fix == fix
    (bare,) = _choose(outbox, [entry(outbox, "e", operation=DELETE)]).refused
    assert bare.fix == "create the record again from your own data"


def test_the_undos_in_doubt_by_what_they_take_back(outbox: Outbox) -> None:
    posted = entry(outbox, "a", "7")
    entry(outbox, "b", status=IN_DOUBT)
    undo = entry(outbox, "u", status=IN_DOUBT, undoes=posted.number)
    assert _doubtful(outbox) == {posted.number: undo}


# --- the other side

ROW = SourceRow("je.csv", 2, {})
FIELDS: dict[str, Value] = {"ACCOUNTNO": "6000", "TRX_AMOUNT": Decimal("10.50"), "TR_TYPE": 1, "LOCATION": "100",
                            "DEPARTMENT": "300"}  # fmt: skip
RATES: dict[str, Value] = {"EXCH_RATE_DATE": "01/31/2026", "EXCH_RATE_TYPE_ID": "Intacct Daily Rate",
                           "EXCHANGE_RATE": Decimal("1.1")}  # fmt: skip


def line(**fields: Value) -> RecordLine:
    return RecordLine("GLENTRY", {**FIELDS, **fields}, ROW)


@pytest.mark.parametrize(("side", "other"), [(1, -1), ("1", -1), (-1, 1), ("-1", 1)])
def test_a_line_changes_its_side_and_nothing_else(side: Value, other: int) -> None:
    assert _opposite(line(TR_TYPE=side), {}).fields == {**FIELDS, "TR_TYPE": other}
    bare = line(TR_TYPE=side, **RATES)
    assert _opposite(bare, {"EXCHANGE_RATE": Decimal(2)}).fields == {**FIELDS, **RATES, "TR_TYPE": other}


@pytest.mark.parametrize(
    ("row", "rate"),
    [
        ({"CURRENCY": "EUR", "BASECURR": "USD", "EXCHANGE_RATE": Decimal("1.0825")}, Decimal("1.0825")),
        ({"CURRENCY": "EUR", "BASECURR": "USD", "EXCHANGE_RATE": None}, None),
        ({"CURRENCY": "EUR", "BASECURR": "USD"}, None),
        ({"CURRENCY": "EUR", "BASECURR": "EUR", "EXCHANGE_RATE": Decimal(1)}, None),
    ],
)
def test_a_line_in_another_currency_has_the_rate_that_the_ledger_used(row: dict[str, Value], rate: Value) -> None:
    """Not the rate of the day of the opposite entry: both must cancel in the base currency."""
    found = _opposite(line(CURRENCY="EUR", **RATES), row)
    expected = {**FIELDS, "CURRENCY": "EUR", "TR_TYPE": -1}
    assert found.fields == (expected if rate is None else {**expected, "EXCHANGE_RATE": rate})


def test_each_line_that_was_sent_is_one_of_the_ledger() -> None:
    one: Row = {**FIELDS, "TR_TYPE": "1", "LINE_NO": 1}
    other: Row = {**one, "LINE_NO": 2}
    rows: list[Row] = [{**one, "DEPARTMENT": "400"}, one, other]
    assert _take_row(line(UNKNOWN="x"), rows) is one
    assert _take_row(line(), rows) is other
    assert _take_row(line(), rows) is None
    assert rows == [{**one, "DEPARTMENT": "400"}]
    named = {**one, "EXCH_RATE_TYPE_ID": 3}  # a number in answers, and written as a name
    assert _take_row(line(EXCH_RATE_TYPE_ID="Intacct Daily Rate"), [named]) is named
    assert _take_row(line(TRX_AMOUNT=Decimal("10.51"), DEPARTMENT="400"), rows) is None
    assert _take_row(line(TRX_AMOUNT=Decimal("10.5"), DEPARTMENT="400"), rows) is not None


def test_a_line_that_the_company_added_has_its_own_fields() -> None:
    row: dict[str, Value] = {**FIELDS, "CURRENCY": "EUR", "BASECURR": "USD", "EXCHANGE_RATE": Decimal(2), "MEMO": "x"}
    assert _filled(row) == {**FIELDS, "CURRENCY": "EUR"}
    assert _filled({**row, "DEPARTMENT": None, "LOCATION": ""}) == {
        name: value for name, value in {**FIELDS, "CURRENCY": "EUR"}.items() if name not in ("DEPARTMENT", "LOCATION")
    }


@pytest.mark.parametrize(
    ("created", "modified", "changed"),
    [(NOW, NOW + timedelta(seconds=1), True), (NOW, NOW, False), (NOW, None, False), (None, NOW, False)],
)
def test_an_entry_was_modified_after_it_was_created(created: Value, modified: Value, changed: bool) -> None:
    assert _modified({"WHENCREATED": created, "WHENMODIFIED": modified}) == changed
