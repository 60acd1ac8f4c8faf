"""Pages: a request as a page sees it, what a page answers, and what all requests of a web application share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from intacct_bridge.apps.web.jobs import Jobs, JobState, Report, Work
from intacct_bridge.apps.web.sessions import VisitorSession
from intacct_bridge.apps.web.uploads import LARGEST_FORM, LARGEST_UPLOAD, FormData, Upload
from intacct_bridge.operations.flows import FlowProgram
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.messages import Messages
    from intacct_bridge.operations.recorded_run import RecordedRun


class WebApp:
    """What all requests of a web application share: its templates, its jobs, and what it allows."""

    templates: Path
    """The folder of its templates."""
    frame = "base.html"
    """The template around every page."""
    read_only = False
    """Whether forms are refused."""
    largest_upload = LARGEST_UPLOAD
    """Bytes of a form with files."""
    proposed_connection = ""
    """The connection that pages propose first."""

    def __init__(self, *, report: Report = lambda _: None, jobs_at_once: int | None = None) -> None:
        """`report` gets the bugs, which pages do not show."""
        self.report = report
        self.jobs = Jobs(report, at_once=jobs_at_once) if jobs_at_once else Jobs(report)
        self.port = 0
        """Where it listens; 0 before it does."""

    @property
    def flows(self) -> FlowProgram:
        """What carries out flows."""
        raise NotImplementedError("this application runs no flows")

    def may_configure(self, person: str) -> bool:  # noqa: ARG002
        """Whether a person may change connections and schedules."""
        return True

    def shown_error(self, error: Exception) -> Exception:
        """The error that a page shows in place of this one."""
        return error

    def sign_out(self, session: VisitorSession) -> None:
        """End a visitor's session."""

    def groups(self, pages: "Sequence[Page]") -> "Sequence[tuple[str, Sequence[Page]]]":
        """The pages of the navigation by their groups."""
        return [("", [page for page in pages if page.nav])]

    def close(self) -> None:
        """Ask running jobs to stop."""
        self.jobs.close()


class NotFoundError(SettingsError):
    """An address that shows nothing."""


class NotAllowedError(SettingsError):
    """What this person may not do here."""


@dataclass(frozen=True, slots=True)
class PageView:
    """A page's data and the template that shows them."""

    template: str
    data: Mapping[str, Any]
    status: int = 200
    title: str = ""
    """In place of the page's own title."""
    refresh: int = 0
    """Seconds after which a browser without JavaScript loads the page again."""
    events: str = ""
    """The address of the events after which a browser with JavaScript renews the parts `live` and `live-steps`."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another address of the console."""

    address: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file to keep."""

    name: str
    content: bytes | Iterator[bytes]
    media_type: str = "application/octet-stream"


@dataclass(slots=True)
class PageRequest:
    """One request."""

    app: WebApp
    session: VisitorSession
    path: str
    params: Mapping[str, str]
    """The parts of the address that the page's path names."""
    query: Mapping[str, str]
    is_data: bool = False
    """Whether the page is asked for as JSON or as CSV."""
    form: FormData = field(default_factory=FormData)

    @property
    def person(self) -> str:
        """Who acts: the account at this machine, or whom the proxy signed in."""
        return self.session.person

    @property
    def read_only(self) -> bool:
        """Whether forms are refused."""
        return self.app.read_only

    def run(self, name: str, command: str, *, entity: str = "") -> "RecordedRun":
        """A run on a connection, in the name of this person; the history calls it by the command."""
        return company_run(name, command, person=self.person, entity=entity)

    def field(self, name: str, default: str = "") -> str:
        """The text of a form's field without white space around it."""
        return (self.form.fields.get(name) or [default])[-1].strip()

    def fields(self, name: str) -> list[str]:
        """The strings of a field that can be given several times."""
        return self.form.fields.get(name, [])

    def secret(self, name: str) -> str:
        """A typed secret, unchanged."""
        return (self.form.fields.get(name) or [""])[-1]

    def checked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.field(name))

    def upload(self, name: str) -> Upload | None:
        """The file that was dropped; None without one."""
        uploads = self.uploads(name)
        return uploads[-1] if uploads else None

    def uploads(self, name: str) -> list[Upload]:
        """The files that were dropped on a field."""
        return self.form.files.get(name, [])

    def redirect(self, address: str, *, notice: str = "") -> Redirect:
        """Go to another page of the console, which then shows the notice."""
        if not notice:
            return Redirect(address)
        joined = "&" if "?" in address else "?"
        return Redirect(f"{address}{joined}{urlencode({'notice': self.session.keep_notice(notice)})}")

    def start(self, title: str, work: Work, *, page: str = "/jobs/{id}", wait: float = 0, **facts: Any) -> Redirect:
        """Begin long work, and go to the page that shows it: to its result if it is done within `wait` seconds.

        A page of a job that has none of its own leads to the result by itself, once the work is done.
        """
        job = self.app.jobs.start(title, work, person=self.person, page=page, **facts)
        done = bool(wait) and job.over.wait(wait) and job.state is JobState.DONE
        if done and job.result:
            return Redirect(job.result)
        return Redirect(f"{job.page}?then=result" if page == "/jobs/{id}" else job.page)

    @property
    def may_configure(self) -> bool:
        """Whether this person may change connections and schedules."""
        return self.app.may_configure(self.person)

    def check_may_configure(self, what: str = "connections") -> None:
        """Refuse a change of connections, or of schedules, by anyone else."""
        if not self.may_configure:
            raise NotAllowedError(f"{self.person} may not change {what}.", fix="Ask an administrator of this console.")


Answer = PageView | Redirect | Download
Show = Callable[[PageRequest], PageView | Redirect | Download]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its address, what a GET shows, and what its forms do."""

    path: str
    """With names in braces, as `/connections/{name}`."""
    title: str
    show: Show
    nav: str = ""
    """Its label in the navigation; empty: it is not there."""
    actions: Mapping[str, Show] = field(default_factory=dict)
    """What a POST does, by the last part of its address; the empty name is the page's own address."""
    largest_body: int = LARGEST_FORM
    """The most bytes of a form without files."""
    takes_files: bool = False
    """Whether its forms may be as large as the console's largest upload."""
    is_file: bool = False
    """Whether it answers with a file, which has no data beside it."""
    examples: Mapping[str, str] = field(default_factory=dict)
    """Values of the names in the path, with which tests visit the page."""

    def address(self, action: str = "") -> str:
        """The path of an action."""
        return f"{self.path.rstrip('/')}/{action}" if action else self.path

    def data_path(self, ending: str) -> str:
        """The path of the page's data, as `json`, or of its list, as `csv`."""
        return f"{'/index' if self.path == '/' else self.path}.{ending}"


def address(*parts: str, **query: str) -> str:
    """An address from its parts, each quoted: `address("connections", name)`."""
    parameters = {key: value for key, value in query.items() if value}
    return "/" + "/".join(quote(part, safe="") for part in parts) + (f"?{urlencode(parameters)}" if parameters else "")


def company_run(
    name: str, command: str, *, person: str, entity: str = "", messages: "Messages | None" = None
) -> "RecordedRun":
    """A run on a connection for a page, or for the thread of a job, whose messages are those of the job."""
    from intacct_bridge.operations.recorded_run import RecordedRun

    return RecordedRun(
        messages,
        connection=name or None,
        entity=entity or None,
        command=command,
        arguments=("console", command),
        person=person,
    )
