"""A run on a connection by its name: what an operation works with, with its messages, and what the history keeps of it.

It is in the history if it reads from or writes to a company. Use it in a with statement, which closes what was opened
and keeps how the run ended. The connection `demo` needs no settings: it is the company that
`intacct demo` made.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from intacct_bridge import __version__
from intacct_bridge.operations.exit_statuses import status_of
from intacct_bridge.operations.messages import Messages
from intacct_bridge.runs import UNATTENDED
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.connections.connection import Connection
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.runs.recorder import RunKeeper, RunRecorder
    from intacct_bridge.runs.run import Run
    from intacct_protocol.xml.reply import Transport


@dataclass(frozen=True, slots=True)
class TenantRun:
    """What a run of a fleet's tenant has in place of this machine's files."""

    connection: "Connection"
    record: "RunKeeper"
    """What keeps what it does."""
    stop_if_asked: Callable[[], None]
    """Called before each request; its error ends the run."""


class CompanyRun:
    """A run on one company, for one thread.

    The caller closes the client. An outbox that the caller gives stays open; any other is opened for an operation, or
    for a block of several, and closed after it.
    """

    def __init__(
        self,
        client: "Client | None" = None,
        *,
        connection: "Connection | None" = None,
        recorder: "RunRecorder | None" = None,
        person: str = "",
        outbox: "Outbox | None" = None,
    ) -> None:
        """`person` is who acts; empty: the account of the operating system. An operation that asks nothing of the
        company needs its `connection` only.
        """
        self.person = person
        self._connection = connection
        self._client = client
        self._recorder = recorder
        self._outbox = outbox

    @property
    def connection(self) -> "Connection":
        """The connection to the company."""
        return self._connection if self._connection is not None else self.client.connection

    @property
    def client(self) -> "Client":
        """The client on the connection."""
        assert self._client is not None
        return self._client

    @property
    def recorder(self) -> "RunRecorder":
        """What the run did; the history keeps it from the first call on, if the program has it recorded."""
        if self._recorder is None:
            from intacct_bridge.runs.recorder import RunRecorder

            self._recorder = RunRecorder()
        return self._recorder

    @property
    def actor(self) -> str:
        """The name of who acts: the person who signed in, or the account of the operating system."""
        from intacct_bridge.machine.account import account_name

        return self.person or account_name()

    @contextmanager
    def open_outbox(self) -> "Iterator[Outbox]":
        """The company's outbox, in which the entries of this run bear its id; an inner block has the same one."""
        if self._outbox is not None:
            yield self._outbox
            return
        from intacct_bridge.load.outbox.outbox import open_outbox

        with open_outbox(self.connection, run=self.recorder.id) as outbox:
            self._outbox = outbox
            try:
                yield outbox
            finally:
                self._outbox = None


@contextmanager
def open_company(
    connection: "Connection", *, transport: "Transport | None" = None, keep: bool | Path | None = None
) -> Iterator[CompanyRun]:
    """A run on the company of a connection, which no history keeps; `transport` and `keep` are those of a `Client`."""
    from intacct_bridge.client.client import Client

    with Client(connection, transport=transport, keep=keep) as client:
        yield CompanyRun(client)


@contextmanager
def open_program(connection: "Connection") -> Iterator[CompanyRun]:
    """A run on the company of a connection, which the history keeps from its first call as that of a program."""
    from intacct_bridge.client.client import Client
    from intacct_bridge.runs.program_run import ProgramRun

    program = ProgramRun(connection)
    with Client(connection) as client:
        program.follows(client, client.meter)
        try:
            yield CompanyRun(client, recorder=program.recorder)
        except BaseException as error:
            program.failed(error)
            raise
        finally:
            program.end()


