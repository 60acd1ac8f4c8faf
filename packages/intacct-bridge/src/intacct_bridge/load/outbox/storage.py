"""The outbox's tables: their place, how they are opened, their statements, and rows as entries."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

import msgspec

from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.outbox.entry import OutboxEntry, Total, WriteTarget
from intacct_bridge.load.records.status import WITH_RECEIPT, RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, WriteOperation
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.shared_state.database import Row, TableSet
from intacct_bridge.shared_state.place import Place, is_postgres, name_at, postgres_place, schema_name
from intacct_protocol.errors import Fault, SettingsError

COLUMNS = """number, company, entity, operation, object, identity, generation, digest, status, attempt, control_id,
    body, request_digest, lookup_key, label, position, tracked, "user", loader, planned_at, sent_at, last_sent_at,
    changed_at, record, name, faults, note, sendings, totals, posting_date, url, undoes, input,
    identities"""
SELECT = f"SELECT {COLUMNS} FROM entry JOIN content ON content.entry = entry.number"
LAST_NUMBER = "SELECT coalesce(max(number), 0) FROM entry"
PLAN_NEW = """
INSERT INTO entry (number, company, entity, operation, object, identity, generation, digest, status, attempt,
    control_id, lookup_key, label, position, tracked, "user", loader, planned_at, changed_at, totals, posting_date,
    undoes, input, identities)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'planned', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
REPLAN = """
UPDATE entry SET digest = :digest, status = 'planned', attempt = :attempt, control_id = :control_id,
    lookup_key = :lookup_key, label = :label, position = :position, tracked = :tracked, "user" = :user,
    loader = :loader, planned_at = :now, changed_at = :now, record = NULL, name = NULL, faults = '[]', note = '',
    totals = :totals, posting_date = :posting_date, undoes = :undoes, identities = :identities
WHERE number = :number
"""
CONTENT = """
INSERT INTO content (entry, body, request_digest) VALUES (?, ?, ?)
ON CONFLICT (entry) DO UPDATE SET body = excluded.body, request_digest = excluded.request_digest
"""
REPLACED = """
INSERT INTO replaced_values (entry, fields) VALUES (?, ?) ON CONFLICT (entry) DO UPDATE SET fields = excluded.fields
"""
FORGET_REPLACED = "DELETE FROM replaced_values WHERE entry = ?"
KEEP_REPEAT_GUARD = """
INSERT INTO repeat_guard (loader, control_id) VALUES (?, ?)
ON CONFLICT (loader) DO UPDATE SET control_id = excluded.control_id
"""
CURRENT = "SELECT number, loader, status, sendings, control_id, digest FROM entry WHERE number IN"
REQUESTS = "SELECT entry, request_digest FROM content WHERE entry IN"
MARK_SENT = """
UPDATE entry SET status = 'sent', loader = ?, "user" = ?, last_sent_at = ?, changed_at = ?, sent_at = ?,
    sendings = sendings + 1
WHERE number = ?
"""
NOTE_DEPARTURE = (
    "UPDATE entry SET last_sent_at = ? WHERE number = ? AND status = 'sent' AND loader = ? AND sendings = ?"
)
CONCLUDE = "UPDATE entry SET status = ?, changed_at = ?, record = ?, name = ?, faults = ?, note = ? WHERE number = ?"
HOLD_IDENTITY = """
INSERT INTO identity (company, entity, object, kind, text, place, detail, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (company, entity, object, text, kind, place) DO UPDATE SET detail = excluded.detail, entry = excluded.entry
"""
HOLDERS = """
SELECT identity.text, identity.kind, identity.place, identity.detail, identity.entry FROM identity
WHERE identity.company = ? AND identity.entity = ? AND identity.object = ? AND identity.text IN
"""
LIVE_CONTENTS = """
SELECT entry.number, identity.text FROM entry JOIN identity ON identity.entry = entry.number
WHERE identity.kind = 'content' AND entry.company = ? AND entry.entity = ? AND entry.object = ?
    AND entry.status IN ('sent', 'in_doubt', 'applied') AND entry.input = ?
"""
KEEP_IDENTITIES = "UPDATE entry SET identities = ? WHERE number = ?"
RELEASE_IDENTITIES = "DELETE FROM identity WHERE entry = ?"
NOT_SENT = "UPDATE entry SET status = 'not_sent', changed_at = ?, note = ? WHERE number = ?"
STILL_CLAIMS = "NOT (status = 'released' AND ltrim(record, '0123456789') <> '')"
"""A record number is never used again. A name, such as an order's, is free again once its record was deleted."""
CLAIMED = f"""
SELECT 1 FROM entry WHERE company = ? AND object = ? AND operation = 'create' AND record = ? AND number <> ?
AND {STILL_CLAIMS}
"""
RENAME = "UPDATE entry SET identity = ? WHERE number = ?"
END_RECEIPT = """
UPDATE entry SET status = 'released', changed_at = ?, note = ? WHERE number = ? AND status = 'applied'
"""
END_DELETED = """
UPDATE entry SET status = 'released', changed_at = ?, note = 'deleted by entry ' || ?
WHERE company = ? AND object = ? AND operation = 'create' AND record = ? AND status = 'applied' AND number < ?
"""
RECOVER = """
UPDATE entry SET status = 'in_doubt', changed_at = :now, note = 'the loader ended before it recorded an outcome'
WHERE status = 'sent' AND loader = :loader AND coalesce(last_sent_at, planned_at) < :before
RETURNING number
"""
SEPARATE = "DELETE FROM sent_together WHERE entry = ?"
JOIN = "INSERT INTO sent_together (entry, batch) VALUES (?, ?)"
BATCHES = "SELECT entry, batch FROM sent_together WHERE entry IN"
OF_BATCH = f"{SELECT} JOIN sent_together ON sent_together.entry = entry.number WHERE batch = ? ORDER BY number"
RELEASE = """
UPDATE entry SET status = 'released', changed_at = ?, note = 'taken back by entry ' || ?
WHERE number = ? AND status = 'applied'
"""
TAKEN_BACK = """(
    (status = 'applied' AND undoes IS NOT NULL)
    OR (status = 'released' AND number IN (SELECT undoes FROM entry WHERE status = 'applied' AND undoes IS NOT NULL))
)"""
COUNT_OF = "SELECT assigned, covered FROM equal_record WHERE company = ? AND source = ? AND stream = ? AND digest = ?"
ASSIGN = """
INSERT INTO equal_record (company, source, stream, digest, assigned) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (company, source, stream, digest) DO UPDATE SET assigned = excluded.assigned
WHERE equal_record.assigned < excluded.assigned
"""
COVER = "UPDATE equal_record SET covered = ? WHERE company = ? AND source = ? AND stream = ? AND digest = ?"
RESTART = "UPDATE equal_record SET covered = 0 WHERE company = ? AND source = ? AND stream = ?"
COMPLETE = "UPDATE equal_record SET covered = assigned WHERE company = ? AND source = ? AND stream = ?"
COUNTED = "SELECT 1 FROM equal_record WHERE company = ? AND source = ? AND stream = ? LIMIT 1"
POSITION_OF = "SELECT position, version FROM stream_position WHERE company = ? AND source = ? AND stream = ?"
KEEP_POSITION = """
INSERT INTO stream_position (company, source, stream, position, version) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (company, source, stream) DO UPDATE SET position = excluded.position, version = excluded.version
"""
DECIDE = "INSERT INTO decision (entry, at, person, decision, record, reason) VALUES (?, ?, ?, ?, ?, ?)"

