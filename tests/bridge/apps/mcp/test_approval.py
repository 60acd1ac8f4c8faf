"""Nothing that an agent does posts without a person's approval of the exact digest; an approved plan is posted once."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mcp_types import ElicitResult

from intacct_bridge.apps.mcp.session import AgentSettings
from intacct_bridge.load.approval.approvals import record_plan
from intacct_bridge.load.approval.stored_plans import store_plan
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.plan.plan import SendOptions
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.table import table_of_given_rows
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.errors import SettingsError
from support.apps.agents import ENTRY, Agent
from support.apps.plan_files import replace_text, resealed_in
from support.small_company import Clock, client, company


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    emulator = company(Clock())
    yield Agent(tmp_path, emulator)
    emulator.close()


def planned(agent: Agent, **changes: Any) -> tuple[str, str]:
    """The id and digest of a plan for one journal entry."""
    found = agent.call("plan_journal_entry", **{**ENTRY, **changes})
    return found["plan"], found["digest"]


def test_a_plan_posts_nothing_and_says_what_a_person_needs(agent: Agent) -> None:
    found = agent.call("plan_journal_entry", **ENTRY)
    assert agent.entries() == []
    none = {"amount": "0.00", "positive": "0.00", "negative": "0.00"}
    assert found["totals"] == [{"currency": "USD", "debit": "1250.00", "credit": "1250.00", **none}]
    assert (found["counts"], found["refusals"]) == ({"create": 1}, [])
    assert found["cost"]["to_apply"] == 1
    assert found["approval"]["approved"] is False
    assert found["approval"]["command_for_a_person"] == f"intacct plan approve {found['plan']} --connection default"
    (record,) = found["records"]
    assert (record["object"], record["lines"], record["amount"]) == ("GLBATCH", 2, "1250.00")


def test_an_approved_plan_is_posted_once_however_often_it_is_applied(agent: Agent) -> None:
    plan, digest = planned(agent)
    agent.approve(plan)
    assert agent.call("show_plan", plan=plan)["approval"]["approved"] is True
    done = agent.call("apply_plan", plan=plan, digest=digest)
    assert (done["all_done"], done["counts"]) == (True, {"posted": 1})
    again = agent.call("apply_plan", plan=plan, digest=digest)
    assert again["all_done"] is True and "posted" not in again["counts"]
    assert agent.entries() == ["Accrued rent"]


def test_the_same_entry_planned_again_is_known(agent: Agent) -> None:
    plan, digest = planned(agent)
    agent.approve(plan)
    agent.call("apply_plan", plan=plan, digest=digest)
    again = agent.call("plan_journal_entry", **ENTRY)
    assert (again["plan"], again["counts"]) == (None, {"unchanged": 1})
    assert "already in Intacct" in again["why"]


def test_without_an_approval_nothing_is_posted_also_where_the_connection_asks_for_none(agent: Agent) -> None:
    assert agent.connection.approval == "none"
    plan, digest = planned(agent)
    error = agent.error("apply_plan", plan=plan, digest=digest)
    assert (error["kind"], error["plan"]) == ("needs_approval", plan)
    assert f"intacct plan approve {plan}" in error["fix"]
    assert agent.entries() == []


def test_a_digest_that_is_not_the_plans_is_refused_although_it_is_approved(agent: Agent) -> None:
    plan, digest = planned(agent)
    other, other_digest = planned(agent, title="Other", reference="ACC-2")
    agent.approve(plan)
    for wrong in (other_digest, "0" * 64):
        assert "another digest" in agent.error("apply_plan", plan=plan, digest=wrong)["message"]
    assert agent.error("apply_plan", plan=other, digest=digest)["kind"] == "settings"
    assert agent.error("apply_plan", plan=other, digest=other_digest)["kind"] == "needs_approval"
    for short in (digest[:12], digest.upper(), f"{digest} ", ""):
        assert agent.error("apply_plan", plan=plan, digest=short)["kind"] == "arguments"
    assert agent.entries() == []


ALTERATIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "the amount": lambda plan: plan["records"][0]["lines"]["ENTRIES"][0]["fields"].update(
        TRX_AMOUNT={"decimal": "9999.00"}
    ),
    "the title": lambda plan: plan["records"][0]["fields"].update(BATCH_TITLE="Mine"),
    "the entity": lambda plan: plan["records"][0].update(entity="200"),
    "the verdict": lambda plan: plan["records"][0].update(verdict="unchanged"),
    "the need of an approval": lambda plan: plan["origin"].update(needs_approval=False),
    "the batch": lambda plan: plan["origin"]["options"].update(atomic=True),
    "a record more": lambda plan: plan["records"].append(plan["records"][0]),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_a_plan_that_is_altered_after_its_approval_is_refused(agent: Agent, what: str) -> None:
    plan, digest = planned(agent)
    agent.approve(plan)
    with agent.outbox() as outbox:
        resealed_in(outbox, plan, ALTERATIONS[what])
    assert agent.error("apply_plan", plan=plan, digest=digest)["kind"] in ("settings", "invalid")
    assert agent.entries() == []


def test_another_plan_in_the_place_of_an_approved_one_is_refused(agent: Agent) -> None:
    plan, digest = planned(agent)
    other, _ = planned(agent, title="Other", reference="ACC-2")
    agent.approve(plan)
    with agent.outbox() as outbox:
        replace_text(outbox, plan, agent.plan_text(other))
    assert "holds another plan" in agent.error("apply_plan", plan=plan, digest=digest)["message"]
    data = json.loads(agent.plan_text(other))
    with agent.outbox() as outbox:
        resealed_in(outbox, plan, lambda kept: kept.update(data | {"origin": data["origin"] | {"id": plan}}))
    assert "was changed since it was made" in agent.error("apply_plan", plan=plan, digest=digest)["message"]
    assert agent.entries() == []


def test_an_expired_approval_does_not_hold(agent: Agent) -> None:
    plan, digest = planned(agent)
    agent.approve(plan, valid_for=timedelta(seconds=-1))
    error = agent.error("apply_plan", plan=plan, digest=digest)
    assert error["kind"] == "needs_approval" and "expired at" in error["message"]
    assert agent.entries() == []


def test_an_approval_of_another_digest_does_not_hold(agent: Agent) -> None:
    """A replayed approval: the row of another plan's approval, written for this plan."""
    plan, digest = planned(agent)
    other, _ = planned(agent, title="Other", reference="ACC-2")
    given = agent.approve(other)
    with agent.outbox() as outbox:
        outbox.approve(replace(given, plan=plan))
    error = agent.error("apply_plan", plan=plan, digest=digest)
    assert "approved another digest" in error["message"]
    assert agent.entries() == []


