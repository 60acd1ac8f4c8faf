"""Puts many typed rows into a company's books at once, as fast as one thread can: a company grown in memory.

Rows are packed as they come and kept in blocks; indexes are made at the end. A posted journal entry line goes into
the ledger on the way, so that balances do not depend on the rows that GLDETAIL is served from.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from intacct_bridge.emulator.accounting.ledger import ACCRUAL, POSTED, POSTING_FIELDS, Ledger, posting_of, shown_key
from intacct_bridge.emulator.company.company_data import Books
from intacct_bridge.emulator.settings.cells import SEPARATOR, Value, escaped, text_of
from intacct_bridge.emulator.store.store import SqlValue, StoreTable

_BLOCK = 5000
_KNOWN = 200_000
_Encoders = Mapping[type, Callable[[Any], bytes]]


def load(books: Books, rows: Iterable[tuple[str, Mapping[str, Value]]]) -> dict[str, int]:
    """Keep all rows, in one transaction; tells how many of each object there were."""
    packers: dict[str, _Packer] = {}
    encoders = _encoders()
    with books.store.together():
        poster = _Poster(Ledger(books.store))
        for name, row in rows:
            packer = packers.get(name)
            if packer is None:
                packer = packers[name] = _Packer(books.table(name), encoders)
            packer.add(_shown(books, row) if name == "GLDETAIL" else row)
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
            books.side_tables.number_series.put(series, value=last)
    return {name: packer.count for name, packer in packers.items()}


def _shown(books: Books, row: Mapping[str, Value]) -> Mapping[str, Value]:
    book = row.get("BOOKID")
    if book in (None, ACCRUAL):
        return row
    key = shown_key(str(row["RECORDNO"]), str(book), repeats=books.behaviour.gldetail_key_per_book)
    return {**row, "RECORDNO": key}


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

    def __init__(self, table: StoreTable, encoders: _Encoders) -> None:
        table.create(indexed=False)
        self._table = table
        self._encoders = encoders
        self._block: list[tuple[SqlValue, ...]] = []
        self._places = table.place
        self._next = table.next_number()
        self._searchable = [field for field, _ in table.plan.searchable]
        self.count = 0

    def add(self, row: Mapping[str, Value]) -> None:
        """Pack one row."""
        places, encoders = self._places, self._encoders
        cells = [b""] * len(places)
        for field, value in row.items():
            if value is None:
                continue
            place = places.get(field)
            if place is None:
                self._table.make_places((field,))
                cells.append(b"")
                place = places[field]
            cells[place] = encoders[type(value)](value)
        number = self._number(row, cells)
        self._next = max(self._next, number) + 1
        get = row.get
        values = [None if value is None else _SEARCHED[type(value)](value) for value in map(get, self._searchable)]
        self._block.append((number, *values, SEPARATOR.join(cells)))
        self.count += 1
        if len(self._block) >= _BLOCK:
            self._flush()

    def _number(self, row: Mapping[str, Value], cells: list[bytes]) -> int:
        """The row's number: its key where that is an integer, else the next; a key that it lacks is filled in."""
        plan = self._table.plan
        given = row.get(plan.key) if plan.key_is_integer else None
        if isinstance(given, int):
            return given
        if plan.key_is_integer:
            self._table.make_places((plan.key,))
            cells += [b""] * (len(self._places) - len(cells))
            cells[self._places[plan.key]] = str(self._next).encode()
        return self._next

    def _flush(self) -> None:
        width = len(self._places) - 1
        if any(_count(body) < width for *_, body in self._block):
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


def _whole(value: Any) -> bytes:
    return b"%d" % value


def _remembering(work: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Names, dates and flags come often; each is encoded once."""
    known: dict[Any, bytes] = {}

    def encode(value: Any) -> bytes:
        found = known.get(value)
        if found is None:
            found = work(value)
            if len(known) < _KNOWN:
                known[value] = found
        return found

    return encode


def _encoders() -> _Encoders:
    """How each type of value becomes a cell."""

    def text(value: Any) -> bytes:
        return text_of(value).encode()

    return {
        str: _remembering(escaped),
        int: _whole,
        Decimal: text,
        bool: text,
        date: _remembering(text),
        datetime: _remembering(text),
    }


def _time(value: Any) -> str:
    moment = value if value.tzinfo in (None, UTC) else value.astimezone(UTC)
    return str(moment.isoformat(" "))[:19]


_SEARCHED: dict[type, Callable[[Any], SqlValue]] = {
    str: lambda value: value or None,
    int: int,
    bool: text_of,
    Decimal: text_of,
    date: date.isoformat,
    datetime: _time,
}
"""How each type of value stands in a searchable column."""