SAVE_PLAN = """
INSERT INTO saved_plan (id, digest, person, at, last_event, company, entity, environment, user_id)
VALUES (?, ?, ?, ?, coalesce((SELECT max(number) FROM event), 0), ?, ?, ?, ?)
"""
PLAN_COLUMNS = "id, digest, person, at, last_event"
PLAN_PAGE = f"""
SELECT {PLAN_COLUMNS} FROM saved_plan
WHERE held = 1 AND done = ? AND company = ? AND entity = ? AND environment = ? AND user_id = ?
    AND (at < ? OR (at = ? AND id < ?))
ORDER BY at DESC, id DESC LIMIT ?
"""
PLANS_ELSEWHERE = """
SELECT entity, environment, user_id, count(*) FROM saved_plan
WHERE held = 1 AND done = ? AND company = ? AND NOT (entity = ? AND environment = ? AND user_id = ?)
GROUP BY entity, environment, user_id ORDER BY entity, environment, user_id
"""
APPLIED_SINCE = """
SELECT entry.record, entry.name, entry.sent_at FROM entry JOIN event ON event.entry = entry.number
WHERE entry.company = ? AND entry.entity = ? AND entry.operation = ? AND entry.object = ? AND entry.identity = ?
    AND event.status = 'applied' AND event.digest = ? AND event.number > ?
ORDER BY event.number DESC
"""


def outbox_place(connection: Connection) -> Place:
    """A connection's outbox: the one that it names, else its company's in the user's state directory."""
    client = f"|{connection.client_id}" if connection.client_id else ""
    if connection.outbox:
        return place_of(connection.outbox, connection.company_id + client, connection.endpoint)
    return default_path(connection.company_id + client, connection.endpoint)


def default_path(company: str, endpoint: str = "") -> Path:
    """The default place of a company's outbox: the user's state directory, never the working directory."""
    return state_directory() / "outbox" / f"{quote(name_at(company, endpoint), safe='@')}.sqlite3"


def place_of(setting: str, company: str = "", endpoint: str = "") -> Place:
    """The place that an `outbox` setting means: a path, `sqlite:///path`, or `postgresql://...`."""
    if is_postgres(setting):
        return postgres_place(setting, schema_name(name_at(company, endpoint)))
    scheme, colon, rest = setting.partition("://")
    if not colon:
        return Path(setting).expanduser()
    if scheme != "sqlite":
        raise SettingsError(
            f"an outbox cannot be at {scheme}://", fix="give a path, sqlite:///path, or postgresql://HOST/DATABASE"
        )
    return Path(rest[1:] if rest[2:3] == ":" else rest).expanduser()


