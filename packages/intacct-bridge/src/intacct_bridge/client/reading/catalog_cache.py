"""The catalogue cache: definitions, object names, the user's formatting and the financial setup, kept between runs.

There is one file for each company, user and entity; each entry has the time when it was read. Entries that are older
than the connection's `catalog_hours`, or damaged, are read again. Losing the file costs a few calls. If the outbox
is in a database, the file is a document there, which all machines share.
"""

import hashlib
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from intacct_bridge.connections.connection import Connection
from intacct_bridge.machine.replaced_file import replaced
from intacct_bridge.shared_state.place import shared_place
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.catalog import Catalog, ObjectDef
from intacct_protocol.model.snapshot import catalog_from_snapshot, snapshot

_FORMAT = 1


class _Entry(msgspec.Struct, frozen=True):
    at: float
    value: msgspec.Raw


class _File(msgspec.Struct):
    format: int
    entries: dict[str, _Entry]


class CatalogCache:
    """Entries by name, in memory and, if there is a directory, on disk. Threads may share it."""

    def __init__(self, connection: Connection, directory: Path | None, *, wall: Callable[[], float]) -> None:
        self._path = None if directory is None else directory / "catalog" / _file_name(connection)
        self._shared = shared_place(connection) if directory is not None else None
        self._oldest = connection.catalog_hours * 3600
        self._wall = wall
        self._lock = threading.Lock()
        self._changed = False
        self._entries = self._load()
        self._fresh: set[str] = set()
        """The other entries that this run has read."""
        self._objects: dict[str, ObjectDef] = {}
        self.from_disk: set[str] = set()
        """The definitions that came from the file and may be out of date."""

    def definition(self, name: str, doc_par_id: str | None) -> ObjectDef | None:
        """A definition that is not too old; None if there is none."""
        key = _key(name, doc_par_id)
        with self._lock:
            described = self._objects.get(key)
            if described is not None:
                return described
            stored = self._young(f"object {key}")
            if stored is None:
                return None
            try:
                (described,) = catalog_from_snapshot(bytes(stored)).values()
            except (SettingsError, ValueError):
                return None
            self._objects[key] = described
            self.from_disk.add(key)
            return described

    def keep_definition(self, described: ObjectDef, name: str, doc_par_id: str | None) -> None:
        """Remember a definition that the gateway has just given."""
        key = _key(name, doc_par_id)
        with self._lock:
            self._objects[key] = described
            self.from_disk.discard(key)
            self._put(f"object {key}", snapshot(Catalog([described])))

    def forget(self, name: str, doc_par_id: str | None, *, if_from_disk: bool) -> bool:
        """Drop a definition, or drop it only if it came from the file; False if it stays."""
        key = _key(name, doc_par_id)
        with self._lock:
            if if_from_disk and key not in self.from_disk:
                return False
            self.from_disk.discard(key)
            self._objects.pop(key, None)
            self._entries.pop(f"object {key}", None)
            self._changed = True
            return True

    def begin_run(self) -> None:
        """What was read until now counts as stored by an earlier run, and what is too old is dropped."""
        with self._lock:
            for key in [key for key in self._objects if self._young(f"object {key}") is None]:
                del self._objects[key]
            self.from_disk = set(self._objects)
            self._fresh.clear()

    def definitions(self) -> list[ObjectDef]:
        """The definitions that this run has used."""
        with self._lock:
            return [found for key, found in self._objects.items() if "|" not in key]

    def get(self, name: str) -> Any:
        """Another entry, or None."""
        with self._lock:
            stored = self._young(name)
            return None if stored is None else msgspec.json.decode(stored)

    def keep(self, name: str, value: Any) -> None:
        """Keep another entry, made of JSON values."""
        with self._lock:
            self._put(name, msgspec.json.encode(value))
            self._fresh.add(name)

    def age(self, name: str) -> float:
        """Seconds since another entry was read; 0 if there is none."""
        with self._lock:
            entry = self._entries.get(name)
            return 0.0 if entry is None else max(0.0, self._wall() - entry.at)

    def forget_stored(self, name: str) -> bool:
        """Drop another entry that came from the file; False if this run read it, or if there is none."""
        with self._lock:
            if name in self._fresh or name not in self._entries:
                return False
            del self._entries[name]
            self._changed = True
            return True

    def save(self) -> None:
        """Write new entries to disk. A failure costs later runs a few calls, and this run nothing."""
        with self._lock:
            if self._path is None or not self._changed:
                return
            young = {name: entry for name, entry in self._entries.items() if self._young(name) is not None}
            document = msgspec.json.encode(_File(_FORMAT, young))
            self._changed = False
        if self._shared is not None:
            from intacct_bridge.shared_state.documents import write_document

            with suppress(IntacctError):
                write_document(self._shared, self._path.name, document)
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with replaced(self._path) as fresh:
                fresh.write_bytes(document)

    def _put(self, name: str, document: bytes) -> None:
        self._entries[name] = _Entry(self._wall(), msgspec.Raw(document))
        self._changed = True

    def _young(self, name: str) -> msgspec.Raw | None:
        entry = self._entries.get(name)
        if entry is None or not 0 <= self._wall() - entry.at < self._oldest:
            return None
        return entry.value

    def _load(self) -> dict[str, _Entry]:
        try:
            file = msgspec.json.decode(self._stored(), type=_File)
        except (OSError, msgspec.DecodeError, IntacctError):
            return {}
        return file.entries if file.format == _FORMAT else {}

    def _stored(self) -> bytes:
        if self._path is None:
            return b""
        if self._shared is None:
            return self._path.read_bytes()
        from intacct_bridge.shared_state.documents import read_document

        return read_document(self._shared, self._path.name)


def _key(name: str, doc_par_id: str | None) -> str:
    return f"{name.upper()}|{doc_par_id}" if doc_par_id else name.upper()


def _file_name(connection: Connection) -> str:
    """A readable name, different for every endpoint, company, user and entity: definitions may differ between them."""
    identity = "\n".join((connection.endpoint, connection.company_id, connection.client_id, connection.user_id))
    digest = hashlib.sha256(f"{identity}\n{connection.location_id}\n{connection.dtd_version}".encode()).hexdigest()[:16]
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', connection.company_id)}-{digest}.json"
