"""Copies, caches and exports hold a company's data: only their owner may read them."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.small_company import Clock, little_company

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")


@pytest.fixture(scope="module")
def reader() -> Iterator[HttpReader]:
    with closing(little_company(Clock())) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


def test_no_file_of_a_command_is_open_to_other_users(intacct: Intacct, reader: HttpReader, home: Path) -> None:
    before = os.umask(0o022)
    try:
        for to in ("duckdb:///copy.duckdb", "csv:copy"):
            assert intacct("extract", "CLASS", "--to", to, **reader.environ).status == 0
        assert intacct("query", "CLASS", "--format", "csv", "--out", "classes.csv", **reader.environ).status == 0
        made = [path for path in home.rglob("*") if path.is_file() or path.name in ("copy", "CLASS")]
        assert len(made) > 6
        assert [str(path) for path in made if path.stat().st_mode & 0o077] == []
    finally:
        os.umask(before)


def test_an_unknown_column_hints_at_the_field_of_a_part(intacct: Intacct, reader: HttpReader) -> None:
    Path("customers.csv").write_text("CUSTOMERID,NAME,EMAIL\nC-1,Acme,a@acme.example\n")
    ran = intacct("load", "customers.csv", "--as", "CUSTOMER", **reader.environ)
    assert ran.status == 2
    assert "DISPLAYCONTACT.EMAIL1" in " ".join(ran.said.split())
