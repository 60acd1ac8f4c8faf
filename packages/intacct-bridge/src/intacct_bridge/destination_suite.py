"""The suite that every destination passes, also that of another package.

    pip install my-package pytest
    pytest --destination='lake:{folder}/copy'

`{folder}` stands for an empty folder, a new one for each test. A destination on a server needs more to be empty: make a
subclass of `DestinationSuite`, in a file of tests, with a fixture `copy` that gives a `CopyUnderTest`. Rows are read
back as `open_copy` reads them; a subclass of `CopyUnderTest` can read them with a program of its own.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intacct_bridge.copies.copy import open_copy
from intacct_bridge.copies.destinations.base import Destination
from intacct_bridge.copies.destinations.open import Guarantees, copy_states, destination_kind, open_destination
from intacct_bridge.copies.destinations.schema_evolution import schema_of
from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.streams.bookmark import Bookmark, KeySpan, WalkProgress
from intacct_bridge.streams.stream import Stream, StreamOutcome
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.values import Kind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIELDS: dict[str, Kind] = {
    "RECORDNO": Kind.INTEGER,
    "VENDORID": Kind.TEXT,
    "TOTALDUE": Kind.DECIMAL,
    "ONHOLD": Kind.BOOLEAN,
    "WHENDUE": Kind.DATE,
    "WHENMODIFIED": Kind.TIMESTAMP,
    "DISPLAYCONTACT.EMAIL1": Kind.TEXT,
}
BILLS = Stream(
    "APBILL", "APBILL", FIELDS, "RECORDNO", modified="WHENMODIFIED", created="AUWHENCREATED", natural_key="VENDORID"
)
ITEMS = Stream(
    "APBILLITEM",
    "APBILLITEM",
    {"RECORDNO": Kind.INTEGER, "RECORDKEY": Kind.INTEGER, "AMOUNT": Kind.DECIMAL, "WHENMODIFIED": Kind.TIMESTAMP},
    "RECORDNO",
    modified="WHENMODIFIED",
    header="APBILL",
    refers_to="RECORDNO",
    header_key="RECORDKEY",
)
DETAIL = Stream(
    "GLDETAIL",
    "GLDETAIL",
    {"RECORDNO": Kind.TEXT, "BATCHKEY": Kind.INTEGER, "BATCH_DATE": Kind.DATE, "AMOUNT": Kind.DECIMAL},
    "RECORDNO",
    text_key=True,
    group="BATCHKEY",
    window="BATCH_DATE",
    header="GLBATCH",
    refers_to="RECORDNO",
    header_key="BATCHKEY",
)


def bill(number: int, due: str = "10.00", vendor: str = "V1", **more: Any) -> dict[str, Any]:
    """One bill with every type of column."""
    row = {
        "RECORDNO": number,
        "VENDORID": vendor,
        "TOTALDUE": Decimal(due),
        "ONHOLD": number % 2 == 0,
        "WHENDUE": date(2026, 3, 31),
        "WHENMODIFIED": NOON,
        "DISPLAYCONTACT.EMAIL1": None,
    }
    return row | more


def batch(stream: Stream, rows: Sequence[dict[str, Any]], schema: pa.Schema | None = None) -> pa.RecordBatch:
    """Rows as a page has them."""
    return pa.RecordBatch.from_pylist(list(rows), schema or schema_of(stream.fields))


DONE = Bookmark(WalkProgress(since="03/01/2026 10:00:00", refreshed_at="03/01/2026 12:00:00"))
LATER = replace(DONE, progress=replace(DONE.progress, since="03/01/2026 11:00:00"))
WALKING = Bookmark().begin("03/01/2026 12:00:00", 1, full=True).advance((KeySpan("2", ""),))
_NO_TABLE = "holds no complete table"


class CopyUnderTest:
    """A copy that a test writes, and that is read from outside."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.destination: Destination | None = None

    @property
    def guarantees(self) -> Guarantees:
        """What its kind promises."""
        return destination_kind(parse_uri(self.uri).scheme).guarantees

    def open(self, **options: Any) -> Destination:
        """Begin a run."""
        self.destination = open_destination(self.uri, **options)
        self.destination.open("demo", NOON)
        return self.destination

    def close(self) -> None:
        """End the run, if there is one, without what it did not commit."""
        if self.destination is not None:
            self.destination.close()
            self.destination = None

    def tables(self) -> list[str]:
        """The tables that a reader sees."""
        self.close()
        try:
            with open_copy(self.uri).open() as copy:
                return list(copy.tables)
        except SettingsError as error:
            if _NO_TABLE in error.message:
                return []
            raise

    def rows(self, stream: Stream = BILLS) -> list[dict[str, Any]]:
        """The rows that a reader sees, in the order of their keys; none if there is no table."""
        if stream.name not in self.tables():
            return []
        rows: list[dict[str, Any]] = open_copy(self.uri).table(stream.name).sort_by(stream.key).to_pylist()
        return rows


