"""`target-intacct`: a Singer stream from standard input into Intacct, each record exactly once.

Standard output carries state and nothing else; what people read goes to standard error. A state is passed on only once
every record before it has settled, so whatever ends a run, the same input piped in again neither loses nor doubles.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from intacct_bridge.edge.singer.messages import Message, parse_message
from intacct_bridge.edge.singer.target_results import Arrived, Fate, RecordResult, keyed
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.terminal.failures import report
from intacct_bridge.edge.terminal.process import about_options, json_object, run, singer_command
from intacct_bridge.errors import IntacctError, InvalidRequestError, SettingsError

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.edge.singer.target_config import TargetConfig
    from intacct_bridge.flow.outbox.outbox import Outbox

FAILURES, IN_DOUBT = 1, 5
_TOLD = 20
"""Refused records told one by one; the dead letters have them all."""


@singer_command
@click.option("--state", "-s", "state_file", metavar="FILE", help="An earlier run's account in hotglue's form.")
@click.option("--input", "input_file", metavar="FILE", help="Read this instead of standard input.")
@about_options("target-intacct")
def target(  # noqa: PLR0917  # one parameter an option, as click hands them over
    console: Console,
    configs: tuple[str, ...],
    state_file: str | None,
    input_file: str | None,
    about: bool,  # noqa: FBT001
    shape: str,
) -> int:
    """Write a Singer stream to Sage Intacct, each record exactly once."""
    if about:
        from intacct_bridge.edge.singer.about import describe_target

        console.result(describe_target(shape))
        return 0
    if not configs:
        raise click.UsageError("give the settings with --config FILE, or --config ENV")
    from intacct_bridge.client.client import Client
    from intacct_bridge.edge.singer.target_config import read_config
    from intacct_bridge.flow.outbox.outbox import open_outbox

    config = read_config(configs)
    console.hide(config.connection.secrets)
    earlier = json_object(Path(state_file) if state_file else None, "state")
    with (
        Client(config.connection, max_transactions=config.max_transactions) as client,
        open_outbox(config.connection) as outbox,
        _input(input_file) as lines,
    ):
        config = config.knowing(memory_proven=client.runtime.calibration.memory_proven)
        run = Run(client, outbox, config, out=sys.stdout.buffer, console=console, earlier=earlier)
        return run.consume(lines)


def _input(path: str | None) -> IO[bytes]:
    if path is None:
        return sys.stdin.buffer
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise SettingsError(f"the input {path} cannot be read: {error.strerror}") from None


def main() -> int:
    """The console script."""
    console = Console()
    return run(target, "target-intacct", None, obj=console, console=console)


class Run:
    """One input, from its first line to its last."""

    def __init__(
        self,
        client: "Client",
        outbox: "Outbox",
        config: "TargetConfig",
        *,
        out: IO[bytes],
        console: Console,
        earlier: Mapping[str, Any] | None = None,
    ) -> None:
        from intacct_bridge.edge.singer.target_batches import TargetBatches
        from intacct_bridge.edge.singer.target_results import Account, DeadLetters, States

        self._client = client
        self._config = config
        self._out = out
        self._console = console
        self._feed = TargetBatches(client, outbox, config, note=self._note)
        self._states = States(out, silent=config.hotglue_state)
        self._account = Account(earlier) if config.hotglue_state or earlier else None
        self._letters = DeadLetters(config.dead_letters or _letters_beside(outbox.path))
        self._schemas: dict[str, Message] = {}
        self._counts: dict[Fate, int] = {}
        self._updated = 0
        self._noted: set[str] = set()

    def consume(self, lines: Iterable[bytes]) -> int:
        """Take every line and say how it went as an exit status; in doubt outranks whatever stops the run."""
        failed: IntacctError | None = None
        try:
            self._consume(lines)
        except IntacctError as error:
            failed = error
        finally:
            self._letters.close()
            self._finish()
        if failed is not None and not self._counts.get(Fate.IN_DOUBT):
            raise failed
        if failed is not None:
            report(failed, self._console)
        if self._counts.get(Fate.IN_DOUBT):
            return IN_DOUBT
        return FAILURES if self._counts.get(Fate.FAILED) or self._counts.get(Fate.OPEN) else 0

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
        self._settle(self._feed.flush())
        self._states.release()

    # --- messages

    def _schema(self, message: Message, number: int) -> None:
        if not isinstance(message.schema.get("properties"), dict):
            raise SettingsError(
                f"line {number}: the schema of {message.stream} has no properties",
                fix="give every stream a JSON schema that names its properties",
            )
        known = self._schemas.get(message.stream)
        if known is not None and known.key_properties != message.key_properties:
            self._settle(self._feed.flush())  # keys of two kinds do not compare
        self._schemas[message.stream] = message
        self._letters.schema(
            message.stream,
            {
                "type": "SCHEMA",
                "stream": message.stream,
                "schema": message.schema,
                "key_properties": list(message.key_properties),
            },
        )
        try:
            self._feed.streams.lane(message.stream)
        except (SettingsError, InvalidRequestError) as error:
            self._console.complain(f"{message.stream}: {error.message}; its records are refused ({error.fix})")

    def _record(self, message: Message, number: int) -> None:
        self._take(self._schema_of(message, number), message.record, number, message.stream)

    def _schema_of(self, message: Message, number: int) -> Message:
        schema = self._schemas.get(message.stream)
        if schema is None:
            raise SettingsError(
                f"line {number}: a {message.type} of {message.stream} comes before the stream's SCHEMA",
                fix="a Singer tap tells a stream's schema first; see that its output is piped in whole",
            )
        return schema

    def _take(self, schema: Message, record: Mapping[str, Any], number: int, source: str) -> None:
        key, refusal = keyed(record, schema.key_properties)
        missing = [name for name in schema.schema.get("required", ()) if name not in record]
        if missing and not refusal:
            refusal = f"{missing[0]} is required by the stream's schema, and the record has none"
        arrived = Arrived(schema.stream, record, number, source, key, refusal)
        if self._account is not None and self._account.known(arrived):
            self._count(Fate.EXISTING)
            return
        self._settle(self._feed.add(arrived))

    def _batch(self, message: Message, number: int) -> None:
        from intacct_bridge.edge.singer.messages import batch_records

        schema = self._schema_of(message, number)
        for file in message.manifest:
            for place, name, record in batch_records(file, message.encoding, self._config.input_path or Path()):
                self._take(schema, record, place, f"{message.stream} in {name}")

    def _state(self, message: Message, _: int) -> None:
        self._settle(self._feed.flush())
        self._states.arrive(message.value)
        self._states.release()

    def _version(self, message: Message, _: int) -> None:
        """Nothing is deleted in the books because a source was read anew."""
        self._note(f"{message.stream}: the source was read anew; what is in Intacct stays")

    def _note(self, text: str) -> None:
        """Something a person should know, said once."""
        if text not in self._noted:
            self._noted.add(text)
            self._console.say(text)

    # --- outcomes

    def _settle(self, outcomes: Iterator[RecordResult]) -> None:
        for one in outcomes:
            self._count(one.fate)
            self._updated += one.updated
            if self._account is not None:
                self._account.enter(one)
            if not one.fate.settled:
                self._states.blocked = True
            if one.fate is Fate.FAILED:
                self._letters.add(one.arrived, one.error)
            if one.error:
                self._tell(one)

    def _count(self, fate: Fate) -> None:
        self._counts[fate] = self._counts.get(fate, 0) + 1

    def _tell(self, one: RecordResult) -> None:
        told = self._counts.get(Fate.FAILED, 0) + self._counts.get(Fate.IN_DOUBT, 0)
        word = {Fate.FAILED: "refused", Fate.IN_DOUBT: "in doubt"}.get(one.fate, "not sent")
        if told <= _TOLD or one.fate is Fate.IN_DOUBT:
            self._console.complain(f"{one.arrived.source}:{one.arrived.number}: {word}: {one.error}")
        elif told == _TOLD + 1:
            self._console.complain("... and more; the file of refused records has them all")

    def _finish(self) -> None:
        if self._account is not None and self._config.hotglue_state:
            import msgspec

            self._out.write(msgspec.json.encode(self._account.document()) + b"\n")
            self._out.flush()
        counts = {fate: self._counts.get(fate, 0) for fate in Fate}
        words = {
            "written": counts[Fate.APPLIED] - self._updated,
            "updated": self._updated,
            "there already": counts[Fate.EXISTING],
            "refused": counts[Fate.FAILED],
            "in doubt": counts[Fate.IN_DOUBT],
            "not sent": counts[Fate.OPEN],
        }
        said = ", ".join(f"{count:,} {word}" for word, count in words.items() if count) or "no records"
        self._console.say(f"{said}; {self._client.meter.transactions:,} API transactions")
        if self._letters.count:
            self._console.complain(f"refused records are in {self._letters.path}, each with its reason")
        if counts[Fate.IN_DOUBT]:
            self._console.complain(
                "Some records are in doubt: the state stays before them. Pipe the same input in again later, "
                "or see `intacct outbox list`."
            )


def _letters_beside(outbox: Path) -> Path:
    name = f"refused-{datetime.now(UTC):%Y%m%dT%H%M%S}.singer.jsonl"
    return outbox.with_name("dead-letters") / name


if __name__ == "__main__":
    raise SystemExit(main())
