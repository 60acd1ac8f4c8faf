"""Digests of a copy's tables: a SHA-256 of the names of the columns and of all rows tells whether a table has changed.

Equal rows have equal digests in every destination and in any order. Deleted rows, and the columns that a copy adds, do
not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from intacct_bridge.copies.copy import OpenCopy
from intacct_protocol.model.sql_text import quoted


@dataclass(frozen=True, slots=True)
class TableDigest:
    """The digest of one table."""

    table: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class DigestDifference:
    """A table that is not as it was reported; None if it was not there then, or is not there now."""

    table: str
    reported: TableDigest | None
    now: TableDigest | None


def table_digest(copy: OpenCopy, table: str) -> TableDigest:
    """The digest of a table as it is now."""
    columns = sorted(copy.tables[table].column_names)
    whole, rows = sha256("\n".join(columns).encode()), 0
    cells = ", ".join(_cell(one) for one in columns)
    hashes = f"SELECT sha256(concat({cells})) AS row_hash FROM {copy.relation(table)} ORDER BY 1"
    for batch in copy.batches(hashes):
        row_hashes = batch.column(0).to_pylist()
        rows += len(row_hashes)
        whole.update("\n".join(["", *row_hashes]).encode())
    return TableDigest(table, rows, whole.hexdigest())


def _cell(column: str) -> str:
    """A cell with its length, so that no two rows give the same text; null is a sign of its own."""
    text = f"CAST({quoted(column)} AS VARCHAR)"
    return f"coalesce(length({text}) || ':' || {text}, '-')"


def table_digests(copy: OpenCopy, tables: Sequence[str] = ()) -> Iterator[TableDigest]:
    """The digests of some tables, or of all."""
    for table in tables or sorted(copy.tables):
        yield table_digest(copy, table)
        copy.release(table)


def changed_tables(copy: OpenCopy, reported: Mapping[str, TableDigest]) -> list[DigestDifference]:
    """The tables that are not as they were reported."""
    present = [one for one in copy.tables if one in reported]
    now = {one.table: one for one in table_digests(copy, present)} if present else {}
    return [DigestDifference(name, one, now.get(name)) for name, one in reported.items() if now.get(name) != one]
