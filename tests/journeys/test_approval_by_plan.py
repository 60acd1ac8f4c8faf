"""A plan can ask for an approval itself, whatever its connection says, and is known by its id beside the outbox."""

import json
import stat
from pathlib import Path

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.approval.approvals import approve, plan_record, record_plan
from intacct_bridge.load.approval.plan_folder import PlanFolder, is_plan_id
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import SendOptions
from intacct_bridge.load.plan.plan_file import open_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.shared_state.place import Place
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import SettingsError
from support.apps.plan_files import resealed
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client


@pytest.fixture
def desk(tmp_path: Path, emulator: Emulator, place: Place, monkeypatch: pytest.MonkeyPatch) -> LoadScenario:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # where the plans beside a database are
    return LoadScenario(tmp_path, emulator, place=place)


def kept(desk: LoadScenario, gateway: object, outbox: Outbox, *, needed: bool = True) -> Path:
    plan = desk.make(gateway, outbox, desk.file(VENDORS), "VENDOR")
    made = record_plan(plan, gateway, outbox, SendOptions(), person="anna", needs_approval=needed)  # type: ignore[arg-type]
    return PlanFolder(outbox).save(made)


def vendors(desk: LoadScenario) -> list[str]:
    return sorted(row["NAME"] for row in desk.rows("VENDOR") if row["VENDORID"].startswith("V-"))


def test_a_plan_that_needs_an_approval_waits_for_it_where_the_connection_asks_for_none(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        path = kept(desk, gateway, outbox)
        loader = Loader(gateway, outbox)
        with pytest.raises(SettingsError, match="has no approval that holds: it has no approval"):
            list(loader.apply(open_plan(path)))
        assert vendors(desk) == []
        approve(open_plan(path), gateway, outbox, person="ben")
        assert [one.status for one in loader.apply(open_plan(path))] == [RecordStatus.APPLIED] * 2
    assert vendors(desk) == ["Acme Paper", "Bolt Ltd"]


def test_the_need_cannot_be_taken_out_of_the_file(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        path = kept(desk, gateway, outbox)
        assert json.loads(path.read_text())["origin"]["needs_approval"] is True
        resealed(path, lambda plan: plan["origin"].update(needs_approval=False))
        assert open_plan(path).origin.needs_approval is False  # type: ignore[union-attr]
        with pytest.raises(SettingsError, match="was changed since it was made"):
            list(Loader(gateway, outbox).apply(open_plan(path)))
    assert vendors(desk) == []


def test_a_plan_without_the_need_is_kept_as_before(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        path = kept(desk, gateway, outbox, needed=False)
        assert json.loads(path.read_text())["origin"]["needs_approval"] is False
        assert [one.status for one in Loader(gateway, outbox).apply(open_plan(path))]


def test_plans_are_found_by_their_id_and_by_no_other_text(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        folder = PlanFolder(outbox)
        path = kept(desk, gateway, outbox)
        name = path.stem
        assert is_plan_id(name) and folder.file(name) == path
        assert plan_record(folder.open(name), gateway, outbox).person == "anna"
        other = f"plan-{'0' * 12}"
        for text in (f"../{name}", f"{name}/..", "", "plan-", name.upper(), f"{name}\n", str(path)):
            with pytest.raises(SettingsError, match="is not the id of a plan"):
                folder.open(text)
        with pytest.raises(SettingsError, match="there is no plan"):
            folder.open(other)
        path.rename(folder.file(other))
        with pytest.raises(SettingsError, match=f"is not the plan {other}"):
            folder.open(other)


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_plan_whose_file_is_on_another_machine_is_named_with_the_way_to_it(
    desk: LoadScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        theirs = kept(desk, gateway, outbox)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other-machine"))
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        name = theirs.stem
        with pytest.raises(SettingsError, match=f"plan {name}, which anna made at 20.* is not here") as refused:
            PlanFolder(outbox).open(name)
        ours = PlanFolder(outbox).file(name)
        assert str(ours) in refused.value.fix
        ours.parent.mkdir(parents=True)
        ours.write_bytes(theirs.read_bytes())
        approve(PlanFolder(outbox).open(name), gateway, outbox, person="ben")
        loader = Loader(gateway, outbox)
        assert [one.status for one in loader.apply(PlanFolder(outbox).open(name))] == [RecordStatus.APPLIED] * 2


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("outbox_mode", "file", "folder"), [(0o600, 0o600, 0o700), (0o660, 0o660, 0o770)])
def test_whoever_may_write_to_the_outbox_may_read_its_plans(
    desk: LoadScenario, outbox_mode: int, file: int, folder: int
) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        Path(outbox.path).chmod(outbox_mode)
        path = kept(desk, gateway, outbox)
        assert stat.S_IMODE(path.stat().st_mode) == file
        assert stat.S_IMODE(path.parent.stat().st_mode) == folder
