"""Text on standard output and standard error: tables, JSON, verbosity, secrets, progress."""

import csv
import io
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from intacct_bridge.apps.demo.view import DemoView
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.progress import progress
from intacct_bridge.apps.terminal.row_formats import write_rows
from intacct_bridge.apps.terminal.tables import Count, plain_lines, print_fitted, shown
from intacct_bridge.apps.views.extract import summary
from intacct_bridge.extract.run import DELETES
from intacct_bridge.operations.extract import ExtractResult
from intacct_bridge.streams.stream import StreamOutcome

cells = st.one_of(st.none(), st.text(max_size=60), st.integers(), st.decimals(allow_nan=False), st.booleans())


def console() -> tuple[Output, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return Output(out=out, err=err), out, err


def test_results_go_out_and_notes_go_to_standard_error() -> None:
    made, out, err = console()
    made.table(("name", "amount"), [("Rent", Decimal("1200.00")), ("Water", Decimal("9.5"))])
    made.say("two rows")
    assert out.getvalue().splitlines() == [
        "name     amount",
        "─────  ────────",
        "Rent   1,200.00",
        "Water      9.50",
    ]
    assert err.getvalue() == "two rows\n"


def test_deletes_do_not_count_as_a_stream() -> None:
    made, out, _ = console()
    result = ExtractResult("duckdb:copy", (StreamOutcome("VENDOR"),), 0.1, 3, (StreamOutcome(DELETES),))
    assert "0 rows in 0 of 1 stream," in summary(result)
    DemoView(made).extracted(result)
    assert "no changes in 1 stream," in out.getvalue()


def test_quiet_silences_notes_and_not_errors() -> None:
    made, _, err = console()
    made.quiet = True
    made.say("a note")
    made.detail("a detail")
    made.complain("an error")
    assert err.getvalue() == "an error\n"


def test_json_keeps_money_exact_and_dates_readable() -> None:
    made, out, _ = console()
    made.as_json = True
    made.table(
        ("amount", "day", "at"), [(Decimal("0.10"), date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))]
    )
    assert ": 0.10," in out.getvalue()
    assert json.loads(out.getvalue()) == [{"amount": 0.10, "day": "2026-01-02", "at": "2026-01-02T03:04:05Z"}]


def test_an_empty_table_prints_its_note() -> None:
    made, out, err = console()
    made.table(("name",), [], empty="nothing yet")
    assert (out.getvalue(), err.getvalue()) == ("", "nothing yet\n")


@given(st.lists(st.tuples(cells, cells, cells), max_size=6), st.integers(20, 120))
def test_a_table_fits_its_terminal(rows: list[tuple[object, object, object]], width: int) -> None:
    out = io.StringIO()
    hidden = print_fitted(("one", "two", "three"), rows, out, width)
    lines = out.getvalue().split("\n")[:-1]
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == len(rows) + 2
    assert set(hidden) <= {"two", "three"}
    assert "\x1b" not in out.getvalue()


@given(st.lists(st.tuples(cells, st.decimals(allow_nan=False)), min_size=1, max_size=6), st.integers(20, 120))
def test_a_number_is_never_cut(rows: list[tuple[object, Decimal]], width: int) -> None:
    out = io.StringIO()
    hidden = print_fitted(("name", "amount"), rows, out, width)
    lines = out.getvalue().split("\n")[2:-1]
    if not hidden:
        assert [Decimal(line.split()[-1].replace(",", "")) for line in lines] == [amount for _, amount in rows]


def test_a_long_text_is_cut_and_a_wide_one_aligned() -> None:
    out = io.StringIO()
    rows = [("日本", Decimal("1.00"), "x" * 90), ("a", Decimal("20.00"), "y")]
    assert print_fitted(("name", "amount", "text"), rows, out, 40) == []
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "name  amount  text",
        "────────────────────────────────────────",
        f"日本    1.00  {'x' * 25}…",
        "a      20.00  y",
    ]


@given(st.lists(st.tuples(cells, cells), max_size=6))
def test_no_cell_is_cut_in_a_pipe(rows: list[tuple[object, object]]) -> None:
    lines = plain_lines(("one", "two"), rows)
    for row, line in zip(rows, lines[2:], strict=True):
        assert all(shown(value).strip() in line for value in row)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=3), st.text(max_size=40))
@settings(max_examples=60)
def test_a_hidden_secret_is_masked_everywhere(secrets: list[str], around: str) -> None:
    made, _, err = console()
    made.hide(secrets)
    made.complain(f" {around} ".join(f"({secret})" for secret in secrets))
    printed = err.getvalue().removesuffix("\n")
    for secret in secrets:
        assert f"({secret})" not in printed or "***" in secret


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (Decimal("1E+2"), "100"), ("a\nb\tc", r"a\nb\tc"), (("x", "y"), "x, y")],
)
def test_a_cell_is_one_readable_line(value: object, text: str) -> None:
    assert shown(value) == text


