"""Records to start with, from a program, a JSON file or CSV files: kept as they are, by no rule of the gateway.

JSON is `{"VENDOR": [{"VENDORID": "V-1"}]}`, or a list in a file called after its object; CSV is a file called after its
object (`VENDOR.csv`), its first row naming fields; a folder is all such files in it, by name. Days are ISO or American.
A record without a record number gets the next one, one without stamps was made just now, and lines of a posted journal
entry count in the ledger. What must not be kept without its consequences is better made with `create`.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from intacct_bridge.emulator.accounting.loading import load
from intacct_bridge.emulator.company.company_data import Books
from intacct_bridge.errors import InvalidRequestError, RecordError, SettingsError
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.suggestions import did_you_mean
from intacct_bridge.wire.values import Kind, Value, parse_value

Rows = Iterable[Mapping[str, Any]]
_STAMPS = ("WHENMODIFIED", "WHENCREATED", "AUWHENCREATED")


def seed(books: Books, name: str, rows: Rows, *, now: float, where: str = "") -> int:
    """Keep rows of one object; tells how many. Raises SettingsError naming the record and the field."""
    try:
        described = books.catalog.find(name)
    except InvalidRequestError as error:
        raise SettingsError(f"{where or 'seed'}: {error.message}") from None
    stamp = datetime.fromtimestamp(int(now), UTC)
    typed = (
        (described.name, _typed(described, row, stamp, f"{where or described.name}: record {place}"))
        for place, row in enumerate(rows, 1)
    )
    return sum(load(books, typed).values())


def seed_file(books: Books, path: str | Path, *, now: float) -> dict[str, int]:
    """Keep what is in a JSON or CSV file, or in a folder of them; tells how many of each object."""
    path = Path(path)
    files = sorted(one for one in path.iterdir() if one.suffix in (".json", ".csv")) if path.is_dir() else [path]
    found: dict[str, int] = {}
    for file in files:
        for name, rows in _read(file):
            found[name] = found.get(name, 0) + seed(books, name, rows, now=now, where=str(file))
    return found


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


def _typed(described: ObjectDef, row: Mapping[str, Any], stamp: datetime, where: str) -> dict[str, Value]:
    cells: dict[str, Value] = {}
    for name, value in row.items():
        one = described.get(name or "")
        if one is None:
            near = did_you_mean(name or "", described.fields)
            raise SettingsError(f"{where}: {described.name} has no field {name}{near}")
        if value is None or value == "":
            continue
        cells[one.name] = _value(one.kind, value, f"{where}, field {one.name}")
    for name in _STAMPS:
        if described.kind_of(name) is Kind.TIMESTAMP and name in described.fields:
            cells.setdefault(name, stamp)
    return cells


def _value(kind: Kind, value: Any, where: str) -> Value:
    if isinstance(value, (bool, int, Decimal, date)) and kind is not Kind.TEXT:
        return value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        return parse_value(kind, text)
    except RecordError as error:
        raise SettingsError(f"{where}: {error.message}") from None