@pytest.mark.parametrize(
    "changes", [{"connecting": {"location_id": "100"}}, {"connecting": {"environment": "implementation"}}]
)
def test_another_connection_cannot_apply_it(agent: Agent, changes: dict[str, Any]) -> None:
    plan, digest = planned(agent)
    agent.approve(plan)
    other = agent.another(**changes)
    assert "the plan is for" in other.error("apply_plan", plan=plan, digest=digest)["message"]
    assert agent.entries() == []


def test_another_outbox_cannot_apply_it(agent: Agent) -> None:
    plan, digest = planned(agent)
    agent.approve(plan)
    other = agent.another(outbox_file="other.sqlite3")
    assert "there is no plan" in other.error("apply_plan", plan=plan, digest=digest)["message"]
    with other.outbox() as outbox:
        outbox.hold_plan(plan, agent.plan_text(plan))
    assert "another outbox" in other.error("apply_plan", plan=plan, digest=digest)["message"]
    assert agent.entries() == []


def test_four_eyes_and_approvers_hold_for_agents(agent: Agent) -> None:
    strict = agent.another(connecting={"approval": "required", "approvers": ("ben", "anna"), "four_eyes": True})
    plan, digest = planned(strict)
    for person, why in (("anna", "second person"), ("carl", "approvers of connection")):
        with pytest.raises(SettingsError, match=why):
            strict.approve(plan, by=person)
    given = strict.approve(plan, by="ben")
    strict.call("apply_plan", plan=plan, digest=digest)
    other, other_digest = planned(strict, title="Other", reference="ACC-2")
    with strict.outbox() as outbox:  # also where a program writes the approval itself, it does not hold
        outbox.approve(replace(given, plan=other, digest=other_digest, person="anna"))
    assert "second person" in strict.error("apply_plan", plan=other, digest=other_digest)["message"]
    assert agent.entries() == ["Accrued rent"]


def test_a_plan_that_a_person_made_needs_an_approval_here_too(agent: Agent) -> None:
    with agent.company() as gateway, agent.outbox() as outbox:
        table = table_of_given_rows("vendors", [{"VENDORID": "V-1", "NAME": "A", "DISPLAYCONTACT.PRINTAS": "A"}])
        company = gateway
        plan = make_plan(table, layout_for("VENDOR", company), company, outbox)
        kept = record_plan(plan, company, outbox, SendOptions(), person="carl")
        store_plan(kept, outbox)
        assert kept.origin is not None
        made = outbox.plan_record(kept.origin.id)
        assert made is not None
    assert agent.error("apply_plan", plan=made.id, digest=made.digest)["kind"] == "needs_approval"
    with client(agent.emulator) as reading:
        assert list(reading.query("VENDOR", "VENDORID")) == []


