"""What a person sees of a plan before they approve it: nothing cancels out, nothing is hidden, nothing is forged."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.operations.loads import LoadRequest, load, plan_load
from intacct_bridge.operations.plans import (
    ApplyOptions,
    Plan,
    RecordQuery,
    RecordSort,
    SavedPlan,
    Total,
    apply_plan,
    approve_plan,
    open_revalidated,
    open_saved,
    save_plan,
    summary_of,
)
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_bridge.operations.undo import UndoRequest, plan_undo
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault
from intacct_protocol.errors import SettingsError
from support.small_company import client

VENDORS = [
    {"VENDORID": "V-1", "NAME": "Acme Paper", "DISPLAYCONTACT.PRINTAS": "Acme Paper"},
    {"VENDORID": "V-2", "NAME": "Bolt Ltd", "DISPLAYCONTACT.PRINTAS": "Bolt Ltd"},
    {"VENDORID": "V-3", "NAME": "Mallory", "DISPLAYCONTACT.PRINTAS": "Mallory"},
]


def bill(number: str, amount: str, *, vendor: str = "V-1", account: str = "60100", **more: str) -> dict[str, str]:
    return {
        "VENDORID": vendor,
        "RECORDID": number,
        "WHENCREATED": "2026-11-02",
        "WHENDUE": "2026-12-02",
        "BASECURR": "USD",
        "CURRENCY": "USD",
        "ACCOUNTNO": account,
        "TRX_AMOUNT": amount,
        "LOCATIONID": "100",
        "DEPARTMENTID": "100",
        **more,
    }


@pytest.fixture
def run(tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[CompanyRun]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with client(emulator, outbox=str(tmp_path / "outbox.sqlite3")) as gateway:
        run = CompanyRun(gateway, person="anna")
        assert load(run, LoadRequest(source=VENDORS, layout="VENDOR")).complete
        yield CompanyRun(gateway, person="anna")


def planned(run: CompanyRun, rows: list[dict[str, str]], layout: str = "APBILL") -> Plan:
    plan = plan_load(run, LoadRequest(source=rows, layout=layout, name="bills"))
    assert plan.refused == 0, plan.refusals
    return plan


def many() -> list[dict[str, str]]:
    """1,498 bills of 10.00 each, and two that cancel each other out."""
    bills = [bill(f"B-{number}", "10.00", vendor=f"V-{1 + number % 2}") for number in range(1498)]
    bills.insert(700, bill("X-1", "900000.00", vendor="V-3"))
    bills.insert(701, bill("X-2", "-900000.00", vendor="V-3", account="60200"))
    return bills


def strict(run: CompanyRun, emulator: Emulator) -> CompanyRun:
    """Another person on the same outbox, whose connection asks for approvals."""
    return CompanyRun(client(emulator, outbox=run.connection.outbox, approval="required"), person="ben")


def test_amounts_that_cancel_out_are_seen_in_every_total_and_come_first(run: CompanyRun, emulator: Emulator) -> None:
    plan = planned(run, many())
    before = run.client.meter.transactions
    summary = summary_of(plan)
    assert run.client.meter.transactions == before, "names are those that planning has read"
    total = Total("USD", positive=Decimal("914980.00"), negative=Decimal("-900000.00"))
    assert (summary.to_write, summary.totals) == (1500, (total,))
    assert [(group.of.id, group.of.name, group.records) for group in summary.parties] == [
        ("V-3", "Mallory", 2),
        ("V-1", "Acme Paper", 749),
        ("V-2", "Bolt Ltd", 749),
    ]
    assert summary.parties[0].total == Total("USD", positive=Decimal(900000), negative=Decimal(-900000))
    assert [
        (group.of.id, bool(group.of.name), group.total.above_zero, group.total.below_zero) for group in summary.accounts
    ] == [
        ("60100", True, Decimal(914980), 0),
        ("60200", True, 0, Decimal(-900000)),
    ]
    assert [record.label for record in summary.largest[:2]] == ["APBILL V-3 X-1", "APBILL V-3 X-2"]


def test_every_record_is_on_one_page(run: CompanyRun) -> None:
    summary = summary_of(planned(run, many()))
    seen: list[int] = []
    page = summary.page(RecordQuery())
    while True:
        seen += [record.number for record in page.records]
        if page.is_last:
            break
        page = summary.page(RecordQuery(page=page.page + 1))
    assert (seen, page.pages) == (list(range(1, 1501)), 30)
    by_amount = summary.page(RecordQuery(sort=RecordSort.AMOUNT))
    assert [record.label for record in by_amount.records[:2]] == ["APBILL V-3 X-1", "APBILL V-3 X-2"]
    assert {record.label for record in summary.page(RecordQuery(find="mallory")).records} == {
        "APBILL V-3 X-1",
        "APBILL V-3 X-2",
    }
    assert summary.page(RecordQuery(find="60200")).matching == 1
    nothing = summary.page(RecordQuery(find="no such text", page=7))
    assert (nothing.records, nothing.matching, nothing.page, nothing.is_last) == ((), 0, 1, True)
    assert summary.page(RecordQuery(page=99)).page == 30
    content = summary.content(summary.record(701))
    assert content.fields["VENDORID"] == "V-3 Mallory"
    with pytest.raises(SettingsError, match="no record 1501"):
        summary.record(1501)


UNSEEN = (
    ("", "have not seen all of them"),
    ("1500", "the totals"),
    ("1499 USD 914980.00 -900000.00", "the number of records"),
    ("1500 USD 14980.00 0", "the totals of USD"),
    ("1500 USD 914980.00 -900000.01", "the totals of USD"),
    ("1500 EUR 914980.00 -900000.00", "the totals of EUR, USD"),
    ("1500 USD 914980.00 -900000.00 EUR 1 0", "the totals of EUR"),
    ("yes", "are not the figures of a plan"),
    ("1500 USD 914980.00", "are not the figures of a plan"),
)
"""Figures that a person could give for the plan, and what is wrong with them."""


def test_a_long_plan_is_not_approved_unseen(saved: tuple[CompanyRun, SavedPlan]) -> None:
    approver, plan = saved
    for figures, wrong in UNSEEN:
        with pytest.raises(SettingsError, match=wrong):
            approve_plan(approver, plan.id, digest=plan.digest, figures=figures)
        assert open_saved(approver, plan.id).approvals == (), figures


@pytest.fixture
def saved(run: CompanyRun, emulator: Emulator) -> Iterator[tuple[CompanyRun, SavedPlan]]:
    plan = save_plan(run, planned(run, many()))
    approver = strict(run, emulator)
    yield approver, plan
    approver.client.close()


def test_a_person_approves_by_the_figures_or_after_the_last_page(saved: tuple[CompanyRun, SavedPlan]) -> None:
    approver, plan = saved
    for seen in ({"figures": "1,500 usd 914,980.00 −900,000.00"}, {"seen_to_end": True}):
        assert approve_plan(approver, plan.id, digest=plan.digest, **seen).person == "ben"
    assert len(open_saved(approver, plan.id).approvals) == 2


def test_a_connection_that_asks_for_no_approval_asks_for_no_figures(run: CompanyRun) -> None:
    plan = save_plan(run, planned(run, [bill(f"B-{number}", "1.00") for number in range(51)]))
    assert approve_plan(run, plan.id, digest=plan.digest).person == "anna"


HOSTILE = [
    "INV-1\nAPBILL V-1 INV-2  create  1  5.00",
    "INV \u202e00.9\u2066",
    "INV\u2028next\u2029end",
    "INV \x1b[2J\x9b1m\x85",
    "<script>alert(1)</script>",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=["line", "bidi", "separators", "escapes", "markup", "long"])
def test_a_text_of_a_record_forges_nothing(run: CompanyRun, text: str) -> None:
    rows = [bill("GOOD", "1.00"), bill(text, "5.00", DESCRIPTION=text)]
    plan = plan_load(run, LoadRequest(source=rows, layout="APBILL", name="bills"))
    summary = summary_of(plan)
    assert len(summary.records) == 2
    for record in summary.records:
        assert record.label.isprintable() and len(record.label) < 200
        assert all(str(finding).isprintable() for finding in record.planned.findings)


def test_a_plan_with_forged_names_is_refused(run: CompanyRun, emulator: Emulator) -> None:
    """A person who can write to the outbox could give a vendor another name. The digest covers the names."""
    from support.apps.plan_files import resealed_in

    plan = save_plan(run, planned(run, [bill("B-1", "10.00", vendor="V-3")]))
    with run.open_outbox() as outbox:
        resealed_in(outbox, plan.id, lambda stored: stored["names"]["VENDOR"].update({"V-3": "Acme Paper"}))
    with pytest.raises(SettingsError, match="was changed since it was made"):
        approve_plan(run, plan.id, digest=plan.digest)


def test_an_undo_names_the_party_the_number_and_the_amount_and_ends_with_its_receipts(
    run: CompanyRun, emulator: Emulator
) -> None:
    rows = [bill("B-1", "10.00"), bill("B-2", "20.00", vendor="V-2"), bill("B-3", "-5.00", vendor="V-2")]
    posted = apply_plan(run, planned(run, rows))
    assert posted.complete
    back = CompanyRun(run.client, person="anna")
    undo = plan_undo(back, UndoRequest(runs=(posted.run,)))
    assert undo.plan is not None
    saved = save_plan(back, undo.plan)

    def shown(plan: SavedPlan) -> list[tuple[Any, ...]]:
        return [
            (record.label, str(record.party), record.state, record.totals[0].amount, bool(record.in_intacct))
            for record in plan.summary.records
        ]

    assert shown(saved) == [
        ("APBILL V-2 B-3", "V-2 Bolt Ltd", "reverse", Decimal(-5), True),
        ("APBILL V-2 B-2", "V-2 Bolt Ltd", "reverse", Decimal(20), True),
        ("APBILL V-1 B-1", "V-1 Acme Paper", "reverse", Decimal(10), True),
    ]
    total = Total("USD", positive=Decimal(30), negative=Decimal(-5))
    assert (saved.summary.totals, saved.summary.to_write) == ((total,), 3)
    assert apply_plan(CompanyRun(run.client, person="anna"), saved.id).complete
    originals = {outcome.key for outcome in posted}
    rows_now = [dict(row) for _, row in emulator.company().table("APBILL").rows()]
    reversals = {f"APBILL {row['RECORDNO']}" for row in rows_now if str(row["RECORDNO"]) not in originals}
    assert len(reversals) == 3
    for opened in (open_saved(back, saved.id), open_revalidated(back, saved.id)):
        assert [row[2] for row in shown(opened)] == ["reversed"] * 3
        assert {record.in_intacct for record in opened.summary.records} == reversals
        assert opened.summary.totals == (total,)


def test_a_record_in_doubt_is_not_called_done(run: CompanyRun, emulator: Emulator) -> None:
    saved = save_plan(run, planned(run, [bill("B-1", "10.00"), bill("B-2", "20.00")]))
    emulator.fault_plan = FaultPlan((ScriptedFault("cut-before", function="create", object="APBILL"),))
    options = ApplyOptions(sending=saved.options)
    receipts = apply_plan(CompanyRun(run.client, person="anna"), saved.id, options)
    assert receipts.is_in_doubt
    states = {record.state for record in open_revalidated(run, saved.id).summary.records}
    assert "created" not in states and "in doubt" in states


def test_debits_and_credits_are_the_amounts_of_entries(run: CompanyRun) -> None:
    head = {
        "journal": "GJ",
        "date": "2026-11-30",
        "title": "Rent",
        "reference": "R-1",
        "department": "100",
        "location": "100",
    }
    rows = [head | {"account": "60100", "debit": "12.50"}, head | {"account": "20100", "credit": "12.50"}]
    summary = summary_of(planned(run, rows, "journal-entries"))
    assert summary.totals == (Total("USD", debit=Decimal("12.50"), credit=Decimal("12.50")),)
    assert (summary.parties, [group.of.id for group in summary.accounts]) == ((), ["20100", "60100"])
    summary.refuse_other_figures("1 USD 12.50 12.50")
