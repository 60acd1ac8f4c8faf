"""The plan: what a load would do, in the input's own words, with nothing written and every reading counted."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.outbox.described import posting_date, write_target
from intacct_bridge.load.outbox.entry import new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import MatchRules, Plan, PlannedRecord, PlanSettings, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Receipt, Write, WriteOperation
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.target.functions import Functions
from intacct_protocol.errors import NotPermittedError
from intacct_protocol.xml.values import Value
from intacct_protocol.xml.xml import serialize
from support.load.journal import journal_layout
from support.load.ledger import HEADER, Ledger, entry

_USUAL = PlanSettings()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def outbox(tmp_path: Path, ledger: Ledger) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=ledger.clock) as opened:
        yield opened


class Planner:
    def __init__(self, folder: Path, ledger: Ledger, outbox: Outbox) -> None:
        self.path, self.ledger, self.outbox = folder / "je.csv", ledger, outbox

    def __call__(self, rows: str, settings: PlanSettings | None = None) -> Plan:
        self.path.write_text(HEADER + rows)
        return make_plan(
            open_csv(self.path), journal_layout(), self.ledger.gateway, self.outbox, settings or PlanSettings()
        )


@pytest.fixture
def plan(tmp_path: Path, ledger: Ledger, outbox: Outbox) -> Planner:
    return Planner(tmp_path, ledger, outbox)


def reasons(planned: Plan) -> list[tuple[str, str, str]]:
    return [(f.rule, f.column, f.position) for record in planned.records for f in record.reasons]


def test_a_valid_file_gets_a_plan_with_cost_and_totals_and_nothing_is_sent(plan: Planner, ledger: Ledger) -> None:
    planned = plan(entry("R1", "10.10") + entry("R2", "0.20"))
    assert [record.verdict for record in planned.records] == [Verdict.CREATE, Verdict.CREATE]
    assert planned.transactions == 2
    (total,) = planned.totals
    assert total.debit == total.credit == Decimal("10.30")
    assert ledger.submits == []
    assert planned.reads == ledger.meter.transactions == len(ledger.queries)
    assert planned.unchecked == ()


def test_references_cost_one_query_per_object_for_any_number_of_records(plan: Planner, ledger: Ledger) -> None:
    few, many = plan(entry("R1")).reads, plan("".join(entry(f"R{n}") for n in range(150))).reads
    assert many == few


@pytest.mark.parametrize(
    ("first", "second", "rule", "column", "words"),
    [
        ("GJ 6100,10,,,E1,", "GJ 2100,,9.99,,E1,", "balance", "Debit", "exceed credits by 0.01"),
        ("GJ 6101,10,,,E1,", "GJ 2100,,10,,E1,", "reference", "Account", "did you mean 6100 (Rent)"),
        ("GJ 6999,10,,,E1,", "GJ 2100,,10,,E1,", "reference", "Account", "inactive"),
        ("XJ 6100,10,,,E1,", "XJ 2100,,10,,E1,", "reference", "Journal", "no journal 'XJ'"),
        ("GJ 6100,10,,Support,E1,", "GJ 2100,,10,,E1,", "reference", "Department", "310, 320"),
        ("GJ 6100,10,,Enginering,E1,", "GJ 2100,,10,,E1,", "reference", "Department", "300 (Engineering)"),
        ("GJ 6000,10,,,E1,", "GJ 2100,,10,,E1,", "dimension", "Department", "requires a department"),
        ("GJ 6100,10,,,E1,", "GJ 2100,,10,,,", "location", "Location", "needs a location"),
        ("GJ 6100,10,,,E1,\x07", "GJ 2100,,10,,E1,", "characters", "Memo", "U+0007"),
        ("GJ 61\x0700,10,,,E1,", "GJ 2100,,10,,E1,", "characters", "Account", "U+0007"),
        ("GJ 6100,10,,Sup\x01,E1,", "GJ 2100,,10,,E1,", "characters", "Department", "U+0001"),
        ("GJ 6100,10,,,E\x02,", "GJ 2100,,10,,E1,", "characters", "Location", "U+0002"),
        ("G\x07J 6100,10,,,E1,", "G\x07J 2100,,10,,E1,", "characters", "Journal", "U+0007"),
        ("GJ 6100,10,,,E1,", "", "lines", "", "at least two lines"),
    ],
)
def test_a_rule_refuses_in_the_inputs_own_words(
    plan: Planner, first: str, second: str, rule: str, column: str, words: str
) -> None:
    rows = "".join(f"{line.replace(' ', ',2026-11-30,T,R,', 1)}\n" for line in (first, second) if line)
    (record,) = plan(rows).records
    found = [finding for finding in record.reasons if finding.rule == rule]
    assert record.verdict is Verdict.REFUSED
    assert found and found[0].column == column
    assert words in str(found[0])
    assert found[0].position.startswith("je.csv:")


@pytest.mark.parametrize("rate", ["0", "-1.25", "0.00"])
def test_an_exchange_rate_is_above_zero(plan: Planner, rate: str) -> None:
    header = HEADER.strip() + ",Currency,Exchange rate\n"
    rows = f"GJ,2026-11-30,T,R,6100,10,,,E1,,EUR,{rate}\nGJ,2026-11-30,T,R,2100,,10,,E1,,EUR,{rate}\n"
    plan.path.write_text(header + rows)
    planned = make_plan(open_csv(plan.path), journal_layout(), plan.ledger.gateway, plan.outbox)
    assert reasons(planned) == [("exchange rate", "Exchange rate", f"je.csv:{line}") for line in (2, 3)]


def test_invisible_characters_are_named_and_refused_in_keys(plan: Planner) -> None:
    def of(reference: str, memo: str) -> PlannedRecord:
        first = f"GJ,2026-11-30,T,{reference},6100,10,,,E1,{memo}\n"
        (record,) = plan(f"{first}GJ,2026-11-30,T,{reference},2100,,10,,E1,\n").records
        return record

    hidden = of("R1\u200b", "")
    assert hidden.verdict is Verdict.REFUSED
    assert "U+200B (zero width space)" in str(hidden.reasons[0])
    named = of("R2", "Ren\u00adt by \u0410CME")
    assert named.verdict is Verdict.CREATE
    texts = [str(finding) for finding in named.findings]
    assert any("U+00AD (soft hyphen)" in text for text in texts)
    assert any("U+0410 (cyrillic capital letter a)" in text for text in texts)
    assert not of("R3", "Москва Zoë Ελλάδα 👨‍👩‍👧").findings


def test_a_total_row_is_not_a_line_of_the_last_entry(plan: Planner) -> None:
    planned = plan(entry("R1", "10.10") + entry("R2", "0.20") + ",,,Total,,10.30,10.30,,,\n")
    assert [record.verdict for record in planned.records] == [Verdict.CREATE, Verdict.CREATE]
    assert any("Row 6 of je.csv is a total" in note for note in planned.notes)


def test_one_bad_line_refuses_its_whole_record_and_no_other(plan: Planner) -> None:
    bad = "GJ,2026-11-30,T,BAD,6100,10,,,E1,\nGJ,2026-11-30,T,BAD,2100,,ten,,E1,\n"
    planned = plan(entry("R1") + bad + entry("R2"))
    assert [record.verdict for record in planned.records] == [Verdict.CREATE, Verdict.REFUSED, Verdict.CREATE]
    rows = planned.refused_rows
    assert [row.number for row, _ in rows] == [4, 5]
    assert "another line" in rows[0][1]
    assert "Credit: 'ten' is not an amount" in rows[1][1]
    assert planned.transactions == 2


def test_a_name_stands_for_its_id(plan: Planner) -> None:
    rows = "General journal,2026-11-30,T,R,Rent,10,,Engineering,Shop,\nGeneral journal,2026-11-30,T,R,2100,,10,,E1,\n"
    (record,) = plan(rows).records
    assert record.verdict is Verdict.CREATE
    line = next(record.write.all_lines)
    assert (record.write.fields["JOURNAL"], line.fields["ACCOUNTNO"]) == ("GJ", "6100")
    assert (line.fields["DEPARTMENT"], line.fields["LOCATION"]) == ("300", "11")


def test_entities_that_do_not_balance_by_themselves_get_a_warning(plan: Planner) -> None:
    (record,) = plan("GJ,2026-11-30,T,R,6100,10,,,11,\nGJ,2026-11-30,T,R,2100,,10,,E2,\n").records
    assert record.verdict is Verdict.CREATE
    assert "E1 by 10" in str(record.findings[0])


def test_a_closed_period_is_refused_by_entity(plan: Planner) -> None:
    def verdict(location: str) -> tuple[Verdict, str]:
        rows = entry("R", day=date(2026, 9, 30)).replace(",E1,", f",{location},")
        (record,) = plan(rows).records
        return record.verdict, str(record.reasons[0]) if record.reasons else ""

    refused, reason = verdict("11")
    assert refused is Verdict.REFUSED
    assert "je.csv:2: Date: 2026-09-30 is in a closed period: the books of E1 are open from 2026-10-01" in reason
    assert verdict("E2")[0] is Verdict.CREATE


def test_differing_records_with_one_identity_in_one_input_are_refused_together(plan: Planner) -> None:
    path = plan.path
    path.write_text("id," + HEADER + "".join(f"7,{line}\n" for line in (entry("A") + entry("B")).splitlines()))
    path.write_text(path.read_text().replace(",A,6", ",,6").replace(",A,2", ",,2").replace(",B,", ",,"))
    planned = make_plan(open_csv(path), journal_layout(key=("id",)), plan.ledger.gateway, plan.outbox)
    assert [record.verdict for record in planned.records] == [Verdict.REFUSED, Verdict.REFUSED]
    assert reasons(planned) == [("double", "", "je.csv:2"), ("double", "", "je.csv:4")]


@pytest.mark.parametrize("reference", ["R1", ""])
def test_a_record_already_in_intacct_is_refused_unless_allowed(plan: Planner, ledger: Ledger, reference: str) -> None:
    rows = entry("R1").replace("Entry R1,R1", f"Entry R1,{reference}")
    ledger.rows["GLBATCH"] = [
        {"RECORDNO": 7, "JOURNAL": "GJ", "BATCH_DATE": date(2026, 11, 30),
         "BATCH_TITLE": "Entry R1", "REFERENCENO": reference or None, "CREATEDBYLOGINID": "marcus"}
    ]  # fmt: skip
    (record,) = plan(rows).records
    assert record.verdict is Verdict.REFUSED
    assert "GLBATCH 7, by marcus" in str(record.reasons[0])
    (record,) = plan(rows, PlanSettings(rules=MatchRules(new_rows=tuple(range(100))))).records
    assert record.verdict is Verdict.CREATE
    assert not record.findings[0].refuses


def send(outbox: Outbox, plan: Plan, state: RecordStatus, receipt: Receipt | None = None) -> None:
    write = plan.records[0].write
    body = serialize(Functions(Ledger().gateway).element(write))
    intent = new_entry(
        write_target(plan.target, write), write.identity.text, write.digest, body, identities=write.identities
    )
    (begun,) = outbox.begin(outbox.plan([intent]))
    outbox.conclude([begun.ended(state, receipt)])


def test_a_record_that_an_earlier_run_posted_is_unchanged_once_its_receipt_was_seen(
    plan: Planner, outbox: Outbox, ledger: Ledger
) -> None:
    send(outbox, plan(entry("R1")), RecordStatus.APPLIED, Receipt("42"))
    ledger.rows["GLBATCH"] = [{"RECORDNO": 42}]
    ledger.queries.clear()
    planned = plan(entry("R1"))
    assert [(record.verdict, record.receipt) for record in planned.records] == [(Verdict.UNCHANGED, Receipt("42"))]
    assert [query.object for query in ledger.queries] == ["GLBATCH"]
    assert planned.transactions == 0


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (RecordStatus.IN_DOUBT, Verdict.IN_DOUBT),
        (RecordStatus.REJECTED, Verdict.CREATE),
        (RecordStatus.ABORTED, Verdict.CREATE),
        (RecordStatus.NOT_SENT, Verdict.CREATE),
    ],
)
def test_records_that_an_earlier_run_did_not_finish_are_named(
    plan: Planner, outbox: Outbox, state: RecordStatus, verdict: Verdict
) -> None:
    send(outbox, plan(entry("R1")), state)
    assert [record.verdict for record in plan(entry("R1")).records] == [verdict]


@pytest.mark.parametrize("state", [RecordStatus.APPLIED, RecordStatus.IN_DOUBT])
def test_the_same_identity_with_other_content_is_a_conflict(plan: Planner, outbox: Outbox, state: RecordStatus) -> None:
    send(outbox, plan(entry("R1", "10.00")), state, Receipt("42"))
    plan.ledger.rows["GLBATCH"] = [{"RECORDNO": 42}]
    planned = plan(entry("R1", "11.00"))
    assert [record.verdict for record in planned.records] == [Verdict.REFUSED]
    assert reasons(planned) == [("conflict", "", "je.csv:2")]


def test_a_conflict_names_what_differs_with_both_values_and_how_to_take_the_entry_back(
    plan: Planner, outbox: Outbox
) -> None:
    send(outbox, plan(entry("R1", "10.00")), RecordStatus.APPLIED, Receipt("42"))
    plan.ledger.rows["GLBATCH"] = [{"RECORDNO": 42}]
    (record,) = plan(entry("R1", "11.00")).records
    (reason,) = record.reasons
    assert "je.csv:2: Debit: 11.00 in the file, 10.00 posted; je.csv:3: amount: 11.00 in the file, 10.00" in str(reason)
    assert "intacct undo --entry 1)" in reason.fix


def keyed(plan: Planner, rows: str, *key: str, settings: PlanSettings = _USUAL) -> Plan:
    """A plan of entries without a reference, all of one journal, date and title, known by the first column."""
    plan.path.write_text("id," + HEADER + rows)
    return make_plan(open_csv(plan.path), journal_layout(key=key), plan.ledger.gateway, plan.outbox, settings)


def lines(*keys: str) -> str:
    sides = ("6100,10,", "2100,,10")
    return "".join(f"{key},GJ,2026-11-30,T,,{sides[place % 2]},,E1,\n" for place, key in enumerate(keys))


def as_posted(plan: Planner, earlier: Plan) -> None:
    send(plan.outbox, earlier, RecordStatus.APPLIED, Receipt("7"))
    plan.ledger.rows["GLBATCH"] = [
        {"RECORDNO": 7, "JOURNAL": "GJ", "BATCH_DATE": date(2026, 11, 30), "BATCH_TITLE": "T", "REFERENCENO": None}
    ]


def test_a_sources_keys_separate_entries_from_posted_ones_with_other_keys(plan: Planner) -> None:
    as_posted(plan, keyed(plan, lines("1", "1"), "id"))
    planned = keyed(plan, lines("1", "1", "2", "2"), "id")
    assert [one.verdict for one in planned.records] == [Verdict.UNCHANGED, Verdict.CREATE]


def test_a_record_posted_without_a_key_is_not_posted_again_with_one(plan: Planner) -> None:
    as_posted(plan, keyed(plan, lines("1", "1")))
    assert not keyed(plan, lines("1", "1"), "id").of(Verdict.CREATE)
    plan.ledger.rows["GLBATCH"] = []  # such as of an object that the company cannot be asked about by any key
    (record,) = keyed(plan, lines("1", "1"), "id").records
    assert record.verdict is Verdict.REFUSED
    assert "GLBATCH 7" in str(record.reasons[0]), "it is not visible, and nothing proves that it was deleted"


def test_one_input_may_have_equal_entries_with_and_without_a_key(plan: Planner) -> None:
    send(plan.outbox, keyed(plan, lines("", ""), "id"), RecordStatus.APPLIED, Receipt("9"))
    plan.ledger.rows["GLBATCH"] = [{"RECORDNO": 9}]
    planned = keyed(plan, lines("", "", "5", "5"), "id")
    assert [one.verdict for one in planned.records] == [Verdict.UNCHANGED, Verdict.CREATE]


def test_an_input_with_a_conflict_posts_no_similar_entry(plan: Planner) -> None:
    as_posted(plan, keyed(plan, lines("1", "1", "1", "1"), "id"))
    planned = keyed(plan, lines("1", "1", "2", "2"), "id")
    assert [reason for reason, *_ in reasons(planned)] == ["conflict", "duplicate"], "the post may hold both"


def test_a_key_that_identifies_lines_is_named(plan: Planner) -> None:
    (one, _) = keyed(plan, lines("1", "2"), "id").records
    assert "and key, which identifies entries and not their lines" in str(one.reasons[0])


def test_unused_columns_are_named(plan: Planner) -> None:
    plan.path.write_text(HEADER.replace("Memo", "Memo,Prepared by") + entry("R1"))
    planned = make_plan(open_csv(plan.path), journal_layout(), plan.ledger.gateway, plan.outbox)
    assert planned.notes == ("The column 'Prepared by' is not used.",)


def test_an_offline_plan_asks_nothing_and_names_unchecked_rules(plan: Planner, ledger: Ledger) -> None:
    planned = plan(entry("R1").replace("6100", "nowhere"), PlanSettings(offline=True))
    assert [record.verdict for record in planned.records] == [Verdict.CREATE]
    assert ledger.queries == []
    assert "references" in planned.unchecked[0]


def test_references_that_may_not_be_read_are_named_as_unchecked(
    plan: Planner, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = ledger.describe

    def guarded(name: str, doc_par_id: str | None = None) -> object:
        if name == "DEPARTMENT":
            raise NotPermittedError("no right to DEPARTMENT")
        return describe(name)

    monkeypatch.setattr(ledger, "describe", guarded)
    planned = plan(entry("R1").replace("10.00,,,E1", "10.00,,300,E1"))
    assert [record.verdict for record in planned.records] == [Verdict.CREATE]
    assert planned.unchecked == ("references to DEPARTMENT: no right to DEPARTMENT",)


def test_a_row_that_is_twice_in_an_entry_is_warned_of_and_posted(plan: Planner) -> None:
    """An entry that was pasted twice balances, and has twice its amount."""
    planned = plan(entry("R1") * 2 + entry("R2"))
    twice, once = planned.records
    assert [one.verdict for one in planned.records] == [Verdict.CREATE, Verdict.CREATE]
    assert [(one.rule, one.position, one.refuses) for one in twice.findings] == [
        ("equal rows", "je.csv:4", False),
        ("equal rows", "je.csv:5", False),
    ]
    assert str(twice.findings[0]) == (
        "je.csv:4: the row is equal to a row above it, and both are lines of one record; "
        "remove it if it is there twice by mistake"
    )
    assert once.findings == ()


def test_a_total_without_its_word_refuses_the_entry_whose_line_it_would_be(plan: Planner) -> None:
    planned = plan(entry("R1") + entry("R2", "0.20") + ",,,,,10.20,10.20,,,\n")
    assert [one.verdict for one in planned.records] == [Verdict.CREATE, Verdict.REFUSED]
    assert [str(one).split(":")[:2] for one in planned.records[1].reasons] == [["je.csv", "6"]]


def test_a_field_of_the_company_called_date_is_no_posting_date() -> None:
    """An action has its day under that name."""
    fields: dict[str, Value] = {"DATE": date(2020, 1, 1), "WHENCREATED": date(2026, 11, 30)}
    of = {
        operation: posting_date(Write(operation, "APBILL", fields, Identity("k", "key"), "d", "bill", ()))
        for operation in (WriteOperation.CREATE, WriteOperation.UPDATE, WriteOperation.REVERSE)
    }
    assert [*of.values()] == [date(2026, 11, 30), date(2026, 11, 30), date(2020, 1, 1)]


@pytest.mark.parametrize(
    ("dates", "options", "rows"),
    [
        (("11/03/2026", "11/04/2026"), {}, ["je.csv:2"]),
        (("11/03/2026", "11/03/2026"), {}, ["je.csv:2", "je.csv:4"]),
        (("11/03/2026", "11/30/2026"), {}, []),
        (("11/11/2026", "2026-11-03"), {}, []),
        (("11/03/2026", "11/04/2026"), {"date_order": "mdy"}, []),
        (("11/03/2026", "11/04/2026"), {"date_formats": {"": "MM/DD/YYYY"}}, []),
    ],
)
def test_dates_whose_order_nothing_shows_are_warned_of(
    plan: Planner, dates: tuple[str, str], options: dict[str, Any], rows: list[str]
) -> None:
    """The third of November, or the eleventh of March: in another month of the books."""
    text = HEADER + "".join(entry(f"R{number}") for number, _ in enumerate(dates))
    for number, written in enumerate(dates):
        text = text.replace(f"2026-11-30,Entry R{number}", f"{written},Entry R{number}")
    plan.path.write_text(text)
    planned = make_plan(open_csv(plan.path), journal_layout(**options), plan.ledger.gateway, plan.outbox)
    warned = [one for record in planned.records for one in record.findings if one.rule == "date order"]
    assert [one.position for one in warned] == rows
    assert not any(one.refuses for one in warned)
    assert all(one.message.startswith("'11/03/2026' is read as month/day/year") for one in warned)
    assert [record.verdict for record in planned.records] == [Verdict.CREATE] * 2
