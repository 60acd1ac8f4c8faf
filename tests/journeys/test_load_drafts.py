"""Drafts in the source and in the company: a draft that should be live is never called unchanged."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.apply.sender import no_step
from intacct_bridge.load.apply.settle import SettleSettings
from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.undo.undo import UndoSettings, plan_undo
from support.journeys.objects import BILLS, VENDORS, LoadScenario
from support.small_company import client

SAME = Verdict.UNCHANGED
BILL = "Vendor,Bill no,Date,Due date,Account,Amount,Location,Department,Status\n"
ENTRY = "Journal,Date,Title,Reference,Account,Debit,Credit,Location,Department,Status\n"


def text_of(layout: str, status: str) -> str:
    """One record with this status."""
    if layout == "bills":
        return BILL + f"V-1,B-1,2026-11-03,2026-12-03,60100,50,100,100,{status}\n"
    lines = ("60100,5,", "61100,,5")
    return ENTRY + "".join(f"GJ,2026-11-03,Rent,R-1,{line},100,100,{status}\n" for line in lines)


OBJECTS = {"bills": "APBILL", "journal-entries": "GLBATCH"}


def set_state(desk: LoadScenario, layout: str, state: str) -> None:
    """What a person did with the record in Intacct since."""
    table = desk.emulator.company().table(OBJECTS[layout])
    row_key, row = next((key, row) for key, row in table.rows() if "B-1" in row.values() or "R-1" in row.values())
    table.update(row_key, {**row, "STATE": state})


def held(desk: LoadScenario, layout: str) -> list[str]:
    """The states of the records that the company holds of this bill or entry."""
    rows = desk.rows(OBJECTS[layout])
    return [row["STATE"] for row in rows if "B-1" in row.values() or "R-1" in row.values()]


@pytest.mark.parametrize("layout", ["bills", "journal-entries"])
@pytest.mark.parametrize(
    ("first", "in_company", "then", "mode", "verdict", "reason"),
    [  # the status when it was loaded, its state in Intacct since, and the status, the mode and the outcome now
        ("Draft", "", "Draft", "create", Verdict.UNCHANGED, ""),
        ("Draft", "", "Draft", "upsert", Verdict.UNCHANGED, ""),
        ("Draft", "", "Open", "create", Verdict.REFUSED, "is a draft in Intacct, and live in its source"),
        ("Draft", "", "", "create", Verdict.REFUSED, "is a draft in Intacct, and live in its source"),
        ("Draft", "", "Open", "upsert", Verdict.UPDATE, ""),
        ("Draft", "", "", "upsert", Verdict.UPDATE, ""),
        ("Draft", "Posted", "Draft", "create", Verdict.UNCHANGED, ""),
        ("Draft", "Posted", "Draft", "upsert", Verdict.UNCHANGED, ""),
        ("Draft", "Posted", "Open", "create", Verdict.UNCHANGED, ""),
        ("Draft", "Submitted", "Open", "create", Verdict.UNCHANGED, ""),
        ("Draft", "Partially Approved", "Open", "create", Verdict.UNCHANGED, ""),
        ("Draft", "Declined", "Open", "create", Verdict.REFUSED, "was declined in Intacct"),
        ("Open", "Declined", "Open", "create", Verdict.REFUSED, "was declined in Intacct"),
        ("Open", "", "Open", "create", Verdict.UNCHANGED, ""),
        ("Open", "", "Draft", "create", Verdict.UNCHANGED, ""),
    ],
)
def test_a_draft_is_a_state_and_not_a_content(
    desk: LoadScenario, layout: str, first: str, in_company: str, then: str, mode: str, verdict: Verdict, reason: str
) -> None:
    desk.load(VENDORS, "VENDOR")
    assert all(one.good for one in desk.load(text_of(layout, first), layout))
    if in_company:
        set_state(desk, layout, in_company)
    before = held(desk, layout)
    (record,) = desk.plan(text_of(layout, then), layout, mode).records
    assert (record.verdict, [reason in finding.message for finding in record.reasons]) == (
        verdict,
        [True] * bool(reason),
    )
    outcomes = desk.load(text_of(layout, then), layout, mode)
    posts = verdict is Verdict.UPDATE
    assert all(one.status.outcome_text == ("posted" if posts else "unchanged") for one in outcomes)
    assert held(desk, layout) == (["Posted"] if posts else before)
    if posts:
        for again in ("create", "upsert"):
            assert [one.verdict for one in desk.plan(text_of(layout, then), layout, again).records] == [SAME]


def test_a_load_of_drafts_is_posted_by_an_upsert(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    text = text_of("bills", "").replace(",Status", "").replace("100,100,\n", "100,100\n")
    assert all(one.good for one in desk.load(text, "bills", draft=True))
    assert held(desk, "bills") == ["Draft"]
    (record,) = desk.plan(text, "bills", "create").records
    (finding,) = record.reasons
    assert finding.advice.endswith(
        "load it with `mode` upsert, which posts a draft that we created, or post it in Intacct: "
        "Accounts Payable > All > Bills, filtered by vendor, date and amount"
    )
    assert [one.status for one in desk.load(text, "bills", "upsert")] == [RecordStatus.APPLIED]
    assert held(desk, "bills") == ["Posted"]


@pytest.mark.parametrize("layout", ["bills", "journal-entries"])
def test_a_draft_that_a_person_changed_is_left_to_that_person(desk: LoadScenario, layout: str) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(text_of(layout, "Draft"), layout)
    name, field = OBJECTS[layout], "DESCRIPTION" if layout == "bills" else "BATCH_TITLE"
    (number,) = (row["RECORDNO"] for row in desk.rows(name) if "B-1" in row.values() or "R-1" in row.values())
    changed = {"bills": ("WHENDUE", "2026-12-24"), "journal-entries": (field, "Rent of May")}[layout]
    table = desk.emulator.company().table(name)
    table.update(int(number), {**(table.get(int(number)) or {}), changed[0]: changed[1]})
    (record,) = desk.plan(text_of(layout, "Open"), layout, "upsert").records
    assert record.verdict is Verdict.REFUSED
    assert "which was changed in Intacct since" in record.reasons[0].message
    assert held(desk, layout) == ["Draft"]


@pytest.mark.parametrize("setting", ["submit", "kept", "ignored"])
@pytest.mark.parametrize(
    ("then", "amount", "states"),
    [  # the status and the amount now, and the state in Intacct by the gateway's behaviour
        ("Draft", "60", {"submit": "Draft", "kept": "Draft", "ignored": "Draft"}),
        ("Open", "50", {"submit": "Posted", "kept": "Posted", "ignored": "Draft"}),
        ("Open", "60", {"submit": "Posted", "kept": "Posted", "ignored": "Draft"}),
    ],
)
def test_whatever_an_update_does_with_drafts_the_outcome_is_true(
    desk: LoadScenario, setting: Any, then: str, amount: str, states: dict[str, str]
) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(text_of("bills", "Draft"), "bills")
    company = desk.emulator.company()
    company.behaviour = replace(company.behaviour, update_action=setting)
    (outcome,) = desk.load(text_of("bills", then).replace(",50,", f",{amount},"), "bills", "upsert")
    assert held(desk, "bills") == [states[setting]]
    (bill,) = (row for row in desk.rows("APBILL") if row["RECORDID"] == "B-1")
    assert bill["TOTALENTERED"] == amount
    if then == "Open" and setting == "ignored":
        assert (outcome.status, "it is still a draft" in outcome.reason) == (RecordStatus.CONFLICT, True)
    else:
        assert outcome.status is RecordStatus.APPLIED


def test_a_saved_plan_posts_a_draft(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(text_of("journal-entries", "Draft"), "journal-entries")
    plan = desk.plan(text_of("journal-entries", "Open"), "journal-entries", "upsert")
    save_plan(plan, desk.folder / "plan.json")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        saved = revalidate_plan(open_plan(desk.folder / "plan.json"), gateway, outbox)
        assert [one.verdict for one in saved.records] == [Verdict.UPDATE]
        assert [one.status for one in Loader(gateway, outbox).apply(saved)] == [RecordStatus.APPLIED]
        again = revalidate_plan(open_plan(desk.folder / "plan.json"), gateway, outbox)
        assert [one.verdict for one in again.records] == [SAME]
    assert held(desk, "journal-entries") == ["Posted"]


class KilledError(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("moment", ["planned", "begun", "answered", "concluded"])
@pytest.mark.parametrize("layout", ["bills", "journal-entries"])
@pytest.mark.parametrize("setting", ["submit", "ignored"])
def test_a_load_that_is_killed_while_it_posts_a_draft_leaves_none_that_is_called_done(
    desk: LoadScenario, layout: str, moment: str, setting: Any
) -> None:
    """Even between the update and the reading of the state that it left, which the next load reads again."""
    desk.load(VENDORS, "VENDOR")
    desk.load(text_of(layout, "Draft"), layout)
    company = desk.emulator.company()
    company.behaviour = replace(company.behaviour, update_action=setting)

    def killed(step: str) -> None:
        if step == moment:
            raise KilledError

    desk.step = killed
    with pytest.raises(KilledError):
        desk.load(text_of(layout, "Open"), layout, "upsert")
    desk.step, desk.settle = no_step, SettleSettings(timedelta(0))
    for mode in ("create", "upsert", "upsert"):
        plan = desk.plan(text_of(layout, "Open"), layout, mode)
        outcomes = desk.load(text_of(layout, "Open"), layout, mode)
        done = not plan.refused and all(one.good for one in outcomes)
        assert not (done and held(desk, layout) == ["Draft"]), f"{mode} calls a draft done"
    posts = setting == "submit" or layout == "journal-entries"
    assert held(desk, layout) == ["Posted" if posts else "Draft"]
    assert done == posts


@pytest.mark.parametrize("layout", ["bills", "journal-entries"])
def test_a_draft_that_was_posted_is_taken_back_as_a_whole(desk: LoadScenario, layout: str) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(text_of(layout, "Draft"), layout)
    desk.load(text_of(layout, "Open"), layout, "upsert")
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        ours = [one for one in outbox.entries() if one.target.object == OBJECTS[layout]]
        undo = plan_undo(gateway, outbox, ours, UndoSettings(date(2026, 11, 30)))
        assert [(one.entry.number, one.reason) for one in undo.left] == [
            (ours[1].number, "it posted a draft, which is taken back as a whole")
        ]
        assert undo.plan is not None
        assert [one.status for one in Loader(gateway, outbox).apply(undo.plan)] == [RecordStatus.APPLIED]


def test_a_draft_of_a_person_is_not_taken_for_posted(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(text_of("bills", ""), "bills")
    set_state(desk, "bills", "Draft")
    outbox = desk.folder / "outbox.sqlite3"
    outbox.rename(desk.folder / "another.sqlite3")  # of a person: our outbox does not know it
    (record,) = desk.plan(text_of("bills", "Open"), "bills", "upsert").records
    assert record.verdict is Verdict.REFUSED
    assert "is a draft in Intacct" in record.reasons[0].message


@pytest.mark.parametrize(
    ("layout", "fields", "state"),
    [  # the columns and values of an update by record number, and the state of the record after it
        ("bills", {"ACTION": "Submit"}, "Posted"),
        ("bills", {"DESCRIPTION": "Rent"}, "Draft"),
        ("journal-entries", {"STATE": "Posted"}, "Posted"),
        ("journal-entries", {"BATCH_TITLE": "Rent of May"}, "Draft"),
    ],
)
def test_an_update_may_change_a_draft_or_post_it(
    desk: LoadScenario, layout: str, fields: dict[str, str], state: str
) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(text_of(layout, "Draft"), layout)
    number = next(
        row["RECORDNO"] for row in desk.rows(OBJECTS[layout]) if "B-1" in row.values() or "R-1" in row.values()
    )
    text = f"RECORDNO,{','.join(fields)}\n{number},{','.join(fields.values())}\n"
    assert [one.status.outcome_text for one in desk.load(text, OBJECTS[layout], "update")] == ["posted"]
    (row,) = [row for row in desk.rows(OBJECTS[layout]) if row["RECORDNO"] == number]
    assert row["STATE"] == state
    assert [row[name] for name in fields if name in ("DESCRIPTION", "BATCH_TITLE")] == [
        value for name, value in fields.items() if name in ("DESCRIPTION", "BATCH_TITLE")
    ]


def test_an_update_may_clear_a_field_of_a_posted_record(desk: LoadScenario) -> None:
    """A field that is cleared has no value, and is no field of a draft either."""
    desk.load(VENDORS, "VENDOR")
    head = "VENDORID,RECORDID,DESCRIPTION\n"
    assert [one.status for one in desk.load(BILLS, "APBILL")] == [RecordStatus.APPLIED] * 2
    desk.load(f"{head}V-1,INV-1,Paper\n", "APBILL", mode="update")
    (cleared,) = desk.load(f"{head}V-1,INV-1,\n", "APBILL", mode="update", clear=True)
    assert cleared.status is RecordStatus.APPLIED
    (bill,) = (row for row in desk.rows("APBILL") if row["RECORDID"] == "INV-1")
    assert bill.get("DESCRIPTION", "") == ""
