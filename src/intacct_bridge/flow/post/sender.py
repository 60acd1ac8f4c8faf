"""Sending entries once and writing down what their answer proves.

Each entry leaves here concluded: applied with its receipt, rejected, aborted, not sent, or in doubt. What the answer
does not prove is in doubt, also when the process is interrupted on the way. Results belong to entries by control id.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from intacct_bridge.client.protocol import Gateway
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
from intacct_bridge.flow.company.attachments import TOGETHER
from intacct_bridge.flow.company.functions import receipt_of
from intacct_bridge.flow.outbox.entry import Conclusion, OutboxEntry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.outbox.storage import digest_of
from intacct_bridge.flow.records.status import RecordStatus
from intacct_bridge.wire.envelope import ABORTED, FAILURE, SUCCESS, Function, Result
from intacct_bridge.wire.reply import ConnectionCutError
from intacct_bridge.wire.xml import Element, Raw, parse

Step = Callable[[str], None]
"""Called between any two steps; tests end the process there."""

REPEATED = "control-id-used"
"""The error catalogue's entry for a control id that the company has completed before."""


def no_step(_: str) -> None:
    """The Step that does nothing."""


class Sender:
    """Sends entries that the outbox holds as sent by us."""

    def __init__(self, company: Gateway, outbox: Outbox, *, step: Step = no_step) -> None:
        self._company = company
        self._outbox = outbox
        self._step = step

    def send(
        self, entries: Sequence[OutboxEntry], *, transaction: bool = False, again: bool = False
    ) -> list[OutboxEntry]:
        """Send and conclude. `again` marks a resend, where a failure says nothing about the first sending.

        Raises what stops a whole load (a refused sign-in, an outage, a cap) once the entries are concluded.
        """
        self._step("begun")
        left = [list(entries)] if transaction else _requests(entries)
        done: list[OutboxEntry] = []
        while left:
            some = left.pop(0)
            try:
                done += self._send(some, transaction=transaction or _several(some[0]), again=again)
            except BaseException as error:
                for unsent in left:  # nothing of these has left
                    self._all(unsent, RecordStatus.IN_DOUBT if again else RecordStatus.NOT_SENT, error)
                raise
        return done

    def _send(self, entries: Sequence[OutboxEntry], *, transaction: bool, again: bool) -> list[OutboxEntry]:
        """One request."""
        try:
            functions = [function for entry in entries for function in _functions(entry)]
            results = self._company.submit(
                functions, transaction=transaction, leaving=lambda: self._outbox.leaving(entries)
            )
        except InDoubtError as error:
            return self._all(entries, RecordStatus.IN_DOUBT, error)
        except (TransientError, RefusedError, SettingsError, ProtocolError) as error:
            self._all(entries, _untouched(error, again=again), error)
            raise
        except BaseException as error:
            self._all(entries, RecordStatus.IN_DOUBT, error)
            raise
        self._step("answered")
        answered = Counter(result.control_id for result in results)
        by_id = {result.control_id: result for result in results if answered[result.control_id] == 1}
        done = self._outbox.conclude(_conclusion(entry, _result(entry, by_id), again=again) for entry in entries)
        self._step("concluded")
        return done

    def _all(self, entries: Sequence[OutboxEntry], state: RecordStatus, error: BaseException) -> list[OutboxEntry]:
        faults = error.faults if isinstance(error, IntacctError) else ()
        note = str(error) or type(error).__name__
        ends = [Conclusion(entry, state, faults=() if state is RecordStatus.IN_DOUBT else faults, note=note)
                for entry in entries]  # fmt: skip
        return self._outbox.conclude(ends)


def _requests(entries: Sequence[OutboxEntry]) -> list[list[OutboxEntry]]:
    """The entries by request: what is several functions goes alone, since only a transaction keeps them together."""
    plain = [entry for entry in entries if not _several(entry)]
    return [*([plain] if plain else []), *([entry] for entry in entries if _several(entry))]


def _several(entry: OutboxEntry) -> bool:
    return entry.body.startswith(f"<{TOGETHER}>")


def _functions(entry: OutboxEntry) -> list[Function]:
    if digest_of(entry.body) != entry.request_digest:
        raise LocalProtocolError(f"the outbox's text of {entry.label} is damaged", fix="restore the outbox's file")
    if _several(entry):
        *others, own = parse(entry.body.encode())
        return [*(Function(one, _beside(entry, number)) for number, one in enumerate(others, 1)),
                Function(own, entry.control_id)]  # fmt: skip
    body = Raw(entry.body)
    body.tag = entry.body[1:].partition(">")[0].partition(" ")[0]
    body.children = (Element(entry.target.object),)  # for those who count; what is written is the text
    return [Function(body, entry.control_id)]


def _beside(entry: OutboxEntry, number: int) -> str:
    """The control id of a function that goes with an entry's own."""
    return f"{entry.control_id}-{number}"


def _result(entry: OutboxEntry, by_id: Mapping[str, Result]) -> Result | None:
    """The entry's result; where it was rolled back, with the words of the function beside it that failed."""
    own = by_id.get(entry.control_id)
    if own is None or own.status != ABORTED or not _several(entry):
        return own
    beside = (found for control_id, found in by_id.items() if control_id.startswith(f"{entry.control_id}-"))
    failed = next((found for found in beside if found.status == FAILURE), None)
    return own if failed is None else replace(own, status=FAILURE, faults=failed.faults)


def _untouched(error: IntacctError, *, again: bool) -> RecordStatus:
    """The state after a sending that certainly did nothing: a resend that did nothing leaves the first one's doubt."""
    if isinstance(error, ConnectionCutError) and error.sent:
        return RecordStatus.IN_DOUBT
    if isinstance(error, RemoteProtocolError):
        return RecordStatus.IN_DOUBT
    return RecordStatus.IN_DOUBT if again else RecordStatus.NOT_SENT


def _conclusion(entry: OutboxEntry, result: Result | None, *, again: bool) -> Conclusion:
    if result is None:
        return Conclusion(entry, RecordStatus.IN_DOUBT, note="the answer has no result for it")
    receipt = receipt_of(result)
    if result.status == SUCCESS or receipt.record:
        note = "applied with faults" if result.status != SUCCESS else ""
        return Conclusion(entry, RecordStatus.APPLIED, receipt, result.faults, note)
    if again or repeated(result.faults):
        note = "the company refused to do it again" if repeated(result.faults) else "the second sending was refused"
        return Conclusion(entry, RecordStatus.IN_DOUBT, faults=result.faults, note=note)
    state = RecordStatus.ABORTED if result.status == ABORTED else RecordStatus.REJECTED
    return Conclusion(entry, state, faults=result.faults)


def repeated(faults: tuple[Fault, ...]) -> bool:
    """Whether the company says that it has completed this control id before."""
    return bool(faults) and diagnose(faults, "function").entry == REPEATED
