"""A plan survives its file exactly, and is applied only while the company is as it was planned for."""

import errno
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan, Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import make_plan, revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import RecordLine
from intacct_bridge.load.tables.delimited import open_csv
from intacct_protocol.errors import InvalidRequestError, SettingsError
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def outbox(tmp_path: Path, ledger: Ledger) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=ledger.clock) as opened:
        yield opened


@pytest.fixture
def plan(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> Plan:
    """Two records to create and one refused, made, saved and opened again."""
    file = tmp_path / "je.csv"
    bad = entry("C").replace("6100", "9999")
    file.write_text(HEADER + entry("A", "100.25") + entry("B").replace("E1", "Shop") + bad)
    made = make_plan(open_csv(file), journal_layout(), ledger.gateway, outbox)
    save_plan(made, tmp_path / "plan.json")
    opened = open_plan(tmp_path / "plan.json")
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0
    assert _bare(opened) == _bare(made)
    return opened


def test_a_plan_that_replaces_another_file_is_its_owners_only_and_complete(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shared.json"
    path.write_text("{}")
    path.chmod(0o644)
    save_plan(plan, path)
    assert path.stat().st_mode & 0o077 == 0
    kept, write = path.read_bytes(), Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        write(self, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SettingsError, match=r"cannot write .*: No space left"):
        save_plan(plan, path)
    assert path.read_bytes() == kept, "the earlier plan stays"
    assert not list(tmp_path.glob("shared.json.*"))


def _bare(plan: Plan) -> Plan:
    """The plan without what its file does not keep."""
    records = []
    for planned in plan.records:
        write = planned.write
        rows = tuple(structs.replace(row, cells={}, fault="") for row in write.rows)
        content = write.input_content and replace(write.input_content, lines=_bare_lines(write.input_content.lines))
        bare = replace(write, rows=rows, lines=_bare_lines(write.lines), findings=(), input_content=content)
        records.append(replace(planned, write=bare))
    return replace(plan, records=tuple(records))


def _bare_lines(lines: Mapping[str, tuple[RecordLine, ...]]) -> dict[str, tuple[RecordLine, ...]]:
    return {
        wrapper: tuple(structs.replace(line, row=structs.replace(line.row, cells={}, fault="")) for line in members)
        for wrapper, members in lines.items()
    }


def test_a_confirmed_plan_is_applied_as_it_was_shown(plan: Plan, ledger: Ledger, outbox: Outbox) -> None:
    confirmed = revalidate_plan(plan, ledger.gateway, outbox)
    assert [record.verdict for record in confirmed.records] == [Verdict.CREATE, Verdict.CREATE]
    assert confirmed.totals == plan.totals
    assert {outcome.status for outcome in Loader(ledger.gateway, outbox).apply(confirmed)} == {RecordStatus.APPLIED}
    again = revalidate_plan(plan, ledger.gateway, outbox)
    assert [record.verdict for record in again.records] == [Verdict.UNCHANGED, Verdict.UNCHANGED]
    assert ledger.posted == ["A", "B"]


def test_a_confirmation_reads_only_what_the_plan_relies_on(plan: Plan, ledger: Ledger, outbox: Outbox) -> None:
    ledger.queries.clear()
    revalidate_plan(plan, ledger.gateway, outbox)
    asked = [query.object for query in ledger.queries]
    assert sorted(asked) == ["GLACCOUNT", "GLBATCH", "GLJOURNAL", "LOCATION", "LOCATIONENTITY"]


def test_a_plan_is_refused_if_the_company_has_changed(plan: Plan, ledger: Ledger, outbox: Outbox) -> None:
    ledger.rows["GLACCOUNT"][2]["STATUS"] = "inactive"
    with pytest.raises(
        InvalidRequestError, match=r"has changed since the plan was made: je\.csv:2: Account: the account '6100'"
    ):
        revalidate_plan(plan, ledger.gateway, outbox)


def test_a_plan_for_another_company_or_entity_is_refused(plan: Plan, ledger: Ledger, outbox: Outbox) -> None:
    ledger.connection = replace(ledger.connection, location_id="E1")
    with pytest.raises(InvalidRequestError, match="entity none, and this connection for company acme, entity E1"):
        revalidate_plan(plan, ledger.gateway, outbox)


@pytest.mark.parametrize("text", ["", "{}", '{"plan": 2}', '{"plan": 1}', "[1]", '{"plan": 1, "target": []}'])
def test_a_file_that_is_not_a_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(SettingsError, match="plan"):
        open_plan(tmp_path / "x.json")
    with pytest.raises(SettingsError, match="cannot read"):
        open_plan(tmp_path / "none.json")


def test_a_saved_plan_warns_of_equal_rows_where_its_input_has_them(
    tmp_path: Path, ledger: Ledger, outbox: Outbox
) -> None:
    """It has no cells, so what reading its rows found is found once, saved, and still said when it is approved."""
    file = tmp_path / "je.csv"
    file.write_text(HEADER + entry("A") * 2 + entry("B"))
    made = make_plan(open_csv(file), journal_layout(), ledger.gateway, outbox)
    save_plan(made, tmp_path / "plan.json")
    opened = open_plan(tmp_path / "plan.json")
    for plan in (made, opened, revalidate_plan(opened, ledger.gateway, outbox)):
        warned = [(finding.rule, finding.position) for record in plan.records for finding in record.findings]
        assert warned == [("equal rows", "je.csv:4"), ("equal rows", "je.csv:5")]
