"""`intacct plan` and loads where a connection requires an approval, over HTTP."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from intacct_bridge.apps.singer.target import main as target_main
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.loads import LoadRequest, plan_load
from intacct_bridge.operations.plans import save_plan
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct

VENDORS = "VENDORID,NAME,DISPLAYCONTACT.PRINTAS\nV-1,Acme Paper,Acme Paper\nV-2,Bolt Ltd,Bolt Ltd\n"
Sign = Callable[[str], None]


@pytest.fixture
def sign(monkeypatch: pytest.MonkeyPatch) -> Sign:
    """Says whose account runs the next commands."""

    def be(name: str) -> None:
        monkeypatch.setattr("intacct_bridge.machine.account.account_name", lambda: name)

    be("anna")
    return be


@pytest.fixture
def books(intacct: Intacct, emulator: Emulator, home: Path, sign: Sign) -> Iterator[Intacct]:
    """The command line with one connection, which requires an approval by a second person."""
    sign("anna")
    (home / "work" / "vendors.csv").write_text(VENDORS)
    with serve(emulator) as server:
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in CREDENTIALS.items())
        (home / "work" / "intacct.toml").write_text(
            f'[connections.books]\n{lines}endpoint = "{server.url}"\nenvironment = "implementation"\n'
            'approval = "required"\napprovers = ["anna", "ben"]\nfour_eyes = true\noutbox = "books.sqlite3"\n'
        )
        yield intacct


def posted(emulator: Emulator) -> list[str]:
    """The vendors that the company has, read past our own client."""
    rows = (dict(row) for _, row in emulator.company().table("VENDOR").rows())
    return sorted(str(row["VENDORID"]) for row in rows if str(row["VENDORID"]).startswith("V-"))


def names(emulator: Emulator) -> dict[str, str]:
    """The names of these vendors, read past our own client."""
    rows = [dict(row) for _, row in emulator.company().table("VENDOR").rows()]
    return {str(row["VENDORID"]): str(row["NAME"]) for row in rows if str(row["VENDORID"]).startswith("V-")}


@pytest.mark.parametrize("verb", ["show", "approve", "apply"])
@pytest.mark.parametrize("plan", ["plan-0123456789ab", "vendors-of-may"])
def test_an_unknown_plan_is_said_to_be_unknown(books: Intacct, verb: str, plan: str) -> None:
    ran = books("plan", verb, plan)
    assert (ran.status, ran.out) == (2, "")
    assert "there is no plan" in ran.said and plan in ran.said


def digest(books: Intacct) -> str:
    return str(json.loads(books("plan", "show", "v.plan", "--json").out)["digest"])


def test_a_plan_is_made_by_one_person_approved_by_another_and_applied_once(
    books: Intacct, emulator: Emulator, sign: Sign
) -> None:
    made = books("load", "vendors.csv", "--as", "VENDOR", "--out", "v.plan")
    assert made.status == 0, made.said
    assert "It needs an approval: intacct plan approve v.plan\n" in made.err
    assert "--apply" not in made.err
    refused = books("plan", "apply", "v.plan", "--yes")
    assert (refused.status, "it has no approval" in refused.err) == (2, True)
    sign("ben")
    given = books("plan", "approve", "v.plan", "--digest", digest(books))
    assert given.status == 0, given.said
    assert "is approved by ben until" in given.out
    assert "2 to create" in given.out
    shown = json.loads(books("plan", "show", "v.plan", "--json").out)
    assert [one["by"] for one in shown["approvals"]] == ["ben"]
    assert (shown["made_by"], shown["options"]["atomic"]) == ("anna", False)
    assert posted(emulator) == []
    applied = books("load", "--from-plan", "v.plan", "--apply", "--json")
    assert applied.status == 0, applied.said
    assert [one["outcome"] for one in json.loads(applied.out)["files"][0]["outcomes"]] == ["posted", "posted"]
    again = books("plan", "apply", "v.plan")
    assert (again.status, "Nothing to send: 2 records already in Intacct." in again.err) == (0, True)
    assert posted(emulator) == ["V-1", "V-2"]


def test_apply_and_yes_never_approve(books: Intacct, emulator: Emulator) -> None:
    books("load", "vendors.csv", "--as", "VENDOR", "--out", "v.plan")
    for words in (
        ("load", "vendors.csv", "--as", "VENDOR", "--apply", "--yes"),
        ("load", "vendors.csv", "--as", "VENDOR", "--out", "w.plan", "--apply", "--yes"),
        ("load", "--from-plan", "v.plan", "--apply", "--yes"),
        ("plan", "apply", "v.plan", "--yes"),
        ("outbox", "retry", "--yes"),
        ("create", "VENDOR", "VENDORID=V-3", "NAME=Direct", "--yes"),
    ):
        ran = books(*words)
        assert ran.status == 2, (words, ran.said)
        assert "approv" in ran.err
    assert posted(emulator) == []


def test_the_target_is_refused_before_it_reads_a_record(
    books: Intacct, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert books("connections", "show").status == 0
    Path("config.json").write_text('{"connection": "books"}')
    schema = {"type": "SCHEMA", "stream": "VENDOR", "schema": {"properties": {}}, "key_properties": []}
    record = {"type": "RECORD", "stream": "VENDOR", "record": {"VENDORID": "V-1", "NAME": "Acme"}}
    Path("input").write_text(f"{json.dumps(schema)}\n{json.dumps(record)}\n")
    monkeypatch.setattr("sys.argv", ["target-intacct", "--config", "config.json", "--input", "input"])
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert target_main() == 2
    assert "requires an approval" in capsys.readouterr().err
    assert posted(emulator) == []


def test_approving_needs_a_person_and_the_right_digest(books: Intacct, emulator: Emulator, sign: Sign) -> None:
    books("load", "vendors.csv", "--as", "VENDOR", "--out", "v.plan")
    right = digest(books)
    for person, words, said in (
        ("anna", ("--digest", right), "anna made it"),
        ("mallory", ("--digest", right), "the approvers of connection 'books' are anna, ben"),
        ("ben", (), "Nothing was approved."),
        ("ben", ("--digest", right[:11]), "at least 12 digits"),
        ("ben", ("--digest", "0" * 64), "the plan has the digest"),
        ("ben", ("--digest", right, "--hours", "0"), "1 to 720"),
    ):
        sign(person)
        ran = books("plan", "approve", "v.plan", *words)
        assert (ran.status, said in " ".join(ran.err.split())) == (2, True), ran.said
    assert books("plan", "apply", "v.plan").status == 2
    assert posted(emulator) == []


def test_a_saved_plan_takes_no_other_options(books: Intacct) -> None:
    books("load", "vendors.csv", "--as", "VENDOR", "--atomic", "--out", "v.plan")
    shown = books("load", "--from-plan", "v.plan")
    assert "atomic: yes" in shown.out
    ran = books("load", "--from-plan", "v.plan", "--batch-size", "5", "--apply")
    assert (ran.status, "without --batch-size" in ran.err) == (2, True)


def test_the_requirement_can_come_from_variables(books: Intacct, home: Path, emulator: Emulator) -> None:
    toml = home / "work" / "intacct.toml"
    toml.write_text(f'{toml.read_text().partition("approval =")[0]}outbox = "books.sqlite3"\n')
    words = ("load", "vendors.csv", "--as", "VENDOR", "--apply")
    ran = books(*words, INTACCT_APPROVAL="required", INTACCT_APPROVERS="ben, carla", INTACCT_FOUR_EYES="yes")
    assert (ran.status, posted(emulator)) == (2, [])
    shown = books("connections", "show", "--json", INTACCT_APPROVAL="required", INTACCT_APPROVERS="ben, carla")
    assert {"setting": "approvers", "value": ["ben", "carla"], "from": "INTACCT_APPROVERS"} in json.loads(shown.out)
    assert books(*words).status == 0


def test_the_rules_of_approval_are_options_of_a_new_connection(books: Intacct, emulator: Emulator, home: Path) -> None:
    with serve(emulator) as server:
        common = ["--project", "--no-test", "--endpoint", server.url, "--environment", "demo"]
        for name, value in CREDENTIALS.items():
            common += [] if "password" in name else [f"--{name.replace('_', '-')}", value]
        common += ["--user-password-env", "ONE", "--sender-password-env", "TWO"]
        secrets = {"ONE": CREDENTIALS["user_password"], "TWO": CREDENTIALS["sender_password"]}
        rules = ("--approval", "required", "--approvers", "ben, carla", "--four-eyes")
        made = books("connections", "add", "strict", *common, *rules)
        assert made.status == 0, made.said
        shown = json.loads(books("connections", "show", "strict", "--json", **secrets).out)
        kept = {row["setting"]: row["value"] for row in shown}
        assert (kept["approval"], kept["approvers"], kept["four_eyes"]) == ("required", ["ben", "carla"], True)
        words = ("load", "vendors.csv", "--as", "VENDOR", "--apply", "--connection", "strict")
        ran = books(*words, **secrets)
        assert (ran.status, "requires an approval" in ran.err, posted(emulator)) == (2, True, [])
        alone = books("connections", "add", "other", *common, "--approvers", "ben")
        assert (alone.status, "has no effect here" in alone.err) == (2, True), alone.said
        again = books("connections", "add", "strict", *common)
        assert "Its writes no longer need an approval" in again.err
        assert books(*words, **secrets).status == 0
        assert posted(emulator) == ["V-1", "V-2"]


@pytest.mark.parametrize("words", [("vendors.csv", "--as", "VENDOR", "--mode", "upsert"), ("--from-plan", "v.plan")])
def test_values_that_change_while_production_waits_for_an_answer_are_compared_again(
    intacct: Intacct, emulator: Emulator, home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    file = home / "work" / "vendors.csv"
    asked: list[str] = []
    meanwhile = [("update", "VENDOR", "V-1", "NAME=Corrected meanwhile", "--yes")]

    def answer(_: Output, question: str) -> bool:
        asked.append(question)
        while meanwhile:
            assert intacct(*meanwhile.pop()).status == 0
        return True

    with serve(emulator) as server:
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in CREDENTIALS.items())
        (home / "work" / "intacct.toml").write_text(
            f'[connections.books]\n{lines}endpoint = "{server.url}"\nenvironment = "production"\n'
        )
        file.write_text("VENDORID,NAME,DISPLAYCONTACT.PRINTAS\nV-1,Acme,Acme\nV-2,Bolt,Bolt\n")
        assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", "--yes").status == 0
        file.write_text("VENDORID,NAME,DISPLAYCONTACT.PRINTAS\nV-1,Acme Paper,Acme\nV-2,Bolt Ltd,Bolt\nV-3,Cog,Cog\n")
        kept = intacct("load", "vendors.csv", "--as", "VENDOR", "--mode", "upsert", "--out", "v.plan")
        assert kept.status == 0, kept.said
        monkeypatch.setattr(Output, "confirm", answer)
        moved = intacct("load", *words, "--apply")
        assert moved.status == 2, moved.said
        assert "the company has changed since the plan was made" in moved.err
        assert "Corrected meanwhile" in moved.err
        assert names(emulator) == {"V-1": "Corrected meanwhile", "V-2": "Bolt"}
        assert intacct("update", "VENDOR", "V-1", "NAME=Acme", "--yes").status == 0
        applied = intacct("load", *words, "--apply")
        assert applied.status == 0, applied.said
        assert names(emulator) == {"V-1": "Acme Paper", "V-2": "Bolt Ltd", "V-3": "Cog"}
        assert len(asked) == 2
        meanwhile.append(("update", "VENDOR", "V-1", "NAME=Corrected again", "--yes"))
        undone = intacct("undo", "--entry", "5", "--apply")  # the update of V-1
        assert undone.status == 2, undone.said
        assert "Corrected again" in undone.err
        assert names(emulator)["V-1"] == "Corrected again"


def many_vendors() -> str:
    return VENDORS.splitlines()[0] + "".join(f"\nV-{number},Name {number},N" for number in range(1001, 1131)) + "\n"


@pytest.fixture
def long_plan(books: Intacct, home: Path, sign: Sign) -> Intacct:
    """A plan of 130 vendors, which anna made; ben looks at it."""
    (home / "work" / "many.csv").write_text(many_vendors())
    made = books("load", "many.csv", "--as", "VENDOR", "--out", "v.plan")
    assert "130 to create" in made.out
    assert "intacct plan show PLAN" in made.err
    sign("ben")
    return books


def test_every_record_of_a_long_plan_is_on_a_page(long_plan: Intacct) -> None:
    listed: list[str] = []
    for page in (1, 2, 3):
        shown = long_plan("plan", "show", "v.plan", "--page", str(page))
        assert shown.status == 0, shown.said
        assert f"Page {page} of 3: records" in shown.out
        assert ("--page 2" in shown.err) == (page == 1)
        listed += [word for word in shown.out.split() if word.startswith("V-")]
    assert listed == [f"V-{number}" for number in range(1001, 1131)]
    found = long_plan("plan", "show", "v.plan", "--find", "name 1077")
    assert [word for word in found.out.split() if word.startswith("V-")] == ["V-1077"]
    alone = long_plan("plan", "show", "v.plan", "--record", "77")
    assert "Name 1077" in alone.out and "Name 1078" not in alone.out
    assert long_plan("plan", "show", "v.plan", "--record", "131").status == 2
    everything = json.loads(long_plan("plan", "show", "v.plan", "--json").out)
    assert (len(everything["records"]), everything["summary"]["to_write"]) == (130, 130)


def test_a_long_plan_is_approved_by_its_digest_only_with_its_figures(long_plan: Intacct) -> None:
    right = digest(long_plan)
    for words, said in (
        ((), "you have not seen all of them"),
        (("--figures", "129"), "You typed other figures than the plan has: the number of records."),
        (("--figures", "130 USD 1 0"), "the totals of USD"),
    ):
        ran = long_plan("plan", "approve", "v.plan", "--digest", right, *words)
        assert (ran.status, said in " ".join(ran.err.split())) == (2, True), ran.said
    assert long_plan("plan", "approve", "v.plan", "--digest", right, "--figures", "130").status == 0


@pytest.mark.parametrize(
    ("answers", "status"),
    [(["", ""], 0), (["130"], 0), (["", "130"], 0), (["129"], 2), ([""], 2), (["y"], 2)],
    ids=["to the end", "figures", "figures on page 2", "other figures", "leaves on page 2", "a yes"],
)
def test_a_person_pages_to_the_end_or_types_the_figures(
    long_plan: Intacct, monkeypatch: pytest.MonkeyPatch, answers: list[str], status: int
) -> None:
    given = iter(answers)
    asked: list[str] = []

    def answer(_: Output, question: str) -> str | None:
        asked.append(question)
        return next(given, None)

    monkeypatch.setattr(Output, "answer", answer)
    monkeypatch.setattr(Output, "confirm", lambda *_: True)
    ran = long_plan("plan", "approve", "v.plan")
    assert ran.status == status, ran.said
    assert asked[0].startswith("Enter shows page 2 of 3")
    assert ("is approved by ben" in ran.out) == (status == 0)
    approvals = json.loads(long_plan("plan", "show", "v.plan", "--json").out)["approvals"]
    assert len(approvals) == (status == 0)
    assert all(f"V-{number}" in ran.out for number in range(1001, 1051))


HOSTILE = [
    "V-9\nVENDOR V-1 create",
    "V-9\u202e1\u2066",
    "V-9\u2028next\x85end",
    "V-9\x9b2J",
    "<b>V-9</b>",
    "x" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=["line", "bidi", "separators", "escape", "markup", "long"])
def test_a_text_of_a_record_begins_no_line_and_hides_nothing(books: Intacct, home: Path, text: str) -> None:
    row = {"VENDORID": "V-8", "NAME": text, "DISPLAYCONTACT.PRINTAS": "N"}
    (home / "work" / "hostile.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "VENDORID": text}) + "\n")
    planned = books("load", "hostile.jsonl", "--as", "VENDOR", "--plan")
    made = books("load", "hostile.jsonl", "--as", "VENDOR", "--out", "h.plan")
    shown = books("plan", "show", "h.plan") if made.status == 0 else made
    for ran in (planned, made, shown):
        assert all(line.isprintable() for line in ran.said.split("\n"))
        assert not any(line.startswith("VENDOR V-1") for line in ran.said.split("\n"))
        assert max(map(len, ran.said.split("\n"))) < 1_000


def test_the_plans_that_wait_are_listed(books: Intacct, sign: Sign) -> None:
    nothing = books("plan", "list")
    assert (nothing.status, "No plan is saved." in nothing.said) == (0, True)
    assert not Path("books.sqlite3").exists(), "a list makes no outbox"
    with RecordedRun(connection="books") as run:
        for layout in ("VENDOR", "VENDOR"):
            save_plan(run, plan_load(run, LoadRequest(source=Path("vendors.csv"), layout=layout)))
    listed = json.loads(books("plan", "list", "--json").out)
    first, second = listed["plans"]
    assert [(one["connection"], one["state"], one["records"]) for one in (first, second)] == [
        ("books", "waiting", 2), ("books", "waiting", 2),
    ]  # fmt: skip
    assert (first["made_by"], first["source"], listed["next"]) == ("anna", "vendors.csv", "")
    shown = books("plan", "list")
    assert [first["plan"] in shown.out, shown.out.count("waits for an approval")] == [True, 2]
    page = books("plan", "list", "--limit", "1")
    assert [first["plan"] in page.out, second["plan"] in page.out] == [True, False]
    assert f"The next plans: --after {first['plan']}" in page.err
    assert second["plan"] in books("plan", "list", "--after", first["plan"]).out
    sign("ben")
    assert books("plan", "approve", first["plan"], "--digest", first["digest"]).status == 0
    assert [one["state"] for one in json.loads(books("plan", "list", "--json").out)["plans"]] == ["approved", "waiting"]
    assert books("plan", "apply", first["plan"]).status == 0
    done = json.loads(books("plan", "list", "--done", "--json").out)["plans"]
    assert [(one["plan"], one["state"]) for one in done] == [(first["plan"], "done")]


def test_plans_of_another_user_are_counted_and_refused_here(books: Intacct, home: Path) -> None:
    """Who posts, and what that user may see, is part of what a person approves."""
    toml = home / "work" / "intacct.toml"
    table = toml.read_text()
    toml.write_text(table + table.replace("[connections.books]", "[connections.other]").replace('demo-user"', 'bea"'))
    with RecordedRun(connection="books") as run:
        saved = save_plan(run, plan_load(run, LoadRequest(source=Path("vendors.csv"), layout="VENDOR")))
    assert "more plan" not in books("plan", "list", "--connection", "books").err
    listed = books("plan", "list", "--connection", "other")
    assert saved.id not in listed.out
    assert "1 more plan of user demo-user (implementation): use the connection that saved them" in listed.err
    as_json = json.loads(books("plan", "list", "--connection", "other", "--json").out)
    assert as_json["elsewhere"] == [{"user": "demo-user", "entity": "", "environment": "implementation", "plans": 1}]
    refused = books("plan", "apply", saved.id, "--connection", "other")
    assert refused.status == 2
    assert "the plan is for user demo-user, and this connection for user bea" in refused.err
