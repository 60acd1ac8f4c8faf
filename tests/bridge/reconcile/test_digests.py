"""A digest changes with every cell, and with nothing else."""

from hashlib import sha256
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.copies.copy import open_copy
from intacct_bridge.reconcile.digests import TableDigest, changed_tables, table_digests

ROWS = "(1, 'one', NULL, 2.50), (2, NULL, DATE '2026-01-31', NULL)"


def made(path: Path, rows: str = ROWS) -> Path:
    """A copy with one table."""
    with duckdb.connect(str(path)) as con:
        con.execute(
            'CREATE TABLE "Bills" (RECORDNO BIGINT, "NAME" VARCHAR, "DAY" DATE, AMOUNT DECIMAL(38,14), '
            "_run BIGINT, _read_at TIMESTAMPTZ, _deleted_at TIMESTAMPTZ)"
        )
        con.execute(f'INSERT INTO "Bills" SELECT *, 1, now(), NULL FROM (VALUES {rows})')
    return path


def digest(path: Path) -> str:
    with open_copy(str(path)).open() as copy:
        (found,) = table_digests(copy)
    return found.digest


def test_a_digest_is_the_hash_of_the_columns_and_of_the_sorted_rows(tmp_path: Path) -> None:
    """Each cell with its length, and a hyphen for null; columns in the order of their names."""
    lines = ["16:2.50000000000000-3:one1:1", "-10:2026-01-31-1:2"]
    text = "\n".join(["AMOUNT", "DAY", "NAME", "RECORDNO", *sorted(sha256(one.encode()).hexdigest() for one in lines)])
    assert digest(made(tmp_path / "a.duckdb")) == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "rows",
    [
        "(1, 'one', NULL, 2.50)",
        f"{ROWS}, (2, NULL, DATE '2026-01-31', NULL)",
        "(1, 'One', NULL, 2.50), (2, NULL, DATE '2026-01-31', NULL)",
        "(1, 'one', NULL, 2.51), (2, NULL, DATE '2026-01-31', NULL)",
        "(1, 'one', NULL, 2.50), (2, '', DATE '2026-01-31', NULL)",
        "(1, 'one', DATE '2026-01-31', 2.50), (2, NULL, NULL, NULL)",
    ],
)
def test_another_cell_or_row_gives_another_digest(tmp_path: Path, rows: str) -> None:
    assert digest(made(tmp_path / "a.duckdb")) != digest(made(tmp_path / "b.duckdb", rows))


def test_order_scale_deleted_rows_and_the_columns_of_a_copy_do_not_count(tmp_path: Path) -> None:
    before = digest(made(tmp_path / "a.duckdb"))
    other = made(tmp_path / "b.duckdb", "(2, NULL, DATE '2026-01-31', NULL), (1, 'one', NULL, 2.5), (3, 'x', NULL, 1)")
    with duckdb.connect(str(other)) as con:
        con.execute('UPDATE "Bills" SET _run = 7, _deleted_at = CASE WHEN RECORDNO = 3 THEN now() END')
    assert digest(other) == before


def test_tables_that_changed_or_are_gone_are_named(tmp_path: Path) -> None:
    path = made(tmp_path / "a.duckdb")
    with open_copy(str(path)).open() as copy:
        reported = {one.table: one for one in table_digests(copy)} | {"GONE": TableDigest("GONE", 3, "00")}
        assert [(one.table, one.now) for one in changed_tables(copy, reported)] == [("GONE", None)]
    with duckdb.connect(str(path)) as con:
        con.execute('UPDATE "Bills" SET "NAME" = \'two\' WHERE RECORDNO = 1')
    with open_copy(str(path)).open() as copy:
        assert [one.table for one in changed_tables(copy, reported)] == ["Bills", "GONE"]