def line(number: int, parent: int, amount: str = "1.00") -> dict[str, Any]:
    """One line of a bill."""
    return {"RECORDNO": number, "RECORDKEY": parent, "AMOUNT": Decimal(amount), "WHENMODIFIED": NOON}


def detail(key: str, group: int, amount: str = "1.00") -> dict[str, Any]:
    """One row of the ledger, whose key may repeat."""
    return {"RECORDNO": key, "BATCHKEY": group, "BATCH_DATE": NOON.date(), "AMOUNT": Decimal(amount)}


def keep(copy: CopyUnderTest, stream: Stream, rows: list[dict[str, Any]], bookmark: Bookmark = DONE) -> None:
    """One run that writes these rows and ends."""
    destination = copy.open()
    writer = destination.writer(stream, destination.bookmarks().get(stream.name, Bookmark()))
    if stream.group:
        writer.replace([row[stream.group] for row in rows])
    writer.write(batch(stream, rows))
    writer.commit(bookmark, NOON)
    copy.close()


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    """The record numbers of rows."""
    return [row["RECORDNO"] for row in rows]


_KILLED = """
import sys
from intacct_bridge.destination_suite import BILLS, DONE, LATER, NOON, CopyUnderTest, batch, bill
copy = CopyUnderTest(sys.argv[1])
writer = copy.open().writer(BILLS, DONE)
writer.write(batch(BILLS, [bill(2, "7.00"), bill(3)]))
writer.delete([1])
if sys.argv[2] == "committed":
    writer.commit(LATER, NOON)
    writer.write(batch(BILLS, [bill(4)]))
print("written", flush=True)
sys.stdin.read()
"""


