"""`intacct watch --map`: events with records in another system's shape; and the run that a watch leaves."""

import json
from pathlib import Path

from support.apps.command_line import Intacct

BILLS = """
name = "payables"
object = "APBILL"

[fields]
RECORDID = "invoice.number"
WHENCREATED = { from = "invoice.date", as = "date", format = "DD.MM.YYYY" }
TRX_TOTALENTERED = { from = "total", as = "number" }

[read]
source = { constant = "Intacct" }
"""


def test_events_have_the_records_in_the_other_systems_shape(demo: Intacct) -> None:
    Path("bills.toml").write_text(BILLS)
    to = ("--to", "jsonl:events", "--once", "--from", "beginning", "--map", "bills.toml")
    ran = demo("watch", "APBILL", "--fields", "RECORDID,WHENCREATED,TRX_TOTALENTERED", *to)
    assert ran.status == 0, ran.err
    asked = demo("query", "APBILL", "--select", "RECORDNO,RECORDID,WHENCREATED,TRX_TOTALENTERED", "--format", "json",
                 "--limit", "0")  # fmt: skip
    expected = {
        str(row["RECORDNO"]): {
            "invoice": {"number": row["RECORDID"], "date": "{2}.{1}.{0}".format(*row["WHENCREATED"].split("-"))},
            "total": row["TRX_TOTALENTERED"],
            "source": "Intacct",
        }
        for row in json.loads(asked.out)
    }
    events = [json.loads(line) for line in Path("events/APBILL.jsonl").read_text().splitlines()]
    assert {one["key"]: one["record"] for one in events} == expected


def test_a_mapping_that_does_not_fit_the_watch_is_refused(demo: Intacct) -> None:
    Path("bills.toml").write_text(BILLS)
    other = demo("watch", "VENDOR", "--to", "jsonl:events", "--once", "--map", "bills.toml")
    assert other.status == 2
    assert "the mapping payables is for APBILL" in other.err
    Path("bills.toml").write_text(BILLS.replace("TRX_TOTALENTERED", '"VENDOR.TAXID"'))
    unknown = demo("watch", "APBILL", "--to", "jsonl:events", "--once", "--map", "bills.toml")
    assert unknown.status == 2
    assert "reads VENDOR.TAXID, which an event of APBILL does not have" in unknown.err


def test_a_watch_leaves_a_run_with_its_events_and_dead_letters(demo: Intacct, home: Path) -> None:
    environ = {"INTACCT_RUN_HISTORY": str(home / "runs.sqlite3")}
    words = ("watch", "CLASS", "--once", "--from", "beginning", "--attempts", "1", "--name", "classes", "--to")
    assert demo(*words, "exec:false", **environ).status == 1
    assert demo(*words, "jsonl:events", **environ).status == 0
    assert demo("create", "CLASS", "CLASSID=W-1", "NAME=Watched", "--yes", **environ).status == 0
    assert demo(*words, "jsonl:events", **environ).status == 0
    runs = json.loads(demo("runs", "list", "--json", **environ).out)
    watched = [one for one in runs if one["command"] == "watch run"]
    assert [one["end"] for one in watched] == ["done", "done", "failures"]
    failed = watched[2]
    assert failed["records"]["dead_letters"] == failed["rows"] > 0
    assert watched[0]["rows"] == watched[0]["records"]["posted"] == 1
    assert watched[0]["destination"] == "jsonl:events"
