"""A page as columns of Python values: the form of a page for a run without Arrow, in less memory and more time.

A `RowBatch` has the few methods of an Arrow batch that an extraction uses, with the same results. `decode_rows` types
every cell by `values.parse_value`, each distinct string of a column once, so values and errors are those of
`columns.decode_batch`. A usual page is matched by one regular expression for a row, which is made from the first row
and has to match every byte; any other page is read by `strict_page.decode_page`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice, repeat
from json import dumps
from typing import Any

from intacct_protocol.errors import RecordError, RemoteProtocolError
from intacct_protocol.xml.envelope import Response
from intacct_protocol.xml.page_layout import (
    REFERENCE,
    PageRows,
    RowLayout,
    UnusualPage,
    check_characters,
    find_rows,
    page_answer_head,
    resolved_reference,
    split_page,
    without_rows,
)
from intacct_protocol.xml.strict_page import PageHead, decode_page
from intacct_protocol.xml.values import DEFAULT, NUMBERS, TEXTS, Formatting, Kind, Value, cell_error, parse_value
from intacct_protocol.xml.xml import MAX_BYTES

_AT_ONCE = 128
"""Rows that are taken apart or written at a time: a page of cells or lines takes several times its own memory."""


@dataclass(frozen=True, slots=True)
class RowColumn:
    """The values of one column."""

    kind: Kind
    values: Sequence[Value]

    def to_pylist(self) -> list[Any]:
        """The values."""
        return list(self.values)

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class RowSchema:
    """The columns of a batch."""

    names: tuple[str, ...]


class RowBatch:
    """Rows in columns, as an Arrow batch has them."""

    def __init__(self, columns: Mapping[str, RowColumn], count: int) -> None:
        self._columns = columns
        self.num_rows = count

    @property
    def schema(self) -> RowSchema:
        """The names of the columns."""
        return RowSchema(tuple(self._columns))

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column; an INTEGER column with a fraction is a DECIMAL one."""
        return {name: column.kind for name, column in self._columns.items()}

    @property
    def nbytes(self) -> int:
        """About the memory of the rows."""
        return 40 * self.num_rows * len(self._columns)

    def column(self, name: str) -> RowColumn:
        """The column of this name."""
        return self._columns[name]

    def slice(self, start: int, length: int) -> "RowBatch":
        """Some rows that follow each other."""
        end = min(start + length, self.num_rows)
        if (start, end) == (0, self.num_rows):
            return self
        cut = {name: RowColumn(one.kind, one.values[start:end]) for name, one in self._columns.items()}
        return RowBatch(cut, end - start)

    def filter(self, selected: Sequence[bool]) -> "RowBatch":
        """The rows that are marked."""
        places = [place for place, keep in enumerate(selected) if keep]
        columns = {
            name: RowColumn(one.kind, [one.values[place] for place in places]) for name, one in self._columns.items()
        }
        return RowBatch(columns, len(places))

    def select(self, names: Iterable[str]) -> "RowBatch":
        """Some columns, in this order."""
        return RowBatch({name: self._columns[name] for name in names}, self.num_rows)

    def drop_columns(self, names: Collection[str]) -> "RowBatch":
        """All other columns."""
        return self.select(name for name in self._columns if name not in names)

    def append_column(self, name: str, column: RowColumn) -> "RowBatch":
        """One more column."""
        return RowBatch({**self._columns, name: column}, self.num_rows)

    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows."""
        names = tuple(self._columns)
        cells = zip(*(one.values for one in self._columns.values()), strict=True)
        return [dict(zip(names, row, strict=True)) for row in cells]


# --- decoding


def decode_rows(
    body: bytes, fields: Mapping[str, Kind], formatting: Formatting = DEFAULT, *, max_bytes: int = MAX_BYTES
) -> tuple[Response, PageHead | None, RowBatch | None]:
    """Decode an answer as `columns.decode_batch` does, with the same columns, values and errors."""
    if len(body) <= max_bytes:
        try:
            response, head, texts = _matched(body)
        except (UnusualPage, RemoteProtocolError):
            pass
        else:
            return response, head, typed_rows(texts, fields, formatting, head)
    page = decode_page(body, max_bytes=max_bytes)
    if page.head is None:
        return page.response, None, None
    names = dict.fromkeys(name for row in page.rows for name in row)
    columns = {name: [row.get(name) for row in page.rows] for name in names}
    return page.response, page.head, typed_rows(columns, fields, formatting, page.head)


def typed_rows(
    texts: Mapping[str, Sequence[str | None]], fields: Mapping[str, Kind], formatting: Formatting, head: PageHead
) -> RowBatch:
    """Columns of strings as values: `fields` first, in their order, then the others as text."""
    columns: dict[str, RowColumn] = {}
    key = texts.get("RECORDNO")
    for name, kind in fields.items():
        cells = texts.get(name)
        if cells is None:
            columns[name] = RowColumn(kind, (None,) * head.count)
            continue
        try:
            columns[name] = typed_cells(cells, kind, formatting)
        except _CellRefused as bad:
            record = f"{head.object} {key[bad.index]}" if key is not None else f"{head.object} row {bad.index + 1}"
            raise cell_error(bad.error, field=name, record=record) from None
    columns |= {name: RowColumn(Kind.TEXT, cells) for name, cells in texts.items() if name not in fields}
    return RowBatch(columns, head.count)


class _CellRefused(Exception):  # noqa: N818
    def __init__(self, error: RecordError, index: int) -> None:
        super().__init__(error.message)
        self.error = error
        self.index = index


def typed_cells(cells: Sequence[str | None], kind: Kind, formatting: Formatting) -> RowColumn:
    """A column of strings as its kind; each distinct string is parsed once."""
    if kind in TEXTS:
        return RowColumn(kind, cells)
    values: dict[str | None, Value] = {}
    for text in dict.fromkeys(cells):
        try:
            values[text] = parse_value(kind, text, formatting) if text else None
        except RecordError as error:
            raise _CellRefused(error, cells.index(text)) from None
    if kind is Kind.INTEGER and not all(_fits_integer(value) for value in values.values()):
        kind = Kind.DECIMAL
        values = {text: Decimal(value) if isinstance(value, int) else value for text, value in values.items()}
    return RowColumn(kind, tuple(map(values.__getitem__, cells)))


def _fits_integer(value: Value) -> bool:
    return value is None or (isinstance(value, int) and -(2**63) <= value < 2**63)


def _matched(body: bytes) -> tuple[Response, PageHead, dict[str, Sequence[str | None]]]:
    """A usual page as columns of strings; UnusualPage for any other."""
    start, end, response = split_page(body)
    rows = find_rows(body, start, end)
    check_characters(rows.page, rows.start, rows.stop)
    try:
        texts = _column_texts(rows)
    except UnusualPage:
        if rows.find(b"/>") < 0:
            raise
        texts = _column_texts(rows.spelled_out())
    head = page_answer_head(response, len(next(iter(texts.values()))))
    return without_rows(response), head, texts


def _column_texts(rows: PageRows) -> dict[str, Sequence[str | None]]:
    """The rows as columns of strings; every byte is matched. Equal strings of a column are one object."""
    layout = RowLayout.learn(rows)
    names = [name.decode() for name in layout.names]
    columns: list[list[str | None]] = [[] for _ in names]
    decoded: list[dict[bytes, str | None]] = [{} for _ in names]
    row, between, page = layout.pattern, layout.between, rows.page
    cells: list[tuple[bytes, ...]] = []
    position = rows.start + len(layout.opening)
    while match := row.match(page, position, rows.stop):
        cells.append(match.groups())
        position = match.end()
        at_end = position == rows.stop
        if at_end or len(cells) == _AT_ONCE:
            _take(columns, decoded, cells)
            cells.clear()
        if at_end:
            return dict(zip(names, columns, strict=True))
        if not page.startswith(between, position, rows.stop):
            break
        position += len(between)
    raise UnusualPage


def _take(
    columns: Sequence[list[str | None]], decoded: Sequence[dict[bytes, str | None]], cells: Sequence[tuple[bytes, ...]]
) -> None:
    """Append cells as strings, references resolved, empty as None; each distinct cell is decoded once."""
    for column, texts, column_cells in zip(columns, decoded, zip(*cells, strict=True), strict=True):
        try:
            for cell in set(column_cells).difference(texts):
                texts[cell] = _text(cell.decode())
        except UnicodeDecodeError:
            raise UnusualPage from None
        column.extend(map(texts.__getitem__, column_cells))


def _text(text: str) -> str | None:
    return (REFERENCE.sub(resolved_reference, text) if "&" in text else text) or None


# --- JSON lines


def row_lines(
    rows: RowBatch,
    prefix: str = "",
    suffix: str = "",
    *,
    decimals_as_text: bool = False,
    as_written: Collection[str] = (),
) -> Iterator[bytes]:
    """The lines that `jsonlines.json_lines` writes of the same rows, some lines at a time."""
    names = rows.schema.names
    constant, columns, text = [], [], prefix + "{"
    for index, name in enumerate(names):
        text += ("," if index else "") + dumps(name, ensure_ascii=False) + ":"
        column = rows.column(name)
        cells = _written(column, decimals_as_text=decimals_as_text, is_json=name in as_written)
        if cells is None:
            text += "null"
            continue
        constant.append(text)
        columns.append(cells)
        text = ""
    ends = text + "}" + suffix + "\n"
    frame = "%s".join(part.replace("%", "%%") for part in (*constant, ends))
    lines: Iterator[tuple[str, ...]] = zip(*columns, strict=True) if columns else repeat((), rows.num_rows)
    while chunk := list(islice(lines, _AT_ONCE)):
        yield "".join([frame % row for row in chunk]).encode()


def _written(column: RowColumn, *, decimals_as_text: bool, is_json: bool) -> Iterable[str] | None:
    """The cells as JSON, each distinct one written once; None if all are empty."""
    distinct = dict.fromkeys(column.values)
    if set(distinct) == {None}:
        return None
    kind = column.kind
    as_text = decimals_as_text and kind in NUMBERS
    fraction = kind is Kind.TIMESTAMP and any(isinstance(one, datetime) and one.microsecond for one in distinct)
    written: dict[Value, str] = {None: "null"}
    for value in distinct:
        if value is not None:
            written[value] = str(value) if is_json else _json(value, as_text=as_text, fraction=fraction)
    return map(written.__getitem__, column.values)


def _json(value: Any, *, as_text: bool, fraction: bool) -> str:
    if isinstance(value, str):
        return dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f'"{_digits(value)}"' if as_text else _digits(value)
    if isinstance(value, datetime):
        naive = value.replace(tzinfo=None)
        return f'"{naive.isoformat(timespec="microseconds" if fraction else "seconds")}Z"'
    return f'"{value.isoformat()}"'


def _digits(value: Decimal) -> str:
    text = format(value, "f")
    plain = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if plain in ("-0", "") else plain


# --- either form


def kinds_of(rows: Any) -> dict[str, Kind]:
    """The kind of each column of a `RowBatch` or an Arrow batch."""
    if isinstance(rows, RowBatch):
        return rows.kinds
    from intacct_protocol.xml.typed_arrow import kind_of

    return dict(zip(rows.schema.names, map(kind_of, rows.schema.types), strict=True))


def keep_rows(rows: Any, selected: Sequence[bool]) -> Any:
    """The rows that are marked, of a `RowBatch` or an Arrow batch."""
    if isinstance(rows, RowBatch):
        return rows.filter(selected)
    import pyarrow as pa

    return rows.filter(pa.array(selected, pa.bool_()))


def with_texts(rows: Any, name: str, texts: Sequence[str | None]) -> Any:
    """The rows of a `RowBatch` or an Arrow batch with one more column."""
    if isinstance(rows, RowBatch):
        return rows.append_column(name, RowColumn(Kind.TEXT, texts))
    import pyarrow as pa

    return rows.append_column(name, pa.array(texts, pa.string()))


def bounds_of(rows: Any, name: str) -> tuple[Any, Any]:
    """The least and the greatest value of a column of a `RowBatch` or an Arrow batch; None if it has none."""
    if isinstance(rows, RowBatch):
        values: list[Any] = [value for value in rows.column(name).values if value is not None]
        return (min(values), max(values)) if values else (None, None)
    import pyarrow.compute as pc

    bounds = pc.min_max(rows.column(name)).as_py()
    return bounds["min"], bounds["max"]
