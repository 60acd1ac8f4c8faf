"""Documents that processes share and may lose, such as a catalogue cache: read and replaced as a whole, by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from intacct_bridge.shared_state.database import TableSet
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase

_TABLES = TableSet(
    "documents",
    "the shared documents",
    lambda: "CREATE TABLE document (name TEXT PRIMARY KEY, content BLOB NOT NULL);",
)
_PUT = "INSERT INTO document (name, content) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content"
_PATIENCE = 1.0
"""Seconds to try for a connection: a document can be made again."""


def read_document(place: PostgresPlace, name: str) -> bytes:
    """A document; empty if there is none. An IntacctError if the database cannot be used."""
    with _opened(place) as db:
        rows = db.read("SELECT content FROM document WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else b""


def write_document(place: PostgresPlace, name: str, content: bytes) -> None:
    """Replace a document. An IntacctError if the database cannot be used."""
    with _opened(place) as db, db.transaction():
        db.execute(_PUT, (name, content))


def changed_document(place: PostgresPlace, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Replace a document by what `change` makes of it, while no other process can change one; the new content.

    `change` gets empty bytes if there is no document. Its error leaves the document as it was.
    """
    with _opened(place) as db, db.transaction():
        rows = db.read("SELECT content FROM document WHERE name = ?", (name,))
        before = bytes(rows[0][0]) if rows else b""
        content = change(before)
        if content != before:
            db.execute(_PUT, (name, content))
    return content


@contextmanager
def _opened(place: PostgresPlace) -> Iterator[PostgresDatabase]:
    db = PostgresDatabase(place, _TABLES, patience=_PATIENCE, pooled=True)
    try:
        yield db
    finally:
        db.close()
