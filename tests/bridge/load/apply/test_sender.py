"""What a sender makes of each answer, and of each way to get none: nothing is concluded that is not certain."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.apply.sender import Sender
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, WriteOperation
from intacct_protocol.errors import (
    Fault,
    InDoubtError,
    LocalProtocolError,
    RefusedError,
    RemoteProtocolError,
    SettingsError,
    TransientError,
)
from intacct_protocol.xml.envelope import ABORTED, FAILURE, SUCCESS, Function, Result
from intacct_protocol.xml.reply import ConnectionCutError
from intacct_protocol.xml.xml import Element, element

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
APPLIED, IN_DOUBT, NOT_SENT, REJECTED = (
    RecordStatus.APPLIED, RecordStatus.IN_DOUBT, RecordStatus.NOT_SENT, RecordStatus.REJECTED,
)  # fmt: skip
FAULTS = (Fault("XX99", "", "It is closed"),)
FILES = "<together><create_supdoc>a</create_supdoc><create_supdoc>b</create_supdoc><create>bill</create></together>"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW, user="me") as opened:
        yield opened


def begun(outbox: Outbox, *bodies: str, operation: WriteOperation = WriteOperation.CREATE) -> list[OutboxEntry]:
    place = WriteTarget("acme", "", operation, "VENDOR")
    return outbox.begin(outbox.plan(new_entry(place, f"{at} {body}", "d", body) for at, body in enumerate(bodies)))


def vendor(number: str) -> Element:
    return element("data", element("vendor", element("RECORDNO", number)))


@dataclass
class Company:
    """A company whose answers are scripted, one for each request; an error is raised."""

    answers: Sequence[Callable[[list[Function]], Sequence[Result]] | BaseException]
    requests: list[tuple[list[Function], bool]] = field(default_factory=list)

    def submit(self, functions: Sequence[Function], /, *, transaction: bool, before_send: Callable[[], None]) -> Any:
        self.requests.append((list(functions), transaction))
        before_send()
        answer = self.answers[len(self.requests) - 1]
        if isinstance(answer, BaseException):
            raise answer
        return tuple(answer(list(functions)))


def done(functions: list[Function]) -> list[Result]:
    return [Result(SUCCESS, "create", one.control_id, vendor(str(at))) for at, one in enumerate(functions, 1)]


def sent(outbox: Outbox, company: Company, entries: list[OutboxEntry], **how: bool) -> list[OutboxEntry]:
    return Sender(cast("Gateway", company), outbox).send(entries, **how)


def test_entries_go_together_and_one_with_files_goes_alone_as_a_transaction(outbox: Outbox) -> None:
    entries = begun(outbox, "<create>a</create>", FILES, '<update x="1">b</update>')
    plain, files, other = entries
    company = Company([done, done])
    assert [one.status for one in sent(outbox, company, entries)] == [APPLIED] * 3
    (together, one_request), (alone, transaction) = company.requests
    assert (one_request, transaction) == (False, True)
    assert [one.control_id for one in together] == [plain.control_id, other.control_id]
    assert [one.body.tag for one in together] == ["create", "update"]
    assert [[child.tag for child in one.body.children] for one in together] == [["VENDOR"], ["VENDOR"]]
    assert [one.control_id for one in alone] == [f"{files.control_id}-1", f"{files.control_id}-2", files.control_id]
    assert [one.body.tag for one in alone] == ["create_supdoc", "create_supdoc", "create"]
    assert outbox.entry(files.number).receipt == Receipt("3")
    only = Company([done])
    assert sent(outbox, only, begun(outbox, FILES.replace("bill", "order")))[0].status is APPLIED
    assert len(only.requests) == 1


def test_a_transaction_has_all_entries_in_one_request(outbox: Outbox) -> None:
    company = Company([done])
    sent(outbox, company, begun(outbox, "<create>a</create>", FILES), transaction=True)
    ((functions, transaction),) = company.requests
    assert (len(functions), transaction) == (4, True)


@pytest.mark.parametrize(
    ("error", "first", "again"),
    [
        (RefusedError("no", faults=FAULTS), NOT_SENT, IN_DOUBT),
        (TransientError("busy"), NOT_SENT, IN_DOUBT),
        (SettingsError("cap"), NOT_SENT, IN_DOUBT),
        (ConnectionCutError("cut", sent=False), NOT_SENT, IN_DOUBT),
        (ConnectionCutError("cut", sent=True), IN_DOUBT, IN_DOUBT),
        (LocalProtocolError("not allowed"), NOT_SENT, IN_DOUBT),
        (RemoteProtocolError("unreadable"), IN_DOUBT, IN_DOUBT),
        (KeyboardInterrupt(), IN_DOUBT, IN_DOUBT),
        (ValueError("ours"), IN_DOUBT, IN_DOUBT),
    ],
)
@pytest.mark.parametrize("resend", [False, True])
def test_an_error_concludes_what_is_certain_and_is_raised(
    outbox: Outbox, error: BaseException, first: RecordStatus, again: RecordStatus, resend: bool
) -> None:
    """A request that was still to be sent certainly was not; after a second sending the first is as unknown."""
    entries = begun(outbox, "<create>a</create>", FILES)
    with pytest.raises(type(error)):
        sent(outbox, Company([error]), entries, resend=resend)
    tried, left = (outbox.entry(one.number) for one in entries)
    status = again if resend else first
    assert tried.status is status
    assert tried.note == (str(error) or type(error).__name__)
    assert tried.faults == (FAULTS if isinstance(error, RefusedError) and status is not IN_DOUBT else ())
    assert left.status is (IN_DOUBT if resend else NOT_SENT)


def test_a_lost_answer_leaves_all_in_doubt_and_the_load_goes_on(outbox: Outbox) -> None:
    entries = begun(outbox, "<create>a</create>", FILES)
    lost, other = sent(outbox, Company([InDoubtError("lost", faults=FAULTS), done]), entries)
    assert (lost.status, lost.faults, lost.note, other.status) == (IN_DOUBT, (), "lost", APPLIED)


USED = (Fault("XX98", "", "the control id was already used"),)


@pytest.mark.parametrize(
    ("results", "first", "again", "record"),
    [
        ([(SUCCESS, vendor("7"), ())], APPLIED, APPLIED, "7"),
        ([(SUCCESS, None, ())], APPLIED, APPLIED, ""),
        ([(FAILURE, vendor("7"), FAULTS)], APPLIED, APPLIED, "7"),  # posted, and something after it failed
        ([(FAILURE, None, FAULTS)], REJECTED, IN_DOUBT, None),
        ([(ABORTED, None, FAULTS)], RecordStatus.ABORTED, IN_DOUBT, None),
        ([(ABORTED, vendor("7"), FAULTS)], RecordStatus.ABORTED, IN_DOUBT, None),  # the record was rolled back
        ([(FAILURE, None, USED)], IN_DOUBT, IN_DOUBT, None),  # a repetition: the first sending was applied
        ([], IN_DOUBT, IN_DOUBT, None),
        ([(SUCCESS, vendor("7"), ()), (SUCCESS, vendor("8"), ())], IN_DOUBT, IN_DOUBT, None),  # two for one function
    ],
)
@pytest.mark.parametrize("resend", [False, True])
def test_a_result_concludes_its_entry(
    outbox: Outbox, results: list[Any], first: RecordStatus, again: RecordStatus, record: str | None, resend: bool
) -> None:
    def answer(functions: list[Function]) -> list[Result]:
        (one,) = functions
        return [Result(status, "create", one.control_id, data, None, faults) for status, data, faults in results]

    (entry,) = sent(outbox, Company([answer]), begun(outbox, "<create>a</create>"), resend=resend)
    assert entry.status is (again if resend else first)
    assert entry.receipt == (None if record is None else Receipt(record))
    assert entry.faults == (results[0][2] if len(results) == 1 else ())
    notes = {"the company refused to repeat it": entry.faults == USED,
             "applied with faults": entry.status is APPLIED and bool(entry.faults),
             "the answer has no result for it": len(results) != 1,
             "the second sending was refused": resend and entry.status is IN_DOUBT and len(results) == 1}  # fmt: skip
    assert entry.note == next((note for note, applies in notes.items() if applies), "")


@pytest.mark.parametrize(
    ("body", "record"),
    [
        ("<delete><object>VENDOR</object><keys>7</keys></delete>", "7"),
        ('<delete_vendor vendorid="V-7"/>', "V-7"),
        ("<delete_vendor/>", ""),
    ],
)
def test_a_delete_ends_with_the_record_that_it_names(outbox: Outbox, body: str, record: str) -> None:
    entries = begun(outbox, body, operation=WriteOperation.DELETE)
    (entry,) = sent(outbox, Company([lambda some: [Result(SUCCESS, "delete", some[0].control_id)]]), entries)
    assert (entry.status, entry.receipt) == (APPLIED, Receipt(record))


@pytest.mark.parametrize(("data", "key"), [(None, None), (vendor("7"), None), (None, "7")])
def test_an_entry_that_was_rolled_back_has_the_fault_of_its_file(
    outbox: Outbox, data: Element | None, key: str | None
) -> None:
    own = (Fault("YY", "", "rolled back"),)

    def answer(functions: list[Function]) -> list[Result]:
        first, second, bill = (one.control_id for one in functions)
        return [Result(ABORTED, "create_supdoc", first, None, None, own),
                Result(FAILURE, "create_supdoc", second, None, None, FAULTS),
                Result(ABORTED, "create", bill, data, key, own)]  # fmt: skip

    (entry,) = sent(outbox, Company([answer]), begun(outbox, FILES))
    assert (entry.status, entry.faults, entry.receipt) == (REJECTED, FAULTS, None)

    def aborted(functions: list[Function]) -> list[Result]:
        return [Result(ABORTED, "create", one.control_id, None, None, own) for one in functions]

    (entry,) = sent(outbox, Company([aborted]), begun(outbox, FILES.replace("bill", "order")))
    assert (entry.status, entry.faults) == (RecordStatus.ABORTED, own)

    def refused(functions: list[Function]) -> list[Result]:
        return [Result(FAILURE, "create", one.control_id, None, None, own) for one in functions]

    (entry,) = sent(outbox, Company([refused]), begun(outbox, FILES.replace("bill", "note")))
    assert (entry.status, entry.faults) == (REJECTED, own)


def test_a_damaged_text_is_never_sent(outbox: Outbox) -> None:
    (entry,) = begun(outbox, "<create>a</create>")
    company = Company([])
    with pytest.raises(LocalProtocolError, match="is damaged"):
        sent(outbox, company, [replace(entry, body="<create>b</create>")])
    assert company.requests == []
    assert outbox.entry(entry.number).status is NOT_SENT


class Full(Outbox):
    """An outbox that cannot be written while entries are concluded."""

    def conclude(self, ended: Any, *, claim: bool = False) -> list[OutboxEntry]:
        list(ended)
        raise SettingsError("the disk is full", fix="free some")


@pytest.mark.parametrize(
    ("answer", "raised"),
    [(done, InDoubtError), (InDoubtError("lost"), InDoubtError), (TransientError("busy"), TransientError),
     (KeyboardInterrupt(), InDoubtError)],
)  # fmt: skip
def test_what_was_sent_and_cannot_be_noted_is_named(tmp_path: Path, answer: Any, raised: type[Exception]) -> None:
    with Full(tmp_path / "o.sqlite3", clock=lambda: NOW) as outbox:
        entries = begun(outbox, "<create>a</create>")
        with pytest.raises(raised) as caught:
            sent(outbox, Company([answer]), entries)
    if raised is InDoubtError:
        error = cast("InDoubtError", caught.value)
        assert "1 record sent, but the outcome could not be stored: the disk is full" in str(error)
        assert (error.fix, error.control_ids) == ("free some", (entries[0].control_id,))


def test_each_stage_of_a_sending_is_a_step(outbox: Outbox) -> None:
    steps: list[str] = []
    company = cast("Gateway", Company([done]))
    Sender(company, outbox, step=steps.append).send(begun(outbox, "<create>a</create>"))
    assert steps == ["begun", "answered", "concluded"]
