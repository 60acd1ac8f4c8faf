"""Refused rows come back in the input's own layout, mend, and load."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from flow.ledger import HEADER, Ledger, entry
from intacct_bridge.flow.layout_journal import JournalLayout
from intacct_bridge.flow.outbox import Outbox
from intacct_bridge.flow.plan import Plan, Verdict
from intacct_bridge.flow.planning import make_plan
from intacct_bridge.flow.refused import refused_path, write_refused
from intacct_bridge.flow.table import Table, open_csv
from intacct_bridge.flow.table_formats import open_table


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3") as opened:
        yield opened


def planned(table: Table, outbox: Outbox) -> Plan:
    return make_plan(table, JournalLayout(), Ledger(), outbox)


def test_a_refused_record_is_written_whole_and_loads_once_mended(tmp_path: Path, outbox: Outbox) -> None:
    path = tmp_path / "je.csv"
    bad = 'GJ;2026-11-30;T;Bäd;6100;10,50;;;E1;"a;b"\nGJ;2026-11-30;T;Bäd;2100;;10.50;;E1;\n'
    path.write_text((HEADER + entry("R1")).replace(",", ";") + bad, encoding="cp1252")
    table = open_csv(path)
    plan = planned(table, outbox)
    out = refused_path(table)
    assert out.name == "je.refused.csv"
    assert write_refused(table, plan.refused_rows, out) == 2
    text = out.read_text(encoding="utf-8-sig")
    lines = text.splitlines()
    assert lines[0] == HEADER.strip().replace(",", ";") + ";refused because"
    assert lines[1].startswith("GJ;2026-11-30;T;Bäd;6100;10,50;;;E1;\"a;b\";Debit: '10,50' is not an amount")
    assert "another line of GJ" in lines[2]
    out.write_text(text.replace("10,50;;", "10.50;;"), encoding="utf-8-sig")
    again = planned(open_csv(out), outbox)
    assert [record.verdict for record in again.records] == [Verdict.CREATE]
    assert next(again.records[0].write.all_lines).fields["DESCRIPTION"] == "a;b"


def test_json_lines_come_back_as_json_lines_with_exact_numbers(tmp_path: Path, outbox: Outbox) -> None:
    path = tmp_path / "je.jsonl"
    row = '{"journal": "GJ", "date": "2026-11-30", "title": "T", "account": "6100", "debit": 100.255, "credit": null}'
    path.write_text(row + "\n")
    table = open_table(path)
    out = refused_path(table)
    write_refused(table, planned(table, outbox).refused_rows, out)
    assert out.name == "je.refused.jsonl"
    assert out.read_text().startswith(row[:-1] + ', "refused because": "debit: 100.255 has more than two decimals')
