"""Puts many typed rows into a company's books at once, as fast as one thread can: a company grown in memory.

Rows are packed as they come and kept in blocks; indexes are made at the end. A posted journal entry line goes into
the ledger on the way, so that balances do not depend on the rows that GLDETAIL is served from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from intacct_bridge.emulator.books import Books
from intacct_bridge.emulator.cells import SEPARATOR, Value, escaped, text_of
from intacct_bridge.emulator.ledger import ACCRUAL, POSTED, POSTING_FIELDS, Ledger, posting_of
from intacct_bridge.emulator.store import SqlValue, Table

_BLOCK = 5000
_KNOWN_TEXTS = 200_000
_Known = defaultdict[type, dict[Value, bytes]]
"""Cells of values that came before, by type, since 1 and True are equal to Python: names, dates, amounts, flags."""


def load(books: Books, rows: Iterable[tuple[str, Mapping[str, Value]]]) -> dict[str, int]:
    """Keep all rows, in one transaction; tells how many of each object there were."""
    packers: dict[str, _Packer] = {}
    known: _Known = defaultdict(dict)
    with books.store.together():
        poster = _Poster(Ledger(books.store))
        for name, row in rows:
            packer = packers.get(name)
            if packer is None:
                packer = packers[name] = _Packer(books.table(name), known)
            packer.add(row)
            if name == "GLBATCH":
                poster.batch(row)
            elif name == "GLENTRY":
                poster.entry(row)
            elif name == "GLDETAIL":
                poster.shown(row)
        for packer in packers.values():
            packer.finish()
        poster.finish()
        for series, last in poster.series.items():
            books.store.keep_fact(f"series:{series}", str(last))
    return {name: packer.count for name, packer in packers.items()}


class _Poster:
    """Posts entries as they come. The rows of GLDETAIL that follow an entry say in which books it stands."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lines: list[tuple[SqlValue, ...]] = []
        self._entry: Mapping[str, Value] = {}
        self._books: list[str] = []
        self.series: dict[str, int] = {}
        """The last number of each series that no table counts by itself."""

    def batch(self, row: Mapping[str, Value]) -> None:
        """A header, which counts in its journal."""
        self._count(f"BATCHNO {row.get('JOURNAL')}", row.get("BATCHNO"))

    def _count(self, series: str, number: Value) -> None:
        if isinstance(number, int):
            self.series[series] = max(self.series.get(series, 0), number)

    def entry(self, row: Mapping[str, Value]) -> None:
        """An entry begins; the one before is complete."""
        self._post()
        self._entry, self._books = row, []

    def shown(self, row: Mapping[str, Value]) -> None:
        """A book shows a line of the entry."""
        book = str(row.get("BOOKID") or ACCRUAL)
        key = str(row.get("RECORDNO", ""))
        self._count("GLDETAIL", int(key) if key.isdecimal() else None)
        if row.get("GLENTRYKEY") == self._entry.get("RECORDNO") and book not in self._books:
            self._books.append(book)

    def finish(self) -> None:
        """Post what is left, and make the indexes."""
        self._post()
        self._ledger.post(self._lines)
        self._ledger.index()

    def _post(self) -> None:
        if self._entry.get("STATE") not in POSTED:
            return
        row = {field: text_of(self._entry.get(field)) for field in POSTING_FIELDS}
        self._lines += [posting_of(row, book) for book in self._books or [ACCRUAL]]
        if len(self._lines) >= _BLOCK:
            self._ledger.post(self._lines)
            self._lines = []


class _Packer:
    """Packs one object's rows; early rows are held back until most fields have been seen."""

    def __init__(self, table: Table, known: _Known) -> None:
        table.create(indexed=False)
        self._table = table
        self._known = known
        self._block: list[tuple[SqlValue, ...]] = []
        self._places = table.place
        self._next = table.next_number()
        self._searchable = [field for field, _ in table.plan.searchable]
        self.count = 0

    def add(self, row: Mapping[str, Value]) -> None:
        """Pack one row."""
        table, places, known = self._table, self._places, self._known
        cells = [b""] * len(places)
        for field, value in row.items():
            if value is None:
                continue
            place = places.get(field)
            if place is None:
                table.make_places((field,))
                cells.append(b"")
                place = places[field]
            kind = type(value)
            cells[place] = known[kind].get(value) or self._encoded(kind, value)
        number = self._next
        if table.plan.key_is_integer:
            given = row.get(table.plan.key)
            if isinstance(given, int):
                number = given
            else:
                cells = self._with_key(cells, number)
        self._next = max(self._next, number) + 1
        values = [_searchable(row.get(field)) for field in self._searchable]
        self._block.append((number, *values, SEPARATOR.join(cells)))
        self.count += 1
        if len(self._block) >= _BLOCK:
            self._flush()

    def _encoded(self, kind: type, value: Value) -> bytes:
        cell = escaped(text_of(value))
        if kind is not int and len(self._known[kind]) < _KNOWN_TEXTS:
            self._known[kind][value] = cell
        return cell

    def _with_key(self, cells: list[bytes], number: int) -> list[bytes]:
        self._table.make_places((self._table.plan.key,))
        cells += [b""] * (len(self._places) - len(cells))
        cells[self._places[self._table.plan.key]] = str(number).encode()
        return cells

    def _flush(self) -> None:
        width = len(self._places) - 1
        short = [body for *_, body in self._block if _count(body) < width]
        if short:
            self._block = [(*rest, _bytes(body) + SEPARATOR * (width - _count(body))) for *rest, body in self._block]
        self._table.insert_packed(self._block)
        self._block = []

    def finish(self) -> None:
        """Keep what is held back, and make the indexes."""
        self._flush()
        self._table.index()


def _bytes(body: SqlValue) -> bytes:
    assert isinstance(body, bytes)
    return body


def _count(body: SqlValue) -> int:
    return _bytes(body).count(SEPARATOR)


def _searchable(value: Value) -> SqlValue:
    """A typed value as a searchable column holds it."""
    if isinstance(value, bool):
        return text_of(value)
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return text_of(value)
    return value if value != "" else None
