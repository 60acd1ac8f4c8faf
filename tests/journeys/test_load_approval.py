"""An approval binds one plan to a person and a time; everything else that would be sent is refused before it is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.retry import retry
from intacct_bridge.load.apply.single_writes import OutboxWriter
from intacct_bridge.load.approval.approvals import approve, record_plan
from intacct_bridge.load.approval.digest import plan_digest
from intacct_bridge.load.outbox.entry import Approval, Resolution, ResolutionKind
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Mode, SendOptions
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import revalidate_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.shared_state.place import Place
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.xml.xml import element
from support.apps.plan_files import resealed
from support.journeys.objects import BILLS, VENDORS, LoadScenario
from support.small_company import client

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POSTED = [RecordStatus.APPLIED] * 2
REQUIRED = {"approval": "required"}
USUAL = LoadSettings()


@pytest.fixture
def desk(tmp_path: Path, emulator: Emulator, place: Place) -> LoadScenario:
    return LoadScenario(tmp_path, emulator, connecting=dict(REQUIRED), place=place)


def outbox(desk: LoadScenario, now: datetime = NOW, path: Path | None = None) -> Outbox:
    return Outbox(path or desk.place or desk.folder / "outbox.sqlite3", clock=lambda: now)


def keep(
    desk: LoadScenario,
    text: str = VENDORS,
    object_name: str = "VENDOR",
    mode: str = "create",
    *,
    by: str = "anna",
    **more: Any,
) -> Path:
    """A saved plan, as `intacct load --out` makes it."""
    path = desk.folder / "kept.plan"
    options = more.pop("options", SendOptions())
    with client(desk.emulator, **desk.connecting) as gateway, outbox(desk) as entries:
        plan = desk.make(gateway, entries, desk.file(text), object_name, Mode(mode), **more)
        save_plan(record_plan(plan, gateway, entries, options, person=by), path)
    return path


def give(desk: LoadScenario, path: Path, *, by: str = "ben", hours: int = 24) -> Approval:
    with client(desk.emulator, **desk.connecting) as gateway, outbox(desk) as entries:
        plan = open_plan(path)
        return approve(plan, gateway, entries, person=by, valid_for=timedelta(hours=hours))


def apply(
    desk: LoadScenario,
    path: Path,
    *,
    now: datetime = NOW,
    through: Path | None = None,
    settings: LoadSettings = USUAL,
    **connecting: Any,
) -> list[RecordStatus]:
    with (
        client(desk.emulator, **{**desk.connecting, **connecting}) as gateway,
        outbox(desk, now, through) as entries,
    ):
        return [one.status for one in Loader(gateway, entries, settings).apply(open_plan(path))]


def names(desk: LoadScenario) -> list[str]:
    """The vendors as a client without our loader reads them."""
    return sorted(row["NAME"] for row in desk.rows("VENDOR") if row["VENDORID"].startswith("V-"))


def test_an_approved_plan_is_posted_once_however_often_it_is_applied(desk: LoadScenario) -> None:
    path = keep(desk)
    given = give(desk, path)
    assert (given.person, given.at, given.expires_at) == ("ben", NOW, NOW + timedelta(hours=24))
    assert apply(desk, path) == POSTED
    assert apply(desk, path) == [RecordStatus.UNCHANGED] * 2
    assert names(desk) == ["Acme Paper", "Bolt Ltd"]


def test_without_an_approval_nothing_is_sent(desk: LoadScenario) -> None:
    path = keep(desk)
    with pytest.raises(SettingsError, match="it has no approval"):
        apply(desk, path)
    with client(desk.emulator, **REQUIRED) as gateway, outbox(desk) as entries:
        loader = Loader(gateway, entries)
        plan = desk.make(gateway, entries, desk.file(VENDORS), "VENDOR")
        for use in (
            lambda: list(loader.apply(plan)),
            lambda: list(loader.load([one.write for one in plan.records])),
            lambda: list(loader.apply(revalidate_plan(open_plan(path), gateway, entries))),
            lambda: retry(gateway, entries),
            lambda: gateway.create("VENDOR", [{"VENDORID": "V-9", "NAME": "Direct"}]),
            lambda: gateway.delete("VENDOR", ["1"]),
            lambda: OutboxWriter(entries).write(gateway, "create", "VENDOR", [{"NAME": "x"}], [element("create")]),
        ):
            with pytest.raises(SettingsError, match="approv"):
                use()
    assert names(desk) == []


def test_an_approval_expires(desk: LoadScenario) -> None:
    path = keep(desk)
    give(desk, path, hours=2)
    with pytest.raises(SettingsError, match=r"by ben expired at 2026-11-21 14:00 UTC"):
        apply(desk, path, now=NOW + timedelta(hours=2))
    assert names(desk) == []
    assert apply(desk, path, now=NOW + timedelta(hours=1, minutes=59)) == POSTED


def test_four_eyes_exclude_whoever_made_the_plan(desk: LoadScenario) -> None:
    desk.connecting["four_eyes"] = True
    path = keep(desk, by="anna")
    for name in ("anna", "Anna"):
        with pytest.raises(SettingsError, match="anna made it"):
            give(desk, path, by=name)
    give(desk, path, by="ben")
    assert apply(desk, path) == POSTED


def test_only_approvers_approve_and_an_earlier_approval_counts_by_the_rules_of_today(desk: LoadScenario) -> None:
    path = keep(desk)
    give(desk, path, by="ben")
    with pytest.raises(SettingsError, match=r"approvers of connection .* are carla"):
        apply(desk, path, approvers=("carla",))
    desk.connecting["approvers"] = ("carla",)
    with pytest.raises(SettingsError, match="ben may not approve"):
        give(desk, path, by="ben")
    give(desk, path, by="carla")
    assert apply(desk, path) == POSTED


@pytest.mark.parametrize(
    "alter",
    [
        lambda plan: plan["origin"]["options"].update(atomic=True),
        lambda plan: plan["origin"]["options"].update(batch_size=1),
        lambda plan: plan["origin"]["options"].update(stop_on_error=True),
        lambda plan: plan["records"].pop(),
        lambda plan: plan["records"].reverse(),
        lambda plan: plan["target"].update(environment="implementation"),
    ],
    ids=["atomic", "batch", "on error", "a record less", "order", "environment"],
)
def test_a_plan_that_was_changed_is_refused_also_with_a_seal_that_fits(
    desk: LoadScenario, alter: Callable[[dict[str, Any]], object]
) -> None:
    path = keep(desk)
    give(desk, path)
    resealed(path, alter)
    options = open_plan(path).origin
    assert options is not None
    sent = options.options
    settings = LoadSettings(batch_size=sent.batch_size, atomic=sent.atomic, stop_on_error=sent.stop_on_error)
    with pytest.raises(SettingsError, match=r"was changed since it was made|the plan is for environment"):
        apply(desk, path, settings=settings)
    assert names(desk) == []


def test_a_plan_with_the_origin_of_none_or_of_another_has_no_approval(desk: LoadScenario) -> None:
    path = keep(desk)
    give(desk, path)
    resealed(path, lambda plan: plan.update(origin=None))
    with pytest.raises(SettingsError, match="have no approved plan"):
        apply(desk, path)
    first = open_plan(keep(desk)).origin
    give(desk, path)
    second = keep(desk, VENDORS.replace("Bolt Ltd,", "Mallory,"))
    assert first is not None
    resealed(second, lambda plan: plan["origin"].update(id=first.id))
    with pytest.raises(SettingsError, match="was changed since it was made"):
        apply(desk, second)
    assert names(desk) == []


def test_options_belong_to_the_plan(desk: LoadScenario) -> None:
    path = keep(desk, options=SendOptions(atomic=True))
    give(desk, path)
    with pytest.raises(SettingsError, match="together or not at all"):
        apply(desk, path)
    assert names(desk) == []
    assert apply(desk, path, settings=LoadSettings(atomic=True)) == POSTED


def test_attached_bytes_are_approved_too(desk: LoadScenario) -> None:
    LoadScenario(desk.folder, desk.emulator, place=desk.place).load(VENDORS, "VENDOR")
    (desk.folder / "scan.pdf").write_bytes(b"%PDF-1 what ben saw")
    header, first, *_ = BILLS.splitlines()
    path = keep(desk, f"{header},attachments\n{first},scan.pdf\n", "APBILL")
    give(desk, path)
    (desk.folder / "scan.pdf").write_bytes(b"%PDF-1 something else")
    with pytest.raises(SettingsError, match=r"altered|changed"):
        apply(desk, path)
    assert desk.rows("APBILL") == []


def test_a_plan_for_another_company_user_environment_or_outbox_is_refused(desk: LoadScenario, tmp_path: Path) -> None:
    path = keep(desk)
    give(desk, path)
    with pytest.raises(SettingsError, match="the plan is for environment"):
        apply(desk, path, environment="implementation")
    with pytest.raises(SettingsError, match="the plan is for entity none"):
        apply(desk, path, location_id="100")
    plan = open_plan(path)
    for name in ("company", "user"):
        other = replace(plan, target=replace(plan.target, **{name: "another"}))
        with (
            client(desk.emulator, **REQUIRED) as gateway,
            outbox(desk) as entries,
            pytest.raises(SettingsError, match=f"the plan is for {name} another"),
        ):
            list(Loader(gateway, entries).apply(other))
    with pytest.raises(SettingsError, match="made with another outbox"):
        apply(desk, path, through=tmp_path / "another.sqlite3")
    assert names(desk) == []


def updating(desk: LoadScenario) -> Path:
    LoadScenario(desk.folder, desk.emulator, place=desk.place).load(VENDORS, "VENDOR")
    return keep(desk, "VENDORID,NAME\nV-1,Acme Paper and Ink\n", "VENDOR", "update")


def rename(desk: LoadScenario, name: str) -> None:
    with client(desk.emulator) as gateway:
        (done,) = gateway.update("VENDOR", [{"VENDORID": "V-1", "NAME": name}])
        assert done.ok


def test_another_old_value_needs_a_new_approval(desk: LoadScenario) -> None:
    path = updating(desk)
    give(desk, path)
    rename(desk, "Changed by a person")
    with pytest.raises(InvalidRequestError, match="Changed by a person"):
        apply(desk, path)
    assert names(desk) == ["Bolt Ltd", "Changed by a person"]
    path = keep(desk, "VENDORID,NAME\nV-1,Acme Paper and Ink\n", "VENDOR", "update")
    with pytest.raises(SettingsError, match="it has no approval"):
        apply(desk, path)
    give(desk, path)
    assert apply(desk, path) == [RecordStatus.APPLIED]
    assert names(desk) == ["Acme Paper and Ink", "Bolt Ltd"]


def test_an_update_that_is_half_done_by_others_needs_a_new_approval(desk: LoadScenario) -> None:
    LoadScenario(desk.folder, desk.emulator, place=desk.place).load(VENDORS, "VENDOR")
    path = keep(desk, "VENDORID,NAME,COMMENTS\nV-1,Acme Paper and Ink,New name\n", "VENDOR", "update")
    assert {one.name for one in open_plan(path).records[0].changes} == {"NAME", "COMMENTS"}
    give(desk, path)
    rename(desk, "Acme Paper and Ink")
    with pytest.raises(InvalidRequestError, match="is not as it was when the plan was made"):
        apply(desk, path)
    assert {row.get("COMMENTS", "") for row in desk.rows("VENDOR") if row["VENDORID"] == "V-1"} <= {"", None}


def test_an_update_that_a_person_took_back_is_not_repeated(desk: LoadScenario) -> None:
    path = updating(desk)
    give(desk, path)
    assert apply(desk, path) == [RecordStatus.APPLIED]
    rename(desk, "Acme Paper")
    assert apply(desk, path) == [RecordStatus.UNCHANGED]
    assert names(desk) == ["Acme Paper", "Bolt Ltd"]


def test_a_record_that_was_forgotten_since_is_not_posted_again_by_the_same_plan(desk: LoadScenario) -> None:
    path = keep(desk)
    give(desk, path)
    assert apply(desk, path) == POSTED
    with outbox(desk) as entries:
        for entry in list(entries.entries()):
            entries.decide(entry.number, Resolution(ResolutionKind.FORGOTTEN, "ben", "test"))
    with client(desk.emulator) as gateway:
        gateway.delete("VENDOR", [row["RECORDNO"] for row in desk.rows("VENDOR") if row["VENDORID"] == "V-1"])
    with pytest.raises((SettingsError, InvalidRequestError)):
        apply(desk, path)
    assert names(desk) == ["Bolt Ltd"]


def test_a_reference_that_means_another_record_needs_a_new_approval(desk: LoadScenario) -> None:
    LoadScenario(desk.folder, desk.emulator, place=desk.place).load(VENDORS, "VENDOR")
    path = keep(desk, BILLS.replace("V-1,INV", "Acme Paper,INV"), "APBILL")
    give(desk, path)
    rename(desk, "Someone else")
    with client(desk.emulator) as gateway:
        gateway.update("VENDOR", [{"VENDORID": "V-2", "NAME": "Acme Paper"}])
    with pytest.raises(InvalidRequestError, match="'V-1' in the plan, and to 'V-2' now"):
        apply(desk, path)
    assert desk.rows("APBILL") == []


def test_an_atomic_batch_with_a_refused_record_is_not_sent_by_a_saved_plan_either(desk: LoadScenario) -> None:
    path = keep(desk, f"{VENDORS}V-3,,Bad\n", options=SendOptions(atomic=True))
    assert [one.verdict.value for one in open_plan(path).records] == ["create", "create", "refused"]
    give(desk, path)
    assert apply(desk, path, settings=LoadSettings(atomic=True)) == [RecordStatus.ABORTED] * 2
    assert names(desk) == []


def test_a_run_that_stopped_goes_on_under_the_same_approval(desk: LoadScenario) -> None:
    options, settings = SendOptions(batch_size=1, stop_on_error=True), LoadSettings(batch_size=1, stop_on_error=True)
    path = keep(desk, options=options)
    give(desk, path)
    with client(desk.emulator, **REQUIRED) as gateway, outbox(desk) as entries:
        assert next(Loader(gateway, entries, settings).apply(open_plan(path))).good
    assert names(desk) == ["Acme Paper"]
    assert sorted(apply(desk, path, settings=settings)) == sorted([RecordStatus.UNCHANGED, RecordStatus.APPLIED])
    assert names(desk) == ["Acme Paper", "Bolt Ltd"]


@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
def test_lines_and_deletes_of_an_approved_plan_are_applied_as_planned(desk: LoadScenario, mode: str) -> None:
    free = LoadScenario(desk.folder, desk.emulator, place=desk.place)
    free.load(VENDORS, "VENDOR")
    assert {one.status for one in free.load(BILLS, "APBILL")} == {RecordStatus.APPLIED}
    path = keep(desk, BILLS.replace("100.10", "100.30"), "APBILL", mode)
    give(desk, path)
    states = apply(desk, path)
    assert RecordStatus.APPLIED in states
    due = sorted(row["TRX_TOTALDUE"] for row in desk.rows("APBILL"))
    assert due == ([] if mode == "delete" else ["100.5", "15"])
    assert set(apply(desk, path)) == {RecordStatus.UNCHANGED}
    assert sorted(row["TRX_TOTALDUE"] for row in desk.rows("APBILL")) == due


def test_each_part_of_a_plan_changes_its_digest(desk: LoadScenario) -> None:
    path = updating(desk)
    plan = open_plan(path)
    assert plan.origin is not None
    record = plan.records[0]
    with client(desk.emulator, **REQUIRED) as gateway:
        gate = gateway
        others = [
            replace(plan, target=replace(plan.target, company="x")),
            replace(plan, target=replace(plan.target, entity="x")),
            replace(plan, target=replace(plan.target, environment="x")),
            replace(plan, target=replace(plan.target, user="x")),
            replace(plan, origin=replace(plan.origin, id="x")),
            replace(plan, origin=replace(plan.origin, outbox="x")),
            replace(plan, origin=replace(plan.origin, options=SendOptions(batch_size=7))),
            replace(plan, records=(replace(record, changes=(replace(record.changes[0], before="x"),)),)),
            replace(plan, records=(replace(record, write=replace(record.write, fields={"RECORDNO": "1"})),)),
        ]
        digests = [plan_digest(one, gate) for one in (plan, *others)]
    assert len(set(digests)) == len(others) + 1


def test_without_the_rule_a_saved_plan_is_applied_as_before(desk: LoadScenario) -> None:
    desk.connecting.clear()
    assert apply(desk, keep(desk)) == POSTED


@pytest.mark.parametrize("setting", [{"four_eyes": True}, {"approvers": ("ben",)}])
def test_rules_without_the_requirement_are_refused(desk: LoadScenario, setting: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="has no effect here"):
        client(desk.emulator, **setting)