def test_two_that_apply_at_once_post_once(agent: Agent) -> None:
    plan, digest = planned(agent)
    agent.approve(plan)
    servers = [agent.another(folder=agent.folder) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda one: one.result("apply_plan", {"plan": plan, "digest": digest}), servers))
    assert agent.entries() == ["Accrued rent"]
    assert any(not one.is_error for one in results)


def test_no_tool_and_no_setting_approves(agent: Agent) -> None:
    """Every tool with every text that could mean an approval, and every setting of a server."""
    plan, digest = planned(agent)
    for tool in agent.tools():
        assert "approve" not in tool.name
        names = tool.input_schema["properties"]
        assert not any(word in name for name in names for word in ("approv", "yes", "force", "confirm", "person"))
        arguments = {name: {"plan": plan, "digest": digest}.get(name, "approve") for name in names}
        agent.result(tool.name, arguments)
        agent.result(tool.name, {**arguments, "approved": True, "yes": True, "person": "ben", "approval": "none"})
    for settings in (AgentSettings(max_transactions=10_000), AgentSettings(console="http://127.0.0.1:1")):
        other = agent.another(settings=settings)
        assert other.error("apply_plan", plan=plan, digest=digest)["kind"] == "needs_approval"
    with agent.outbox() as outbox:
        assert outbox.approvals(plan) == []
    assert agent.entries() == []


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_that_says_yes_to_the_page_has_approved_nothing(agent: Agent, mode: str) -> None:
    asked: list[str] = []

    async def accept(_: Any, params: Any) -> ElicitResult:
        asked.append(params.url)
        return ElicitResult(action="accept")

    options = {"elicitation_callback": accept, "mode": mode}
    other = agent.another(settings=AgentSettings(console="http://127.0.0.1:8765"), client_options=options)
    plan, digest = planned(other)
    error = other.error("apply_plan", plan=plan, digest=digest)
    assert error["kind"] == "needs_approval"
    assert asked == [f"http://127.0.0.1:8765/approvals/{plan}"]
    assert agent.entries() == []
    other.approve(plan)
    other.call("apply_plan", plan=plan, digest=digest)
    assert len(asked) == 1
    assert agent.entries() == ["Accrued rent"]


def test_a_company_that_changed_since_needs_a_new_plan(agent: Agent) -> None:
    with client(agent.emulator) as gateway:
        gateway.create("VENDOR", [{"VENDORID": "V-1", "NAME": "Acme", "DISPLAYCONTACT": {"PRINTAS": "Acme"}}])
    found = agent.call(
        "plan_load",
        load_as="VENDOR",
        mode="update",
        records=[{"VENDORID": "V-1", "NAME": "Acme Ltd"}],
        key=["VENDORID"],
    )
    assert found["records"][0]["changes"] == [{"field": "NAME", "before": "Acme", "after": "Acme Ltd"}]
    agent.approve(found["plan"])
    with client(agent.emulator) as gateway:
        gateway.update("VENDOR", [{"VENDORID": "V-1", "NAME": "Someone else"}])
    error = agent.error("apply_plan", plan=found["plan"], digest=found["digest"])
    assert "has changed since the plan was made" in error["message"] and "Someone else" in error["message"]
    with client(agent.emulator) as reading:
        assert [row["NAME"] for row in reading.query("VENDOR", "NAME")] == ["Someone else"]


def test_a_lost_answer_is_settled_and_never_sent_twice(agent: Agent) -> None:
    """The gateway applies the entry and the answer is lost: applying the plan again finds it."""
    lost = ScriptedFault("cut-after", "create", calls=(1,))
    emulator = agent.emulator.clone(faults=(lost,))
    other = agent.another(emulator=emulator)
    plan, digest = planned(other)
    other.approve(plan)
    ends = [other.result("apply_plan", {"plan": plan, "digest": digest}).structured_content for _ in range(3)]
    assert ends[-1] is not None and ends[-1]["all_done"] is True
    assert other.entries() == ["Accrued rent"]
    emulator.close()


