"""What is fuzzed: every text that comes from outside, each with the check that its reader must pass.

A reader may refuse anything with an error of ours. It must not end in another exception, and a number that it gives
must be the one that stands in the text. That is reckoned here a second time, by hand and without Decimal's own parser.
"""

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from intacct_bridge.apps.singer.protocol.messages import parse_message, read_catalog
from intacct_bridge.apps.terminal.process import json_object
from intacct_bridge.connections import toml_file
from intacct_bridge.copies.live_sql.statement import live_statement, parsed
from intacct_bridge.copies.questions.checked_select import checked_select
from intacct_bridge.fleet.tenant_files import TenantParts, read_flows, read_secrets, read_tenants
from intacct_bridge.load.plan.plan import Plan
from intacct_bridge.load.plan.plan_file import open_plan
from intacct_bridge.load.tables.cells import (
    COMMA,
    POINT,
    POINTS_GROUP,
    AmountReading,
    date_reading,
    points_group,
    read_date,
    read_money,
)
from intacct_bridge.load.tables.open import open_table
from intacct_bridge.mapping.language import parse_map
from intacct_bridge.mapping.unify import lookup_requests, native
from intacct_bridge.operations.records import fields_of_document
from intacct_emulator.reading.condition_text import parse_legacy
from intacct_protocol.errors import IntacctError, InvalidRequestError, RecordError
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.filter_xml import filter_element, filter_from
from intacct_protocol.model.query.query import Compare, Filter, comparisons, negated
from intacct_protocol.model.query.where import parse_order, parse_select, parse_where
from intacct_protocol.xml.arrow_page import text_columns
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.python_columns import decode_rows
from intacct_protocol.xml.strict_page import Page, decode_page
from intacct_protocol.xml.typed_arrow import decode_batch
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, parse_value, render_value
from intacct_protocol.xml.xml import parse, serialize

T = TypeVar("T")
CORPUS = Path(__file__).parent / "corpus"
_NUMBER = re.compile(r"\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*", re.ASCII)


def exactly(text: str) -> Fraction:
    """The number that a text is, by hand: its digits as a whole number, moved by the places after the point."""
    sign, whole, fraction, exponent = _NUMBER.fullmatch(text).groups()  # type: ignore[union-attr]
    digits, places = whole + (fraction or ""), len(fraction or "") - int(exponent or 0)
    number = Fraction(int(digits or "0")) * (Fraction(10) ** -places)
    return -number if sign == "-" else number


# --- answers of the gateway

FIELDS = {
    "RECORDNO": Kind.INTEGER,
    "AMOUNT": Kind.CURRENCY,
    "RATE": Kind.DECIMAL,
    "WHENCREATED": Kind.DATE,
    "WHENMODIFIED": Kind.TIMESTAMP,
    "ONHOLD": Kind.BOOLEAN,
}


def answers(data: bytes) -> None:
    """Both decoders of pages agree, and so do typed columns and typed cells."""
    _accepted(lambda: decode_response(data))
    strict = _accepted(lambda: decode_page(data))
    fast = text_columns(data)
    if fast is not None:
        assert strict is not None, "the fast decoder accepts a page that the strict one refuses"
        assert Page(fast.head, fast.response, pa.table(fast.columns).to_pylist()) == strict
    light = _accepted(lambda: decode_rows(data, {}))
    assert (light is None) == (strict is None), "the decoder without Arrow accepts other answers than the strict one"
    if strict is None or strict.head is None:
        return
    assert light is not None
    assert light[2] is not None
    found = [{name: row.get(name) for name in light[2].schema.names} for row in strict.rows]
    assert light[2].to_pylist() == found
    for formatting in (DEFAULT, Formatting(".dmY", 24, 570)):
        read = _accepted(lambda formatting=formatting: decode_batch(data, FIELDS, formatting))  # type: ignore[misc]
        if read is not None and read[2] is not None:
            _check_batch(read[2], strict.rows, formatting)


def _check_batch(batch: "pa.RecordBatch", rows: list[dict[str, str | None]], formatting: Formatting) -> None:
    assert batch.num_rows == len(rows)
    for name, kind in FIELDS.items():
        for cell, row in zip(batch.column(name).to_pylist(), rows, strict=True):
            text = (row.get(name) or "").strip()
            assert (cell is None) == (text == ""), (name, text, cell)
            if text and kind in (Kind.INTEGER, Kind.CURRENCY, Kind.DECIMAL):
                assert Fraction(cell) == exactly(text), (name, text, cell)
            elif text and kind is Kind.DATE and re.fullmatch(r"\d\d\D\d\d\D\d{4}", text, re.ASCII):
                _check_day(text, cell, formatting)


