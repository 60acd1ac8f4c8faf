"""What the tools of one server share: its settings, the company, the copy, the outbox, and the log of calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from intacct_bridge.apps.mcp.call_log import CallLog
from intacct_bridge.connections.sources import list_connections
from intacct_bridge.operations.copies import QuestionLimits
from intacct_bridge.operations.recorded_run import CompanyRun, RecordedRun
from intacct_bridge.operations.setup import Examination, Job
from intacct_protocol.errors import SettingsError

MAX_TRANSACTIONS = 200
"""API transactions that reading and planning may use in one run of the server, unless the user says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """What a person allows the agents of one server."""

    copy: str = ""
    """The URI of the copy that they read; empty for none."""
    folder: Path | None = None
    """The folder whose files they may plan to load; None for none."""
    max_transactions: int = MAX_TRANSACTIONS
    limits: QuestionLimits = field(default_factory=QuestionLimits)
    console: str = ""
    """The address of a running console, whose page a person approves plans on; empty for none."""
    read_only: bool = False
    """No plans: tools that read are all there is."""


class AgentSession:
    """One server's company, copy, outbox and log. Calls to the company run one after the other."""

    def __init__(
        self,
        run: RecordedRun,
        settings: AgentSettings,
        *,
        log: CallLog,
        person: str,
    ) -> None:
        """`run` is that of the server."""
        self.connection = run.connection
        self.settings = settings
        self.log = log
        self.person = person
        """The account that the server runs under: it counts as the maker of plans."""
        self.masked = run.messages.masked
        """A text without the secrets of the connection."""
        self._run = run
        self._reader: CompanyRun | None = None
        self._spent_elsewhere = 0
        self._lock = Lock()

    @property
    def may_plan(self) -> bool:
        """Whether agents may make plans at all."""
        return not self.settings.read_only and not self.connection.read_only

    @property
    def transactions(self) -> int:
        """API transactions that reading and planning used."""
        return (self._reader.client.meter.transactions if self._reader is not None else 0) + self._spent_elsewhere

    @property
    def transactions_left(self) -> int:
        """API transactions that they may still use."""
        return max(0, self.settings.max_transactions - self.transactions)

    @contextmanager
    def company(self) -> Iterator[CompanyRun]:
        """The company for reading and planning, within the limit on API transactions; for one call at a time."""
        with self._lock:
            if self._reader is None:
                self._reader = self._opened(self.transactions_left)
            yield self._reader

    @contextmanager
    def company_to_apply(self) -> Iterator[CompanyRun]:
        """The company for an approved plan, whose cost a person has approved with it."""
        with self._lock:
            run = self._opened(None)
            try:
                yield run
            finally:
                run.client.close()

    def _opened(self, most: int | None) -> CompanyRun:
        return CompanyRun(self._run.open_client(self.connection, max_transactions=most))

    @contextmanager
    def planning(self) -> Iterator[CompanyRun]:
        """The run of one call that plans, within the limit on API transactions."""
        with self.company() as run, self._with_outbox(run) as planning:
            yield planning

    @contextmanager
    def applying(self) -> Iterator[CompanyRun]:
        """The run of one call that applies an approved plan."""
        with self.company_to_apply() as run, self._with_outbox(run) as applying:
            yield applying

    @contextmanager
    def _with_outbox(self, run: CompanyRun) -> Iterator[CompanyRun]:
        with self._run.another_outbox() as outbox:
            yield CompanyRun(run.client, recorder=self._run.recorder, person=self.person, outbox=outbox)

    @contextmanager
    def without_company(self) -> Iterator[CompanyRun]:
        """The run of one call that asks the outbox alone."""
        with self._run.another_outbox() as outbox:
            yield CompanyRun(connection=self.connection, person=self.person, outbox=outbox)

    def examination(self, job: Job) -> Examination:
        """The doctor's examination, whose clients have what is left of the limit."""

        return Examination(
            self.connection,
            lambda connection: self._run.open_client(connection, max_transactions=self.transactions_left),
            job,
            siblings=list_connections(),
        )

    def spent(self, transactions: int) -> None:
        """Count what another client than the reading one has used."""
        self._spent_elsewhere += transactions
        if self._reader is not None:
            self._reader.client.meter.cap = max(0, self.settings.max_transactions - self._spent_elsewhere)

    def input_file(self, name: str) -> Path:
        """A file below the allowed folder. SettingsError for every other path."""
        if self.settings.folder is None:
            raise SettingsError(
                "no folder of files is allowed here",
                fix="Give the records themselves, or ask the person to start the server with `folder`.",
                setting="folder",
            )
        allowed = self.settings.folder.resolve()
        try:
            path = (allowed / name).resolve()
            readable = path.is_relative_to(allowed) and path.is_file()
        except (OSError, ValueError):  # a null character, a name that is too long, a loop of links
            readable = False
        if not readable:
            raise SettingsError(f"there is no file {name!r} in the allowed folder", fix="Name a file in that folder.")
        return path

    def approval_page(self, plan: str) -> str:
        """The address of the console's page for a plan; empty without a console."""
        return f"{self.settings.console.rstrip('/')}/approvals/{plan}" if self.settings.console else ""

    def close(self) -> None:
        """Close the client."""
        if self._reader is not None:
            self._reader.client.close()
            self._reader = None
