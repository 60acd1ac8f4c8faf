"""Journal entries that disappear with the document that posted them, in a database: no audit entry tells of them."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from support.small_company import Clock, client, little_company


@pytest.mark.parametrize(
    "streams",
    [("GLBATCH", "GLDETAIL", "APBILL"), ("APBILL", "GLBATCH"), ("GLBATCH",), ("APBILL", "GLENTRY"), ("GLENTRY",)],
)
def test_the_entry_of_a_deleted_bill_leaves_the_copy_in_the_next_run(tmp_path: Path, streams: Sequence[str]) -> None:
    clock, copy = Clock(), tmp_path / "copy.duckdb"
    with closing(little_company(clock)) as emulator, client(emulator) as company:

        def extract() -> None:
            with closing(open_destination(f"duckdb:///{copy}")) as destination:
                for _ in prepare(company, ReadRequest(streams)).into(destination):
                    pass

        extract()
        clock.forward(days=3)
        bills = [str(row["RECORDNO"]) for row in company.query("APBILL", "RECORDNO", where="STATE = 'Posted'")]
        assert any(done.ok for number in bills[:1] for done in company.delete("APBILL", [number]))
        extract()
        books = emulator.company()
        with duckdb.connect(str(copy)) as database:
            live = "SELECT count(*) FROM {} WHERE _deleted_at IS NULL"
            counts = {name: database.execute(live.format(name)).fetchone() for name in streams}
        assert counts == {name: (books.table(name).count(),) for name in streams}
