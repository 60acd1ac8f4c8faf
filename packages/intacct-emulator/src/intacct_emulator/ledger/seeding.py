"""Records to start with, from a program, a JSON file or CSV files, kept as they are: the gateway's rules do not apply.

JSON is `{"VENDOR": [{"VENDORID": "V-1"}]}`, or a list in a file named after its object. CSV is a file named after its
object (`VENDOR.csv`), and its first row names fields. A folder stands for all such files in it, in the order of their
names. Days are ISO or American. A record without a record number gets the next one, and one without stamps is stamped
now. Lines of a posted journal entry count in the ledger. Use `create` for records that should have consequences.

`load` packs rows in blocks as they come and makes the indexes at the end. A posted GLENTRY goes into the
ledger on the way, so that balances do not depend on the rows of GLDETAIL.
"""

import csv
import gc
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.ledger.dimensions import user_defined
from intacct_emulator.ledger.ledger import Ledger, detail_key, entry_of_detail, ledger_line, posted_line
from intacct_emulator.ledger.posting import ACCRUAL
from intacct_emulator.ledger.posting_rows import POSTED_STATES
from intacct_emulator.records.declared_records import typed_cells
from intacct_emulator.settings.cells import text_of
from intacct_emulator.store.packing import ColumnTexts, RowPacker
from intacct_emulator.store.store import SqlValue
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.xml.values import Value

_BLOCK = 5000


def load(
    company: CompanyData, rows: Iterable[tuple[str, Mapping[str, Value]]], *, ledger_from: str = "GLENTRY"
) -> dict[str, int]:
    """Keep all rows, in one transaction; gives the number of rows of each object.

    With `ledger_from="GLDETAIL"`, the rows of GLDETAIL are those of a company, and they alone make the ledger.
    """
    of_detail = ledger_from == "GLDETAIL"
    packers: dict[str, RowPacker] = {}
    texts = ColumnTexts()
    with company.store.together(), _without_cycle_collection():
        poster = _Poster(company)
        for name, row in rows:
            packer = packers.get(name)
            if packer is None:
                packer = packers[name] = RowPacker(company.table(name), texts)
            packer.add(_seeded_detail(company, row) if name == "GLDETAIL" and not of_detail else row)
            if name == "GLBATCH":
                poster.batch(row)
            elif name == "GLENTRY" and not of_detail:
                poster.entry(row)
            elif name == "GLDETAIL":
                poster.detail(row, posts=of_detail)
        for packer in packers.values():
            packer.finish()
        poster.finish()
        for series, last in poster.series.items():
            company.facts.number_series.put(series, value=last)
    return {name: packer.count for name, packer in packers.items()}


@contextmanager
def _without_cycle_collection() -> Iterator[None]:
    """Rows refer to no other rows, so a collection during a load examines all of them and frees none."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _seeded_detail(company: CompanyData, row: Mapping[str, Value]) -> Mapping[str, Value]:
    book = row.get("BOOKID")
    if book in (None, ACCRUAL):
        return row
    key = detail_key(str(row["RECORDNO"]), str(book), repeats=company.behaviour.gldetail_key_per_book)
    return {**row, "RECORDNO": key}


class _Poster:
    """Posts entries as they come. The rows of GLDETAIL that follow an entry name the books that show it."""

    def __init__(self, company: CompanyData) -> None:
        self._user_fields = user_defined(company.catalog)
        self._ledger = Ledger(company.store, self._user_fields)
        self._lines: list[tuple[SqlValue, ...]] = []
        self._entry: Mapping[str, Value] = {}
        self._books: list[str] = []
        self.series: dict[str, int] = {}
        """The last number of each series that no table counts."""

    def batch(self, row: Mapping[str, Value]) -> None:
        """A header, which has a number in its journal."""
        self._count(f"BATCHNO {row.get('JOURNAL')}", row.get("BATCHNO"))

    def _count(self, series: str, number: Value) -> None:
        if isinstance(number, int):
            self.series[series] = max(self.series.get(series, 0), number)

    def entry(self, row: Mapping[str, Value]) -> None:
        """An entry begins; the one before is complete."""
        self._post()
        self._entry, self._books = row, []

    def detail(self, row: Mapping[str, Value], *, posts: bool) -> None:
        """A book shows a line of the entry; with `posts`, this row is the line."""
        book = str(row.get("BOOKID") or ACCRUAL)
        key = str(row.get("RECORDNO", "")).partition("-")[0]
        self._count("GLDETAIL", int(key) if key.isdecimal() else None)
        if posts:
            entry = entry_of_detail({name: text_of(value) for name, value in row.items()})
            self._add([ledger_line(entry, book, self._user_fields)])
        elif row.get("GLENTRYKEY") == self._entry.get("RECORDNO") and book not in self._books:
            self._books.append(book)

    def finish(self) -> None:
        """Post the last entries and make the indexes."""
        self._post()
        if self._lines:  # a shared ledger is copied before a write
            self._ledger.post(self._lines)
        self._ledger.index()

    def _post(self) -> None:
        if self._entry.get("STATE") not in POSTED_STATES:
            return
        self._add(posted_line(self._entry, book, self._user_fields) for book in self._books or [ACCRUAL])

    def _add(self, lines: Iterable[tuple[SqlValue, ...]]) -> None:
        self._lines += lines
        if len(self._lines) >= _BLOCK:
            self._ledger.post(self._lines)
            self._lines = []


Rows = Iterable[Mapping[str, Any]]


def seed(company: CompanyData, name: str, rows: Rows, *, now: float, where: str = "") -> int:
    """Keep rows of one object; gives their number. Raises SettingsError with the record and the field."""
    try:
        described = company.catalog.find(name)
    except InvalidRequestError as error:
        raise SettingsError(f"{where or 'seed'}: {error.message}") from None
    stamp = datetime.fromtimestamp(int(now), UTC)
    typed = (
        (described.name, typed_cells(described, row, stamp, f"{where or described.name}: record {place}"))
        for place, row in enumerate(rows, 1)
    )
    return sum(load(company, typed).values())


def seed_file(company: CompanyData, path: str | Path, *, now: float) -> dict[str, int]:
    """Keep the rows of a JSON or CSV file, or of a folder of them; gives the number of rows of each object."""
    path = Path(path)
    files = sorted(one for one in path.iterdir() if one.suffix in (".json", ".csv")) if path.is_dir() else [path]
    counts: dict[str, int] = {}
    for file in files:
        for name, rows in _read(file):
            counts[name] = counts.get(name, 0) + seed(company, name, rows, now=now, where=str(file))
    return counts


def _read(path: Path) -> Iterator[tuple[str, Rows]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".csv":
            yield path.stem, list(csv.DictReader(text.splitlines()))
            return
        tree = json.loads(text, parse_float=Decimal)
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read records from {path}: {error}") from None
    by_object = tree if isinstance(tree, dict) else {path.stem: tree}
    for name, rows in by_object.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise SettingsError(f"{path}: {name} must be a list of records")
        yield name, rows
