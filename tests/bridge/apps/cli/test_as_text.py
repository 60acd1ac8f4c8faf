"""A cell that is not of its field's type: the error names a way out, and the way out works."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import RunningServer, serve
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company


@pytest.fixture(scope="module")
def company() -> Iterator[tuple[Emulator, RunningServer]]:
    with closing(little_company(Clock())) as emulator, serve(emulator) as server:
        table = emulator.company().table("VENDOR")
        number, row = next(iter(table.rows()))
        table.update(number, row | {"CREDITLIMIT": "about 5,000"})
        yield emulator, server


@pytest.mark.parametrize("to", ["duckdb:///copy.duckdb", "jsonl:copy"])
def test_the_column_can_be_read_as_text(intacct: Intacct, company: tuple[Emulator, RunningServer], to: str) -> None:
    environ = HttpReader(company[1].url).environ
    failed = intacct("extract", "VENDOR", "CLASS", "--to", to, **environ)
    assert failed.status == 1
    assert "about 5,000" in failed.said
    assert "--as-text VENDOR.CREDITLIMIT" in " ".join(failed.said.split())
    done = intacct("extract", "VENDOR", "CLASS", "--to", to, "--as-text", "vendor.creditlimit", **environ)
    assert done.status == 0, done.said
    if to.startswith("duckdb"):
        with duckdb.connect("copy.duckdb") as database:
            found = [row[0] for row in database.sql("SELECT CREDITLIMIT FROM VENDOR").fetchall()]
    else:
        lines = [line for path in Path("copy").rglob("*.jsonl*") for line in path.read_text().splitlines()]
        found = [row["CREDITLIMIT"] for row in map(json.loads, lines) if "CREDITLIMIT" in row]
    assert "about 5,000" in found
    assert all(value is None or isinstance(value, str) for value in found)


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ("VENDOR.CREDITLIMITT", "did you mean CREDITLIMIT"),
        ("VENDOR.RECORDNO", "rows are found by it"),
        ("VENDOR.WHENMODIFIED", "rows are found by it"),
        ("VENDOR", "names no field"),
    ],
)
def test_a_field_that_cannot_be_read_as_text_is_refused(
    intacct: Intacct, company: tuple[Emulator, RunningServer], field: str, says: str
) -> None:
    environ = HttpReader(company[1].url).environ
    ran = intacct("extract", "VENDOR", "--to", "jsonl:other", "--as-text", field, **environ)
    assert (ran.status, says in ran.said) == (2, True), ran.said
    assert not Path("other").exists()
