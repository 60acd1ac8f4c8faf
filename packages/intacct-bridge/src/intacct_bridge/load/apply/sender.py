"""Sending entries once, and concluding each by what its answer proves.

Each entry leaves here concluded: applied with its receipt, rejected, aborted, not sent, or in doubt. An entry whose
outcome the answer does not prove is in doubt, and so is one whose sending is interrupted. Results belong to entries by
control id.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.outbox.storage import digest_of
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import WriteOperation
from intacct_bridge.load.target.attachments import TOGETHER
from intacct_bridge.load.target.functions import receipt_of
from intacct_protocol.diagnosis import diagnose
from intacct_protocol.errors import (
    Fault,
    InDoubtError,
    IntacctError,
    LocalProtocolError,
    ProtocolError,
    RefusedError,
    SettingsError,
    TransientError,
)
from intacct_protocol.model.wording import counted
from intacct_protocol.xml.envelope import ABORTED, FAILURE, SUCCESS, Function, Result
from intacct_protocol.xml.reply import may_be_applied
from intacct_protocol.xml.xml import Element, Raw, parse

Step = Callable[[str], None]
"""Called between any two steps; tests end the process there."""

_REPETITION = "control-id-used"
"""The error catalogue's entry for a control id that the company has completed before."""


_TO_APPROVE = "Save the plan with `intacct load FILE --out PLAN`, then have it approved: intacct plan approve PLAN"


def refuse_without_plan(connection: Connection, *, fix: str = _TO_APPROVE) -> None:
    """SettingsError if a connection requires an approval, for writes that have no saved plan."""
    if connection.needs_approval:
        raise SettingsError(
            f"connection {connection.name!r} requires an approval, and these records have no approved plan", fix=fix
        )


def refuse_read_only(connection: Connection) -> None:
    """SettingsError if a connection may not write."""
    if connection.read_only:
        raise SettingsError(f"connection {connection.name!r} is read-only", fix="use a connection that may write")


def no_step(_: str) -> None:
    """A `Step` that does nothing."""


class Sender:
    """Sends entries that the outbox has marked as sent by this loader."""

    def __init__(self, company: Gateway, outbox: Outbox, *, step: Step = no_step) -> None:
        self._company = company
        self._outbox = outbox
        self._step = step

    def send(
        self, entries: Sequence[OutboxEntry], *, transaction: bool = False, resend: bool = False
    ) -> list[OutboxEntry]:
        """Send and conclude. After a failed `resend`, the outcome of the first sending is as unknown as before.

        Raises the error that stops a whole load (a refused sign-in, an outage, a cap) once the entries are concluded.
        """
        self._step("begun")
        left = [list(entries)] if transaction else _requests(entries)
        done: list[OutboxEntry] = []
        while left:
            request = left.pop(0)
            try:
                done += self._send(request, transaction=transaction or _has_files(request[0]), resend=resend)
            except BaseException as error:
                for unsent in left:  # these certainly did not leave
                    self._conclude_all(unsent, RecordStatus.IN_DOUBT if resend else RecordStatus.NOT_SENT, error)
                raise
        return done

    def _send(self, entries: Sequence[OutboxEntry], *, transaction: bool, resend: bool) -> list[OutboxEntry]:
        """Send one request."""
        try:
            functions = [function for entry in entries for function in _functions(entry)]
            results = self._company.submit(
                functions, transaction=transaction, before_send=lambda: self._outbox.note_sending(entries)
            )
        except InDoubtError as error:
            return self._conclude_all(entries, RecordStatus.IN_DOUBT, error)
        except (TransientError, RefusedError, SettingsError, ProtocolError) as error:
            self._conclude_all(entries, _status_after(error, resend=resend), error)
            raise
        except BaseException as error:
            self._conclude_all(entries, RecordStatus.IN_DOUBT, error)
            raise
        self._step("answered")
        answered = Counter(result.control_id for result in results)
        by_id = {result.control_id: result for result in results if answered[result.control_id] == 1}
        ends = [_conclusion(entry, _result(entry, by_id), resend=resend) for entry in entries]
        try:
            done = self._outbox.conclude(ends)
        except (SettingsError, TransientError) as error:
            raise _not_noted(entries, error) from error
        self._step("concluded")
        return done

    def _conclude_all(
        self, entries: Sequence[OutboxEntry], status: RecordStatus, error: BaseException
    ) -> list[OutboxEntry]:
        faults = error.faults if isinstance(error, IntacctError) and status is not RecordStatus.IN_DOUBT else ()
        note = str(error) or type(error).__name__
        ends = [entry.ended(status, faults=faults, note=note) for entry in entries]
        try:
            return self._outbox.conclude(ends)
        except (SettingsError, TransientError) as failure:
            if status is RecordStatus.NOT_SENT:
                return []  # the error that kept it from being sent is raised
            raise _not_noted(entries, failure) from failure