def _check_day(text: str, day: date, formatting: Formatting) -> None:
    """The first two parts are those of the user's order, or month and day where the separator is another."""
    own = text[2] == formatting.date[0]
    order = formatting.date[1:] if own else "mdY"
    parts = dict(zip(order, (int(text[:2]), int(text[3:5]), int(text[6:])), strict=True))
    assert day == date(parts["Y"], parts["m"], parts["d"]), (text, day, formatting.date)


# --- cells and values


def values(data: bytes) -> None:
    """A text as each kind: its number, or its day, and the same again when it is written and read."""
    text = data.decode(errors="replace")
    for kind in Kind:
        for formatting in (DEFAULT, Formatting("/dmY", 12, -210), Formatting("-ymd", 24, 840)):
            value = _accepted(lambda kind=kind, formatting=formatting: parse_value(kind, text, formatting))  # type: ignore[misc]
            if isinstance(value, Decimal | int) and not isinstance(value, bool):
                assert Fraction(value) == exactly(text.strip()), (kind, text, value)
            written = None
            if value is not None:
                written = _accepted(lambda kind=kind, value=value: render_value(kind, value))  # type: ignore[misc]
            if written is not None and kind not in (Kind.TEXT, Kind.ENUM, Kind.SEQUENCE, Kind.TIMESTAMP):
                assert parse_value(kind, written) == value, (kind, text, value, written)
    for reading in (POINT, POINTS_GROUP, COMMA):
        _check_money(text, reading)


_SIGNS = str.maketrans("", "", "$€£¥₹ \u00a0\u202f\t\r\n\v\f\x1c\x1d\x1e\x1f\x85\u3000,")


_OTHER_SIGN = str.maketrans(".,", ",.")


def _check_money(text: str, reading: AmountReading) -> None:
    """An amount that a person writes: one sign is for thousands, the other for decimals, brackets are a minus."""
    amount = _accepted(lambda: read_money(text, reading))
    if amount is None:
        return
    bare = (text.translate(_OTHER_SIGN) if reading.comma else text).translate(_SIGNS).strip()
    for prefix in ("US", "CA", "C", "AU", "A", "NZ", "HK", "S"):
        bare = re.sub(rf"^([+(-]*){prefix}(?=[\d.(+-])", r"\1", bare)
        bare = re.sub(rf"(?<=[\d.)]){prefix}(\)?)$", r"\1", bare)
    negative = bare.startswith("(") and bare.endswith(")")
    bare = bare.strip("()")
    if bare in ("-", "\u2013", "\u2014"):
        assert amount == 0, (text, amount)
        return
    plain = "".join(str(int(char)) if char.isdecimal() else char for char in bare)  # digits of any script
    expected = exactly(plain)
    assert Fraction(amount) == (-expected if negative else expected), (text, amount)


# --- files


def csv_files(data: bytes) -> None:
    """A text file: each cell is there, and each amount is the one that is written."""
    table = _opened(data, "input.csv")
    if table is None:
        return
    rows = _accepted(lambda: list(table))
    for row in rows or ():
        for name, cell in row.cells.items():
            if isinstance(cell, str):
                _check_money(cell, POINT)
                assert name in table.columns
    columns = {name: [row.cells.get(name) for row in rows or ()] for name in table.columns}
    for cells in columns.values():
        points_group(cell for cell in cells if isinstance(cell, str))
        reading = date_reading(cells, None)
        for cell in cells:
            day = _accepted(lambda cell=cell, reading=reading: read_date(cell, reading))  # type: ignore[misc]
            if day is not None and isinstance(cell, str):
                slashed = re.fullmatch(r"\s*(\d{1,2})/(\d{1,2})/(\d{4})\s*", cell, re.ASCII)
                if slashed:
                    month, first, year = map(int, slashed.groups())
                    assert day == date(year, month, first), (cell, day)


def json_lines(data: bytes) -> None:
    """Lines of JSON: the numbers are those that Python's own reader finds."""
    table = _opened(data, "input.jsonl")
    rows = None if table is None else _accepted(lambda: list(table))
    if not rows:
        return
    texts = [line.removeprefix(b"\xef\xbb\xbf").strip() for line in data.split(b"\n")]
    for row, text in zip(rows, [one for one in texts if one], strict=True):
        mine = {name: cell for name, cell in row.cells.items() if isinstance(cell, Decimal | int)}
        theirs = _python_json(text)
        for name, cell in mine.items():
            if name in theirs:  # names count in NFC
                assert cell == theirs[name], (name, cell, theirs[name])


