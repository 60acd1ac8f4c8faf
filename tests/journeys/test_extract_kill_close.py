"""`intacct extract` killed while DuckDB closes its file: in the last checkpoint, and while it merges row groups.

All rows and bookmarks were committed before. So the copy is already that of a whole run, the next run continues from
there, and no row is lost or doubled. The process is killed before one of its writes, syncs and removals of the files.
"""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.copies.destinations import row_groups
from support.journeys.changing import STREAMS, changing_company
from support.journeys.copies import Row, read, without_times
from support.journeys.file_operations import FileOperations, unavailable
from support.journeys.killing import KILLED, Programs

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "available")
Tables = dict[str, tuple[dict[str, str], list[Row]]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A company of which a copy was made, and then some records were changed."""

    programs: Programs
    before: Path
    """The copy of before the changes."""

    def extract(self, to: Path, *words: str) -> None:
        ended = self.programs.run("intacct", "extract", *STREAMS, *words, "--to", uri(to))
        assert ended.status == 0, ended.err

    def whole(self, name: str, *words: str, fresh: bool) -> "Whole":
        """A run that is not killed."""
        copy = self.programs.place / name
        if not fresh:
            shutil.copy(self.before, copy)
        self.extract(copy, *words)
        return Whole(self, words, fresh, copy, tables(copy))


@dataclass(frozen=True, slots=True)
class Whole:
    """A run that is not killed, and its copy."""

    scene: Scene
    words: tuple[str, ...]
    fresh: bool
    copy: Path
    tables: Tables

    @property
    def killed(self) -> Path:
        """The copy of the same run when it was killed."""
        return self.scene.programs.place / "killed.duckdb"

    def killed_at(self, how: str, number: int, counted: str = "") -> list[str]:
        """Kill the run before this operation; the operations that it came to, none if it was not killed."""
        copy = self.killed
        for left in copy.parent.glob("killed.duckdb*"):
            left.unlink()
        if not self.fresh:
            shutil.copy(self.scene.before, copy)
        operations = FileOperations(copy)
        operations.kill_before(number, counted)
        ended = self.scene.programs.run_asking(operations, "extract", *STREAMS, *self.words, "--to", uri(copy), how=how)
        if ended.status != KILLED:
            assert ended.status == 0, ended.err
            return []
        assert (tables(copy), bookmarks(copy)) == (self.tables, bookmarks(self.copy))
        return operations.seen

    def resume(self) -> None:
        """Make the next run into the copy of the killed one."""
        self.scene.extract(self.killed)
        assert without_run(tables(self.killed)) == without_run(self.tables)


def uri(copy: Path) -> str:
    return f"duckdb:{copy}"


def tables(copy: Path) -> Tables:
    """The types and the rows of each table, with the run that wrote each row."""
    found = {name: read(uri(copy), name) for name in STREAMS}
    return {name: (one.types, without_times(one.rows)) for name, one in found.items()}


def without_run(found: Tables) -> Tables:
    return {name: (types, [row | {"_run": None} for row in rows]) for name, (types, rows) in found.items()}


def bookmarks(copy: Path) -> dict[str, dict[str, Any]]:
    """Where each stream continues, without the only time that another clock than the company's moves.

    Times are to the minute. The company's clock stands still, but a run adds the time since the company's answer.
    """
    with duckdb.connect(str(copy), read_only=True) as con:
        found = {
            name: json.loads(re.sub(r"\b(\d\d:\d\d):\d\d\b", r"\1", text))
            for name, text in con.sql("SELECT stream, bookmark FROM _bridge.bookmarks").fetchall()
        }
    return {name: {part: value for part, value in one.items() if part != "written_at"} for name, one in found.items()}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    place = tmp_path_factory.mktemp("copies")
    with changing_company() as (url, change):
        made = Scene(Programs(place, url), place / "before.duckdb")
        made.extract(made.before)
        change()
        yield made


@pytest.fixture(scope="module")
def loaded(scene: Scene) -> Whole:
    """A first load."""
    return scene.whole("loaded.duckdb", fresh=True)


@pytest.fixture(scope="module")
def changed(scene: Scene) -> Whole:
    """A run that replaces what was changed."""
    return scene.whole("changed.duckdb", fresh=False)


@pytest.fixture(scope="module")
def refreshed(scene: Scene) -> Whole:
    """A run that replaces all rows."""
    return scene.whole("refreshed.duckdb", "--full", fresh=False)


def test_a_first_load_killed_in_the_checkpoint_at_its_end_has_all_rows(loaded: Whole) -> None:
    seen = loaded.killed_at("closing", 5, "pwrite64")
    assert seen.count("pwrite64 killed.duckdb") == 5
    assert "unlink killed.duckdb.wal" not in seen  # which ends a checkpoint
    loaded.resume()


def test_a_run_killed_while_it_merges_row_groups_has_each_replaced_row_once(changed: Whole) -> None:
    seen = changed.killed_at("merging", 3, "pwrite64")
    assert seen.count("pwrite64 killed.duckdb") == 3
    assert "unlink killed.duckdb.wal" not in seen
    _, customers = changed.tables["CUSTOMER"]
    assert {row["_run"] for row in customers} == {1, 2}
    assert len(row_groups(changed.killed, "CUSTOMER")) == 2
    assert len(row_groups(changed.copy, "CUSTOMER")) == 1
    changed.resume()


@pytest.mark.slow
@pytest.mark.parametrize(("run", "how"), [("loaded", "closing"), ("changed", "merging"), ("refreshed", "merging")])
def test_a_run_may_be_killed_before_any_operation_of_its_end(
    request: pytest.FixtureRequest, run: str, how: str
) -> None:
    whole: Whole = request.getfixturevalue(run)
    number = 1
    while whole.killed_at(how, number):
        whole.resume()
        number += 1
    assert number > 8
