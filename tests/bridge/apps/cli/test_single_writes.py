"""`intacct create`, `update` and `delete` leave their writes in the outbox, judged by a reader of its own over HTTP."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.client.client import Client
from intacct_bridge.load.apply.single_writes import OutboxWriter
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultKind, ScriptedFault
from intacct_protocol.errors import CapError, InDoubtError
from support import small_company
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.journeys.objects import BILLS, VENDORS


@contextmanager
def served(*faults: ScriptedFault) -> Iterator[HttpReader]:
    with closing(small_company.company(small_company.Clock(), faults=faults)) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


def listed(intacct: Intacct, reader: HttpReader) -> list[tuple[str, str]]:
    rows = json.loads(intacct("outbox", "list", "--json", **reader.environ).out)
    return [(row["outcome"], row["state"]) for row in rows]


def test_single_writes_are_in_the_outbox_with_their_receipts(intacct: Intacct, home: Path) -> None:
    with served() as reader:
        assert intacct("create", "CLASS", "CLASSID=O-1", "NAME=One", **reader.environ).status == 0
        (row,) = reader.rows("CLASS", "RECORDNO", CLASSID="O-1")
        (kept,) = json.loads(intacct("outbox", "list", "--json", **reader.environ).out)
        assert kept["receipt"] == f"CLASS {row['RECORDNO']}"
        assert intacct("create", "CLASS", "CLASSID=O-1", "NAME=One", **reader.environ).status == 1
        assert intacct("update", "CLASS", "O-1", "NAME=Uno", **reader.environ).status == 0
        assert intacct("delete", "CLASS", "O-1", **reader.environ).status == 0
        assert listed(intacct, reader) == [
            ("created", "released"), ("create", "rejected"), ("updated", "applied"), ("deleted", "applied")
        ]  # fmt: skip
        assert reader.rows("CLASS", "RECORDNO", CLASSID="O-1") == []


@pytest.mark.parametrize("kind", ["cut-after", "cut-before"])
def test_a_single_write_in_doubt_is_not_repeated_and_is_settled(intacct: Intacct, home: Path, kind: FaultKind) -> None:
    with served(ScriptedFault(kind, function="create", object="CLASS")) as reader:
        words = ("create", "CLASS", "CLASSID=O-2", "NAME=Two")
        assert intacct(*words, **reader.environ).status == 5
        again = intacct(*words, **reader.environ)
        assert (again.status, "is in doubt" in again.err) == (5, True), again.said
        assert intacct("outbox", "settle", "--settle-after", "0", **reader.environ).status == 0
        assert [row["CLASSID"] for row in reader.rows("CLASS", "CLASSID", CLASSID="O-2")] == ["O-2"]
        assert listed(intacct, reader) == [("created", "applied")]


def test_the_library_writes_through_an_outbox(tmp_path: Path) -> None:
    with (
        closing(small_company.company(small_company.Clock())) as emulator,
        small_company.client(emulator) as direct,
        Outbox(tmp_path / "outbox.sqlite3") as outbox,
    ):
        client = direct.through(OutboxWriter(outbox))
        rows = [{"CLASSID": "L-1", "NAME": "One"}, {"CLASSID": "L-2", "NAME": "Two"}]
        assert [outcome.ok for outcome in client.create("CLASS", rows)] == [True, True]
        changed = client.upsert("CLASS", [{"CLASSID": "L-1", "NAME": "Uno"}, {"CLASSID": "L-3", "NAME": "Three"}])
        assert [outcome.ok for outcome in changed] == [True, True]
        assert [entry.target.operation for entry in outbox.entries()] == ["create", "create", "update", "create"]
        bad = [{"CLASSID": "L-4", "NAME": "Four"}, {"CLASSID": "L-1", "NAME": "Again"}]
        assert [outcome.status for outcome in client.create("CLASS", bad, transaction=True)] == ["aborted", "failure"]
        names = [row["NAME"] for _, row in emulator.company().table("CLASS").rows() if row["CLASSID"].startswith("L-")]
        assert names == ["Uno", "Two", "Three"]
        direct.create("CLASS", [{"CLASSID": "L-5", "NAME": "Five"}])
        assert sum(1 for _ in outbox.entries()) == 6, "a direct write is not kept"


def test_a_lost_answer_raises_in_doubt_and_names_the_entry(tmp_path: Path) -> None:
    cut = ScriptedFault("cut-after", function="create", object="CLASS")
    with (
        closing(small_company.company(small_company.Clock(), faults=(cut,))) as emulator,
        small_company.client(emulator) as direct,
        Outbox(tmp_path / "outbox.sqlite3") as outbox,
    ):
        client = direct.through(OutboxWriter(outbox))
        for _ in range(2):
            with pytest.raises(InDoubtError, match="entry 1 of the outbox"):
                client.create("CLASS", [{"CLASSID": "L-6", "NAME": "Six"}])
        assert sum(row["CLASSID"] == "L-6" for _, row in emulator.company().table("CLASS").rows()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("create", "CLASS", "CLASSID=O-9", "NAME=Nine"),
        ("delete", "VENDOR", "V-1"),
        ("undo", "vendors.csv", "--apply"),
    ],
)
def test_a_connection_that_requires_an_approval_writes_nothing_without_one(
    intacct: Intacct, home: Path, words: tuple[str, ...]
) -> None:
    with served() as reader:
        Path("vendors.csv").write_text(VENDORS)
        assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", **reader.environ).status == 0
        ran = intacct(*words, "--yes", INTACCT_APPROVAL="required", **reader.environ)
        assert (ran.status, "requires an approval" in ran.err) == (2, True), ran.said
        assert [row["VENDORID"] for row in reader.rows("VENDOR", "VENDORID")] == ["V-1", "V-2"]
        assert reader.rows("CLASS", "CLASSID", CLASSID="O-9") == []


ROWS = [{"CLASSID": f"L-{number}", "NAME": f"No. {number}"} for number in range(250)]


@pytest.mark.parametrize("kind", ["cut-after", "cut-before"])
@pytest.mark.parametrize("operation", ["create", "upsert"])
@pytest.mark.parametrize("through_outbox", [True, False])
def test_an_error_in_a_later_request_has_the_outcome_of_each_row(
    tmp_path: Path, kind: FaultKind, operation: str, *, through_outbox: bool
) -> None:
    fault = ScriptedFault(kind, function="create", object="CLASS", key="L-150")
    with (
        closing(small_company.company(small_company.Clock(), faults=(fault,))) as emulator,
        small_company.client(emulator) as direct,
        Outbox(tmp_path / "outbox.sqlite3") as outbox,
    ):
        client = direct.through(OutboxWriter(outbox)) if through_outbox else direct
        before = ROWS[:40] if operation == "upsert" else []  # 40 updates, in a request of their own with the outbox
        if before:
            assert all(one.ok for one in client.create("CLASS", before))
        with pytest.raises(InDoubtError) as raised:
            getattr(client, operation)("CLASS", ROWS)
        known = raised.value.outcomes
        there = {row["CLASSID"]: str(row["RECORDNO"]) for _, row in emulator.company().table("CLASS").rows()}
    first = 140 if before and through_outbox else 100
    doubtful = min(100, 250 - first)
    assert [one.status for one in known] == [
        *["success"] * first, *["in doubt"] * doubtful, *["not sent"] * (250 - first - doubtful)
    ]  # fmt: skip
    assert [one.key for one in known[:first]] == [there[row["CLASSID"]] for row in ROWS[:first]]
    assert f"L-{first + doubtful}" not in there, "no request follows the lost answer"


def test_a_request_that_is_not_sent_ends_the_call_with_the_outcomes_before_it(tmp_path: Path) -> None:
    with (
        closing(small_company.company(small_company.Clock())) as emulator,
        Client(small_company.connection(), transport=emulator, max_transactions=110, keep=False) as direct,
        Outbox(tmp_path / "outbox.sqlite3") as outbox,
    ):
        with pytest.raises(CapError) as raised:
            direct.through(OutboxWriter(outbox)).create("CLASS", ROWS)
        assert [one.status for one in raised.value.outcomes] == ["success"] * 100 + ["not sent"] * 150


def test_a_delete_with_a_lost_answer_shows_each_record(intacct: Intacct, home: Path) -> None:
    with served(ScriptedFault("cut-after", function="delete", object="CLASS")) as reader:
        for number in (1, 2):
            assert intacct("create", "CLASS", f"CLASSID=O-{number}", "NAME=One", **reader.environ).status == 0
        ran = intacct("delete", "CLASS", "O-1", "O-2", **reader.environ)
        assert (ran.status, ran.out.count("in doubt")) == (5, 2), ran.said


@pytest.mark.parametrize(
    ("words", "meanwhile", "told"),
    [
        (("update", "VENDOR", "V-1", "NAME=Ours"), ("update", "VENDOR", "V-1", "NAME=Theirs"),
         "NAME was Acme Paper, and is Theirs now"),
        (("update", "VENDOR", "V-1", "COMMENTS=ours"), ("update", "VENDOR", "V-1", "COMMENTS=theirs"),
         "COMMENTS was empty, and is theirs now"),
        (("update", "VENDOR", "V-1", "NAME=Ours"), ("delete", "VENDOR", "V-1"), "VENDOR 1 no longer exists in Intacct"),
        (("delete", "VENDOR", "V-2", "V-1"), ("update", "VENDOR", "V-1", "NAME=Theirs"),
         "NAME was Acme Paper, and is Theirs now"),
    ],
)  # fmt: skip
def test_a_record_that_changes_while_production_waits_for_an_answer_is_left(
    intacct: Intacct,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    meanwhile: tuple[str, ...],
    told: str,
) -> None:
    with served() as reader:
        Path("vendors.csv").write_text(VENDORS)
        assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", **reader.environ).status == 0
        left: list[tuple[str, ...]] = [meanwhile]

        def answer(_: Output, question: str) -> bool:
            while left:
                assert intacct(*left.pop(), "--yes", **reader.environ).status == 0
            return True

        monkeypatch.setattr(Output, "confirm", answer)
        environ = {**reader.environ, "INTACCT_ENVIRONMENT": "production"}
        before = len(listed(intacct, reader))
        moved = intacct(*words, **environ)
        assert (moved.status, told in moved.err) == (2, True), moved.said
        assert len(listed(intacct, reader)) == before + 1, "only the other write is in the outbox"
        rows = {row["VENDORID"]: row["NAME"] for row in reader.rows("VENDOR", "VENDORID", "NAME")}
        expected = {"V-1": "Theirs" if "NAME=Theirs" in meanwhile else "Acme Paper", "V-2": "Bolt Ltd"}
        if meanwhile[0] == "delete":
            del expected["V-1"]
        assert rows == expected
        again = intacct(*words, **environ)
        assert again.status == (1 if meanwhile[0] == "delete" else 0), again.said


def test_lines_that_change_while_production_waits_for_an_answer_are_left(
    intacct: Intacct, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines keep their number and amount."""
    line = {"ACCOUNTNO": "60100", "TRX_AMOUNT": "15.00", "LOCATIONID": "100", "DEPARTMENTID": "100"}

    def described(text: str) -> str:
        path = Path(f"{text}.json")
        path.write_text(json.dumps({"APBILLITEMS": [{**line, "ENTRYDESCRIPTION": text}]}))
        return str(path)

    with served() as reader:
        for name, text in (("vendors.csv", VENDORS), ("bills.csv", BILLS)):
            Path(name).write_text(text)
            object_name = "VENDOR" if name == "vendors.csv" else "APBILL"
            assert intacct("load", name, "--as", object_name, "--apply", **reader.environ).status == 0
        (bill,) = (
            row["RECORDNO"] for row in reader.rows("APBILL", "RECORDNO", "RECORDID") if row["RECORDID"] == "INV-2"
        )
        theirs = ("update", "APBILL", bill, "--from", described("theirs"), "--yes")

        def answer(_: Output, question: str) -> bool:
            assert intacct(*theirs, **reader.environ).status == 0
            return True

        monkeypatch.setattr(Output, "confirm", answer)
        environ = {**reader.environ, "INTACCT_ENVIRONMENT": "production"}
        moved = intacct("update", "APBILL", bill, "--from", described("ours"), **environ)
        assert (moved.status, "APBILLITEMS was" in moved.err) == (2, True), moved.said
        assert [row["ENTRYDESCRIPTION"] for row in reader.rows("APBILLITEM", "ENTRYDESCRIPTION", RECORDKEY=bill)] == [
            "theirs"
        ]


def test_document_type_2_1_finds_updates_restores_and_deletes_a_record(intacct: Intacct, home: Path) -> None:
    with served() as reader:
        Path("vendors.csv").write_text(VENDORS)
        assert intacct("load", "vendors.csv", "--as", "VENDOR", "--apply", **reader.environ).status == 0
        legacy = {**reader.environ, "INTACCT_DTD_VERSION": "2.1"}

        def names() -> dict[str, str]:
            return {row["VENDORID"]: row["NAME"] for row in reader.rows("VENDOR", "VENDORID", "NAME")}

        for words, left in (
            (("update", "VENDOR", "V-1", "NAME=Ours"), {"V-1": "Ours", "V-2": "Bolt Ltd"}),
            (("undo", "--entry", "3", "--apply"), {"V-1": "Acme Paper", "V-2": "Bolt Ltd"}),
            (("delete", "VENDOR", "V-1"), {"V-2": "Bolt Ltd"}),
        ):
            ran = intacct(*words, **legacy)
            assert ran.status == 0, ran.said
            assert names() == left
