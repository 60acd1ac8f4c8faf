#!/usr/bin/env python3
"""Convert the outbox file of a checkout from before version 1 of the outbox (its version was 7), in one transaction.

python scripts/convert_outbox.py FILE. Stop all loads first. Saved plans cannot be converted: make them again.

An entry of such a file has one identity. It is known by that and by its content from now on; the numbers of documents
were not kept. A key of one or two columns is taken for one of a file, and a longer one for one of a stream.
"""

import json
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from unicodedata import normalize

from intacct_bridge.machine.locks import try_lock

BEFORE, NOW = 7, 1
CHANGES = """
ALTER TABLE entry RENAME COLUMN state TO status;
ALTER TABLE entry RENAME COLUMN trace TO lookup_key;
ALTER TABLE event RENAME COLUMN state TO status;
ALTER TABLE decision RENAME COLUMN because TO reason;
ALTER TABLE equal_record RENAME COLUMN given TO assigned;
ALTER TABLE kept_plan RENAME TO saved_plan;
ALTER TABLE saved_plan ADD COLUMN company TEXT NOT NULL DEFAULT '';
ALTER TABLE saved_plan ADD COLUMN entity TEXT NOT NULL DEFAULT '';
ALTER TABLE saved_plan ADD COLUMN environment TEXT NOT NULL DEFAULT '';
ALTER TABLE saved_plan ADD COLUMN user_id TEXT NOT NULL DEFAULT '';
ALTER TABLE saved_plan ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE saved_plan ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
CREATE INDEX saved_plan_by_page ON saved_plan (held, done, at, id);
CREATE TABLE plan_piece (plan TEXT NOT NULL REFERENCES saved_plan (id), place INTEGER NOT NULL, \
bytes BLOB NOT NULL, PRIMARY KEY (plan, place));
ALTER TABLE earlier_values RENAME TO replaced_values;
ALTER TABLE witness RENAME TO repeat_guard;
DROP INDEX entry_by_state;
CREATE INDEX entry_by_status ON entry (company, status);
UPDATE OR IGNORE entry SET identity = nfc(identity) WHERE identity <> nfc(identity);
ALTER TABLE entry ADD COLUMN input TEXT NOT NULL DEFAULT '';
ALTER TABLE entry ADD COLUMN identities TEXT NOT NULL DEFAULT '[]';
CREATE INDEX entry_by_input ON entry (input);
CREATE TABLE identity (company TEXT NOT NULL, entity TEXT NOT NULL, object TEXT NOT NULL, kind TEXT NOT NULL, \
text TEXT NOT NULL, place INTEGER NOT NULL, detail TEXT NOT NULL, entry INTEGER NOT NULL REFERENCES entry (number), \
PRIMARY KEY (company, entity, object, text, kind, place)) WITHOUT ROWID;
CREATE INDEX identity_by_entry ON identity (entry);
UPDATE entry SET input = loader;
"""
LIVE = ("sent", "in_doubt", "applied")


def convert(path: Path) -> str:
    """Convert a file, and say why that cannot be done; empty if it was."""
    if not path.is_file():
        return f"there is no file {path}"
    for lock in path.with_name(f"{path.name}.loaders").glob("*"):
        with lock.open("r+b") as file:
            if not try_lock(file):
                return f"a loader is at work with {path}: stop it first"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.create_function("nfc", 1, lambda text: normalize("NFC", text), deterministic=True)
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN EXCLUSIVE")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != BEFORE:
            return f"{path} is not an outbox of version {BEFORE}, but of version {version}"
        for statement in CHANGES.strip().replace("\\\n", "").splitlines():
            db.execute(statement)
        _add_identities(db)
        db.execute(f"PRAGMA user_version = {NOW}")
        db.execute("COMMIT")
    return ""


def _add_identities(db: sqlite3.Connection) -> None:
    """Let every record that was created be known by its one identity and by its content."""
    places: Counter[tuple[str, ...]] = Counter()
    columns = "number, company, entity, object, identity, digest, status"
    created = db.execute(f"SELECT {columns} FROM entry WHERE operation = 'create' ORDER BY number").fetchall()
    for number, *target, before, digest, status in created:
        kind, identity = before.partition(":")[0], before
        if kind == "source" and len(key := json.loads(before.removeprefix("source:"))) < _OF_A_STREAM:
            identity = f"source:{json.dumps(['', *key], ensure_ascii=False, separators=(',', ':'))}"
            db.execute("UPDATE OR IGNORE entry SET identity = ? WHERE number = ?", (identity, number))
        texts = {"content": f"content:{json.dumps([digest])}"} | ({kind: identity} if kind in ("key", "source") else {})
        identities = []
        for of_kind, text in texts.items():
            places[(*target, of_kind, text)] += status in LIVE
            place = places[(*target, of_kind, text)] or 1
            detail = json.loads(text.removeprefix("source:"))[0] if of_kind == "source" else ""
            identities.append({"text": text, "kind": of_kind, "place": place, "detail": detail})
            if status in LIVE:
                values = (*target, of_kind, text, place, detail, number)
                db.execute(f"INSERT INTO identity VALUES ({', '.join('?' * len(values))})", values)
        kept = json.dumps(identities, ensure_ascii=False, separators=(",", ":"))
        db.execute("UPDATE entry SET identities = ? WHERE number = ?", (kept, number))


_OF_A_STREAM = 3
"""The parts of a key of a stream: the name of the source, the stream, and the values of the key."""

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the outbox file")
    problem = convert(Path(sys.argv[1]))
    print(problem or f"{sys.argv[1]} is an outbox of version {NOW} now", file=sys.stderr if problem else sys.stdout)
    sys.exit(2 if problem else 0)
