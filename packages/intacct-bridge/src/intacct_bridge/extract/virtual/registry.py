"""The readers of virtual streams, and what they share: typed columns, and a key for rows that have none.

A reader says which columns it has, gives pages of text cells, and may know that nothing changed. Its rows are the
complete stream at that moment, so the copy's other rows are deleted.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.virtual.reader import Row, VirtualPage, VirtualReader
from intacct_bridge.streams.names import LISTING, VirtualStream
from intacct_bridge.streams.partition import PartitionPage
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.xml.values import Formatting, Kind

if TYPE_CHECKING:
    import pyarrow as pa

    from intacct_protocol.xml.python_columns import RowBatch

KEY = "_key"
"""Our key of a row that several columns identify together."""
PLACE = "_row"
"""Our key of a row that nothing identifies: its place among all rows, counted from 1."""


def reader_of(virtual: VirtualStream) -> VirtualReader:
    """The reader of a virtual stream."""
    from intacct_bridge.extract.virtual.balances import BalancesReader
    from intacct_bridge.extract.virtual.dimensions import DimensionsReader, DimensionValuesReader
    from intacct_bridge.extract.virtual.listing import ListingReader
    from intacct_bridge.extract.virtual.reports import ReportReader

    readers: dict[str, type[VirtualReader]] = {
        "trial_balance": BalancesReader,
        "account_balances": BalancesReader,
        "dimensions": DimensionsReader,
        "dimension_values": DimensionValuesReader,
        "report": ReportReader,
        LISTING: ListingReader,
    }
    return readers[virtual.reader]()


def virtual_stream(gateway: ReadGateway, virtual: VirtualStream, select: Sequence[str] = ()) -> Stream:
    """A virtual stream with all its columns, or with the selected ones and those that tell its rows apart.

    InvalidRequestError for an unknown column, if the reader knows all of them.
    """
    reader = reader_of(virtual)
    fields, identity = dict(reader.fields(gateway, virtual)), reader.identity(virtual)
    if select:
        selected = _selected_columns(virtual, fields, select, open_ended=reader.open_ended)
        names = {*selected, *identity}
        fields = {name: kind for name, kind in fields.items() if name in names} | {
            name: Kind.TEXT for name in selected if name not in fields
        }
    key = identity[0] if len(identity) == 1 else KEY if identity else PLACE
    key_fields = {} if len(identity) == 1 else {key: Kind.TEXT if identity else Kind.INTEGER}
    return Stream(
        virtual.table,
        "",
        key_fields | fields,
        key,
        text_key=bool(identity),
        virtual=virtual,
        identity=identity if reader.certain else (),
        open_ended=reader.open_ended and not select,
    )


def _selected_columns(
    virtual: VirtualStream, fields: Mapping[str, Kind], select: Sequence[str], *, open_ended: bool
) -> list[str]:
    by_case = {name.upper(): name for name in fields}
    names = [by_case.get(name.upper(), name) for name in select if name not in (KEY, PLACE)]
    unknown = [name for name in names if name not in fields]
    if unknown and not open_ended:
        raise InvalidRequestError(f"{virtual.table} has no field {unknown[0]}", fix=f"It has {', '.join(fields)}.")
    if virtual.reader == LISTING:  # names of 2.1 are in small letters, as they are where nothing is selected
        return [name if name in fields else name.lower() for name in names]
    return names


def virtual_pages(gateway: ReadGateway, stream: Stream, *, without_arrow: bool = False) -> Iterator[PartitionPage]:
    """The rows of a virtual stream, with typed columns; `without_arrow`: of Python values."""
    assert stream.virtual is not None
    reader, place = reader_of(stream.virtual), 0
    identity = reader.identity(stream.virtual)
    for page in reader.pages(gateway, stream.virtual):
        key_cells = {
            KEY: [key_of(row, identity) for row in page.rows],
            PLACE: [str(place + number) for number in range(1, len(page.rows) + 1)],
        }
        typed = _typed_rows if without_arrow else _typed
        rows = typed(stream, page, key_cells, page.formatting or gateway.formatting)
        place += rows.num_rows
        yield PartitionPage(rows, page.remaining)


def _typed(
    stream: Stream, page: VirtualPage, key_cells: Mapping[str, list[str]], formatting: Formatting
) -> "pa.RecordBatch":
    import pyarrow as pa

    from intacct_protocol.xml.typed_arrow import arrow_type, typed_column

    columns: dict[str, pa.Array] = {}
    for name, cells in _cells(stream, page, key_cells).items():
        kind = stream.fields.get(name, Kind.TEXT)
        texts = pa.array(cells, pa.string())
        columns[name] = typed_column(texts, kind, formatting) if page.rows else pa.nulls(0, arrow_type(kind))
    return pa.RecordBatch.from_pydict(columns)


def _typed_rows(
    stream: Stream, page: VirtualPage, key_cells: Mapping[str, list[str]], formatting: Formatting
) -> "RowBatch":
    from intacct_protocol.xml.python_columns import RowBatch, typed_cells

    cells = _cells(stream, page, key_cells)
    columns = {name: typed_cells(one, stream.fields.get(name, Kind.TEXT), formatting) for name, one in cells.items()}
    return RowBatch(columns, len(page.rows))


def _cells(stream: Stream, page: VirtualPage, key_cells: Mapping[str, list[str]]) -> dict[str, Sequence[str | None]]:
    """The cells of each column."""
    rows = page.rows
    columns: dict[str, Sequence[str | None]] = {}
    present = {name for row in rows for name in row}
    # a column that is not known beforehand can always be selected
    by_case = {name.upper(): name for name in present}
    for name in stream.fields:
        spelled = name if name in present else by_case.get(name.upper(), name)
        columns[name] = key_cells.get(name) or tuple(row.get(spelled) for row in rows)
    if stream.open_ended:
        for name in dict.fromkeys(name for row in rows for name in row if name not in columns):
            columns[name] = [row.get(name) for row in rows]
    return columns


def key_of(row: Row, identity: Sequence[str]) -> str:
    """The identifying cells of a row as one text; different rows have different strings."""
    cells = (row.get(name) or "" for name in identity)
    return "|".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
