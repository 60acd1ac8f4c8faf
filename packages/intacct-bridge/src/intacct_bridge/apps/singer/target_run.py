"""A run of `target-intacct`: every message of the input, in order, and what is written of the results.

On standard output it writes either the tap's states, as they are released, or hotglue's report on every record.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec

from intacct_bridge.apps.singer.dead_letters import DeadLetters
from intacct_bridge.apps.singer.hotglue_report import HotglueReport
from intacct_bridge.apps.singer.protocol.messages import Message, batch_records, parse_message
from intacct_bridge.apps.terminal.exit_statuses import FAILURES, IN_DOUBT
from intacct_bridge.apps.terminal.failures import report
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.record_streams import (
    InputRecord,
    Mode,
    RecordResult,
    RecordStatus,
    RecordStreams,
    StreamSchema,
    open_record_streams,
)
from intacct_bridge.operations.runs import RecordCounts, note_moved_file
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.apps.singer.target_config import TargetConfig
    from intacct_bridge.operations.recorded_run import CompanyRun

_SHOWN = 20
"""Refused records that are shown one by one; the dead letters have all of them."""
_TOLD = (RecordStatus.IN_DOUBT, RecordStatus.SKIPPED)
"""Statuses that are shown under their own word."""
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class TargetRun:
    """One input, from its first line to its last."""

    def __init__(
        self,
        run: "CompanyRun",
        config: "TargetConfig",
        *,
        out: IO[bytes],
        output: Output,
        earlier: Mapping[str, Any] | None = None,
    ) -> None:
        self._run = run
        self._config = config
        self._out = out
        self._console = output
        self._listed = HotglueReport.is_report(earlier)
        """Whether an earlier run's report lists the records of this input."""
        self._earlier = earlier or {}
        listed = earlier if self._listed else None
        self._report = HotglueReport(listed) if config.hotglue_state or self._listed else None
        self._updated = 0
        self._noted: set[str] = set()
        self._batch_files: Counter[str] = Counter()
        """How many batch files of a stream have had a name."""
        self._streams: RecordStreams
        self._letters: DeadLetters

    def consume(self, lines: Iterable[bytes]) -> int:
        """Take every line and return the exit status; in doubt outranks any error that stops the run."""
        listed = self._report.numbers if self._report is not None and self._listed else None
        state = None if self._listed or not self._earlier else _state_in(self._earlier)
        with open_record_streams(self._run, self._config.load, self, state=state, listed=listed) as self._streams:
            named = self._config.dead_letters
            self._letters = DeadLetters(named or _letters_beside(self._streams.outbox_file), replaces=named is not None)
            return self._consume(lines)

    def _consume(self, lines: Iterable[bytes]) -> int:
        stopped: IntacctError | None = None
        try:
            self._read(lines)
        except IntacctError as error:
            stopped = error
            self._streams.stop()
        finally:
            self._letters.close()
            self._name_letters()
            self._finish()
        doubtful = self._streams.counts[RecordStatus.IN_DOUBT]
        if stopped is not None and not doubtful:
            raise stopped
        if stopped is not None:
            report(stopped, self._console)
        if doubtful:
            return IN_DOUBT
        return FAILURES if self._failed or self._not_sent else 0

    def _read(self, lines: Iterable[bytes]) -> None:
        handlers: Mapping[str, Callable[[Message, int], None]] = {
            "SCHEMA": self._schema,
            "RECORD": self._record,
            "BATCH": self._batch,
            "STATE": lambda message, _: self._streams.reach(message.value),
            "ACTIVATE_VERSION": lambda message, _: self._streams.reload(message.stream),
        }
        for number, line in enumerate(lines, 1):
            if line.strip():
                message = parse_message(line, number)
                handlers[message.type](message, number)
        self._streams.end()

    # --- messages

    def _schema(self, message: Message, number: int) -> None:
        if not isinstance(message.schema.get("properties"), dict):
            raise SettingsError(
                f"line {number}: the schema of {message.stream} has no properties",
                fix="give every stream a JSON schema that names its properties",
            )
        required = tuple(message.schema.get("required") or ())
        self._streams.begin(StreamSchema(message.stream, message.key_properties, required, message.bookmark_properties))
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

    def _record(self, message: Message, number: int) -> None:
        self._check_begun(message, number)
        self._add(message, message.record, number, message.stream)

    def _check_begun(self, message: Message, number: int) -> None:
        if not self._streams.has_begun(message.stream):
            raise SettingsError(
                f"line {number}: a {message.type} of {message.stream} comes before the stream's SCHEMA",
                fix="a Singer tap sends a stream's SCHEMA first; check that its whole output is piped in",
            )

    def _add(self, message: Message, record: Mapping[str, Any], number: int, source: str) -> None:
        version = "" if message.version is None else str(message.version)
        letter = (message.equal_number, message.equal_hash, message.refused_at)
        self._streams.add(InputRecord(message.stream, record, number, source, version, *letter))

    def _batch(self, message: Message, number: int) -> None:
        self._check_begun(message, number)
        for file in message.manifest:
            source = ""
            for place, name, record in batch_records(file, message.encoding, self._config.load.input_path or Path()):
                source = source or self._source_of(message.stream, name)
                self._add(message, record, place, source)

    def _source_of(self, stream: str, name: str) -> str:
        """The name of one batch file in the places of its records; files of one name get numbers."""
        source = f"{stream} in {name}"
        self._batch_files[source] += 1
        number = self._batch_files[source]
        return source if number == 1 else f"{source} ({number})"

    # --- what comes of them

    def already_reported(self, arrived: InputRecord) -> bool:
        """Whether the report that the run was started with has the record as written."""
        return self._report is not None and self._report.is_written(arrived)

    def take(self, result: RecordResult) -> None:
        """Enter a result in the report and in the dead letters, and show what went wrong."""
        self._updated += result.updated
        if self._report is not None:
            self._report.enter(result)
        if result.status.is_failed:
            self._letters.add(result.arrived, result.error, result.position)
        if result.error:
            self._show_error(result)

    def keep_refused(self) -> None:
        """Force the dead letters to disk."""
        self._letters.force()

    def release(self, state: object) -> None:
        """Write a state of the tap."""
        self._out.write(_ENCODER.encode(state) + b"\n")
        self._out.flush()

    def note(self, text: str) -> None:
        """Show a note, once."""
        if text not in self._noted:
            self._noted.add(text)
            self._console.say(text)

    def warn(self, text: str) -> None:
        """Show a warning."""
        self._console.complain(text)

    def _show_error(self, result: RecordResult) -> None:
        doubtful = result.status is RecordStatus.IN_DOUBT
        counts, status = self._streams.counts, result.status
        shown = self._failed + counts[RecordStatus.IN_DOUBT] + counts[RecordStatus.SKIPPED]
        word = "refused" if status.is_failed else status.outcome_text if status in _TOLD else "not sent"
        if shown <= _SHOWN or doubtful:
            self._console.complain(f"{result.arrived.source}:{result.arrived.number}: {word}: {result.error}")
        elif shown == _SHOWN + 1:
            self._console.complain("... and more; the file of refused records has all that are refused")

    @property
    def _failed(self) -> int:
        return sum(count for status, count in self._streams.counts.items() if status.is_failed)

    @property
    def _not_sent(self) -> int:
        waiting = (RecordStatus.PLANNED, RecordStatus.NOT_SENT, RecordStatus.SENT)
        return sum(self._streams.counts[status] for status in waiting) + self._streams.unreached

    def _name_letters(self) -> None:
        """Name the file of dead letters in the history of runs."""
        recorder = self._run.recorder
        if self._letters.earlier is not None:
            note_moved_file(self._letters.requested, self._letters.earlier)
        if self._letters.count:
            recorder.records += RecordCounts(dead_letters=self._letters.count)
            recorder.add_file(Path(self._letters.path))

    def _finish(self) -> None:
        if self._report is not None and self._config.hotglue_state:
            self._out.write(msgspec.json.encode(self._report.document()) + b"\n")
            self._out.flush()
        counts = self._streams.counts
        doubtful = counts[RecordStatus.IN_DOUBT]
        shown = {
            "deleted" if self._config.load.mode is Mode.DELETE else "written": (
                counts[RecordStatus.APPLIED] + counts[RecordStatus.SETTLED] - self._updated
            ),
            "updated": self._updated,
            "already in Intacct": counts[RecordStatus.UNCHANGED],
            "refused": self._failed,
            "skipped": counts[RecordStatus.SKIPPED],
            "in doubt": doubtful,
            "not sent": self._not_sent,
        }
        summary = ", ".join(f"{count:,} {word}" for word, count in shown.items() if count) or "no records"
        self._console.say(f"{summary}; {counted(self._run.client.meter.transactions, 'API transaction')}")
        if self._letters.count:
            self._console.complain(f"refused records are in {self._letters.path}, each with its reason")
            if self._letters.earlier is not None:
                self._console.complain(f"refused records of an earlier run are now in {self._letters.earlier}")
        if doubtful:
            self._console.complain(
                "Some records are in doubt, and the state stays before them. Pipe the same input in again later, "
                "or see `intacct outbox list`."
            )


def _state_in(document: Mapping[str, Any]) -> object:
    """The state in a document, or in a STATE message such as the last line of a tap's output."""
    return document.get("value") if document.get("type") == "STATE" else document


def _letters_beside(outbox: Path) -> Path:
    name = f"refused-{datetime.now(UTC):%Y%m%dT%H%M%S}.singer.jsonl"
    return outbox.with_name("dead-letters") / name
