"""Migrations, with made-up versions 2 and 3: a newer program changes the tables at once; older ones keep away."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest

from intacct_bridge.shared_state.database import MOVED, StateDatabase, TableSet
from intacct_bridge.shared_state.open import open_database
from intacct_bridge.shared_state.place import Place, PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase
from intacct_protocol.errors import SettingsError, UnreachableError
from support.repository import ROOT
from support.shared_state.cutting_proxy import AFTER, BEFORE, CuttingProxy
from support.shared_state.things import tables

OLD = "CREATE TABLE thing (name TEXT PRIMARY KEY, count INTEGER);\n"


FIRST = TableSet("things", "the things", lambda: OLD)
CHANGED = [("a", 1 + 1, "nobody", 1), ("bcd", 2 + 1, "nobody", 3)]


def opened(place: Place, wanted: TableSet, name: str = "me") -> "closing[StateDatabase]":
    return closing(open_database(place, wanted, name=name))


def fill(place: Place) -> None:
    with opened(place, FIRST) as db, db.transaction():
        db.executemany("INSERT INTO thing VALUES (?, ?)", [("a", 1), ("bcd", 2)])


def rows(db: StateDatabase) -> list[tuple[object, ...]]:
    return [tuple(row) for row in db.read("SELECT * FROM thing ORDER BY name")]


def test_a_newer_program_changes_the_tables_and_keeps_the_rows(place: Place) -> None:
    fill(place)
    for _ in range(2):
        with opened(place, tables()) as db:
            assert rows(db) == CHANGED
    with opened(place, tables()) as db, db.transaction():
        db.execute("INSERT INTO note (thing) VALUES (?)", ("a",))
        assert db.last_number("note") == 1


def test_tables_that_were_changed_take_the_rows_of_new_ones(place: Place, tmp_path: Path) -> None:
    """A migration and the script of the present version make the same columns."""
    fill(place)
    new = tmp_path / "new.sqlite3"
    with opened(place, tables()) as changed, opened(new, tables()) as made:
        for table in ("thing", "note"):
            query = f"SELECT * FROM {table} WHERE 1 = 0"
            assert list(changed.execute(query)) == list(made.execute(query)) == []
        with made.transaction(), changed.transaction():
            made.executemany("INSERT INTO thing VALUES (?, ?, ?, ?)", rows(changed))
        assert rows(made) == CHANGED


def test_an_earlier_program_keeps_away_from_then_on(place: Place) -> None:
    fill(place)
    with opened(place, tables()):
        pass
    with pytest.raises(SettingsError, match="was written by a newer version"):
        opened(place, FIRST)


def test_an_earlier_program_that_is_at_work_writes_nothing_more(postgres_place: PostgresPlace) -> None:
    fill(postgres_place)
    with opened(postgres_place, FIRST) as early, opened(postgres_place, tables()) as late:
        with pytest.raises(SettingsError, match="was written by a newer version"), early.transaction():
            early.execute("UPDATE thing SET count = 0")
        assert rows(late) == CHANGED


def test_a_program_whose_tables_were_replaced_by_earlier_ones_writes_nothing_more(
    postgres_place: PostgresPlace,
) -> None:
    with opened(postgres_place, tables()) as db:
        db.execute("UPDATE bridge_part SET version = 2")
        with pytest.raises(SettingsError, match="an earlier version, as after a restore"), db.transaction():
            pass


def test_programs_that_open_at_the_same_time_change_the_tables_once(place: Place) -> None:
    fill(place)

    def read(number: int) -> list[tuple[object, ...]]:
        with opened(place, tables(), name=f"p{number}") as db:
            return rows(db)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(8))) == [CHANGED] * 8


KILLED = """
import os, signal, sys
from intacct_bridge.shared_state.open import open_database
from support.shared_state.things import tables
from intacct_bridge.shared_state.place import PostgresPlace
from pathlib import Path
place = PostgresPlace(sys.argv[1], sys.argv[2]) if sys.argv[2:] else Path(sys.argv[1])
open_database(place, tables(lambda _: os.kill(os.getpid(), signal.SIGKILL)), name="killed")
"""


def test_a_program_that_is_killed_in_the_middle_changes_nothing(place: Place) -> None:
    fill(place)
    words = [str(place)] if isinstance(place, Path) else [place.uri, place.schema]
    ended = subprocess.run([sys.executable, "-c", KILLED, *words], cwd=ROOT / "tests", check=False)
    assert ended.returncode == -signal.SIGKILL
    with opened(place, FIRST) as db:
        assert rows(db) == [("a", 1), ("bcd", 2)]
    with opened(place, tables()) as db:
        assert rows(db) == CHANGED


@pytest.mark.parametrize("cut", [BEFORE, AFTER])
def test_a_connection_that_is_cut_at_any_statement_changes_everything_or_nothing(
    postgres_server: str, schemas: Iterator[PostgresPlace], cut: str
) -> None:
    statement, whole = 0, set()
    with CuttingProxy(postgres_server) as proxy:
        while True:
            place = next(schemas)
            fill(place)
            left = [statement]

            def decide(_: bytes, left: list[int] = left) -> str:
                left[0] -= 1
                return cut if left[0] == -1 else ""

            proxy.decide = decide
            with suppress(UnreachableError):
                PostgresDatabase(PostgresPlace(proxy.uri, place.schema), tables()).close()
            proxy.decide = lambda _: ""
            with closing(PostgresDatabase(place, TableSet("none", "none", str))) as db:
                version = db.read("SELECT version FROM bridge_part WHERE part = 'things'")[0][0]
                assert version in (1, 3)
                assert rows(db) == (CHANGED if version == 3 else [("a", 1), ("bcd", 2)])
                whole.add(version)
            if left[0] >= 0:
                break
            statement += 1
    assert statement > 8
    assert whole == {1, 3}


def test_a_user_who_may_not_change_the_tables_is_told_what_to_do(
    postgres_server: str, postgres_place: PostgresPlace
) -> None:
    fill(postgres_place)
    user, schema = f"writer_{postgres_place.schema}", postgres_place.schema
    place = PostgresPlace(re.sub(r"//[^/@]*@?", f"//{user}@", postgres_server, count=1), schema)
    with opened(postgres_place, FIRST) as db:
        db.execute(f'CREATE USER "{user}"')
        db.execute(f'GRANT USAGE ON SCHEMA "{schema}" TO "{user}"')
        db.execute(f'GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA "{schema}" TO "{user}"')
        with opened(place, FIRST) as other, other.transaction():
            other.execute("UPDATE thing SET count = count")  # the user has what the tables of that version need
        with pytest.raises(SettingsError) as caught:
            opened(place, tables())
        assert f"The user {user} may not change them" in caught.value.message
        assert "tables of version 1, and this program needs version 3" in caught.value.message
        assert rows(db) == [("a", 1), ("bcd", 2)]
        assert caught.value.fix.startswith("as an administrator of the database: GRANT ")
        db.execute(caught.value.fix.partition(": ")[2])
    with opened(place, tables()) as db:
        assert rows(db) == CHANGED


def test_a_moved_file_is_changed_too_so_that_an_interrupted_move_can_end(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite3"
    fill(path)
    with opened(path, FIRST) as db:
        db.mark_moved("elsewhere")
    with closing(open_database(path, tables(), name="me", moving=True)) as db:
        assert rows(db) == CHANGED
        assert db.moved_to() == "elsewhere"
        assert db.read("PRAGMA user_version")[0][0] == MOVED + 3
    with pytest.raises(SettingsError, match="was moved to elsewhere"):
        opened(path, tables())


def test_transactions_see_what_others_have_written_before_them(postgres_place: PostgresPlace) -> None:
    """Also where the database's default is another isolation level, which would read as of an earlier moment."""
    with opened(postgres_place, FIRST) as db:
        owner = db.read("SELECT current_user")[0][0]
        db.execute(f"ALTER USER \"{owner}\" SET default_transaction_isolation = 'repeatable read'")
        try:
            with opened(postgres_place, FIRST) as other:
                assert other.read("SELECT current_setting('transaction_isolation')")[0][0] == "read committed"
        finally:
            db.execute(f'ALTER USER "{owner}" RESET default_transaction_isolation')
