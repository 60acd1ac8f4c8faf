"""Plans through the operations: nothing is sent unapproved, altered or stale; what was done is recorded and listed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.storage import outbox_place
from intacct_bridge.operations.loads import LoadRequest, Mode, load, plan_load, write_refused_rows
from intacct_bridge.operations.outbox import EntryQuery, find_entries
from intacct_bridge.operations.plans import (
    ApplyOptions,
    ApprovalMissingError,
    NoPlanError,
    Plan,
    RecordOutcome,
    RecordStatus,
    SavedPlan,
    SendOptions,
    apply_plan,
    approve_plan,
    open_revalidated,
    open_saved,
    save_plan,
    saved_plans,
)
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_bridge.operations.undo import UndoRequest, plan_undo
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError, RefusedError, SettingsError
from support.apps.plan_files import replace_text, resealed_in
from support.journeys.objects import BILLS
from support.small_company import client

CONTACT = "DISPLAYCONTACT.PRINTAS"
ROWS = [
    {"VENDORID": "V-1", "NAME": "Acme Paper", CONTACT: "Acme Paper"},
    {"VENDORID": "V-2", "NAME": "Bolt Ltd", CONTACT: "Bolt Ltd"},
]
UNNAMED = {"VENDORID": "V-3", "NAME": "", CONTACT: "Nobody"}


@pytest.fixture
def run(tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[CompanyRun]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with client(emulator, outbox=str(tmp_path / "outbox.sqlite3")) as open_client:
        yield CompanyRun(open_client, person="anna")


def strict(run: CompanyRun, emulator: Emulator, person: str = "anna", **more: Any) -> CompanyRun:
    """A run on the same outbox, whose connection asks for approvals."""
    settings = {"outbox": run.connection.outbox, "approval": "required", "four_eyes": True, **more}
    return CompanyRun(client(emulator, **settings), person=person)


def vendors(emulator: Emulator) -> list[str]:
    rows = (row for _, row in emulator.company().table("VENDOR").rows())
    return sorted(str(row["NAME"]) for row in rows if str(row["VENDORID"]).startswith("V-"))


def saved(run: CompanyRun, rows: Any = ROWS, **more: Any) -> SavedPlan:
    return save_plan(run, plan_load(run, LoadRequest(source=rows, layout="VENDOR", name="vendors")), **more)


def test_a_load_of_rows_says_of_each_record_what_became_of_it(run: CompanyRun, emulator: Emulator) -> None:
    request = LoadRequest(source=iter(ROWS), layout="VENDOR", name="vendors")
    seen: list[RecordOutcome] = []
    receipts = load(run, request, progress=seen.append)
    assert [(one.row, one.status, bool(one.key)) for one in receipts] == [
        (1, RecordStatus.APPLIED, True),
        (2, RecordStatus.APPLIED, True),
    ]
    assert (tuple(seen), receipts.complete, receipts.run) == (receipts.outcomes, True, run.recorder.id)
    assert vendors(emulator) == ["Acme Paper", "Bolt Ltd"]
    assert (run.recorder.records.posted, run.recorder.destination) == (2, run.connection.target)
    with run.open_outbox() as outbox:
        assert {entry.loader for entry in outbox.entries()} == {run.recorder.id}
    again = load(run, LoadRequest(source=ROWS, layout="VENDOR", name="vendors"))
    assert ([one.key for one in again], again.counts.already_in_intacct) == ([one.key for one in receipts], 2)
    assert (again.complete, run.recorder.records.already_in_intacct) == (True, 2)
    assert vendors(emulator) == ["Acme Paper", "Bolt Ltd"]


def test_tables_with_the_arrow_interface_are_sources(run: CompanyRun, emulator: Emulator) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pylist(ROWS)
    plan = plan_load(run, LoadRequest(source=table, layout="VENDOR"))
    assert (plan.to_create, plan.refused, plan.transactions) == (2, 0, 2)
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches())
    assert load(run, LoadRequest(source=reader, layout="VENDOR")).complete
    assert vendors(emulator) == ["Acme Paper", "Bolt Ltd"]


def test_amounts_of_arrow_and_of_rows_keep_their_digits(run: CompanyRun) -> None:
    pa = pytest.importorskip("pyarrow")
    lines = [line.split(",") for line in BILLS.split()]
    texts = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    rows = [{**row, "TRX_AMOUNT": float(row["TRX_AMOUNT"])} for row in texts]
    load(run, LoadRequest(source=ROWS, layout="VENDOR"))
    for source in (rows, pa.Table.from_pylist(rows)):
        plan = plan_load(run, LoadRequest(source=source, layout="APBILL"))
        assert [(total.currency, total.amount) for total in plan.totals] == [("USD", Decimal("115.30"))]


def test_nothing_is_sent_if_a_record_is_refused_unless_those_are_skipped(
    run: CompanyRun, emulator: Emulator, tmp_path: Path
) -> None:
    request = LoadRequest(source=[*ROWS, UNNAMED], layout="VENDOR", name="vendors")
    with pytest.raises(RefusedError, match="1 of 3 records of vendors is refused, and nothing was sent"):
        load(run, request)
    assert vendors(emulator) == []
    receipts = load(run, request, ApplyOptions(skip_refused=True))
    assert (receipts.complete, receipts.counts.posted, receipts.counts.refused) == (False, 2, 1)
    assert write_refused_rows(receipts.plan, receipts, tmp_path / "refused.csv") == 1
    assert "V-3" in (tmp_path / "refused.csv").read_text()


def test_what_is_not_approved_is_refused(run: CompanyRun, emulator: Emulator) -> None:
    maker, approver = strict(run, emulator), strict(run, emulator, "ben")
    with pytest.raises(SettingsError, match="requires an approval"):
        load(maker, LoadRequest(source=ROWS, layout="VENDOR"))
    plan = saved(maker)
    assert (plan.needs_approval, plan.may_apply, plan.made_by) == (True, False, "anna")
    for wanted in (plan, plan.id, Path(plan.id)):
        with pytest.raises(ApprovalMissingError, match="it has no approval") as caught:
            apply_plan(maker, wanted)
        assert caught.value.plan == plan.id
    with pytest.raises(SettingsError, match="four_eyes asks for a second person"):
        approve_plan(maker, plan.id, digest=plan.digest)
    with pytest.raises(SettingsError, match="not the one that you saw"):
        approve_plan(approver, plan.id, digest="0" * 64)
    assert vendors(emulator) == []
    assert approve_plan(approver, plan.id, digest=plan.digest, valid_for=timedelta(hours=1)).person == "ben"
    assert (open_saved(maker, plan.id).may_apply, open_saved(maker, plan.id).is_approved) == (True, True)
    assert apply_plan(maker, plan.id).complete
    assert vendors(emulator) == ["Acme Paper", "Bolt Ltd"]
    for one in (maker, approver):
        one.client.close()


def test_a_caller_can_ask_for_an_approval_and_for_the_digest_that_it_saw(run: CompanyRun, emulator: Emulator) -> None:
    plan = saved(run)
    assert plan.may_apply
    with pytest.raises(ApprovalMissingError):
        apply_plan(run, plan.id, ApplyOptions(require_approval=True))
    with pytest.raises(SettingsError, match="has another digest"):
        apply_plan(run, plan.id, ApplyOptions(digest="0" * 64))
    with pytest.raises(SettingsError, match="without `batch_size`"):
        apply_plan(run, plan.id, ApplyOptions(sending=SendOptions(batch_size=7)))
    assert vendors(emulator) == []


def test_an_altered_plan_is_refused(run: CompanyRun, emulator: Emulator) -> None:
    plan = saved(run)
    with run.open_outbox() as outbox:
        resealed_in(outbox, plan.id, lambda data: data["origin"].update(needs_approval=True))
    for refused in (apply_plan, open_revalidated):
        with pytest.raises(SettingsError, match="was changed since it was made"):
            refused(run, plan.id)
    with run.open_outbox() as outbox:
        text = outbox.plan_text(plan.id)
        assert text is not None
        replace_text(outbox, plan.id, text.replace(b"Acme", b"Acne"))
    with pytest.raises(SettingsError, match="altered"):
        open_saved(run, plan.id)
    assert vendors(emulator) == []


def test_a_stale_plan_is_refused_and_one_that_was_applied_does_nothing(run: CompanyRun, emulator: Emulator) -> None:
    plan = saved(run)
    first = apply_plan(run, plan.id)
    assert (first.complete, len(first)) == (True, 2)
    assert open_revalidated(run, plan.id).open_records == open_saved(run, plan.id).open_records == 0
    assert {one.status for one in apply_plan(run, plan.id)} == {RecordStatus.UNCHANGED}
    changed = plan_load(
        run, LoadRequest(source=[{"VENDORID": "V-1", "NAME": "Acme"}], layout="VENDOR", mode=Mode.UPDATE)
    )
    waiting = save_plan(run, changed)
    number = next(row["RECORDNO"] for row in run.client.query("VENDOR", ["RECORDNO"], where="VENDORID = 'V-1'"))
    run.client.update("VENDOR", [{"RECORDNO": number, "NAME": "Other"}])
    for refused in (apply_plan, open_revalidated):
        with pytest.raises(InvalidRequestError):
            refused(run, waiting.id)
    assert vendors(emulator) == ["Bolt Ltd", "Other"]


def test_what_a_person_is_asked_about_is_compared_again_after_the_answer(run: CompanyRun, emulator: Emulator) -> None:
    load(run, LoadRequest(source=ROWS, layout="VENDOR"))
    request = LoadRequest(source=[{"VENDORID": "V-1", "NAME": "Acme"}], layout="VENDOR", mode=Mode.UPDATE)

    def answer(plan: Plan) -> bool:
        assert (plan.to_update, len(plan.to_send)) == (1, 1)
        number = next(row["RECORDNO"] for row in run.client.query("VENDOR", ["RECORDNO"], where="VENDORID = 'V-1'"))
        run.client.update("VENDOR", [{"RECORDNO": number, "NAME": "Meanwhile"}])
        return True

    with pytest.raises(InvalidRequestError):
        load(run, request, confirm=answer)
    assert "Meanwhile" in vendors(emulator)


def test_plans_are_listed_by_page_whatever_came_after_them(run: CompanyRun, emulator: Emulator) -> None:
    first = saved(run)
    others = [saved(run, [{"VENDORID": f"W-{number}", "NAME": f"Name {number}", CONTACT: "W"}]) for number in range(7)]
    elsewhere = client(emulator, outbox=run.connection.outbox, location_id="100")
    assert saved_plans(CompanyRun(elsewhere)).plans == ()
    elsewhere.close()
    seen: list[str] = []
    after = ""
    while True:
        page = saved_plans(run, after=after, limit=3)
        seen += [plan.id for plan in page.plans]
        if not (after := page.next):
            break
    assert seen == [plan.id for plan in (*reversed(others), first)]
    apply_plan(run, others[-1].id)
    assert [plan.id for plan in saved_plans(run, done=True).plans] == [others[-1].id]
    assert len(saved_plans(run).plans) == 7
    with pytest.raises(NoPlanError):
        open_saved(run, "plan-000000000000")
    with pytest.raises(NoPlanError):
        open_saved(run, str(first.file))  # a text is an id, never a path


def test_two_programs_apply_one_plan_and_each_record_is_sent_once(run: CompanyRun, emulator: Emulator) -> None:
    plan = saved(run)
    with client(emulator, outbox=run.connection.outbox) as other:
        inner: list[int] = []

        def meanwhile(_: Plan) -> bool:
            inner.append(len(apply_plan(CompanyRun(other, person="ben"), plan.id)))
            return False

        outer = apply_plan(run, plan.id, confirm=meanwhile)
    assert (inner, [one.status for one in outer]) == ([2], [RecordStatus.UNCHANGED] * 2)
    assert vendors(emulator) == ["Acme Paper", "Bolt Ltd"]


class InterruptedProgressError(Exception):
    """What a program raises in its own `progress`."""


def interrupt(_: RecordOutcome) -> None:
    raise InterruptedProgressError


@pytest.mark.parametrize("concurrency", [1, 2])
@pytest.mark.parametrize("end", [{"stop": lambda: True}, {"progress": interrupt}], ids=["stop", "an error of progress"])
def test_the_rest_of_a_batch_that_was_sent_is_taken_in_before_the_end(
    tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, end: dict[str, Any], concurrency: int
) -> None:
    """Each record counts as the outbox has it: those of batches that were sent are posted, the others are not sent."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    rows = [{"VENDORID": f"V-{number}", "NAME": f"Name {number}", CONTACT: f"C {number}"} for number in range(12)]
    with client(emulator, outbox=str(tmp_path / "outbox.sqlite3"), concurrency=concurrency) as open_client:
        run = CompanyRun(open_client, person="anna")
        plan = plan_load(run, LoadRequest(source=rows, layout="VENDOR"))
        options = ApplyOptions(sending=SendOptions(batch_size=3))
        if "stop" in end:
            receipts = apply_plan(run, plan, options, **end)
            assert (len(receipts) + receipts.unreached, receipts.complete) == (len(rows), False)
        else:
            with pytest.raises(InterruptedProgressError):
                apply_plan(run, plan, options, **end)
        entries = find_entries(run, EntryQuery()).entries
        applied = sum(entry.status is RecordStatus.APPLIED for entry in entries)
        assert applied == len(vendors(emulator)) == 3 * concurrency
        counts = run.recorder.records
        assert (counts.posted, counts.in_doubt, counts.not_sent) == (applied, 0, len(rows) - applied)


def test_a_run_is_taken_back_by_a_plan(run: CompanyRun, emulator: Emulator) -> None:
    receipts = load(run, LoadRequest(source=ROWS, layout="VENDOR", name="vendors"))
    undo = plan_undo(run, UndoRequest(runs=(receipts.run,)))
    assert undo.plan is not None and undo.plan.to_delete == 2
    back = CompanyRun(run.client, person="anna")
    assert apply_plan(back, undo.plan).complete
    assert vendors(emulator) == []
    assert {entry.status for entry in find_entries(back, EntryQuery(run=receipts.run)).entries} == {
        RecordStatus.RELEASED
    }
    assert plan_undo(back, UndoRequest(runs=(receipts.run,))).plan is None


def test_an_outbox_that_the_caller_gives_stays_open(run: CompanyRun) -> None:
    with Outbox(outbox_place(replace(run.connection, outbox=run.connection.outbox))) as outbox:
        given = CompanyRun(run.client, outbox=outbox)
        assert load(given, LoadRequest(source=ROWS, layout="VENDOR")).complete
        assert len(list(outbox.entries())) == 2
