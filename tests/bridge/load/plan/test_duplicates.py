"""New records that the company has already: which of the records with their key count, and what they are told."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.load.outbox.entry import WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.duplicates import FindDuplicates
from intacct_bridge.load.plan.plan import MatchRules, PlannedRecord, Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_protocol.xml.values import Value
from support.load.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY: dict[str, Value] = {"JOURNAL": "GJ", "BATCH_DATE": date(2026, 11, 30), "BATCH_TITLE": "T", "REFERENCENO": "R-1"}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW, user="loader") as opened:
        yield opened


def ours(outbox: Outbox, identity: str, record: str, *, undoes: int | None = None) -> int:
    target = WriteTarget("acme", "", WriteOperation.CREATE, "GLBATCH")
    known_by = (Identity(identity, "source"),) if identity.startswith("source") else ()
    entry = new_entry(target, identity, "d", "<create/>", undoes=undoes, identities=known_by)
    (sent,) = outbox.begin(outbox.plan([entry]))
    outbox.conclude([sent.ended(RecordStatus.APPLIED, Receipt(record))])
    return sent.number


def entry(at: int = 2, *, kind: str = "key", verdict: Verdict = Verdict.CREATE, **fields: Value) -> PlannedRecord:
    write = Write(WriteOperation.CREATE, "GLBATCH", {**KEY, **fields}, Identity(f"{kind}:{at}", kind), "d", "entry",
                  (SourceRow("je.csv", at, {}),), source_key=("2",) if kind == "source" else ())  # fmt: skip
    return PlannedRecord(write, verdict)


def posted(number: int, **more: Value) -> dict[str, Value]:
    stamps: dict[str, Value] = {"WHENCREATED": NOW, "AUWHENCREATED": NOW, "CREATEDBYLOGINID": "clerk"}
    return {"RECORDNO": number, **KEY, "REVERSEDFROM": None, **stamps, **more}


def found(
    outbox: Outbox, records: list[PlannedRecord], *rows: dict[str, Value], allow: bool = False, offline: bool = False,
    since: Any = None,
) -> list[PlannedRecord]:  # fmt: skip
    context = SimpleNamespace(
        settings=SimpleNamespace(offline=offline, rules=MatchRules(new_rows=(2, 3, 4) if allow else ())),
        target=TargetCompany("acme", "", "production", "loader"),
        outbox=outbox, company=ShownRecords({"GLBATCH": list(rows)}), entries=lambda writes: [since for _ in writes],
        taken_back=partial(outbox.taken_back, "acme", "GLBATCH"),
    )  # fmt: skip
    return FindDuplicates(cast("PlanContext", context))(records)


@pytest.mark.parametrize(
    ("row", "duplicate"),
    [
        (posted(7), True),
        (posted(7, REFERENCENO="R-2"), False),
        (posted(7, BATCH_TITLE="t"), False),
        (posted(7, REVERSEDFROM="5"), False),  # a reversal that the company made
        (posted(7, STATE="Reversed"), False),  # its key is free again
        (posted(7, STATE="Posted"), True),
    ],
)
def test_a_record_with_the_same_key_is_a_duplicate(outbox: Outbox, row: dict[str, Value], duplicate: bool) -> None:
    (one,) = found(outbox, [entry()], row)
    assert (one.verdict is Verdict.REFUSED) == duplicate
    if duplicate:
        (finding,) = one.findings
        assert (finding.rule, finding.position, finding.refuses) == ("duplicate", "je.csv:2", True)
        assert finding.message == "entry is already in Intacct (GLBATCH 7, by clerk)"
        (allowed,) = found(outbox, [entry()], row, allow=True)
        assert (allowed.verdict, [one.refuses for one in allowed.findings]) == (Verdict.CREATE, [False])
    assert found(outbox, [entry()], row, offline=True) == [entry()]


def test_only_new_records_are_looked_for_and_each_by_its_own_key(outbox: Outbox) -> None:
    records = [entry(2, verdict=Verdict.UNCHANGED), entry(3, REFERENCENO="R-2"), entry(4)]
    first, second, third = found(outbox, records, posted(8), posted(9), *(posted(at) for at in range(10, 15)))
    assert (first, second) == (records[0], records[1])
    assert "(GLBATCH 8, 9, 10, 11, 12, by clerk)" in third.findings[0].message
    (unknown,) = found(outbox, [entry()], posted(7, CREATEDBYLOGINID=None))
    assert "by unknown user" in unknown.findings[0].message
    assert found(outbox, records[:1], posted(7)) == records[:1]


def test_a_record_that_the_company_numbers_is_no_duplicate(outbox: Outbox) -> None:
    some = [Write(WriteOperation.CREATE, "VENDOR", {"NAME": one}, Identity(one, "key"), "d", "vendor",
                  (SourceRow("v.csv", 2, {}),)) for one in "xy"]  # fmt: skip
    context = SimpleNamespace(
        settings=SimpleNamespace(offline=False, rules=MatchRules()),
        target=TargetCompany("acme", "", "production", "loader"),
        outbox=outbox, company=ShownRecords({"VENDOR": [{"RECORDNO": 7, "VENDORID": None}]}),
        entries=lambda writes: [None for _ in writes], taken_back=partial(outbox.taken_back, "acme", "VENDOR"),
    )  # fmt: skip
    new = [PlannedRecord(write, Verdict.CREATE) for write in some]
    assert FindDuplicates(cast("PlanContext", context))(new) == new


def test_an_entry_without_a_reference_is_found_by_the_rest_of_its_key(outbox: Outbox) -> None:
    bare = entry(REFERENCENO=None)
    assert [one.rule for one in found(outbox, [bare], posted(7, REFERENCENO=None))[0].findings] == ["duplicate"]
    assert found(outbox, [bare], posted(7)) == [bare]


def test_what_an_undo_of_ours_took_back_is_no_duplicate(outbox: Outbox) -> None:
    number = ours(outbox, "key:x", "7")
    assert found(outbox, [entry()], posted(7))[0].verdict is Verdict.REFUSED
    ours(outbox, "undo", "8", undoes=number)
    assert found(outbox, [entry()], posted(7), posted(8)) == [entry()]
    assert "GLBATCH 9," in found(outbox, [entry()], posted(7), posted(9))[0].findings[0].message


def test_a_record_of_another_key_of_the_source_is_another_record(outbox: Outbox) -> None:
    ours(outbox, 'source:["1"]', "7")
    by_source = entry(kind="source")
    assert found(outbox, [by_source], posted(7)) == [by_source]
    assert found(outbox, [entry()], posted(7))[0].verdict is Verdict.REFUSED, "a key of the company is stronger"
    conflict = replace(entry(5, REFERENCENO="R-9"), verdict=Verdict.REFUSED, receipt=Receipt("7"))
    assert found(outbox, [by_source, conflict], posted(7))[0].verdict is Verdict.REFUSED, "the input may hold both"


def test_a_record_that_another_loader_has_sent_meanwhile_is_its_own(outbox: Outbox) -> None:
    since = SimpleNamespace(status=RecordStatus.APPLIED, digest="d", receipt=Receipt("7"), sent_at=NOW, totals=())
    (one,) = found(outbox, [entry()], posted(7), since=since)
    assert (one.verdict, one.receipt) == (Verdict.UNCHANGED, Receipt("7"))


def test_two_names_of_one_record_are_refused_both(outbox: Outbox) -> None:
    others = [entry(4, REFERENCENO="R-2"), entry(5, kind="source"), entry(6, verdict=Verdict.UNCHANGED)]
    records = [entry(2), entry(3), *others]
    first, second, *same = found(outbox, records)
    assert same == others
    for one, other in ((first, "je.csv:3"), (second, "je.csv:2")):
        (finding,) = one.findings
        assert (one.verdict, finding.rule, finding.refuses) == (Verdict.REFUSED, "double", True)
        assert finding.message == f"entry is GLBATCH GJ 2026-11-30 T R-1, and so is the record at {other}"
    assert found(outbox, records, allow=True)[0] == records[0], "the user calls it new"
