"""Sending entries once and writing down what their answer proves.

Each entry leaves here concluded: applied with its receipt, rejected, aborted, not sent, or in doubt. What the answer
does not prove is in doubt, also when the process is interrupted on the way. Results belong to entries by control id.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from intacct_bridge.diagnosis import diagnose
from intacct_bridge.errors import (
    Fault,
    InDoubtError,
    IntacctError,
    LocalProtocolError,
    ProtocolError,
    RefusedError,
    RemoteProtocolError,
    SettingsError,
    TransientError,
)
from intacct_bridge.flow.body import receipt_of
from intacct_bridge.flow.company import Company
from intacct_bridge.flow.entry import Conclusion, Entry, State
from intacct_bridge.flow.outbox import Outbox
from intacct_bridge.flow.outbox_rows import digest_of
from intacct_bridge.wire.envelope import ABORTED, SUCCESS, Function, Result
from intacct_bridge.wire.reply import ConnectionCutError
from intacct_bridge.wire.xml import Element, Raw

Step = Callable[[str], None]
"""Called between any two steps; tests end the process there."""

REPEATED = "control-id-used"
"""The error catalogue's entry for a control id that the company has completed before."""


def no_step(_: str) -> None:
    """The Step that does nothing."""


class Sender:
    """Sends entries that the outbox holds as sent by us."""

    def __init__(self, company: Company, outbox: Outbox, *, step: Step = no_step) -> None:
        self._company = company
        self._outbox = outbox
        self._step = step

    def send(self, entries: Sequence[Entry], *, transaction: bool = False, again: bool = False) -> list[Entry]:
        """Send and conclude. `again` marks a resend, where a failure says nothing about the first sending.

        Raises what stops a whole load (a refused sign-in, an outage, a cap) once the entries are concluded.
        """
        self._step("begun")
        try:
            functions = [_function(entry) for entry in entries]
            results = self._company.submit(functions, transaction=transaction)
        except InDoubtError as error:
            return self._all(entries, State.IN_DOUBT, error)
        except (TransientError, RefusedError, SettingsError, ProtocolError) as error:
            self._all(entries, _untouched(error, again=again), error)
            raise
        except BaseException as error:
            self._all(entries, State.IN_DOUBT, error)
            raise
        self._step("answered")
        answered = Counter(result.control_id for result in results)
        by_id = {result.control_id: result for result in results}
        ends = [
            _conclusion(entry, by_id[entry.control_id] if answered[entry.control_id] == 1 else None, again=again)
            for entry in entries
        ]
        done = self._outbox.conclude(ends)
        self._step("concluded")
        return done

    def _all(self, entries: Sequence[Entry], state: State, error: BaseException) -> list[Entry]:
        faults = error.faults if isinstance(error, IntacctError) else ()
        note = str(error) or type(error).__name__
        ends = [Conclusion(entry.number, state, faults=() if state is State.IN_DOUBT else faults, note=note)
                for entry in entries]  # fmt: skip
        return self._outbox.conclude(ends)


def _function(entry: Entry) -> Function:
    if digest_of(entry.body) != entry.request_digest:
        raise LocalProtocolError(f"the outbox's text of {entry.label} is damaged", fix="restore the outbox's file")
    body = Raw(entry.body)
    body.tag = entry.body[1:].partition(">")[0].partition(" ")[0]
    body.children = (Element(entry.place.object),)  # for those who count; what is written is the text
    return Function(body, entry.control_id)


def _untouched(error: IntacctError, *, again: bool) -> State:
    """The state after a sending that certainly did nothing: a resend that did nothing leaves the first one's doubt."""
    if isinstance(error, ConnectionCutError) and error.sent:
        return State.IN_DOUBT
    if isinstance(error, RemoteProtocolError) and not 400 <= error.http_status < 500:
        return State.IN_DOUBT
    return State.IN_DOUBT if again else State.NOT_SENT


def _conclusion(entry: Entry, result: Result | None, *, again: bool) -> Conclusion:
    if result is None:
        return Conclusion(entry.number, State.IN_DOUBT, note="the answer has no result for it")
    receipt = receipt_of(result)
    if result.status == SUCCESS or receipt.record:
        note = "applied with faults" if result.status != SUCCESS else ""
        return Conclusion(entry.number, State.APPLIED, receipt, result.faults, note)
    if again or repeated(result.faults):
        note = "the company refused to do it again" if repeated(result.faults) else "the second sending was refused"
        return Conclusion(entry.number, State.IN_DOUBT, faults=result.faults, note=note)
    state = State.ABORTED if result.status == ABORTED else State.REJECTED
    return Conclusion(entry.number, state, faults=result.faults)


def repeated(faults: tuple[Fault, ...]) -> bool:
    """Whether the company says that it has completed this control id before."""
    return bool(faults) and diagnose(faults, "function").entry == REPEATED