def _python_json(text: bytes) -> Mapping[str, Any]:
    found = json.loads(text.decode("utf-8", "surrogatepass"), parse_float=Decimal, parse_constant=Decimal)
    return found if isinstance(found, dict) else {}


SHEET = "xl/worksheets/sheet1.xml"


@cache
def _workbook_parts() -> dict[str, bytes]:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["Account", "Amount", "Date"])
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as made:
        return {name: made.read(name) for name in made.namelist()}


def workbooks(data: bytes) -> None:
    """The XML of a sheet inside a workbook: every number of a row is one of the sheet's numbers."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as book:
        for name, part in _workbook_parts().items():
            book.writestr(name, data if name == SHEET else part)
    table = _opened(out.getvalue(), "input.xlsx")
    rows = None if table is None else _accepted(lambda: list(table))
    if not rows:
        return
    written = set(_floats(data))
    for row in rows:
        for cell in row.cells.values():
            if isinstance(cell, Decimal) and cell.is_finite():
                assert float(cell) in written, cell


def _floats(sheet: bytes) -> Iterator[float]:
    for text in re.findall(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]*)<", sheet):
        try:
            yield float(text.decode(errors="replace").strip())
        except ValueError:
            continue


def zipped(data: bytes) -> None:
    """The bytes of a workbook's file."""
    table = _opened(data, "input.xlsx")
    if table is not None:
        _accepted(lambda: list(table))


def _opened(data: bytes, name: str) -> Any:
    path = _folder() / name
    path.write_bytes(data)
    return _accepted(lambda: open_table(path))


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


# --- mappings and filters

_RECORD: dict[str, Any] = {
    "Invoice No": "INV-1", "Date": "03.02.2026", "Active": "true", "Supplier": "Acme", "Net": "1234.56",
    "Account": "6100", "Category": "Travel", "Tax": "-12.50", "id": 7, "total": Decimal("99.95"),
    "items": [{"net": "10.25", "qty": 2}, {"net": Decimal("-3"), "qty": 1}], "nested": {"amount": "5.5"},
}  # fmt: skip


def mappings(data: bytes) -> None:
    """A mapping, and a record read by it: an amount of the result stands in the record or in the mapping."""
    text = data.decode(errors="replace")
    entity = _accepted(lambda: parse_map(text, "map.toml"))
    if entity is None:
        return
    made = _accepted(lambda: native(entity, [_RECORD]))
    if made is None:
        return
    list(lookup_requests(made))
    if "split" in text or "join" in text:  # these make numbers out of parts of texts
        return
    known = {abs(one) for one in _numbers(f"{text} {_RECORD}")}
    for cells in (made.fields, *(line.fields for lines in made.lines.values() for line in lines)):
        for name, value in cells.items():
            if isinstance(value, Decimal):
                assert abs(Fraction(value)) in known, (name, value)


def _numbers(text: str) -> Iterator[Fraction]:
    for one in re.findall(r"[+-]?[\d_]+(?:\.[\d_]+)?(?:[eE][+-]?\d{1,3})?|\.\d+", text, re.ASCII):
        bare = one.replace("_", "")
        if re.search(r"\d", bare):
            yield exactly(bare)


_ROWS = (
    {"A": "5", "B": "text", "C": "01/31/2026", "D": "true"},
    {"A": "-2.50", "B": "Text", "C": "12/01/2025", "D": "false"},
    {"A": "0", "B": "it's", "C": "02/28/2026", "D": "true"},
)
_KINDS = {"A": Kind.DECIMAL, "B": Kind.TEXT, "C": Kind.DATE, "D": Kind.BOOLEAN}


def filters(data: bytes) -> None:
    """A filter as a person writes it: it is the same after its XML, and its negation keeps exactly the other rows."""
    text = data.decode(errors="replace")
    _accepted(lambda: parse_order(text))
    _accepted(lambda: parse_select(text))
    _accepted(lambda: parse_legacy(text))
    node = _accepted(lambda: parse_where(text))
    if node is None:
        return
    xml = _accepted(lambda: serialize(filter_element(node)))
    if xml is not None:
        again = _accepted(lambda: filter_from(parse(xml.encode())))
        if again is not None:
            assert _shape(again) == _shape(node), xml
    if any(one.field not in _KINDS for one in comparisons(node)) or _has_null(node):
        return
    keeps = _accepted(lambda: predicate(node, _KINDS.__getitem__))
    leaves = _accepted(lambda: predicate(negated(node), _KINDS.__getitem__))
    if keeps is not None and leaves is not None:
        for row in _ROWS:
            assert keeps(row) != leaves(row), (text, row)