class RecordedRun(CompanyRun):
    """The connection, client, outbox and messages of one run."""

    def __init__(
        self,
        messages: Messages | None = None,
        *,
        connection: "str | Connection | None" = None,
        entity: str | None = None,
        command: str = "",
        arguments: Sequence[str] = (),
        person: str = "",
        flow: str = "",
        tenant: TenantRun | None = None,
    ) -> None:
        super().__init__(person=person)
        self.messages = messages if messages is not None else Messages()
        self.name = connection if isinstance(connection, str) else None
        """The connection's name; None for the default one, and for one that the program's own settings give."""
        self.entity = entity
        self.command = command
        """What the history calls the run, such as `outbox retry`."""
        self.arguments = arguments
        """The command line, for the history and for messages that say how to continue."""
        self.flow = flow
        """The flow that this is a run of; empty for none."""
        self.tenant = tenant
        """What the run of a fleet's tenant brings along; None for the work of this machine's user."""
        self.status = 0
        """How the work ended, as an exit status, unless an error ended it."""
        self.run_at_first_call = False
        """Whether the run begins with the first request, so that work without one leaves none in the history."""
        self._embedded: Transport | None = None
        self._closers: list[Callable[[], None]] = []
        self._has_own_settings = connection is not None and not isinstance(connection, str)
        if connection is not None and not isinstance(connection, str):
            self.use(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.failed(error)
        self.close()
        self.end_run(self.status if error is None else status_of(error))

    # --- the connection

    @property
    def target(self) -> str:
        """The company and environment that requests go to; empty before they are known."""
        return self._connection.target if self._connection is not None else ""

    @property
    def connection(self) -> "Connection":
        """The chosen connection; the messages mask its secrets from then on."""
        if self._connection is None:
            self.use(self._load())
        assert self._connection is not None
        return self._connection

    def use(self, connection: "Connection") -> None:
        """Choose a connection that is in no file yet."""
        self._connection = connection
        self.messages.hide(connection.secrets)
        self.messages.log_facts["connection"] = connection.name

    def _load(self) -> "Connection":
        from intacct_bridge.connections.demo_company import NAME as DEMO
        from intacct_bridge.connections.demo_company import can_serve, demo_settings, is_default
        from intacct_bridge.connections.sources import load_connection, unread_variables

        if self.tenant is not None:
            connection = self.tenant.connection
            return connection if self.entity is None else replace(connection, location_id=self.entity)
        for sentence in unread_variables():
            self.messages.complain(sentence)
        if self.is_demo and not self.name and is_default():
            self.messages.say("This is the demo company: no connection is set up here")
        if self.is_demo and can_serve():
            return load_connection(self.name or DEMO, **{**demo_settings(), "location_id": self.entity})
        if self.is_demo:
            from intacct_bridge.connections.embedded_demo import demo_connection

            return demo_connection(self.entity)
        return load_connection(self.name, location_id=self.entity)

    @property
    def is_demo(self) -> bool:
        """Whether the connection is the demo's company: chosen by name, and no file defines that name."""
        from intacct_bridge.connections.demo_company import means_demo

        return self.tenant is None and not self._has_own_settings and means_demo(self.name)

    # --- the client and the outbox

    @property
    def client(self) -> "Client":
        """The client on the connection, opened once and closed at the end."""
        return self.limited_client(None)

    def limited_client(self, max_transactions: int | None) -> "Client":
        """The client, which stops before it would use more API transactions than this."""
        if self._client is None:
            self._client = self.open_client(self.connection, max_transactions=max_transactions)
            self._closers.append(self._client.close)
        return self._client

    def open_client(self, connection: "Connection", *, max_transactions: int | None = None) -> "Client":
        """Another client for this connection; the caller closes it."""
        from intacct_bridge.client.client import Client
        from intacct_bridge.connections.demo_company import demo_home

        if not self.run_at_first_call:
            self.begin_run()
        folder = demo_home() if self.is_demo else None
        client = Client(connection, transport=self._transport(), max_transactions=max_transactions, keep=folder)
        self.recorder.uses(client.meter)
        if self.tenant is not None:
            client.meter.before_each = self.tenant.stop_if_asked
        elif self.run_at_first_call:
            client.meter.before_each = self.begin_run
        return client

    def _transport(self) -> "Transport | None":
        """The demo company in this process, opened once if no other process serves it; None otherwise."""
        from intacct_bridge.connections.demo_company import can_serve

        if self._embedded is None and self.is_demo and not can_serve():
            from intacct_bridge.connections.embedded_demo import open_company

            emulator = self._embedded = open_company()
            self._closers.append(emulator.close)
        return self._embedded

    def another_outbox(self) -> "Outbox":
        """The company's outbox for a thread of its own; the caller closes it."""
        from intacct_bridge.load.outbox.outbox import open_outbox

        return open_outbox(self.connection, run=self.recorder.id)

    # --- writes

    def asks_before_write(self, *, yes: bool) -> bool:
        """Whether `allow_write` asks a person."""
        return self.connection.environment == "production" and not yes

    def allow_write(self, what: str, *, yes: bool = False) -> bool:
        """Name the target of a write. A production company needs `yes`, or the answer yes to a question.

        True if a person answered: that takes time, in which the company may have changed.
        """
        target = self.connection.target
        if not self.asks_before_write(yes=yes):
            self.messages.say(f"Writing {what} to {target}.")
            return False
        if not self.messages.confirm(f"Write {what} to {target}?"):
            self.note_choice(declined=True)
            raise SettingsError(
                f"Nothing was written to {target}.",
                fix="Pass `yes` to write to a production company without confirmation.",
            )
        return True

    # --- the run

    def note_choice(self, *, declined: bool = False) -> None:
        """Note for the history that a person asked for a plan only, or answered no: such an end is no failure."""
        from intacct_bridge.runs.run import RunEnd

        self.recorder.choice = RunEnd.DECLINED if declined else RunEnd.PLANNED

    @property
    def recorder(self) -> "RunRecorder":
        """The recorder of this run."""
        if self._recorder is None:
            from intacct_bridge.runs.recorder import RunRecorder

            self._recorder = RunRecorder(
                flow=self.flow,
                warn=self.messages.complain,
                keeper=self.tenant.record if self.tenant is not None else None,
                masked=self.messages.masked,
            )
        return self._recorder

    def begin_run(self) -> "Run":
        """Keep this run in the history, before its first call; the run as it is now. A second call changes nothing."""
        from intacct_protocol.model.uri_text import redacted_word

        recorder, messages = self.recorder, self.messages
        if recorder.run is not None:
            return recorder.run
        recorder.command = self.command
        recorder.arguments = tuple(messages.masked(redacted_word(word)) for word in self.arguments)
        recorder.person, recorder.version = self.actor, __version__
        recorder.connection, recorder.connection_name = self._connection, self.name or ""
        used = self._connection.name if self._connection is not None else self.name or ""
        messages.log_facts |= {"run": recorder.id, "flow": recorder.flow, "connection": used}
        run = recorder.begin()
        if run.log:
            messages.log_file.keep_in(Path(run.log))
        else:
            messages.log_file.keep_with(recorder.add_line)
        return run

    def failed(self, error: BaseException) -> None:
        """Keep the error that ends the run. A run that reads or writes and failed before its first call counts."""
        if self.flow or self.command.removesuffix(" run") in UNATTENDED:
            self.begin_run()
        if self._recorder is not None:
            self._recorder.failed(error)

    def end_run(self, status: int) -> "Run | None":
        """Keep the end of the run in the history; None if there was none."""
        if self.flow:
            self.begin_run()
        run = self._recorder.finish(status) if self._recorder is not None else None
        self.messages.log_file.close()
        return run

    def close(self) -> None:
        """Close everything that was opened, the latest first."""
        while self._closers:
            self._closers.pop()()
