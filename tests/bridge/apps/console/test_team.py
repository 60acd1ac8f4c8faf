"""A team behind a proxy: people approve and post the same plan at the same moment, each in their own name."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from intacct_bridge.apps.console.app import TeamMode
from intacct_bridge.apps.console.sign_in import SECRET_HEADER
from intacct_bridge.apps.web.pages import company_run
from intacct_bridge.operations.loads import LoadRequest, plan_load
from intacct_bridge.operations.plans import save_plan
from support.apps.console_site import RunningConsole, Seen, Visitor, running_console, save_connection
from support.apps.http_reader import HttpReader

SECRET = "a-long-secret-of-the-proxy"
PEOPLE = ("anna", "ben")


class Member(Visitor):
    """A person whom the proxy signed in: it names them, itself and the site in each request."""

    person = ""

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}) -> Seen:
        """One request, as the proxy passes it on."""
        proxied = {"Host": "books.example", "X-Forwarded-User": self.person, SECRET_HEADER: SECRET}
        if method == "POST":
            proxied["Origin"] = "https://books.example"
        return super().ask(method, path, body, {**headers, **proxied})

    def enter(self, person: str) -> "Member":
        """Open the console, and learn the session's token from a form."""
        self.person = person
        self.csrf = self.get("/").html.partition('name="csrf" value="')[2].partition('"')[0]
        assert self.csrf
        return self


@pytest.fixture(scope="module")
def team(user: object, gateway: str) -> Iterator[RunningConsole]:
    """A console in team mode on a company whose plans need an approval by a person who did not make them."""
    save_connection("team", gateway, approval="required", four_eyes=True)
    with running_console(team=TeamMode("X-Forwarded-User", SECRET), hosts=("books.example",)) as made:
        yield made


def at_once(acts: list[Callable[[], Seen]]) -> list[Seen]:
    """What acts that begin in the same moment answer."""
    start = Barrier(len(acts))

    def act(work: Callable[[], Seen]) -> Seen:
        start.wait(60)
        return work()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(act, acts))


def planned(number: str, by: str = "zoe") -> str:
    """The address of a plan of one class."""
    row = {"CLASSID": number, "NAME": f"Class {number}"}
    with company_run("team", "load", person=by) as run:
        saved = save_plan(run, plan_load(run, LoadRequest(source=[row], layout="CLASS", name="classes")))
    return f"/plans/team/{saved.id}"


def test_two_people_approve_at_once_and_each_approval_is_kept_once(team: RunningConsole, gateway: str) -> None:
    here = planned("TEAM-1")
    people = [Member(team.url).enter(person) for person in PEOPLE]
    digest = people[0].get(f"{here}.json").json["plan"]["digest"]
    for person in people:
        assert person.get(here).status == 200
    approved = at_once([partial(person.post, f"{here}/approve", {"digest": digest}) for person in people])
    assert [seen.status for seen in approved] == [303, 303], [seen.text for seen in approved]
    facts = people[0].get(f"{here}.json").json["plan"]
    assert sorted(approval["by"] for approval in facts["approvals"]) == sorted(PEOPLE)
    assert facts["approval_problem"] == ""
    posted = at_once([partial(person.post, f"{here}/apply") for person in people])
    jobs = [person.until_done(seen.location)["job"] for person, seen in zip(people, posted, strict=True)]
    assert "done" in [job["state"] for job in jobs], jobs
    assert len(HttpReader(gateway).rows("CLASS", "RECORDNO", CLASSID="TEAM-1")) == 1
    assert people[0].get(f"{here}.json").json["plan"]["open"] == 0


def test_one_person_approves_while_the_maker_may_not(team: RunningConsole) -> None:
    here = planned("TEAM-2", by="ben")
    people = {person: Member(team.url).enter(person) for person in PEOPLE}
    digest = people["anna"].get(f"{here}.json").json["plan"]["digest"]
    anna, ben = at_once([partial(people[name].post, f"{here}/approve", {"digest": digest}) for name in PEOPLE])
    assert anna.status == 303
    assert (ben.status, "ben made it" in ben.text) == (400, True), ben.text
    facts = people["ben"].get(f"{here}.json").json["plan"]
    assert [approval["by"] for approval in facts["approvals"]] == ["anna"]


def test_a_person_sees_neither_the_jobs_nor_the_notices_of_another(team: RunningConsole) -> None:
    here = planned("TEAM-3")
    anna, ben = (Member(team.url).enter(person) for person in PEOPLE)
    digest = anna.get(f"{here}.json").json["plan"]["digest"]
    anna.get(here)
    approved = anna.post(f"{here}/approve", {"digest": digest})
    assert "Approved by anna" in anna.follow(approved).text
    assert "Approved by anna until" not in ben.get(approved.location).text
    job = anna.post(f"{here}/apply").location
    assert ben.get(job).status == 404
    assert anna.until_done(job)["job"]["state"] == "done"
