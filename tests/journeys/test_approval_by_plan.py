"""A plan can ask for an approval itself, also if its connection asks for none. The outbox knows it by its id."""

from pathlib import Path
from random import Random

import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.approval.approvals import approve, plan_record, record_plan
from intacct_bridge.load.approval.stored_plans import NoPlanError, is_plan_id, store_plan, stored_plan
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import SendOptions
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.shared_state.place import Place
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import SettingsError
from support.apps.plan_files import replace_text, resealed_in
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client


@pytest.fixture
def desk(tmp_path: Path, emulator: Emulator, place: Place, monkeypatch: pytest.MonkeyPatch) -> LoadScenario:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return LoadScenario(tmp_path, emulator, place=place)


def made(desk: LoadScenario, gateway: object, outbox: Outbox, *, needed: bool = True) -> str:
    """The id of a plan that the outbox holds."""
    plan = desk.make(gateway, outbox, desk.file(VENDORS), "VENDOR")
    recorded = record_plan(plan, gateway, outbox, SendOptions(), person="anna", needs_approval=needed)  # type: ignore[arg-type]
    return store_plan(recorded, outbox)


def vendors(desk: LoadScenario) -> list[str]:
    return sorted(row["NAME"] for row in desk.rows("VENDOR") if row["VENDORID"].startswith("V-"))


def needs(plan_id: str, outbox: Outbox) -> bool:
    origin = stored_plan(plan_id, outbox).origin
    assert origin is not None
    return origin.needs_approval


def test_a_plan_that_needs_an_approval_waits_for_it_where_the_connection_asks_for_none(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = made(desk, gateway, outbox)
        loader = Loader(gateway, outbox)
        with pytest.raises(SettingsError, match="has no approval that holds: it has no approval"):
            list(loader.apply(stored_plan(plan, outbox)))
        assert vendors(desk) == []
        approve(stored_plan(plan, outbox), gateway, outbox, person="ben")
        assert [one.status for one in loader.apply(stored_plan(plan, outbox))] == [RecordStatus.APPLIED] * 2
    assert vendors(desk) == ["Acme Paper", "Bolt Ltd"]


def test_the_need_cannot_be_taken_out_of_the_plan(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = made(desk, gateway, outbox)
        assert needs(plan, outbox) is True
        resealed_in(outbox, plan, lambda text: text["origin"].update(needs_approval=False))
        assert needs(plan, outbox) is False
        with pytest.raises(SettingsError, match="was changed since it was made"):
            list(Loader(gateway, outbox).apply(stored_plan(plan, outbox)))
    assert vendors(desk) == []


def test_a_plan_without_the_need_is_applied_without_an_approval(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = made(desk, gateway, outbox, needed=False)
        assert needs(plan, outbox) is False
        assert [one.status for one in Loader(gateway, outbox).apply(stored_plan(plan, outbox))]


def test_plans_are_found_by_their_id_and_by_no_other_text(desk: LoadScenario) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        name = made(desk, gateway, outbox)
        assert is_plan_id(name)
        assert plan_record(stored_plan(name, outbox), gateway, outbox).person == "anna"
        for text in (f"../{name}", f"{name}/..", "", "plan-", name.upper(), f"{name}\n", f"{outbox.path}.plans/{name}"):
            with pytest.raises(NoPlanError, match="is not the id of a plan"):
                stored_plan(text, outbox)
        with pytest.raises(NoPlanError, match="there is no plan"):
            stored_plan(f"plan-{'0' * 12}", outbox)
        other = made(desk, gateway, outbox)
        replace_text(outbox, other, outbox.plan_text(name) or b"")
        with pytest.raises(SettingsError, match=f"holds another plan under {other}"):
            stored_plan(other, outbox)


@pytest.mark.parametrize("text", [b"", b"no JSON", b"{}"])
def test_what_is_no_plan_is_refused_by_its_id(desk: LoadScenario, text: bytes) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = made(desk, gateway, outbox)
        replace_text(outbox, plan, text)
        with pytest.raises(SettingsError, match=f"the plan {plan} in the outbox .* is not a plan"):
            stored_plan(plan, outbox)
        with outbox._db.transaction():
            outbox._db.execute("UPDATE plan_piece SET bytes = ? WHERE plan = ?", (b"torn", plan))
        with pytest.raises(SettingsError, match="is not a plan"):
            stored_plan(plan, outbox)


def test_another_machine_approves_and_applies_a_plan(
    desk: LoadScenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machines share the outbox and no folder."""
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = made(desk, gateway, outbox)
    assert not list((tmp_path / "state").rglob("*.plan"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other-machine"))
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        approve(stored_plan(plan, outbox), gateway, outbox, person="ben")
        statuses = [one.status for one in Loader(gateway, outbox).apply(stored_plan(plan, outbox))]
    assert statuses == [RecordStatus.APPLIED] * 2
    assert vendors(desk) == ["Acme Paper", "Bolt Ltd"]


def test_a_plan_in_a_file_is_not_found_by_its_id(desk: LoadScenario, tmp_path: Path) -> None:
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        planned = desk.make(gateway, outbox, desk.file(VENDORS), "VENDOR")
        recorded = record_plan(planned, gateway, outbox, SendOptions(), person="anna")
        assert recorded.origin is not None
        with pytest.raises(SettingsError, match=f"does not hold the plan {recorded.origin.id}, which anna made at 20"):
            stored_plan(recorded.origin.id, outbox)


def test_a_plan_of_many_pieces_comes_back_as_it_was(desk: LoadScenario) -> None:
    text = Random(43).randbytes(350_000)
    with client(desk.emulator) as gateway, desk.outbox() as outbox:
        plan = made(desk, gateway, outbox)
        replace_text(outbox, plan, text)
        assert outbox.plan_text(plan) == text