def _has_null(node: Filter) -> bool:
    return any(value in (None, "") for one in comparisons(node) for value in one.values)


def _shape(node: Filter) -> Any:
    """The operators of a filter with their fields and the number of their values."""
    if isinstance(node, Compare):
        return (node.op, node.field, len(node.values))
    return (type(node).__name__, [_shape(part) for part in node.parts])  # type: ignore[attr-defined]


_TABLES = {"APBILL": {"RECORDNO": Kind.INTEGER, "TOTALDUE": Kind.CURRENCY, "VENDORID": Kind.TEXT}}


def _fields_of(name: str) -> Mapping[str, Kind]:
    if name not in _TABLES:
        raise InvalidRequestError(f"there is no object {name}")
    return _TABLES[name]


def statements(data: bytes) -> None:
    """A SELECT over the company, and a question of an agent: what is accepted is read again as one SELECT."""
    text = data.decode(errors="replace")
    live = _accepted(lambda: live_statement(text, _fields_of))
    if live is not None:
        assert all(read.object in _TABLES for read in live.reads)
    for dialect in ("duckdb", "postgres"):
        _accepted(lambda dialect=dialect: _question(text, dialect))  # type: ignore[misc]


def _question(text: str, dialect: str) -> None:
    with refusing_depth("the statement", text, InvalidRequestError):  # as a copy does around the whole answer
        question = checked_select(text, _TABLES, dialect=dialect)
        assert set(question.tables) <= set(_TABLES)
        query = question.query.sql(dialect=dialect, comments=False)
    parsed(query, dialect=dialect)


# --- settings and tenants


def settings(data: bytes) -> None:
    """A file of settings, and one of the flows of a tenant."""
    path = _folder() / "intacct.toml"
    path.write_bytes(data)
    _accepted(lambda: toml_file.read(path))
    _accepted(lambda: read_flows(path))


def tenants(data: bytes) -> None:
    """Tenants and secrets in JSON, and a record of the command line."""
    path = _folder() / "tenants.json"
    path.write_bytes(data)
    _accepted(lambda: read_tenants(path, TenantParts()))
    _accepted(lambda: read_secrets(str(path)))
    _accepted(lambda: fields_of_document(data, path.name))
    _accepted(lambda: json_object(path, "config"))


# --- plans and Singer lines


def plans(data: bytes) -> None:
    """A saved plan: it is refused, or it is one of the plans of the corpus with every amount as it was."""
    path = _folder() / "plan.json"
    path.write_bytes(data)
    plan = _accepted(lambda: open_plan(path))
    if plan is not None:
        assert plan in _corpus_plans()


@cache
def _corpus_plans() -> list[Plan]:
    return [open_plan(path) for path in sorted((CORPUS / "plans").glob("whole-*"))]


def singer(data: bytes) -> None:
    """Lines of a Singer stream: a record's numbers are those that Python's own reader finds."""
    for number, line in enumerate(data.split(b"\n"), 1):
        message = _accepted(lambda line=line, number=number: parse_message(line, number))  # type: ignore[misc]
        if message is not None and message.type == "RECORD":
            theirs = _python_json(line).get("record")
            assert _equal(message.record, theirs), (message.record, theirs)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    if isinstance(document, dict):
        _accepted(lambda: read_catalog(document))


def _equal(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, dict):
        return isinstance(theirs, dict) and all(_equal(one, theirs.get(name)) for name, one in mine.items())
    if isinstance(mine, list):
        return isinstance(theirs, list) and all(_equal(one, two) for one, two in zip(mine, theirs, strict=True))
    if isinstance(mine, str) and isinstance(theirs, Decimal):  # a number that cannot be written out stays text
        return Decimal(mine) == theirs
    return bool(mine == theirs)


# --- all of them


def _accepted(read: Callable[[], T]) -> T | None:
    """What the reader gives; None where it refuses. Any other exception is a finding."""
    try:
        return read()
    except (IntacctError, RecordError):
        return None


TARGETS: dict[str, Callable[[bytes], None]] = {
    "answers": answers,
    "values": values,
    "csv": csv_files,
    "jsonl": json_lines,
    "sheets": workbooks,
    "workbooks": zipped,
    "mappings": mappings,
    "filters": filters,
    "statements": statements,
    "settings": settings,
    "tenants": tenants,
    "plans": plans,
    "singer": singer,
}
