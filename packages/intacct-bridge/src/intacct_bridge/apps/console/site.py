"""One running console: its settings, the pages that it has, its visitors and its jobs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.access import Access
from intacct_bridge.apps.console.jobs import BackgroundJob, JobConsole, Jobs, Report, Work
from intacct_bridge.apps.console.uploads import LARGEST_UPLOAD
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.context import Start

IDLE_MINUTES = 30


@dataclass(frozen=True, slots=True)
class TeamMode:
    """A reverse proxy in front that signs people in."""

    header: str
    """The header with the person's name."""
    secret: str = field(repr=False)
    """What the proxy sends in `SECRET_HEADER`, so that other programs cannot name a person."""


SECRET_HEADER = "X-Intacct-Console-Secret"  # noqa: S105 - the header's name


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """What `intacct console` was told."""

    read_only: bool = False
    hosts: tuple[str, ...] = ()
    """The names of other hosts by which browsers may address it."""
    team: TeamMode | None = None
    idle_seconds: float = IDLE_MINUTES * 60
    largest_upload: int = LARGEST_UPLOAD
    administrators: tuple[str, ...] = ()
    """In team mode: who may change connections."""
    person: str = ""
    """Who acts if there is no sign-in: the account of the operating system."""
    connection: str = ""
    """The connection that pages propose first."""


class Site:
    """What all requests share."""

    frame = "base.html"
    """The template around every page."""

    def __init__(
        self,
        settings: ConsoleSettings,
        *,
        start: "Start | None" = None,
        report: Report = lambda _: None,
    ) -> None:
        self.settings = settings
        self.access = Access(idle_seconds=settings.idle_seconds)
        self.report = report
        self.jobs = Jobs(report)
        self.start = start
        """Runs a command line in this process."""
        self.port = 0
        """Where it listens; 0 before it does."""

    def close(self) -> None:
        """Ask running jobs to stop."""
        self.jobs.close()


def run_command(site: Site, words: Sequence[str], *, person: str) -> str:
    """Run a short command in a person's name, and give what it says. SettingsError if it does not succeed."""
    import io

    from intacct_bridge.apps.terminal.console import Console

    assert site.start is not None
    console = Console(out=io.StringIO(), err=io.StringIO())
    status, _ = site.start(list(words), console, "", person)
    said = str(console.err.getvalue()).strip()  # type: ignore[attr-defined]
    if status:
        lines = [line.partition("  ") for line in said.splitlines()]
        parts = {label.strip(): text.strip() for label, _, text in lines if label.strip() in ("error", "fix")}
        raise SettingsError(parts.get("error", said), fix=parts.get("fix", ""))
    return said


def command_data(site: Site, words: Sequence[str], *, person: str) -> Any:
    """What a command prints under --json, for pages that show the same. SettingsError with the command's own words."""
    import io

    from intacct_bridge.apps.terminal.console import Console

    assert site.start is not None
    console = Console(out=io.StringIO(), err=io.StringIO())
    status, _ = site.start([*words, "--json"], console, "", person)
    printed, said = (stream.getvalue() for stream in (console.out, console.err))  # type: ignore[attr-defined]
    if printed.strip():
        return json.loads(printed)
    problem: dict[str, str] = next(
        (json.loads(line)["error"] for line in said.splitlines() if line.startswith('{"error"')), {}
    )
    if status:
        text = problem.get("error") or said.strip() or f"intacct {words[0]} ended with exit status {status}"
        raise SettingsError(text, fix=problem.get("fix", ""))
    return None


def command_work(
    site: Site,
    words: Sequence[str],
    *,
    after: Callable[[BackgroundJob, JobConsole], None] | None = None,
    result: str = "",
) -> Work:
    """A whole command line as the work of a job: its messages are the job's; `after` gets its results, and `result` is
    the address of the page that shows what it did.
    """

    def work(job: BackgroundJob) -> None:
        assert site.start is not None
        job.result = result
        console = JobConsole(job)
        status, _ = site.start(list(words), console, "", job.person)
        if after is not None:
            after(job, console)
        job.stop_if_asked()
        if status:
            raise SettingsError(f"intacct {words[0]} ended with exit status {status}", fix="Its messages say why.")

    return work
