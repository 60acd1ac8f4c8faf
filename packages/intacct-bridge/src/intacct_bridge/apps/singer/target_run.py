"""A run of `target-intacct`: every line of the input, in order, and the states that are passed on.

A state is passed on only once every record before it is final. However a run ends, the same input piped in again loses
and repeats nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from intacct_bridge.apps.singer.dead_letters import DeadLetters
from intacct_bridge.apps.singer.equal_numbers import EqualNumbers
from intacct_bridge.apps.singer.protocol.messages import Message, batch_records, parse_message
from intacct_bridge.apps.singer.target_batches import TargetBatches
from intacct_bridge.apps.singer.target_results import (
    HotglueReport,
    InputRecord,
    RecordResult,
    StateWriter,
    keyed,
    state_value,
)
from intacct_bridge.apps.terminal.exit_statuses import FAILURES, IN_DOUBT
from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.runs.run import RecordCounts
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.singer.target_config import TargetConfig
    from intacct_bridge.client.client import Client
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.runs.recorder import RunRecorder

_SHOWN = 20
"""Refused records that are shown one by one; the dead letters have all of them."""


class TargetRun:
    """One input, from its first line to its last."""

    def __init__(
        self,
        client: "Client",
        outbox: "Outbox",
        config: "TargetConfig",
        *,
        out: IO[bytes],
        output: Output,
        earlier: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._config = config
        self._out = out
        self._console = output
        has_report = HotglueReport.is_report(earlier)
        self._report = HotglueReport(earlier if has_report else None) if config.hotglue_state or has_report else None
        self._equals = EqualNumbers(
            outbox.equal_counts,
            TargetCompany.of(client.connection).company,
            config.source_name,
            config.equal_records,
            listed=self._report.numbers if self._report is not None and has_report else None,
        )
        if earlier and not has_report:
            self._equals.arrive(state_value(earlier))
        self._batches = TargetBatches(
            client, outbox, config, equals=self._equals, note=self._note, complain=output.complain
        )
        self._states = StateWriter(out, before=self._before_state, silent=config.hotglue_state)
        named = config.dead_letters
        self._letters = DeadLetters(named or _letters_beside(outbox.path), replaces=named is not None)
        self._schemas: dict[str, Message] = {}
        self._counts: Counter[RecordStatus] = Counter()
        self._updated = 0
        self._unreached = 0
        """Records that were read before an error, and not sent."""
        self._noted: set[str] = set()
        self._batch_files: Counter[str] = Counter()
        """How many batch files of a stream have had a name."""

    def consume(self, lines: Iterable[bytes]) -> int:
        """Take every line and return the exit status; in doubt outranks any error that stops the run."""
        stopped: IntacctError | None = None
        try:
            self._consume(lines)
        except IntacctError as error:
            stopped = error
            self._unreached = self._batches.unfinished
        finally:
            self._letters.close()
            self._finish()
        doubtful = self._counts[RecordStatus.IN_DOUBT]
        if stopped is not None and not doubtful:
            raise stopped
        if stopped is not None:
            report(stopped, self._console)
        if doubtful:
            return IN_DOUBT
        return FAILURES if self._failed or self._not_sent else 0

    def _consume(self, lines: Iterable[bytes]) -> None:
        handlers: Mapping[str, Callable[[Message, int], None]] = {
            "SCHEMA": self._schema,
            "RECORD": self._record,
            "BATCH": self._batch,
            "STATE": self._state,
            "ACTIVATE_VERSION": self._version,
        }
        for number, line in enumerate(lines, 1):
            if line.strip():
                message = parse_message(line, number)
                handlers[message.type](message, number)
        self._take_results(self._batches.flush())
        self._states.release()
        if not self._states.blocked:
            self._equals.end()

    # --- messages

    def _schema(self, message: Message, number: int) -> None:
        if not isinstance(message.schema.get("properties"), dict):
            raise SettingsError(
                f"line {number}: the schema of {message.stream} has no properties",
                fix="give every stream a JSON schema that names its properties",
            )
        known = self._schemas.get(message.stream)
        if known is not None and known.key_properties != message.key_properties:
            self._take_results(self._batches.flush())  # keys of two kinds do not compare
        self._schemas[message.stream] = message
        if not message.key_properties:
            self._equals.begin(message.stream)
        self._letters.schema(
            message.stream,
            {
                "type": "SCHEMA",
                "stream": message.stream,
                "schema": message.schema,
                "key_properties": list(message.key_properties),
                "bookmark_properties": list(message.bookmark_properties),
            },
        )
        self._batches.announce(message.stream)

    def _record(self, message: Message, number: int) -> None:
        self._take(message, message.record, number, message.stream)

    def _schema_of(self, message: Message, number: int) -> Message:
        schema = self._schemas.get(message.stream)
        if schema is None:
            raise SettingsError(
                f"line {number}: a {message.type} of {message.stream} comes before the stream's SCHEMA",
                fix="a Singer tap sends a stream's SCHEMA first; check that its whole output is piped in",
            )
        return schema

    def _take(self, message: Message, record: Mapping[str, Any], number: int, source: str) -> None:
        schema = self._schema_of(message, number)
        key, refusal = keyed(record, schema.key_properties)
        missing = [name for name in schema.schema.get("required", ()) if name not in record]
        if missing and not refusal:
            refusal = f"{missing[0]} is required by the stream's schema, and the record has none"
        arrived = InputRecord(schema.stream, record, number, source, key, refusal)
        if not refusal:  # counted before any is left out as known
            equals = self._equals.compare if key else self._equals.number
            arrived = equals(arrived, schema, message)
        if self._report is not None and self._report.known(arrived):
            self._counts[RecordStatus.UNCHANGED] += 1
            return
        self._take_results(self._batches.add(arrived))

    def _batch(self, message: Message, number: int) -> None:
        self._schema_of(message, number)
        for file in message.manifest:
            source = ""
            for place, name, record in batch_records(file, message.encoding, self._config.input_path or Path()):
                source = source or self._source_of(message.stream, name)
                self._take(message, record, place, source)

    def _source_of(self, stream: str, name: str) -> str:
        """The name of one batch file in the places of its records; files of one name get numbers."""
        source = f"{stream} in {name}"
        self._batch_files[source] += 1
        number = self._batch_files[source]
        return source if number == 1 else f"{source} ({number})"

    def _state(self, message: Message, _: int) -> None:
        self._take_results(self._batches.flush())
        self._equals.arrive(message.value)
        self._states.arrive(message.value)
        self._states.release()

    def _version(self, message: Message, _: int) -> None:
        """A source that sends all its records again deletes nothing in Intacct."""
        self._equals.activate(message.stream)
        self._note(f"{message.stream}: the source reloads its table; no records are deleted in Intacct")

    def _note(self, text: str) -> None:
        """Show a note, once."""
        if text not in self._noted:
            self._noted.add(text)
            self._console.say(text)

    def _before_state(self, value: Any) -> None:
        """Make durable what a state goes past, before it is released."""
        self._letters.force()
        self._equals.cover(value)

    # --- results

    def _take_results(self, results: Iterator[RecordResult]) -> None:
        for one in results:
            self._counts[one.status] += 1
            self._updated += one.updated
            if self._report is not None:
                self._report.enter(one)
            if not one.status.is_final:
                self._states.blocked = True
            if one.status.is_failed:
                self._letters.add(one.arrived, one.error)
            if one.error:
                self._show_error(one)

    def _show_error(self, one: RecordResult) -> None:
        doubtful = one.status is RecordStatus.IN_DOUBT
        shown = self._failed + self._counts[RecordStatus.IN_DOUBT]
        word = "refused" if one.status.is_failed else "in doubt" if doubtful else "not sent"
        if shown <= _SHOWN or doubtful:
            self._console.complain(f"{one.arrived.source}:{one.arrived.number}: {word}: {one.error}")
        elif shown == _SHOWN + 1:
            self._console.complain("... and more; the file of refused records has all of them")

    @property
    def _failed(self) -> int:
        return sum(count for status, count in self._counts.items() if status.is_failed)

    @property
    def _not_sent(self) -> int:
        waiting = (RecordStatus.PLANNED, RecordStatus.NOT_SENT, RecordStatus.SENT)
        return sum(self._counts[status] for status in waiting) + self._unreached

    def count_in(self, recorder: "RunRecorder") -> None:
        """Count the records in the history of runs, and name the file of dead letters."""
        recorder.add_records(self._counts.elements(), unsent=self._unreached)
        if self._letters.earlier is not None:
            recorder.move_file(self._letters.wanted, self._letters.earlier)
        if self._letters.count:
            recorder.records += RecordCounts(dead_letters=self._letters.count)
            recorder.add_file(Path(self._letters.path))

    def _finish(self) -> None:
        if self._report is not None and self._config.hotglue_state:
            import msgspec

            self._out.write(msgspec.json.encode(self._report.document()) + b"\n")
            self._out.flush()
        written = self._counts[RecordStatus.APPLIED] + self._counts[RecordStatus.SETTLED]
        doubtful = self._counts[RecordStatus.IN_DOUBT]
        counts = {
            "deleted" if self._config.mode == "delete" else "written": written - self._updated,
            "updated": self._updated,
            "already in Intacct": self._counts[RecordStatus.UNCHANGED],
            "refused": self._failed,
            "in doubt": doubtful,
            "not sent": self._not_sent,
        }
        summary = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "no records"
        self._console.say(f"{summary}; {counted(self._client.meter.transactions, 'API transaction')}")
        if self._letters.count:
            self._console.complain(f"refused records are in {self._letters.path}, each with its reason")
            if self._letters.earlier is not None:
                self._console.complain(f"refused records of an earlier run are now in {self._letters.earlier}")
        if doubtful:
            self._console.complain(
                "Some records are in doubt, and the state stays before them. Pipe the same input in again later, "
                "or see `intacct outbox list`."
            )


def _letters_beside(outbox: Path) -> Path:
    name = f"refused-{datetime.now(UTC):%Y%m%dT%H%M%S}.singer.jsonl"
    return outbox.with_name("dead-letters") / name
