"""Command lines as the work of pages: what is left of it until each page calls an operation."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from intacct_bridge.apps.console.app import ConsoleApp
from intacct_bridge.apps.web.jobs import BackgroundJob, JobConsole, Work
from intacct_protocol.errors import SettingsError

Site = ConsoleApp


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
