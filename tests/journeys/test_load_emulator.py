"""Journal entries from a file into the emulated company: receipts, refusals, and every fault on the way."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.apps.demo.sample import NAMES, write_sample
from intacct_bridge.load.apply.loader import Loader, LoadSettings
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.delimited import open_csv
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.faults import ScriptedFault
from intacct_protocol.errors import IntacctError
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply, Transport
from support.load.journal import journal_layout
from support.load.ledger import HEADER
from support.small_company import AS_OF, Clock, client, company


def posted(emulator: Emulator) -> Counter[str]:
    """How often each reference stands in the ledger."""
    return Counter(row.get("REFERENCENO", "") for _, row in emulator.company().table("GLBATCH").rows())


def run(
    folder: Path, transport: Transport, file: Path, *, batch: int = 100, stop: str = ""
) -> tuple[Plan, list[RecordOutcome], IntacctError | None]:
    """One process: sign in, plan, apply."""
    seen: list[RecordOutcome] = []
    failed: IntacctError | None = None
    with client(transport) as gateway, Outbox(folder / "outbox.sqlite3") as outbox:
        plan = make_plan(open_csv(file), journal_layout(), gateway, outbox)
        settings = LoadSettings(batch_size=batch, concurrency=1)
        try:
            seen.extend(Loader(gateway, outbox, settings).apply(plan))
        except IntacctError as error:
            failed = error
    assert stop in str(failed or "")
    return plan, seen, failed


def test_the_sample_is_posted_once_with_receipts_and_bad_rows_are_refused(tmp_path: Path, emulator: Emulator) -> None:
    good, bad = (write_sample(name, tmp_path, as_of=AS_OF) for name in NAMES)
    plan, outcomes, _ = run(tmp_path, emulator, good)
    assert {record.verdict for record in plan.records} == {Verdict.CREATE}
    assert plan.unchecked == ()
    assert {outcome.status for outcome in outcomes} == {RecordStatus.APPLIED}
    keys = {str(row["RECORDNO"]) for _, row in emulator.company().table("GLBATCH").rows()}
    assert {outcome.receipt.record for outcome in outcomes if outcome.receipt} == keys
    assert len(keys) == len(plan.records) == plan.transactions
    again, outcomes, _ = run(tmp_path, emulator, good)
    assert {record.verdict for record in again.records} == {Verdict.UNCHANGED}
    assert again.reads == 3, "the session, the object's description, and one query for all receipts"
    assert {outcome.status for outcome in outcomes} == {RecordStatus.UNCHANGED}
    refused, _, _ = run(tmp_path, emulator, bad)
    reasons = [[finding.rule for finding in record.reasons] for record in refused.records]
    assert reasons == [[], ["balance"], ["reference"], ["date"], ["sides"], ["decimals"] * 2, ["reference"]]
    assert "did you mean 500 (Engineering)?" in str(refused.records[6].reasons[0])
    assert max(posted(emulator).values()) == 1
    assert len(posted(emulator)) == len(plan.records) + 1


def entries(folder: Path, count: int = 3) -> Path:
    """A file of balanced entries that the small company takes."""
    lines = "".join(
        f"GJ,2026-11-30,Entry {n},REF-{n},68000,{n}0.05,,,100,\nGJ,2026-11-30,Entry {n},REF-{n},10010,,{n}0.05,,100,\n"
        for n in range(1, count + 1)
    )
    path = folder / "entries.csv"
    path.write_text(HEADER + lines)
    return path


class Storm:
    """A transport that does the work and then answers something else, at the n-th request holding a create."""

    def __init__(
        self, emulator: Emulator, reply: Reply | ConnectionCutError, *, at: int = 1, before: bool = False
    ) -> None:
        self._emulator, self._reply, self._at, self._before = emulator, reply, at, before
        self.creates = 0

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        functions = decode_request(body).operations[0].functions
        struck = False
        if functions[0].name == "create":
            self.creates += 1
            struck = self.creates == self._at
        if not struck:
            return self._emulator(endpoint, body)
        if not self._before:
            self._emulator(endpoint, body)
        if isinstance(self._reply, ConnectionCutError):
            raise self._reply
        return self._reply


XML = (
    b"<response><control><status>failure</status></control><errormessage><error><errorno>GW-0011</errorno>"
    b"<description>Invalid Request</description></error></errormessage></response>"
)
HTML = b"<html><head><title>Service unavailable</title></head><body/></html>"
UNANSWERED: dict[str, Reply | ConnectionCutError] = {
    "503 web page": Reply(503, HTML, {"content-type": "text/html"}),
    "503 xml": Reply(503, XML, {}),
    "500 xml": Reply(500, XML, {}),
    "524": Reply(524, HTML, {}),
    "cut": ConnectionCutError("cut", sent=True),
    "empty": Reply(200, b"", {}),
    "half": Reply(200, b"<response><control><status>success</status>", {}),
    "portal": Reply(200, HTML, {}),
}


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("fault", UNANSWERED)
def test_every_unanswered_create_ends_with_each_record_there_once(
    tmp_path: Path, clock: Clock, fault: str, before: bool, remembers: bool
) -> None:
    settings = EmulatorSettings(behaviour=Behaviour(remember_controlids=remembers))
    emulator = company(clock, settings=settings)
    storm = Storm(emulator, UNANSWERED[fault], at=2, before=before)
    file = entries(tmp_path)
    _, outcomes, _ = run(tmp_path, storm, file, batch=1)
    assert {outcome.status for outcome in outcomes} <= {
        RecordStatus.APPLIED,
        RecordStatus.SETTLED,
        RecordStatus.IN_DOUBT,
    }
    assert posted(emulator) == {f"REF-{n}": 1 for n in (1, 2, 3) if not before or n != 2}
    clock.forward(minutes=60)
    _, outcomes, _ = run(tmp_path, emulator, file, batch=1)
    assert {outcome.status for outcome in outcomes} <= {RecordStatus.UNCHANGED, RecordStatus.SETTLED}
    assert posted(emulator) == {f"REF-{n}": 1 for n in (1, 2, 3)}
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        assert {entry.status for entry in outbox.entries()} == {RecordStatus.APPLIED}
        assert len({entry.receipt.record for entry in outbox.entries() if entry.receipt}) == 3
    assert emulator.incidents == []
    emulator.close()


@pytest.mark.parametrize(
    "weather",
    [
        ScriptedFault("session-lost", "create"),
        ScriptedFault("http", "create", status=429),
        ScriptedFault("fault", "create", errorno="PL04000050", text="System temporarily unavailable"),
    ],
    ids=lambda value: value.kind,
)
def test_a_create_that_was_refused_is_there_once_after_the_next_run(
    tmp_path: Path, clock: Clock, weather: ScriptedFault
) -> None:
    emulator = company(clock, faults=(weather,))
    file = entries(tmp_path)
    run(tmp_path, emulator, file)
    assert set(posted(emulator).values()) <= {1}
    run(tmp_path, emulator, file)
    assert posted(emulator) == {"REF-1": 1, "REF-2": 1, "REF-3": 1}
    assert emulator.incidents == []
    emulator.close()


def test_what_the_company_refuses_is_rejected_with_its_words(tmp_path: Path, emulator: Emulator) -> None:
    file = entries(tmp_path)
    with client(emulator) as gateway, Outbox(tmp_path / "outbox.sqlite3") as outbox:
        plan = make_plan(open_csv(file), journal_layout(), gateway, outbox)
        first = plan.records[0].write
        broken = replace(first, lines={"ENTRIES": first.lines["ENTRIES"][:1]})  # past the plan, as if it had not looked
        (outcome,) = Loader(gateway, outbox).load([broken])
    assert outcome.status is RecordStatus.REJECTED
    assert "two lines" in str(outcome.faults[0])
    assert posted(emulator) == {}
