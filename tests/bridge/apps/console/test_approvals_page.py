"""Approvals: the plans that wait, what a person sees of each, and that only the exact digest is approved."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from intacct_bridge.apps.cli.app import main
from intacct_bridge.apps.web.pages import company_run
from intacct_bridge.load.approval.approvals import record_plan
from intacct_bridge.load.approval.stored_plans import store_plan
from intacct_bridge.load.layouts.choose import layout_for
from intacct_bridge.load.plan.plan import SendOptions
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.table import table_of_given_rows
from support.apps.agents import ENTRY
from support.apps.console_site import RunningConsole, Visitor, running_console, save_connection
from support.apps.http_reader import HttpReader
from support.apps.plan_files import replace_text

Planned = Callable[..., tuple[str, str]]
POISON = '<script>alert(1)</script><a href="http://attacker.example">rent</a>'


@pytest.fixture
def plan(console: RunningConsole) -> Planned:
    """Makes a plan of one journal entry, as an agent's server does; its id and digest."""

    def make(
        reference: str, *, title: str = "Accrued rent", connection: str = "books", by: str = "zoe", waits: bool = True
    ) -> tuple[str, str]:
        head = {name: ENTRY[name] for name in ("journal", "date")} | {"title": title, "reference": reference}
        rows = [head | {"debit": "", "credit": "", **line} for line in ENTRY["lines"]]
        with company_run(connection, "mcp", person=by) as context, context.open_outbox() as outbox:
            company = context.client
            table = table_of_given_rows("journal-entries (agent)", rows)
            planned = make_plan(table, layout_for("journal-entries", company), company, outbox)
            saved = record_plan(planned, company, outbox, SendOptions(), person=by, needs_approval=waits)
            store_plan(saved, outbox)
            assert saved.origin is not None
            made = outbox.plan_record(saved.origin.id)
            assert made is not None
            return made.id, made.digest

    return make


def waiting(visitor: Visitor) -> dict[str, Any]:
    return {one["plan"]: one for one in plans(visitor) if one["state"] == "waiting"}


