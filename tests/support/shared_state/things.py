"""Tables for the tests of migrations: a table set that has changed twice."""

from collections.abc import Callable

from intacct_bridge.shared_state.database import Migration, Statements, TableSet

NEW = """
CREATE TABLE thing (name TEXT PRIMARY KEY, count INTEGER, user TEXT NOT NULL DEFAULT 'nobody', length INTEGER);
CREATE TABLE note (number INTEGER PRIMARY KEY AUTOINCREMENT, thing TEXT NOT NULL REFERENCES thing (name));
"""


def measure(db: Statements) -> None:
    lengths = [(len(name), name) for (name,) in db.execute("SELECT name FROM thing")]
    db.executemany("UPDATE thing SET length = ? WHERE name = ?", lengths)


def tables(rows: Callable[[Statements], None] = measure) -> TableSet:
    """The tables of version 3."""
    return TableSet(
        "things",
        "the things",
        lambda: NEW,
        migrations=(
            Migration(
                "ALTER TABLE thing ADD COLUMN user TEXT NOT NULL DEFAULT 'nobody';\nUPDATE thing SET count = count + 1;"
            ),
            Migration(
                "CREATE TABLE note (number INTEGER PRIMARY KEY AUTOINCREMENT, thing TEXT NOT NULL"
                " REFERENCES thing (name));\nALTER TABLE thing ADD COLUMN length INTEGER;\n",
                "CREATE INDEX note_by_thing ON note (thing);",
                rows,
            ),
        ),
    )
