"""A visit: one request as a page sees it, and what a page answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from intacct_bridge.apps.console.access import VisitorSession
from intacct_bridge.apps.console.jobs import JobState, Work
from intacct_bridge.apps.console.site import Site
from intacct_bridge.apps.console.uploads import LARGEST_FORM, FormData, Upload
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.context import CommandContext


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
class Visit:
    """One request."""

    site: Site
    session: VisitorSession
    path: str
    params: Mapping[str, str]
    """The parts of the address that the page's path names."""
    query: Mapping[str, str]
    form: FormData = field(default_factory=FormData)

    @property
    def person(self) -> str:
        """Who acts: the account at this machine, or whom the proxy signed in."""
        return self.session.person

    @property
    def read_only(self) -> bool:
        """Whether forms are refused."""
        return self.site.settings.read_only

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
        found = self.uploads(name)
        return found[-1] if found else None

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
        """Begin long work, and go to the page that shows it: to its result if it is done within `wait` seconds."""
        job = self.site.jobs.start(title, work, person=self.person, page=page, **facts)
        done = bool(wait) and job.over.wait(wait) and job.state is JobState.DONE
        return Redirect(job.result if done and job.result else job.page)

    @property
    def may_configure(self) -> bool:
        """Whether this person may change connections and schedules: in team mode only administrators may."""
        return self.site.settings.team is None or self.person in self.site.settings.administrators

    def check_may_configure(self, what: str = "connections") -> None:
        """Refuse a change of connections, or of schedules, by anyone else."""
        if not self.may_configure:
            raise NotAllowedError(f"{self.person} may not change {what}.", fix="Ask an administrator of this console.")

    @contextmanager
    def company(
        self, name: str, command: str, *, entity: str = "", run_at_first_call: bool = False
    ) -> "Iterator[CommandContext]":
        """A connection as a command has it; its client is a run of the history, under the command's name.

        `run_at_first_call`: only a request makes it a run, for pages that mostly know the company's objects already.
        """
        with company_context(name, command, person=self.person, entity=entity) as context:
            context.run_at_first_call = run_at_first_call
            yield context


@contextmanager
def company_context(
    name: str, command: str, *, person: str, entity: str = "", console: Any = None
) -> "Iterator[CommandContext]":
    """A command's context on a connection, for pages and for the threads of jobs."""
    import io

    from intacct_bridge.apps.cli.context import CommandContext
    from intacct_bridge.apps.terminal.console import Console
    from intacct_bridge.apps.terminal.kept_run import status_of

    console = console or Console(out=io.StringIO(), err=io.StringIO())
    context = CommandContext(console, arguments=("console", command), person=person)
    context.name, context.entity, context.command = name or None, entity or None, command
    status = 0
    try:
        yield context
        status = context.status
    except BaseException as error:
        status = status_of(error)
        context.failed(error)
        raise
    finally:
        context.close()
        context.end_run(status)


Answer = PageView | Redirect | Download
Show = Callable[[Visit], PageView | Redirect | Download]


@dataclass(frozen=True, slots=True)
class ConsolePage:
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

    @property
    def json_path(self) -> str:
        """The path of the page's data."""
        return "/index.json" if self.path == "/" else f"{self.path}.json"


def address(*parts: str, **query: str) -> str:
    """An address from its parts, each quoted: `address("connections", name)`."""
    asked = {key: value for key, value in query.items() if value}
    return "/" + "/".join(quote(part, safe="") for part in parts) + (f"?{urlencode(asked)}" if asked else "")