def _not_noted(entries: Sequence[OutboxEntry], error: IntacctError) -> InDoubtError:
    """The error for what was sent and whose outcome the outbox cannot take: the next run looks for it."""
    return InDoubtError(
        f"{counted(len(entries), 'record')} sent, but the outcome could not be stored: {error.message}",
        fix=error.fix,
        control_ids=tuple(entry.control_id for entry in entries),
    )


def _requests(entries: Sequence[OutboxEntry]) -> list[list[OutboxEntry]]:
    """The entries by request: one with files goes alone, since only a transaction keeps its functions together."""
    plain = [entry for entry in entries if not _has_files(entry)]
    return [*([plain] if plain else []), *([entry] for entry in entries if _has_files(entry))]


def _has_files(entry: OutboxEntry) -> bool:
    return entry.body.startswith(f"<{TOGETHER}>")


def _functions(entry: OutboxEntry) -> list[Function]:
    if digest_of(entry.body) != entry.request_digest:
        raise LocalProtocolError(f"the outbox's text of {entry.label} is damaged", fix="restore the outbox's file")
    if _has_files(entry):
        *others, last = parse(entry.body.encode())
        numbered = [Function(one, f"{entry.control_id}-{number}") for number, one in enumerate(others, 1)]
        return [*numbered, Function(last, entry.control_id)]
    body = Raw(entry.body)
    body.tag = entry.body[1:].partition(">")[0].partition(" ")[0]
    body.children = (Element(entry.target.object),)  # for the count of records; the text is what is written
    return [Function(body, entry.control_id)]


def _result(entry: OutboxEntry, by_id: Mapping[str, Result]) -> Result | None:
    """The entry's result; if it was rolled back, with the faults of the function for its files that failed."""
    result = by_id.get(entry.control_id)
    if result is None or result.status != ABORTED or not _has_files(entry):
        return result
    others = (found for control_id, found in by_id.items() if control_id.startswith(f"{entry.control_id}-"))
    failed = next((found for found in others if found.status == FAILURE), None)
    return result if failed is None else replace(result, status=FAILURE, faults=failed.faults, data=None, key=None)


def _status_after(error: IntacctError, *, resend: bool) -> RecordStatus:
    """The status after an error: not sent if it proves that nothing was applied, and if that was the first sending."""
    return RecordStatus.IN_DOUBT if resend or may_be_applied(error) else RecordStatus.NOT_SENT


def _conclusion(entry: OutboxEntry, result: Result | None, *, resend: bool) -> OutboxEntry:
    if result is None:
        return entry.ended(RecordStatus.IN_DOUBT, note="the answer has no result for it")
    receipt = receipt_of(result)
    applied = result.status == SUCCESS or (result.status != ABORTED and bool(receipt.record))  # aborted: rolled back
    if entry.target.operation is WriteOperation.DELETE and not receipt.record:  # which no answer to a delete names
        receipt = replace(receipt, record=_deleted_record(entry))
    if applied:
        note = "applied with faults" if result.status != SUCCESS else ""
        return entry.ended(RecordStatus.APPLIED, receipt, result.faults, note)
    repetition = is_repetition(result.faults)
    if resend or repetition:
        note = "the company refused to repeat it" if repetition else "the second sending was refused"
        return entry.ended(RecordStatus.IN_DOUBT, faults=result.faults, note=note)
    status = RecordStatus.ABORTED if result.status == ABORTED else RecordStatus.REJECTED
    return entry.ended(status, faults=result.faults)


def _deleted_record(entry: OutboxEntry) -> str:
    """The key of the record that a delete names."""
    function = parse(entry.body.encode())
    return function.findtext("keys") or next(iter(function.attributes.values()), "")


def is_repetition(faults: tuple[Fault, ...]) -> bool:
    """Whether the company reports that it has completed this control id before."""
    return bool(faults) and diagnose(faults, "function").entry == _REPETITION