def _script(name: str) -> str:
    return files("intacct_bridge.data").joinpath(name).read_text(encoding="utf-8")


def tables() -> TableSet:
    """The outbox's tables."""
    return TableSet("outbox", "the outbox", lambda: _script("outbox.sql"), _script("outbox_postgres.sql"))


def entry_of(row: Row) -> OutboxEntry:
    """A row as an entry; unpacked by position, because every record of a load passes here several times."""
    (
        number, company, entity, operation, object_name, identity, generation, digest, status, attempt, control_id,
        body, request_digest, lookup_key, label, position, tracked, user, loader, planned_at, sent_at, last_sent_at,
        changed_at, record, name, faults, note, sendings, totals, posting_date, url, undoes, run, identities,
    ) = row  # fmt: skip
    return OutboxEntry(
        number,
        WriteTarget(company, entity, WriteOperation(operation), object_name),
        identity,
        generation,
        digest,
        RecordStatus(status),
        attempt,
        control_id,
        body,
        request_digest,
        json.loads(lookup_key),
        label,
        position,
        json.loads(tracked) if tracked != "{}" else {},
        user,
        loader,
        datetime.fromisoformat(planned_at),
        _time(sent_at),
        _time(last_sent_at),
        datetime.fromisoformat(changed_at),
        Receipt(record or "", name or "") if status in WITH_RECEIPT else None,
        _faults(faults) if faults != "[]" else (),
        note,
        sendings,
        msgspec.json.decode(totals, type=tuple[Total, ...]) if totals != "[]" else (),
        date.fromisoformat(posting_date) if posting_date else None,
        url,
        undoes,
        run,
        msgspec.json.decode(identities, type=tuple[Identity, ...]) if identities != "[]" else (),
    )


def new_values(entry: OutboxEntry) -> tuple[str | int | None, ...]:
    """The parameters of PLAN_NEW for a new entry."""
    now = time_text(entry.planned_at)
    return (
        entry.number,
        *entry.target.parts,
        entry.identity,
        entry.generation,
        entry.digest,
        entry.attempt,
        entry.control_id,
        _text(entry.lookup_key),
        entry.label,
        entry.position,
        _text(entry.tracked),
        entry.user,
        entry.loader,
        now,
        now,
        _totals(entry),
        _day(entry),
        entry.undoes,
        entry.input,
        identities_text(entry.identities),
    )


def replanned_values(entry: OutboxEntry) -> dict[str, str | int | None]:
    """The parameters of REPLAN for an entry that was planned before."""
    return {
        "number": entry.number,
        "digest": entry.digest,
        "attempt": entry.attempt,
        "control_id": entry.control_id,
        "lookup_key": _text(entry.lookup_key),
        "label": entry.label,
        "position": entry.position,
        "tracked": _text(entry.tracked),
        "user": entry.user,
        "loader": entry.loader,
        "now": time_text(entry.planned_at),
        "totals": _totals(entry),
        "posting_date": _day(entry),
        "undoes": entry.undoes,
        "identities": identities_text(entry.identities),
    }


def conclude_values(entry: OutboxEntry) -> tuple[str | int | None, ...]:
    """The parameters of CONCLUDE for a concluded entry."""
    receipt = entry.receipt
    faults = msgspec.json.encode(entry.faults).decode() if entry.faults else "[]"
    record, name = (receipt.record or None, receipt.name or None) if receipt else (None, None)
    return (entry.status.value, time_text(entry.changed_at), record, name, faults, entry.note, entry.number)


def identities_text(identities: tuple[Identity, ...]) -> str:
    """Identities as the outbox has them beside their entry."""
    return msgspec.json.encode(identities).decode() if identities else "[]"


def held_values(entry: OutboxEntry) -> Iterator[tuple[str | int, ...]]:
    """The parameters of HOLD_IDENTITY for every identity of an entry."""
    company, entity, _, name = entry.target.parts
    for identity in entry.identities:
        place = (identity.kind, identity.text, identity.place, identity.detail)
        yield (company, entity, name, *place, entry.number)


def _totals(entry: OutboxEntry) -> str:
    return msgspec.json.encode(entry.totals).decode() if entry.totals else "[]"


def _day(entry: OutboxEntry) -> str:
    return entry.posting_date.isoformat() if entry.posting_date else ""


def _text(values: Mapping[str, str]) -> str:
    return msgspec.json.encode(values).decode() if values else "{}"


def _faults(text: str) -> tuple[Fault, ...]:
    return msgspec.json.decode(text, type=tuple[Fault, ...])


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def time_text(moment: datetime) -> str:
    """A moment as the file has it: in UTC, so that strings sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def digest_of(body: str) -> str:
    """The digest of a function's text, which shows that a resend sends what was sent before."""
    return hashlib.sha256(body.encode()).hexdigest()
