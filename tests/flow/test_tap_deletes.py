"""What a tap tells of deletes to consumers that nobody can ask what they hold."""

import json
from datetime import timedelta
from io import BytesIO
from typing import Any

from flow.company import VENDOR, Company
from flow.table import Row
from flow.test_extract import run
from intacct_bridge.edge.singer_sink import SingerSink, SingerState


class Consumer:
    """A table by record number that does what `deletes` says: of rows with a value, only what came since is left."""

    def __init__(self) -> None:
        self.state = SingerState()
        self.rows: dict[Any, Row] = {}

    def take(self, company: Company) -> None:
        out = BytesIO()
        run(SingerSink(out, state=self.state), company, [VENDOR])
        for message in map(json.loads, out.getvalue().splitlines()):
            if message["type"] != "RECORD":
                continue
            record = message["record"]
            if message["stream"] == "VENDOR":
                self.rows[record["RECORDNO"]] = record | {"at": message["time_extracted"]}
                continue
            told = (record["field"], record["value"], record["at"])
            self.rows = {key: row for key, row in self.rows.items() if not is_gone(row, *told)}


def is_gone(row: Row, field: str, value: Any, at: str) -> bool:
    return str(row[field]) == str(value) and bool(row["at"] < at)


def test_a_record_that_is_made_again_under_the_id_of_a_deleted_one_takes_its_place() -> None:
    """The trail names the id only, which somebody bears again; only the company knows under which number."""
    company, consumer = Company(4), Consumer()
    for number in range(5):
        company.add("VENDOR", VENDORID=f"V{number}", NAME="first")
    for _ in range(2):
        consumer.take(company)
        company.clock += timedelta(days=1)
    row, other = company.tables["VENDOR"].rows[2], company.tables["VENDOR"].rows[3]
    for one in (row, other):
        company.drop("VENDOR", one, one["VENDORID"])
    made = company.add("VENDOR", VENDORID=row["VENDORID"], NAME="second")
    for _ in range(2):
        company.clock += timedelta(minutes=1)
        consumer.take(company)
        assert set(consumer.rows) == {one["RECORDNO"] for one in company.tables["VENDOR"].rows}
        assert consumer.rows[made]["NAME"] == "second"