HOSTILE = "A\x1b]0;title\x07\x1b[2J\x9b31mB\u202eC\rD"
"""Sets a terminal's title, clears it, colours, turns text around, and overwrites the line."""


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


def acts(text: str) -> bool:
    return bool(re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text.replace("\r\n", "\n")))


@pytest.mark.parametrize("kind", ["table", "csv", "json", "jsonl"])
def test_no_control_character_of_a_record_reaches_a_terminal(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out, err = Screen(), Screen()
    made = Output(out=out, err=err)
    write_rows([{"NAME": HOSTILE, "MARKUP": "[red]x[/red] [/]"}], made, kind=kind)
    made.pairs({"name": HOSTILE})
    made.json({"name": HOSTILE})
    made.result(HOSTILE)
    made.say(HOSTILE)
    made.last(HOSTILE)
    assert not acts(out.getvalue())
    assert not acts(err.getvalue().replace("\x1b[?25h", ""))  # our own: it shows the cursor
    assert "[red]x[/red] [/]" in out.getvalue()
    assert r"\x1b]0;title\x07" in err.getvalue()


@pytest.mark.parametrize(
    ("out", "no_color", "printed"),
    [
        (Screen(), False, "\x1b[1mDoctor  \x1b[0mA\\x07"),
        (Screen(), True, "Doctor  A\\x07"),
        (io.StringIO(), False, "Doctor  A\x07"),
    ],
)
def test_a_title_is_bold_on_a_terminal_and_the_text_after_it_does_not_act(
    out: io.StringIO, no_color: bool, printed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    Output(out=out, err=io.StringIO()).result("A\x07", title="Doctor  ")
    assert out.getvalue() == f"{printed}\n"


def test_the_steps_of_the_demo_have_bold_names_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Screen()
    DemoView(Output(out=out, err=io.StringIO())).extracted(
        ExtractResult("duckdb:copy", (StreamOutcome("VENDOR", 3),), 0.1, 3)
    )
    assert out.getvalue().startswith("\x1b[1mExtract       \x1b[0m")
    assert "\\x1b" not in out.getvalue()


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_data_in_a_pipe_is_left_as_it_is(kind: str) -> None:
    out = io.StringIO()
    write_rows([{"NAME": HOSTILE}], Output(out=out, err=io.StringIO()), kind=kind)
    text = out.getvalue()
    if kind == "csv":
        assert list(csv.reader(io.StringIO(text, newline="")))[1] == [HOSTILE]
    else:
        found = json.loads(text)
        assert (found[0] if kind == "json" else found) == {"NAME": HOSTILE}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("Acme = Bolt", "Acme = Bolt"),
        (Decimal("-5.00"), "-5.00"),
        (None, ""),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe_on_request(value: str | Decimal, cell: str) -> None:
    for safe in (True, False):
        out = io.StringIO(newline="")
        write_rows([{"A": "x", "NAME": value}], Output(out=out), kind="csv", spreadsheet_safe=safe)
        written = list(csv.reader(io.StringIO(out.getvalue(), newline="")))[1][1]
        assert written == (cell if safe else cell.removeprefix("'"))


def test_an_end_that_is_reported_twice_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load reports its last record and then its end; a stream reports its end again after its deletes."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    console = Output(out=io.StringIO(), err=Terminal())
    with progress(console, noun="rows") as view:
        view.update("GLDETAIL", 30, 30)
        view.update("GLDETAIL", 30, 30)
        view.finish("GLDETAIL", 30)
        view.update("VENDOR", 4, 4)
    assert isinstance(console.err, Terminal)
    assert re.findall(r"(\d+) rows done", console.err.getvalue())[-1] == "34"


def test_amounts_of_a_column_have_one_format_and_whole_numbers_keep_theirs() -> None:
    amounts = [Decimal("2028"), Decimal("-74.1"), Decimal("1234567.89"), Decimal("0.123456"), None]
    rows = [[amount, Decimal(count), 10_000] for amount, count in zip(amounts, (13, 1200, 1, 0, 5), strict=True)]
    lines = plain_lines(("amount", "quantity", "RECORDNO"), rows)
    assert [line.split() for line in lines[2:]] == [
        ["2,028.00", "13", "10000"],
        ["-74.10", "1,200", "10000"],
        ["1,234,567.89", "1", "10000"],
        ["0.123456", "0", "10000"],
        ["5", "10000"],
    ]


def test_counts_have_thousands_separated_and_record_numbers_do_not() -> None:
    out = io.StringIO()
    Output(out=out).table(("record", "rows"), [(71234, Count(82344)), (7, Count(0))])
    assert out.getvalue().splitlines()[2:] == [" 71234  82,344", "     7       0"]
    out = io.StringIO()
    console = Output(out=out)
    console.as_json = True
    console.table(("rows",), [(Count(82344),)])
    assert json.loads(out.getvalue()) == [{"rows": 82344}]