def test_what_was_done_before_a_failure_is_told(agent: Agent) -> None:
    """Two requests, of which the second is refused as too many: the first one's receipts are in the answer."""
    rows = [{"VENDORID": f"V-{n:03}", "NAME": f"Vendor {n}", "DISPLAYCONTACT.PRINTAS": f"V{n}"} for n in range(150)]
    found = agent.call("plan_load", load_as="VENDOR", records=rows)
    agent.approve(found["plan"])
    busy = ScriptedFault("http", "create", calls=tuple(range(101, 1000)), status=429)
    emulator = agent.emulator.clone(faults=(busy,))
    asked = {"plan": found["plan"], "digest": found["digest"]}
    done = agent.another(emulator=emulator, connecting={"concurrency": 1}).call("apply_plan", **asked)
    assert done["all_done"] is False and done["counts"]["posted"] == 100
    assert done["stopped"]["kind"] == "try_again_later" and "again" in done["next"]
    healed = emulator.clone(faults=())
    again = agent.another(emulator=healed).call("apply_plan", **asked)
    assert again["all_done"] is True and again["counts"]["posted"] == 50
    with client(healed) as reading:
        assert len(list(reading.query("VENDOR", "VENDORID"))) == 150
    for one in (emulator, healed):
        one.close()


def test_records_in_doubt_are_told_with_what_to_do(agent: Agent) -> None:
    down = ScriptedFault("http", "create", calls=tuple(range(1, 100)), status=503)
    emulator = agent.emulator.clone(faults=(down,))
    other = agent.another(emulator=emulator)
    plan, digest = planned(other)
    other.approve(plan)
    done = other.call("apply_plan", plan=plan, digest=digest)
    assert (done["counts"], done["all_done"]) == ({"in doubt": 1}, False)
    assert "Apply it again" in done["next"]
    emulator.close()


def test_an_agent_reaches_every_record_and_sees_what_cancels_out(agent: Agent) -> None:
    head = {"journal": "GJ", "date": "2026-11-30", "department": "100", "location": "100"}
    rows: list[dict[str, Any]] = []
    for number in range(1, 121):
        amount = "900000.00" if number == 60 else "1.00"
        entry = head | {"title": f"Rent {number}", "reference": f"R-{number}"}
        rows += [entry | {"account": "60100", "debit": amount}, entry | {"account": "20100", "credit": amount}]
    first = agent.call("plan_load", load_as="journal-entries", records=rows)
    assert (first["page"], first["pages"], first["records_that_match"]) == (1, 3, 120)
    total = {"currency": "USD", "debit": "900119.00", "credit": "900119.00"}
    assert first["summary"]["totals"][0].items() >= total.items()
    assert [(group["id"], group["records"]) for group in first["summary"]["accounts"]] == [
        ("20100", 120),
        ("60100", 120),
    ]
    assert first["summary"]["largest"][0] == "GJ 2026-11-30 'Rent 60' R-60"
    pages = [agent.call("show_plan", plan=first["plan"], page=page)["records"] for page in (1, 2, 3)]
    assert [record["number"] for page in pages for record in page] == list(range(1, 121))
    by_amount = agent.call("show_plan", plan=first["plan"], sort="amount")["records"][0]
    assert (by_amount["number"], by_amount["amount"]) == (60, "900000.00")
    found = agent.call("show_plan", plan=first["plan"], find="rent 77")
    assert [record["number"] for record in found["records"]] == [77]


def test_an_agent_says_that_records_with_one_key_are_two(agent: Agent) -> None:
    head = {"journal": "GJ", "date": "2026-11-30", "reference": "R-1", "department": "100", "location": "100"}
    rows: list[dict[str, Any]] = []
    for title in ("Rent", "Heat"):
        entry = head | {"title": title}
        rows += [entry | {"account": "60100", "debit": "1.00"}, entry | {"account": "20100", "credit": "1.00"}]
    keyed: dict[str, Any] = {
        "load_as": "journal-entries",
        "records": [row | {"id": "7"} for row in rows],
        "key": ["id"],
    }
    assert agent.call("plan_load", **keyed)["counts"] == {"refused": 2}
    assert agent.call("plan_load", **keyed, new=list(range(1, 6)))["counts"] == {"create": 2}


def test_an_agent_lists_every_plan_by_page(agent: Agent) -> None:
    agent = agent.another(settings=AgentSettings(max_transactions=10_000))
    made = [planned(agent, reference=f"L-{number}")[0] for number in range(52)]
    first = agent.call("list_plans")
    second = agent.call("list_plans", after=first["next"])
    assert [plan["plan"] for plan in (*first["plans"], *second["plans"])] == made[::-1]
    assert second["next"] is None
    assert agent.call("list_plans", done=True)["plans"] == []
