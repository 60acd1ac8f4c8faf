"""The outbox's SQLite file: where it lies, how it is opened, its statements, and rows as entries."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from intacct_bridge.client.connection import Connection
from intacct_bridge.client.places import state_directory
from intacct_bridge.errors import Fault, SettingsError
from intacct_bridge.flow.entry import Entry, Place, Receipt, State
from intacct_bridge.flow.write import Operation

T = TypeVar("T")
VERSION = 1
_TRIES = 1000

PLAN = """
INSERT INTO entry (company, entity, operation, object, identity, generation, digest, state, attempt, control_id, body,
    request_digest, trace, label, position, tracked, user, loader, planned_at, changed_at)
VALUES (:company, :entity, :operation, :object, :identity, :generation, :digest, 'planned', :attempt, :control_id,
    :body, :request_digest, :trace, :label, :position, :tracked, :user, :loader, :now, :now)
ON CONFLICT (company, entity, operation, object, identity, generation) DO UPDATE SET
    digest = excluded.digest, state = 'planned', attempt = excluded.attempt, control_id = excluded.control_id,
    body = excluded.body, request_digest = excluded.request_digest, trace = excluded.trace, label = excluded.label,
    position = excluded.position, tracked = excluded.tracked, user = excluded.user, loader = excluded.loader,
    planned_at = excluded.planned_at, changed_at = excluded.changed_at, record = NULL, name = NULL, faults = '[]',
    note = ''
WHERE entry.state IN ('planned', 'not_sent', 'rejected', 'aborted')
RETURNING *
"""
TAKE = """
UPDATE entry SET state = 'sent', loader = :loader, user = :user, last_sent_at = :now, changed_at = :now,
    sent_at = CASE state WHEN 'planned' THEN :now ELSE sent_at END
WHERE number = :number AND state = :state AND control_id = :control_id AND digest = :digest
RETURNING sent_at
"""
CONCLUDE = """
UPDATE entry SET state = :state, record = :record, name = :name, faults = :faults, note = :note,
    changed_at = CASE state WHEN :state THEN changed_at ELSE :now END
WHERE number = :number AND (state = 'in_doubt' OR state = 'sent' AND loader = :loader)
    AND NOT (:claim AND operation = 'create' AND EXISTS (
        SELECT 1 FROM entry AS other WHERE other.company = entry.company AND other.object = entry.object
            AND other.operation = 'create' AND other.record = :record AND other.number <> entry.number))
RETURNING *
"""
RECOVER = """
UPDATE entry SET state = 'in_doubt', changed_at = :now, note = 'the loader ended before it wrote down an outcome'
WHERE state = 'sent' AND loader = :loader
RETURNING *
"""

WITNESS = "CREATE TABLE IF NOT EXISTS witness (loader TEXT PRIMARY KEY, control_id TEXT NOT NULL)"


def outbox_path(connection: Connection) -> Path:
    """A connection's outbox: the one it names, else its company's in the user's state directory."""
    if connection.outbox:
        return path_of(connection.outbox)
    client = f"|{connection.client_id}" if connection.client_id else ""
    return default_path(connection.company_id + client, connection.endpoint)


def default_path(company: str, endpoint: str = "", environ: Mapping[str, str] = os.environ) -> Path:
    """Where a company's outbox lives: the user's state directory, never the working directory.

    An endpoint that is not Sage's gets an outbox of its own, or an emulator's company would be taken for the real one.
    """
    host = urlsplit(endpoint).netloc.lower()
    suffix = "" if not host or host.endswith("intacct.com") else f"@{host}"
    return state_directory(environ) / "outbox" / f"{quote(company.casefold() + suffix, safe='@')}.sqlite3"


def path_of(setting: str) -> Path:
    """The file that a connection's `outbox` setting means: a path, or `sqlite:///path`."""
    scheme, colon, rest = setting.partition("://")
    if not colon:
        return Path(setting).expanduser()
    if scheme != "sqlite":
        raise SettingsError(f"an outbox cannot live at {scheme}://", fix="give a path, or sqlite:///path")
    return Path(rest[1:] if rest[2:3] == ":" else rest).expanduser()


def connect(path: Path) -> sqlite3.Connection:
    """The file opened, created or refused; readable by its owner only, since it holds what was posted."""
    if sqlite3.sqlite_version_info < (3, 35):
        raise SettingsError("this Python's SQLite is older than 3.35", fix="use a newer Python")
    db = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=60)
        _prepare(db, path)
    except (sqlite3.Error, OSError) as error:
        if db is not None:
            db.close()
        raise SettingsError(f"the outbox {path} cannot be used: {error}", fix="check the file and its rights") from None
    except SettingsError:
        if db is not None:
            db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.row_factory = sqlite3.Row
    _keep_a_log(db)
    db.execute("PRAGMA synchronous = FULL")
    db.execute("BEGIN IMMEDIATE")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise SettingsError(f"the outbox {path} was written by a newer version", fix="upgrade intacct-bridge")
    if version == 0:
        for statement in _statements(files("intacct_bridge.data").joinpath("outbox.sql").read_text(encoding="utf-8")):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _keep_a_log(db: sqlite3.Connection) -> None:
    """Turn write-ahead logging on, which SQLite refuses at once while another loader does the same to a new file."""
    for _ in range(_TRIES):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        db.execute("BEGIN IMMEDIATE")  # waits for its turn, which the pragma does not
        db.execute("COMMIT")
    raise SettingsError("too many loaders open a new outbox at once", fix="run the load again")


def _statements(script: str) -> Iterator[str]:
    """The script's statements one by one, since `executescript` would commit the transaction they are to be one of."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def entry_of(row: sqlite3.Row) -> Entry:
    """A row as an entry. It unpacks by position, for every record of a load comes through here several times."""
    (
        number, company, entity, operation, object_name, identity, generation, digest, state, attempt, control_id,
        body, request_digest, trace, label, position, tracked, user, loader, planned_at, sent_at, last_sent_at,
        changed_at, record, name, faults, note,
    ) = row  # fmt: skip
    return Entry(
        number,
        Place(company, entity, Operation(operation), object_name),
        identity,
        generation,
        digest,
        State(state),
        attempt,
        control_id,
        body,
        request_digest,
        json.loads(trace),
        label,
        position,
        json.loads(tracked) if tracked != "{}" else {},
        user,
        loader,
        datetime.fromisoformat(planned_at),
        _time(sent_at),
        _time(last_sent_at),
        datetime.fromisoformat(changed_at),
        Receipt(record or "", name or "") if state == State.APPLIED else None,
        _faults(faults) if faults != "[]" else (),
        note,
    )


def _faults(text: str) -> tuple[Fault, ...]:
    return msgspec.json.decode(text, type=tuple[Fault, ...])


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def time_text(moment: datetime) -> str:
    """A moment as the file holds it: UTC, so that text sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def digest_of(body: str) -> str:
    """The digest of a function's text, to know later that what is sent again is what was sent."""
    return hashlib.sha256(body.encode()).hexdigest()


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
