#!/usr/bin/env python3
"""Convert the outbox file of a checkout from before version 1 of the outbox (its version was 7), in one transaction.

python scripts/convert_outbox.py FILE. Stop all loads first. Saved plans cannot be converted: make them again.
"""

import sqlite3
import sys
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
ALTER TABLE saved_plan ADD COLUMN beside INTEGER NOT NULL DEFAULT 0;
ALTER TABLE saved_plan ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
CREATE INDEX saved_plan_by_page ON saved_plan (beside, done, at, id);
ALTER TABLE earlier_values RENAME TO replaced_values;
ALTER TABLE witness RENAME TO repeat_guard;
DROP INDEX entry_by_state;
CREATE INDEX entry_by_status ON entry (company, status);
UPDATE OR IGNORE entry SET identity = nfc(identity) WHERE identity <> nfc(identity);
"""


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
        for statement in CHANGES.strip().splitlines():
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {NOW}")
        db.execute("COMMIT")
    return ""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the outbox file")
    problem = convert(Path(sys.argv[1]))
    print(problem or f"{sys.argv[1]} is an outbox of version {NOW} now", file=sys.stderr if problem else sys.stdout)
    sys.exit(2 if problem else 0)
