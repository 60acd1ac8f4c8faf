"""The dlt source, loaded by dlt itself: the destination has what the company has, deletes included."""

import os
import shutil
import subprocess
import venv
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge.testing import Company
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.model.query.query import Query
from support.repository import DISTRIBUTIONS

STREAMS = ("DEPARTMENT", "APBILL", "APBILLITEM", "GLDETAIL")
FIELDS = {
    "DEPARTMENT": ("RECORDNO", "TITLE"),
    "APBILL": ("RECORDNO", "TOTALENTERED"),
    "APBILLITEM": ("RECORDNO", "AMOUNT"),
    "GLDETAIL": ("RECORDNO", "BATCHKEY", "AMOUNT"),
}


class Books:
    """A company, and a destination that dlt fills from it."""

    def __init__(self, company: Company, folder: Path, **dlt_settings: Any) -> None:
        self.company, self.folder, self.settings = company, folder, dlt_settings
        self.now = datetime.fromisoformat("2026-11-21T11:00:00+00:00")

    def load(self, copy: str = "copy.duckdb") -> None:
        import dlt

        from intacct_bridge.dlt import intacct

        self.now += timedelta(minutes=10)
        self.company.set_clock(self.now)
        pipeline = dlt.pipeline(
            "books",
            destination=dlt.destinations.duckdb(str(self.folder / "out.duckdb")),
            dataset_name="books",
            pipelines_dir=str(self.folder / "pipelines"),
        )
        with self.company.client() as client:
            pipeline.run(intacct(*STREAMS, client=client, copy=self.folder / copy))

    def same(self) -> bool:
        """Whether the destination has the rows of the company, as the gateway gives them."""
        with self.company.client() as client, duckdb.connect(str(self.folder / "out.duckdb")) as out:
            for name, fields in FIELDS.items():
                there = sorted(
                    tuple(map(str, row.values())) for row in client.query(Query(name, fields, show_private=True))
                )
                listed = ", ".join(one.lower() for one in fields)
                here = out.execute(f"SELECT {listed} FROM books.{name.lower()}").fetchall()
                found, wanted = sorted(map(_plain_row, here)), sorted(map(_plain_row, there))
                if found != wanted:
                    return False
        return True


def _plain(cell: Any) -> str:
    """Amounts without trailing zeros."""
    return f"{cell.normalize() + 0:f}" if isinstance(cell, Decimal) else str(cell)


def _plain_row(row: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(_plain, row))


@pytest.fixture
def books(grown: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "ERROR")
    monkeypatch.chdir(tmp_path)
    company = Company(grown.clone())
    yield Books(company, tmp_path)
    company.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of dlt
def test_a_destination_of_dlt_follows_changes_and_deletes(books: Books) -> None:
    books.load()
    assert books.same()
    with books.company.client() as client:
        (made,) = client.create("DEPARTMENT", [{"DEPARTMENTID": "HB", "TITLE": "Harbour"}])
        open_bills = [
            row for row in client.query(Query("APBILL", ("RECORDNO", "TOTALENTERED", "TOTALDUE", "STATE")))
            if row["STATE"] == "Posted" and row["TOTALENTERED"] == row["TOTALDUE"]
        ]  # fmt: skip
        (deleted,) = client.delete("APBILL", [str(open_bills[-1]["RECORDNO"])])
        assert deleted.status == "success"
    books.load()
    assert books.same()
    with books.company.client() as client:
        assert client.delete("DEPARTMENT", [made.key])[0].status == "success"
    books.load()
    assert books.same()
    books.load("another.duckdb")  # the copy was lost
    assert books.same()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of dlt
def test_a_copy_from_a_backup_loses_no_change(books: Books) -> None:
    """Its next run has the number of the run whose rows dlt has loaded last."""
    books.load()
    shutil.copy(books.folder / "copy.duckdb", books.folder / "backup.duckdb")
    with books.company.client() as client:
        assert client.create("DEPARTMENT", [{"DEPARTMENTID": "HB", "TITLE": "Harbour"}])[0].ok
    books.load()
    assert books.same()
    with books.company.client() as client:
        assert client.create("DEPARTMENT", [{"DEPARTMENTID": "DK", "TITLE": "Docks"}])[0].ok
    books.load("backup.duckdb")
    assert books.same()


SCRIPT = """
import sys
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit
import dlt
from intacct_bridge.dlt import intacct
from intacct_bridge.testing import emulated_company

destination, folder = sys.argv[1], sys.argv[2]
open_destination = getattr(dlt.destinations, destination)
target = sys.argv[3]
if destination == "postgres":  # dlt wants a host, and the server listens on a socket
    parts = urlsplit(target)
    socket = parse_qs(parts.query)["host"][0]
    target = {"database": parts.path[1:], "username": "postgres", "password": "none", "host": quote(socket, safe="")}
with emulated_company("demo", months=3) as company:
    counts = []
    key = None
    for step in range(3):
        company.set_clock(datetime.fromisoformat("2026-11-21T11:00:00+00:00") + timedelta(minutes=10 * step))
        with company.client() as client:
            if step == 1:
                key = client.create("DEPARTMENT", [{"DEPARTMENTID": "HB", "TITLE": "Harbour"}])[0].key
            if step == 2:
                assert client.delete("DEPARTMENT", [key])[0].status == "success"
        made = open_destination(target)
        pipeline = dlt.pipeline("b", destination=made, dataset_name="books", pipelines_dir=folder + "/p")
        with company.client() as client:
            pipeline.run(intacct("DEPARTMENT", "GLDETAIL", client=client, copy=folder + "/copy.duckdb"))
        with pipeline.sql_client() as sql:
            asked = ("SELECT count(*) FROM department", "SELECT count(DISTINCT recordno) FROM gldetail")
            counts.append(tuple(sql.execute_sql(one)[0][0] for one in asked))
print(counts)
"""


@pytest.mark.foreign
@pytest.mark.parametrize("destination", ["postgres", "filesystem"])
def test_other_destinations_of_dlt(destination: str, tmp_path: Path, postgres: str) -> None:
    folder = tmp_path / "venv"
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    folders = [str(source.parents[1]) for source in DISTRIBUTIONS]
    wanted = [*folders[:-1], f"{folders[-1]}[emulator,dlt]", f"dlt[{destination}]"]
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *wanted], capture_output=True, text=True, check=False
    )
    assert installed.returncode == 0, installed.stderr
    target = postgres if destination == "postgres" else str(tmp_path / "files")
    environment = {**os.environ, "RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": str(tmp_path)}
    words = [python, "-c", SCRIPT, destination, str(tmp_path), target]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    (before, lines), (with_new, _), (without, same_lines) = eval(done.stdout.splitlines()[-1])
    assert lines == same_lines > 1000
    assert with_new == before + 1
    # a folder of files cannot be merged: the deleted row is added with `_deleted`, and lines that come again are there
    # twice
    assert without == (before if destination == "postgres" else before + 2)
