"""The databases that are kept between starts: made once for a key, and made again wherever they could be wrong."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import intacct_emulator
import intacct_protocol
from intacct_emulator.store import database_cache
from intacct_emulator.store.database_cache import DatabaseCache, clear


def writes(text: str, made: list[str]) -> Callable[[sqlite3.Connection], None]:
    """A maker that notes that it ran."""

    def make(connection: sqlite3.Connection) -> None:
        made.append(text)
        connection.execute("CREATE TABLE said (text)")
        connection.execute("INSERT INTO said VALUES (?)", (text,))

    return make


def read(cache: DatabaseCache, key: str, made: list[str], text: str = "") -> str:
    database = cache.open((key,), writes(text or key, made))
    assert database is not None
    with closing(database):
        return str(database.execute("SELECT text FROM said").fetchone()[0])


def test_a_database_is_made_once_for_each_key(tmp_path: Path) -> None:
    made: list[str] = []
    assert [read(DatabaseCache(tmp_path / "kept"), key, made) for key in ("a", "b", "a", "b")] == ["a", "b", "a", "b"]
    assert made == ["a", "b"]
    assert clear(tmp_path / "kept") > 0
    assert not (tmp_path / "kept").exists()
    assert clear(tmp_path / "kept") == 0


def test_changed_code_makes_a_database_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("emulator/demo/company.py", "emulator/demo/names.json", "protocol/values.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(intacct_emulator, "__file__", str(tmp_path / "emulator" / "__init__.py"))
    monkeypatch.setattr(intacct_protocol, "__file__", str(tmp_path / "protocol" / "__init__.py"))

    def started() -> str:
        database_cache.sources.cache_clear()
        return read(DatabaseCache(tmp_path / "kept"), "a", made, str(len(made)))

    assert [started(), started()] == ["0", "0"]
    for number, name in enumerate(("emulator/demo/company.py", "emulator/demo/names.json", "protocol/values.py"), 1):
        (tmp_path / name).write_text("2")
        assert started() == str(number)
    (tmp_path / "emulator/demo/new.py").write_text("")
    assert started() == "4"
    database_cache.sources.cache_clear()


def test_a_maker_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE said (text)")
        raise LookupError("no such thing")

    with pytest.raises(LookupError):
        DatabaseCache(tmp_path).open(("a",), fails)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [lambda body: body[:-1000], lambda _: b"", lambda body: b"x" * len(body)])
def test_a_damaged_database_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    made: list[str] = []
    read(DatabaseCache(tmp_path), "a", made)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert read(DatabaseCache(tmp_path), "a", made) == "a"
    assert made == ["a", "a"]


def test_a_killed_process_leaves_no_database(tmp_path: Path) -> None:
    """It is killed while it makes one; the remains are removed a day later."""
    program = (
        "import os, sys; from pathlib import Path\n"
        "from intacct_emulator.store.database_cache import DatabaseCache\n"
        "def make(connection):\n"
        "    connection.execute('CREATE TABLE said (text)'); os._exit(9)\n"
        "DatabaseCache(Path(sys.argv[1])).open(('a',), make)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    made: list[str] = []
    assert read(DatabaseCache(tmp_path), "a", made) == "a"
    assert made == ["a"]
    assert left.exists()
    os.utime(left, (0, 0))
    read(DatabaseCache(tmp_path), "b", made)
    assert not left.exists()


def test_the_last_three_databases_are_kept(tmp_path: Path) -> None:
    made: list[str] = []
    for number, key in enumerate("abcd"):
        read(DatabaseCache(tmp_path), key, made)
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (number + 1, number + 1))
    read(DatabaseCache(tmp_path), "d", made)
    assert len(list(tmp_path.iterdir())) == 3
    read(DatabaseCache(tmp_path), "a", made)
    assert made == ["a", "b", "c", "d", "a"]


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert DatabaseCache(tmp_path / "file" / "folder").open(("a",), writes("a", [])) is None
