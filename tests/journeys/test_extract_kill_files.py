"""`intacct extract` killed while it gives files their names, publishes them, and removes what it has rewritten.

Whatever was done before the kill, the manifest and `latest.sql` each show every stream as it was before or after, and
the next run completes the copy.
"""

import shutil
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from support.journeys.changing import STREAMS, changing_company
from support.journeys.copies import Row, Table, ordered, read, without_times
from support.journeys.file_operations import FileOperations, unavailable
from support.journeys.killing import KILLED, Programs

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "available")
Tables = dict[str, tuple[dict[str, str], list[Row]]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A folder as it was before and after a run that was not killed."""

    programs: Programs
    words: tuple[str, ...]
    before: Path
    after: Path

    @property
    def copy(self) -> Path:
        """The folder of the killed run."""
        return self.programs.place / "killed"

    def kill_before(self, operation: str, number: int) -> list[str]:
        """Kill the run before the n-th of these operations; all of its operations, none if it was not killed."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.before, self.copy)
        operations = FileOperations(self.copy)
        operations.kill_before(number, operation)
        ended = self.programs.run_asking(operations, *command(self.copy, self.words))
        if ended.status != KILLED:
            assert ended.status == 0, ended.err
            return []
        before, after = in_manifest(self.before), in_manifest(self.after)
        for found in (in_manifest(self.copy), in_latest(self.copy)):
            for name in STREAMS:
                assert found[name] in (before[name], after[name]), name
        return operations.seen

    def resume(self) -> None:
        """Make the next run into the folder."""
        ended = self.programs.run("intacct", *command(self.copy, self.words))
        assert ended.status == 0, ended.err
        assert in_manifest(self.copy) == in_latest(self.copy) == in_manifest(self.after)
        assert list(self.copy.rglob("*.tmp")) == []


def command(copy: Path, words: tuple[str, ...]) -> tuple[str, ...]:
    return ("extract", *STREAMS, *words, "--to", f"parquet:{copy}")


def in_manifest(copy: Path) -> Tables:
    return {name: cells(read(f"parquet:{copy}", name)) for name in STREAMS}


def in_latest(copy: Path) -> Tables:
    """What a user finds who begins DuckDB with `latest.sql`."""
    with duckdb.connect() as con, chdir(copy):
        con.execute("SET TimeZone = 'UTC'")
        con.execute(Path("latest.sql").read_text("utf-8"))
        tables = {name: con.table(name) for name in STREAMS}
        types = {name: dict(zip(one.columns, map(str, one.types), strict=True)) for name, one in tables.items()}
        return {
            name: cells(Table(types[name], ordered(one.to_arrow_table().to_pylist()))) for name, one in tables.items()
        }


def cells(table: Table) -> tuple[dict[str, str], list[Row]]:
    """Types and rows; of the customers that changed, each run reads some again."""
    return table.types, [row | {"_run": None} for row in without_times(table.rows)]


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A run that replaces and deletes rows."""
    place = tmp_path_factory.mktemp("copies")
    before, after = place / "before", place / "after"
    with changing_company() as (url, change):
        programs = Programs(place, url)
        assert programs.run("intacct", *command(before, ())).status == 0
        change()
        shutil.copytree(before, after)
        assert programs.run("intacct", *command(after, ())).status == 0
        assert in_manifest(before) != in_manifest(after)
        yield Scene(programs, (), before, after)


@pytest.fixture(scope="module")
def compacted(changed: Scene) -> Scene:
    """A run that rewrites the files of the one before."""
    return Scene(changed.programs, ("--compact",), changed.after, changed.after)


def test_a_run_killed_between_its_files_and_the_manifest_is_done_again(changed: Scene) -> None:
    assert changed.kill_before("fsync CUSTOMER", 1)  # the folder, after its file got its name
    assert (changed.copy / "CUSTOMER" / "000002-0001-rows.parquet").is_file()
    assert in_manifest(changed.copy)["CUSTOMER"] == in_manifest(changed.before)["CUSTOMER"]
    changed.resume()


def test_a_compaction_killed_before_it_removes_a_file_is_continued(compacted: Scene) -> None:
    assert compacted.kill_before("unlink", 2)
    assert len(list(compacted.copy.glob("*/*.parquet"))) > len(list(compacted.after.glob("*/*.parquet")))
    compacted.resume()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("run", "operation", "first"),
    [
        ("changed", "rename 000002", 1),
        ("changed", "rename latest.sql", 1),
        ("compacted", "rename latest.sql", 5),  # the files are complete from there on
        ("compacted", "unlink", 1),
    ],
)
def test_a_run_may_be_killed_before_any_change_of_names(
    request: pytest.FixtureRequest, run: str, operation: str, first: int
) -> None:
    scene: Scene = request.getfixturevalue(run)
    number = first
    while scene.kill_before(operation, number):
        scene.resume()
        number += 1
    assert number > first + 2
