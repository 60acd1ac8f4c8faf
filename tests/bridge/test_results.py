"""What the library gives back: whole results, as plain data and as HTML in which no value can do harm."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intacct_bridge import BridgeClient, SettingsError, connect, open_copy
from intacct_bridge.notebook import ROWS, html_records, html_result, html_table
from intacct_bridge.operations.copies import CopyProof, WrittenCopy
from intacct_bridge.operations.extract import SavedAttachments
from intacct_bridge.operations.sql import ReadCost, in_cents
from intacct_bridge.operations.watch import DeadLetter, ReplayResult, SkipResult, WatchStatus
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_protocol.model.wording import display_text

HOSTILE = (
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    "&lt;b&gt;",
    "\u202e\x00\x1b[2J",
)


class Reader(HTMLParser):
    """The tags with their attributes, and the texts, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


OURS = {"div", "p", "b", "table", "caption", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_becomes_markup(value: str) -> None:
    parts = (html_table((value,), [(value,)], value), html_records([{value: value}], value))
    read = Reader(html_result(value, {value: value}, *parts))
    assert read.tags <= OURS
    assert read.attributes == []
    assert read.texts.count(display_text(value)) >= 8  # shown everywhere, on one line


def test_a_long_table_says_how_much_it_leaves_out() -> None:
    html = html_table(("n",), ((number,) for number in range(ROWS + 3)))
    assert html.count("<tr>") == ROWS + 1
    assert "<p>3 more</p>" in html
    assert html_table(("n",), []) == ""


@pytest.fixture
def books(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BridgeClient]:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("INTACCT_RUN_HISTORY")
    settings: dict[str, Any] = dict(CREDENTIALS)
    with serve(emulator) as server, connect(endpoint=server.url, environment="demo", **settings) as client:
        yield client


def plain(data: object) -> Any:
    return json.loads(json.dumps(data, default=str))


def test_a_copy_is_extracted_read_and_compared(books: BridgeClient, tmp_path: Path) -> None:
    uri = f"duckdb:///{tmp_path / 'books.duckdb'}"
    seen: list[str] = []
    result = books.extract("DEPARTMENT", "LOCATION", to=uri, progress=lambda event: seen.append(event.stream))
    truth = [str(row["DEPARTMENTID"]) for row in books.query("DEPARTMENT", "DEPARTMENTID")]
    assert result.complete
    assert {one.name: one.rows for one in result.streams}["DEPARTMENT"] == len(truth)
    assert {"DEPARTMENT", "LOCATION"} <= set(seen)
    assert plain(result.to_dict())["complete"] is True
    assert "DEPARTMENT" in Reader(result._repr_html_()).texts

    copy = books.copy(uri)
    assert sorted(copy.table("DEPARTMENT").column("DEPARTMENTID").to_pylist()) == sorted(truth)
    assert copy.sql("SELECT count(*) AS n FROM DEPARTMENT").to_pylist() == [{"n": len(truth)}]
    assert {one["table"] for one in plain(copy.to_dict())["tables"]} == {"DEPARTMENT", "LOCATION"}
    (when,) = {table["as_of"] for table in plain(copy.to_dict())["tables"] if table["table"] == "DEPARTMENT"}
    assert copy.as_of["DEPARTMENT"] == datetime.fromisoformat(when)
    assert datetime.fromisoformat(when).utcoffset() is not None
    assert open_copy(uri).as_of == copy.as_of
    rows = len(truth) + len(list(books.query("LOCATION", "LOCATIONID")))
    assert repr(result) == f"<ExtractResult to {uri}: {rows} rows of 2 streams>"
    with pytest.raises(SettingsError, match="the copy has no table DEPARTMNT; did you mean DEPARTMENT"):
        copy.table("DEPARTMNT")

    same = books.reconcile(copy)
    assert same.equal
    (key, name) = next((row["RECORDNO"], row["TITLE"]) for row in books.query("DEPARTMENT", "RECORDNO, TITLE"))
    (changed,) = books.update("DEPARTMENT", [{"RECORDNO": key, "TITLE": f"{name} <b>2</b>"}])
    assert changed.ok
    other = books.reconcile(uri, all_fields=True)
    assert not other.equal
    assert plain(other.to_dict())["equal"] is False
    read = Reader(other._repr_html_())
    assert read.tags <= OURS
    assert "Records that differ" in read.texts
    assert [run.command for run in books.runs.latest(1)] == ["library"]


def test_a_copy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no file"):
        open_copy(f"duckdb:///{tmp_path / 'none.duckdb'}")


def test_the_doctor_and_the_runs_are_shown(books: BridgeClient) -> None:
    report = books.doctor(["DEPARTMENT"])
    assert report.findings
    assert plain(report.to_dict())["healthy"] == report.healthy
    assert "Doctor" in Reader(report._repr_html_()).texts
    list(books.query("DEPARTMENT", limit=1))
    assert books.runs.last("nightly") is None
    (run,) = books.runs.latest(1)
    assert books.runs.find(run.id[:12]).id == run.id
    assert plain(books.runs.to_dict())["runs"][0]["id"] == run.id
    assert "Runs" in Reader(books.runs._repr_html_()).texts


def test_one_record_with_its_lines(books: BridgeClient) -> None:
    (number, name) = next((row["RECORDNO"], row["DEPARTMENTID"]) for row in books.query("DEPARTMENT"))
    assert isinstance(number, int)
    by_number, by_name = books.get("DEPARTMENT", number), books.get("DEPARTMENT", str(name))
    assert by_number is not None
    assert by_number == by_name
    assert books.get("DEPARTMENT", "no such") is None


@pytest.mark.parametrize(
    "use",
    [
        lambda books: list(books.query("DEPARTMENT", limit=1)),
        lambda books: books.create("CLASS", [{"CLASSID": "X", "NAME": "X"}]),
        lambda books: books.plan([{"CLASSID": "X", "NAME": "X"}], layout="CLASS"),
        lambda books: books.outbox.entries(),
        lambda books: books.entity("100").objects(),
    ],
    ids=["query", "create", "plan", "outbox", "entity"],
)
def test_a_closed_client_says_that_it_is_closed(books: BridgeClient, use: Any) -> None:
    list(books.query("DEPARTMENT", limit=1))
    books.close()
    with pytest.raises(SettingsError, match="is closed"):
        use(books)


def test_an_outbox_and_its_entries_have_short_texts(books: BridgeClient) -> None:
    assert repr(books.outbox) == f"<OutboxView of {books.connection.target}: no entries>"
    rows = [{"CLASSID": "P", "NAME": "Plants"}, {"CLASSID": "P", "NAME": "Plants"}]
    (receipt,) = books.load(rows[:1], layout="CLASS")
    assert repr(receipt) == f"<RecordOutcome CLASS {receipt.write.label!r} posted {receipt.key}>"
    (entry,) = books.outbox.entries()
    assert repr(entry) == f"<OutboxEntry {entry.number}: create CLASS {entry.label!r} posted {receipt.key}>"
    assert repr(books.outbox) == f"<OutboxView of {books.connection.target}: 1 posted>"


NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
LETTER = DeadLetter(7, "VENDOR", "VENDOR", "1", "updated", NOON, 3, "refused")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (SavedAttachments(Path("files"), 2, {"A": "gone"}), {"folder": "files", "files": 2, "failures": {"A": "gone"}}),
        (
            WatchStatus("VENDOR", "exec:x", NOON, {"dead": 1}),
            {
                "name": "VENDOR",
                "receiver": "exec:x",
                "polled_at": "2026-11-30T12:00:00Z",
                "counts": {"dead": 1},
                "oldest_pending": None,
            },
        ),
        (
            ReplayResult((1,), {7: LETTER}),
            {
                "replayed": [1],
                "outdated": {
                    "7": {
                        "number": 7,
                        "watch": "VENDOR",
                        "object": "VENDOR",
                        "key": "1",
                        "kind": "updated",
                        "time": "2026-11-30T12:00:00Z",
                        "attempts": 3,
                        "error": "refused",
                    }
                },
            },
        ),
        (SkipResult((1,), (2,)), {"skipped": [1], "refused": [2]}),
        (
            WrittenCopy("csv:x", "books", NOON, CopyProof("r-1", None, "equal")),
            {
                "uri": "csv:x",
                "company": "books",
                "extracted": "2026-11-30T12:00:00Z",
                "proof": {"run": "r-1", "at": None, "verdict": "equal"},
            },
        ),
        (
            ReadCost("VENDOR", 10, 1, ("NAME",), "NAME = 'x'", 5),
            {
                "object": "VENDOR",
                "rows": 10,
                "transactions": 1,
                "fields": ["NAME"],
                "condition": "NAME = 'x'",
                "first": 5,
            },
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_is_plain_data(result: Any, expected: dict[str, Any]) -> None:
    assert json.loads(json.dumps(result.to_dict())) == expected


@pytest.mark.parametrize(
    ("amounts", "scale"),
    [
        (["5117.86", "0.10", None], 2),
        (["-5"], 2),
        (["0.005", "1.00"], 14),
        ([], 2),
    ],
)
def test_amounts_of_sql_have_two_decimals_unless_one_has_more(amounts: list[str | None], scale: int) -> None:
    values = [None if amount is None else Decimal(amount) for amount in amounts]
    table = pa.table({"n": pa.array(range(len(values))), "due": pa.array(values, pa.decimal128(38, 14))})
    shown = in_cents(table)
    assert shown.column("due").to_pylist() == values
    assert shown.schema.field("due").type == pa.decimal128(38, scale)
    assert shown.column("n").equals(table.column("n"))
