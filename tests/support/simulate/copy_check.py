"""Whether a copy is what the company has: all rows of the company's tables against all rows of the copy."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from intacct_emulator.server.gateway import Emulator
from support.emulator.true_ledger import every_row

STREAMS: Mapping[str, tuple[str, ...]] = {
    "VENDOR": ("RECORDNO", "VENDORID", "NAME", "COMMENTS"),
    "APBILL": ("RECORDNO", "RECORDID", "DESCRIPTION", "WHENDUE", "TRX_TOTALENTERED", "STATE"),
    "APBILLITEM": ("RECORDNO", "RECORDKEY", "ACCOUNTNO", "TRX_AMOUNT"),
    "GLBATCH": ("RECORDNO", "BATCH_TITLE", "BATCH_DATE", "STATE"),
    "GLENTRY": ("RECORDNO", "BATCHNO", "ACCOUNTNO", "TR_TYPE", "TRX_AMOUNT"),
    "ARINVOICE": ("RECORDNO", "RECORDID", "DESCRIPTION", "WHENDUE", "TRX_TOTALENTERED"),
    "ARINVOICEITEM": ("RECORDNO", "RECORDKEY", "TRX_AMOUNT"),
    "SODOCUMENT": ("RECORDNO", "DOCNO", "PONUMBER", "STATE"),
}
"""Streams that are extracted, with the fields that are selected."""
_LEDGER, _DOCUMENTS = ("GLBATCH", "GLENTRY"), ("APBILL", "ARINVOICE")
Cells = tuple[str, ...]


def with_documents(names: Sequence[str]) -> tuple[str, ...]:
    """The streams, and with the ledger the documents that post to it.

    Ledger rows that disappear along with a document are found by runs that read both; that is a documented limit.
    """
    return tuple(dict.fromkeys((*names, *(_DOCUMENTS if set(names) & set(_LEDGER) else ()))))


def differences(emulator: Emulator, uri: str, streams: Mapping[str, Sequence[str]]) -> list[str]:
    """The rows that only one side has, in words."""
    found: list[str] = []
    held = copied(uri, streams)
    for name, fields in streams.items():
        rows = every_row(emulator, name, " ".join(fields))
        there = Counter(tuple(_of_text(row.get(field, "")) for field in fields) for row in rows)
        found += [f"{name}: the copy lacks {row}" for row in sorted((there - held[name]).elements())]
        found += [f"{name}: only the copy has {row}" for row in sorted((held[name] - there).elements())]
    return found


def copied(uri: str, streams: Mapping[str, Sequence[str]]) -> dict[str, Counter[Cells]]:
    """The rows of a copy that are not deleted."""
    scheme, _, path = uri.partition(":")
    if scheme == "duckdb":
        with duckdb.connect(path.removeprefix("///"), read_only=True) as con:
            return {name: Counter(_in_duckdb(con, name, fields)) for name, fields in streams.items()}
    manifest = json.loads((Path(path) / "manifest.json").read_text())
    return {
        name: Counter(
            tuple(_of_value(row.get(field)) for field in fields)
            for row in _latest(Path(path), manifest["streams"][name])
        )
        for name, fields in streams.items()
    }


def _in_duckdb(con: duckdb.DuckDBPyConnection, name: str, fields: Sequence[str]) -> Iterator[Cells]:
    listed = ", ".join(f'"{field}"' for field in fields)
    for row in con.execute(f'SELECT {listed} FROM "{name}" WHERE _deleted_at IS NULL').fetchall():
        yield tuple(map(_of_value, row))


def _latest(folder: Path, entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The latest row of each record, unless a later marker says that its key or its parent is deleted.

    This is a second reader of change files, without the SQL that the product writes for them.
    """
    latest: dict[str, tuple[int, Mapping[str, Any]]] = {}
    gone: dict[tuple[str, str], int] = {}
    for file in entry["files"]:
        for row in _rows(folder / file["name"]):
            number = int(row["_seq"])
            if file["kind"] == "rows":
                key = str(row[entry["key"]])
                latest[key] = max(latest.get(key, (-1, row)), (number, row), key=lambda one: one[0])
            else:
                at = (file["kind"], str(row["value"]))
                gone[at] = max(gone.get(at, -1), number)
    fields = {field for field, _ in gone}
    return [
        row
        for number, row in latest.values()
        if all(gone.get((field, str(row[field])), -1) < number for field in fields)
    ]


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        yield from pq.read_table(path).to_pylist()
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    else:
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line, parse_float=Decimal)


def _of_text(text: str) -> str:
    """A cell of the gateway's answer: numbers without zeros at their end, dates in the form of ISO."""
    if len(text) == 10 and text[2:6:3] == "//" and text[:2].isdigit():
        return f"{text[6:]}-{text[:2]}-{text[3:5]}"
    return _number(text)


def _of_value(value: Any) -> str:
    """A cell of the copy in the same form."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else _number(str(value))


def _number(text: str) -> str:
    try:
        return f"{Decimal(text).normalize():f}"
    except InvalidOperation:
        return text