class DestinationSuite:
    """What every destination does. A subclass has a fixture `copy`, which gives an empty copy to each test."""

    def test_each_kind_has_its_column_type(self, copy: CopyUnderTest) -> None:
        """Each kind of value is read back as it was written; a decimal number keeps every digit."""
        keep(copy, BILLS, [bill(1, "1234567890123.01234567890123"), bill(2, "-0.01")])
        first, second = copy.rows()
        assert first == bill(1, "1234567890123.01234567890123")
        assert second["TOTALDUE"] == Decimal("-0.01")
        assert type(first["WHENDUE"]).__name__ == "date"
        assert first["WHENMODIFIED"].tzinfo is not None  # the reader chooses the zone in which it is shown

    def test_rows_are_merged_by_key(self, copy: CopyUnderTest) -> None:
        """A row replaces the earlier row of its key."""
        keep(copy, BILLS, [bill(1), bill(2)])
        keep(copy, BILLS, [bill(2, "99.00"), bill(3)])
        assert [(row["RECORDNO"], row["TOTALDUE"]) for row in copy.rows()] == [(1, 10), (2, 99), (3, 10)]

    def test_a_key_that_comes_twice_before_a_commit_is_one_row(self, copy: CopyUnderTest) -> None:
        """Of two rows of a key in one commit, the later one counts."""
        writer = copy.open().writer(BILLS, Bookmark())
        writer.write(batch(BILLS, [bill(1), bill(2)]))
        writer.commit(DONE, NOON)
        writer.write(batch(BILLS, [bill(1, "1.00"), bill(3)]))
        writer.write(batch(BILLS, [bill(1, "2.00")]))
        writer.commit(DONE, NOON)
        assert [(row["RECORDNO"], row["TOTALDUE"]) for row in copy.rows()] == [(1, 2), (2, 10), (3, 10)]

    def test_rows_that_were_not_committed_are_lost(self, copy: CopyUnderTest) -> None:
        """Rows and deletes that were not committed are not there."""
        keep(copy, BILLS, [bill(1)])
        writer = copy.open().writer(BILLS, DONE)
        writer.write(batch(BILLS, [bill(2)]))
        writer.delete([1])
        assert numbers(copy.rows()) == [1]

    def test_an_empty_stream_leaves_an_empty_table_with_its_columns(self, copy: CopyUnderTest) -> None:
        """A stream without rows leaves an empty table."""
        writer = copy.open().writer(BILLS, Bookmark())
        before = writer.complete
        writer.commit(DONE, NOON)
        assert (before, writer.complete) == (False, True)
        assert copy.tables() == ["APBILL"]
        assert copy.rows() == []

    def test_an_incomplete_stream_is_not_shown_under_its_name(self, copy: CopyUnderTest) -> None:
        """A table is not shown before its first full refresh ends; the next run resumes it."""
        keep(copy, BILLS, [bill(1), bill(2)], WALKING)
        assert "APBILL" not in copy.tables()
        destination = copy.open()
        assert destination.bookmarks() == {"APBILL": WALKING}
        writer = destination.writer(BILLS, WALKING)
        assert not writer.complete
        writer.write(batch(BILLS, [bill(2, "5.00"), bill(3)]))
        writer.commit(DONE, NOON)
        assert copy.tables() == ["APBILL"]
        assert [(row["RECORDNO"], row["TOTALDUE"]) for row in copy.rows()] == [(1, 10), (2, 5), (3, 10)]

    def test_an_incomplete_stream_that_is_not_resumed_is_discarded(self, copy: CopyUnderTest) -> None:
        """The rows of a first full refresh that is not resumed are dropped."""
        keep(copy, BILLS, [bill(1), bill(2)], WALKING)
        writer = copy.open().writer(BILLS, Bookmark())
        writer.write(batch(BILLS, [bill(3)]))
        writer.commit(DONE, NOON)
        assert numbers(copy.rows()) == [3]

    def test_deleted_rows_are_not_read_and_may_be_written_again(self, copy: CopyUnderTest) -> None:
        """A deleted row is not read, and may be written again."""
        keep(copy, BILLS, [bill(1), bill(2), bill(3)])
        writer = copy.open().writer(BILLS, DONE)
        writer.delete([1, 3, 77])
        assert writer.commit(DONE, NOON).deleted == 2
        assert numbers(copy.rows()) == [2]
        keep(copy, BILLS, [bill(3)])
        assert numbers(copy.rows()) == [2, 3]

    def test_lines_are_replaced_under_their_parents(self, copy: CopyUnderTest) -> None:
        """The lines of a changed document replace its earlier lines."""
        keep(copy, ITEMS, [line(1, 10), line(2, 10), line(3, 20), line(4, 30)])
        writer = copy.open().writer(ITEMS, DONE)
        writer.replace([10, 30])
        writer.write(batch(ITEMS, [line(2, 10, "7.00"), line(5, 10)]))
        assert writer.commit(DONE, NOON).deleted == (2 if copy.guarantees.counts_replaced else 0)
        assert [(row["RECORDNO"], row["AMOUNT"]) for row in copy.rows(ITEMS)] == [(2, 7), (3, 1), (5, 1)]

    def test_lines_are_deleted_with_their_parent(self, copy: CopyUnderTest) -> None:
        """Lines are deleted with their document."""
        keep(copy, ITEMS, [line(1, 10), line(2, 10), line(3, 20)])
        writer = copy.open().writer(ITEMS, DONE)
        writer.delete([10], field="RECORDKEY")
        assert writer.commit(DONE, NOON).deleted == 2
        assert numbers(copy.rows(ITEMS)) == [3]

    def test_a_view_is_replaced_by_group_and_its_key_may_repeat(self, copy: CopyUnderTest) -> None:
        """Rows whose key may repeat are replaced by group."""
        keep(copy, DETAIL, [detail("a", 1), detail("a", 1, "2.00"), detail("b", 2), detail("c", 3)])
        assert len(copy.rows(DETAIL)) == 4
        writer = copy.open().writer(DETAIL, DONE)
        writer.replace([1, 3])
        writer.write(batch(DETAIL, [detail("a", 1, "3.00")]))
        assert writer.commit(DONE, NOON).deleted == (2 if copy.guarantees.counts_replaced else 0)
        assert sorted((row["RECORDNO"], row["AMOUNT"]) for row in copy.rows(DETAIL)) == [("a", 3), ("b", 1)]

    def test_two_full_refreshes_that_began_in_the_same_second_both_count(self, copy: CopyUnderTest) -> None:
        """Two full refreshes that began in the same second both count."""
        began = "03/01/2026 12:00:00"
        for run, rows in ((1, [bill(1), bill(2), bill(3)]), (2, [bill(1, "1.00"), bill(3)])):
            destination = copy.open()
            walking = destination.bookmarks().get("APBILL", Bookmark()).begin(began, run, full=True)
            writer = destination.writer(BILLS, walking)
            for row in rows:
                writer.write(batch(BILLS, [row]))
                writer.commit(walking, NOON)
            if missing := writer.missed_by(run):
                writer.delete(missing)
            writer.commit(walking.end(), NOON)
            copy.close()
        assert [(row["RECORDNO"], row["TOTALDUE"]) for row in copy.rows()] == [(1, 1), (3, 10)]

    def test_the_rows_that_a_full_refresh_missed_are_known(self, copy: CopyUnderTest) -> None:
        """The live rows are counted, and those that a run did not write are known."""
        keep(copy, BILLS, [bill(1), bill(2), bill(3)])
        destination = copy.open()
        writer = destination.writer(BILLS, DONE)
        writer.delete([3])
        writer.write(batch(BILLS, [bill(2)]))
        writer.commit(DONE, NOON)
        assert writer.rows_by_value() == {1: 1, 2: 1}
        assert writer.count_rows() == (2, 2)
        assert writer.missed_by(2) == ([1] if copy.guarantees.notes_last_run else [])
        assert writer.missed_by(1) == []

    @pytest.mark.parametrize("written", [(1, 3), ()])
    def test_the_rows_that_a_full_refresh_missed_are_known_before_it_ends(
        self, copy: CopyUnderTest, written: tuple[int, ...]
    ) -> None:
        """The rows that a full refresh did not meet are known before it ends."""
        keep(copy, BILLS, [bill(1), bill(2), bill(3), bill(4)])
        destination = copy.open()
        walking = destination.bookmarks().get("APBILL", DONE).begin("03/02/2026 12:00:00", 2, full=True)
        writer = destination.writer(BILLS, walking)
        for number in written:
            writer.write(batch(BILLS, [bill(number)]))
        writer.commit(walking, NOON)
        missing = sorted({1, 2, 3, 4}.difference(written))
        assert writer.missed_by(2) == missing
        writer.delete(missing)
        assert writer.commit(walking.end(), NOON).deleted == len(missing)
        assert numbers(copy.rows()) == list(written)

    def test_values_are_looked_up_among_live_rows(self, copy: CopyUnderTest) -> None:
        """Values are looked up among the live rows."""
        keep(copy, BILLS, [bill(1, vendor="A"), bill(2, vendor="A"), bill(3, vendor="B"), bill(4, vendor="C")])
        writer = copy.open().writer(BILLS, DONE)
        writer.delete([4])
        writer.commit(DONE, NOON)
        keys_by_value = writer.keys_by_value("VENDORID", ["A", "C", "Z"])
        assert keys_by_value is not None
        assert {value: set(keys) for value, keys in keys_by_value.items()} == {"A": {1, 2}}
        assert writer.keys_by_value("RECORDNO", [1, 4, 9]) == {1: [1]}
        assert writer.keys_by_value("RECORDNO", []) == {}
        assert writer.keys_by_value("NOSUCHFIELD", ["x"]) == {}

    def test_a_new_field_becomes_a_column_and_is_reported(self, copy: CopyUnderTest) -> None:
        """A new field becomes a column, and the commit tells of it."""
        keep(copy, BILLS, [bill(1), bill(2)])
        wider = Stream("APBILL", "APBILL", FIELDS | {"MY_FIELD": Kind.TEXT}, "RECORDNO")
        writer = copy.open().writer(wider, DONE)
        writer.write(batch(wider, [bill(2, MY_FIELD="x")]))
        assert writer.commit(DONE, NOON).added == ("MY_FIELD",)
        assert [row["MY_FIELD"] for row in copy.rows()] == [None, "x"]

    def test_a_whole_number_that_meets_a_fraction_widens_and_stays_wide(self, copy: CopyUnderTest) -> None:
        """A column of whole numbers becomes one of decimal numbers, and the commit tells of it."""
        keep(copy, BILLS, [bill(1)])
        number = Stream("APBILL", "APBILL", FIELDS | {"UNITS": Kind.INTEGER}, "RECORDNO")
        keep(copy, number, [bill(1, UNITS=4), bill(2, UNITS=5)])
        decimals = Stream("APBILL", "APBILL", FIELDS | {"UNITS": Kind.DECIMAL}, "RECORDNO")
        writer = copy.open().writer(number, DONE)
        writer.write(batch(decimals, [bill(3, UNITS=Decimal("2.5"))]))
        writer.write(batch(number, [bill(4, UNITS=6)]))
        assert writer.commit(DONE, NOON).widened == ("UNITS",)
        assert [row["UNITS"] for row in copy.rows()] == [4, 5, Decimal("2.5"), 6]

    def test_a_change_of_meaning_is_refused_and_nothing_is_lost(self, copy: CopyUnderTest) -> None:
        """A column of numbers does not become text. The commit is refused, and the rows stay."""
        keep(copy, BILLS, [bill(1)])
        text = Stream("APBILL", "APBILL", FIELDS | {"TOTALDUE": Kind.TEXT}, "RECORDNO")
        writer = copy.open().writer(text, DONE)
        writer.write(batch(text, [bill(2) | {"TOTALDUE": "much"}]))
        with pytest.raises(SettingsError, match=r"APBILL\.TOTALDUE holds decimal numbers"):
            writer.commit(DONE, NOON)
        assert numbers(copy.rows()) == [1]

    def test_columns_that_are_no_longer_selected_keep_their_cells(self, copy: CopyUnderTest) -> None:
        """Cells of columns that are no longer selected stay."""
        if not copy.guarantees.keeps_unselected:
            pytest.skip("the destination replaces whole rows")
        keep(copy, BILLS, [bill(1, vendor="A")])
        narrow = Stream("APBILL", "APBILL", {"RECORDNO": Kind.INTEGER, "TOTALDUE": Kind.DECIMAL}, "RECORDNO")
        keep(copy, narrow, [{"RECORDNO": 1, "TOTALDUE": Decimal(5)}])
        assert [(row["VENDORID"], row["TOTALDUE"]) for row in copy.rows()] == [("A", 5)]

    def test_bookmarks_are_those_of_the_last_commit_of_each_stream(self, copy: CopyUnderTest) -> None:
        """Each stream has the bookmark of its last commit."""
        destination = copy.open()
        bills, items = destination.writer(BILLS, Bookmark()), destination.writer(ITEMS, Bookmark())
        bills.commit(WALKING, NOON)
        items.commit(DONE, NOON)
        bills.commit(DONE, NOON)
        items.write(batch(ITEMS, [line(1, 1)]))
        copy.close()
        assert copy.open().bookmarks() == {"APBILL": DONE, "APBILLITEM": DONE}

    def test_names_of_any_kind_are_quoted(self, copy: CopyUnderTest) -> None:
        """Tables and columns may have any name."""
        fields = {"RECORDNO": Kind.INTEGER, 'a"b; --': Kind.TEXT, "ORDER": Kind.TEXT}
        odd = Stream('nc"tap order', "X", fields, "RECORDNO")
        keep(copy, odd, [{"RECORDNO": 1, 'a"b; --': "x", "ORDER": "y"}])
        keep(copy, odd, [{"RECORDNO": 1, 'a"b; --': "z", "ORDER": "y"}])
        assert copy.rows(odd) == [{"RECORDNO": 1, 'a"b; --': "z", "ORDER": "y"}]

    def test_a_field_with_the_name_of_a_column_of_ours_is_refused_with_the_fix(self, copy: CopyUnderTest) -> None:
        """A field with the name of a column of the copy is refused."""
        keep(copy, BILLS, [bill(1)])
        for stream in (BILLS, replace(BILLS, name="OTHER")):
            stream_with_it = replace(stream, fields={**stream.fields, "_run": Kind.INTEGER})
            with pytest.raises(
                SettingsError, match=f"{stream.name} has a field _run, and the copy needs this name"
            ) as told:
                keep(copy, stream_with_it, [bill(2, _run=7)])
            copy.close()
            assert told.value.fix == "leave the field out with `select`"
        assert numbers(copy.rows(BILLS)) == [1]

    def test_a_table_of_other_records_or_without_its_key_is_refused_and_unchanged(self, copy: CopyUnderTest) -> None:
        """A table that lacks the key of a stream is refused."""
        keep(copy, BILLS, [bill(1)])
        other = Stream("APBILL", "X", {"NAME": Kind.TEXT}, "NAME")
        with pytest.raises(
            SettingsError, match="APBILL has no column NAME, by which its rows are told apart"
        ) as refused:
            keep(copy, other, [{"NAME": "a"}])
        assert "name it NAME again" in refused.value.fix
        copy.close()
        assert numbers(copy.rows()) == [1]

    def test_runs_are_numbered_and_another_company_is_refused(self, copy: CopyUnderTest) -> None:
        """Runs are numbered, and the copy of another company is refused."""
        first = open_destination(copy.uri)
        run = first.open("demo", NOON)
        first.finish([StreamOutcome("APBILL", rows=3, error="cut")], NOON)
        first.close()
        second = open_destination(copy.uri)
        assert second.open("demo", NOON) > run
        second.close()
        other = open_destination(copy.uri)
        with pytest.raises(SettingsError, match="holds a copy of company demo"):
            other.open("elsewhere", NOON)
        other.close()

    def test_a_commit_that_fails_changes_nothing(self, copy: CopyUnderTest) -> None:
        """A commit that fails changes neither rows nor the bookmark."""
        keep(copy, BILLS, [bill(1)])
        writer = copy.open().writer(BILLS, DONE)
        odd = pa.schema([("RECORDNO", pa.int64()), ("TOTALDUE", pa.bool_())])
        writer.write(pa.RecordBatch.from_pylist([{"RECORDNO": 5, "TOTALDUE": True}], schema=odd))
        with suppress(SettingsError):
            writer.commit(WALKING, NOON)
        copy.close()
        assert copy.open().bookmarks() == {"APBILL": DONE}
        assert numbers(copy.rows()) == [1]

    @pytest.mark.parametrize("last", ["committed", "written"])
    def test_a_killed_process_leaves_the_last_commit(self, copy: CopyUnderTest, last: str) -> None:
        """A process that is killed leaves its last commit, whole, and the next run continues from there."""
        keep(copy, BILLS, [bill(1), bill(2)])
        command = [sys.executable, "-c", _KILLED, copy.uri, last]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline().split() == [b"written"]
            process.kill()
        committed = last == "committed"
        assert copy.open().bookmarks() == {"APBILL": LATER if committed else DONE}
        rows = [(2, Decimal(7)), (3, Decimal(10))] if committed else [(1, Decimal(10)), (2, Decimal(10))]
        assert [(row["RECORDNO"], row["TOTALDUE"]) for row in copy.rows()] == rows
        keep(copy, BILLS, [bill(5)])
        assert numbers(copy.rows()) == [*(number for number, _ in rows), 5]

    def test_the_state_of_a_copy_is_read_without_a_run(self, copy: CopyUnderTest) -> None:
        """The bookmark and the columns of each stream are read without a run."""
        keep(copy, BILLS, [bill(1)])
        state = copy_states(copy.uri)["APBILL"]
        assert (state.bookmark, set(state.columns)) == (DONE, set(FIELDS))


class TestDestination(DestinationSuite):
    """The suite for the address in `--destination`."""

    @pytest.fixture
    def copy(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CopyUnderTest]:
        """An empty copy at the address."""
        copy = CopyUnderTest(request.config.getoption("--destination").replace("{folder}", str(tmp_path)))
        yield copy
        copy.close()