def plans(visitor: Visitor, state: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = visitor.get(f"/approvals.json?state={state}").json["plans"]
    return listed


def test_a_plan_waits_is_seen_in_full_approved_and_posted_once(visitor: Visitor, plan: Planned, gateway: str) -> None:
    name, digest = plan("APP-1")
    one = waiting(visitor)[name]
    assert (one["records"], one["made_by"], one["connection"], one["digest"]) == (1, "zoe", "books", digest)
    assert "waits for you" in visitor.get("/approvals").text
    here = one["address"]
    assert visitor.get(f"/approvals/{name}").location == here
    page = visitor.get(here).text
    for text in (digest, "1,250.00", "Accrued rent", "debit", "60100", "20100", "It can be posted once it is approved"):
        assert text in page
    assert visitor.post(f"{here}/apply").status == 303  # the job is refused, and says why
    assert HttpReader(gateway).rows("GLBATCH", "RECORDNO", REFERENCENO="APP-1") == []
    assert visitor.post(f"{here}/approve", {"digest": digest}).status == 303
    assert name not in waiting(visitor)
    assert ("approved", name) in {(one["state"], one["plan"]) for one in plans(visitor)}
    done = visitor.until_done(visitor.post(f"{here}/apply").location)["job"]
    assert done["state"] == "done", done
    visitor.until_done(visitor.post(f"{here}/apply").location)
    assert len(HttpReader(gateway).rows("GLBATCH", "RECORDNO", REFERENCENO="APP-1")) == 1
    assert name in {one["plan"] for one in plans(visitor, "done")}


def test_a_plan_waits_in_sight_behind_more_than_fifty_newer_ones(visitor: Visitor, plan: Planned) -> None:
    """Those that need no approval fill more than a page; that one waits is said first, and its link leads to it."""
    name, _ = plan("APP-0", title="Behind the others")
    for number in range(101):
        plan(f"APP-{number}", waits=False)
    page = visitor.get("/approvals")
    assert name in page.html and "Behind the others" in visitor.follow(visitor.get(f"/approvals/{name}")).text
    assert "Page 1 of 2" in page.text and "GLBATCH GJ APP-100" not in page.text.partition(name)[0]
    assert next(iter(plans(visitor)))["state"] == "waiting"


def test_another_digest_a_get_and_a_form_without_the_token_approve_nothing(visitor: Visitor, plan: Planned) -> None:
    name, digest = plan("APP-2")
    _, other = plan("APP-3")
    here = f"/plans/books/{name}"
    for fields in ({"digest": other}, {"digest": ""}, {"digest": digest[:12]}, {}):
        assert "Approved by" not in visitor.post(f"{here}/approve", fields).text
        assert name in waiting(visitor)
    visitor.get(f"{here}/approve?digest={digest}")
    visitor.post(f"{here}/approve", {"digest": digest, "csrf": "wrong"})
    visitor.post(f"{here}/approve", {"digest": digest}, Origin="http://attacker.example")
    assert name in waiting(visitor)


def test_a_text_of_a_record_is_shown_and_nothing_else(visitor: Visitor, plan: Planned) -> None:
    name, _ = plan("APP-4", title=POISON)
    page = visitor.get(f"/plans/books/{name}")
    assert "<script>alert" not in page.html and 'href="http://attacker' not in page.html
    assert "alert(1)" in page.text


def test_a_text_cannot_turn_what_stands_beside_it(visitor: Visitor, plan: Planned) -> None:
    name, _ = plan("APP-6", title="Rent \u202e00.9 yap\u2066")
    page = visitor.get(f"/plans/books/{name}")
    assert not set(page.html) & set("\u202e\u2066")
    assert "Rent \\u202e00.9 yap\\u2066" in page.text


def test_who_may_not_approve_is_told_why(user: object, gateway: str, plan: Planned) -> None:
    save_connection("strict", gateway, approval="required", approvers=["anna", "ben"], four_eyes=True)
    name, digest = plan("APP-5", connection="strict", by="anna")
    with running_console() as console:
        visitor = console.signed_in()
        assert "You may not approve it: anna made it" in visitor.get("/approvals").text
        visitor.post(f"/plans/strict/{name}/approve", {"digest": digest})
        assert name in waiting(visitor)


def test_an_unknown_plan_and_a_damaged_one_are_told(visitor: Visitor, plan: Planned) -> None:
    for name in ("plan-000000000000", "x", "..%2F..%2Fetc"):
        assert visitor.get(f"/approvals/{name}").status == 404
    name, _ = plan("APP-6")
    with company_run("books", "plan list", person="anna") as context, context.open_outbox() as outbox:
        replace_text(outbox, name, b"{}")
    page = visitor.get("/approvals")
    assert page.status == 200 and name in page.text and "is not a plan" in page.text


def test_a_terminal_shows_all_that_is_sent_of_such_a_plan(plan: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    name, digest = plan("APP-7")
    capsys.readouterr()
    assert main(["plan", "show", name, "--connection", "books"]) == 0
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for account, side in (("60100 Payroll Taxes", "debit"), ("20100 Accrued Expenses", "credit")):
        assert [
            line for line in lines if line.startswith(account) and "1,250.00" in line and line.endswith(f"{side} USD")
        ], out
    assert digest in out and "It needs an approval" in err
    assert main(["plan", "show", name, "--connection", "books", "--json"]) == 0
    (content,) = json.loads(capsys.readouterr().out)["contents"]
    assert content["fields"]["REFERENCENO"] == "APP-7" and len(content["lines"]) == 2
    assert main(["plan", "apply", name, "--connection", "books"]) == 2  # books itself asks for no approval
    assert "has no approval that holds" in capsys.readouterr().err
