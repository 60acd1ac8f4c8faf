"""The layout of Fivetran's connector over our copy, in both databases."""

from contextlib import closing
from typing import Any

import duckdb
import pytest

from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.copies.views.apply import open_database
from intacct_bridge.copies.views.fivetran import apply_fivetran_layout
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_bridge.testing import Company
from intacct_emulator.server.gateway import Emulator

TABLES = {"GLBATCH": "gl_batch", "GLACCOUNT": "gl_account", "APBILL": "ap_bill", "APBILLITEM": "ap_bill_item"}


def ask(uri: str, sql: str) -> list[Any]:
    if uri.startswith("duckdb:"):
        with duckdb.connect(uri.removeprefix("duckdb:")) as con:
            return con.execute(sql).fetchall()
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


@pytest.mark.parametrize("kind", ["duckdb", "postgresql"])
def test_models_for_fivetran_find_their_tables(
    grown: Emulator, kind: str, tmp_path: Any, request: pytest.FixtureRequest
) -> None:
    uri = f"duckdb:{tmp_path / 'copy.duckdb'}" if kind == "duckdb" else request.getfixturevalue("postgres")
    company = Company(grown.clone())
    with company.client() as client, closing(open_destination(uri)) as destination:
        list(prepare(client, ReadRequest(tuple(TABLES))).into(destination))
    company.close()
    with open_database(uri) as destination:
        made = apply_fivetran_layout(destination)
        assert not apply_fivetran_layout(destination).changed
    assert made.schema == "sage_intacct"
    assert {one.name for one in made.skipped} == {"gl_detail", "ar_invoice", "ar_invoice_item"}
    for ours, theirs in TABLES.items():
        (there,) = ask(uri, f'SELECT count(*) FROM "{ours}"')
        assert ask(uri, f"SELECT count(*) FROM sage_intacct.{theirs} WHERE NOT _fivetran_deleted") == [there]
    named = "SELECT recordno, userinfo_loginid, _fivetran_synced IS NOT NULL FROM sage_intacct.gl_batch"
    (row, *_) = ask(uri, named)
    assert row[2]
    columns = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'sage_intacct'"
    names = [name for (name,) in ask(uri, columns)]
    assert all(name == name.lower() and "." not in name for name in names)
