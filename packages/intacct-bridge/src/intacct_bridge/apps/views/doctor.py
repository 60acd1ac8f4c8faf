"""A report as text, and as data for support tools."""

from collections.abc import Iterable

from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.runs.messages import Messages
from intacct_bridge.setup.findings import DoctorFinding, DoctorReport, Status, titles
from intacct_protocol.model.wording import counted

_SIGNS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILURE: "✗", Status.SKIPPED: "-"}
_FORMAT = 1
"""The version of the JSON; raised when a field changes its meaning or is removed, not for new fields."""


def show(findings: Iterable[DoctorFinding], console: Console) -> None:
    """Print the findings as they are made."""
    for finding in findings:
        for line in lines(finding, console):
            console.result(console.masked(line))


def lines(finding: DoctorFinding, console: Console) -> Iterable[str]:
    """One finding: a line if the step passed, labelled lines otherwise."""
    if console.quiet and not finding.needs_action:
        return
    wide = max(len(title) for title in titles().values())
    yield console.wrapped(f"{_SIGNS[finding.status]} {finding.title:<{wide}}  ", finding.seen)
    if not finding.needs_action:
        if finding.means and console.verbose:
            yield from _labelled("", finding.means, console)
        return
    yield from _labelled("means", finding.means, console)
    for place, cause in enumerate(finding.causes, 1):
        aside = "; ".join(part for part in (cause.menu, _who(cause.who)) if part)
        text = f"{place}. {cause.cause} {cause.fix}{f' [{aside}]' if aside else ''}"
        yield from _labelled("maybe" if place == 1 else "", text, console)
    if not finding.causes:
        yield from _labelled("fix", finding.fix, console)
        yield from _labelled("where", finding.menu, console)
        yield from _labelled("who", finding.who if finding.who != "you" else "", console)
    if console.verbose:
        yield from _labelled("source", finding.source, console)
        yield from _labelled("quote", f"support ID {finding.support_id}" if finding.support_id else "", console)


def _who(who: str) -> str:
    return f"who: {who}" if who not in ("", "you") else ""


def _labelled(label: str, text: str, console: Console) -> Iterable[str]:
    if text:
        yield console.wrapped(f"    {label:>6}  ", console.spelled(text))


def render(report: DoctorReport, console: Console | None = None) -> str:
    """The whole report as text."""
    console = console or Console()
    texts = [line for finding in report.findings for line in lines(finding, console)]
    return console.masked("\n".join([*texts, verdict(report)]))


def verdict(report: DoctorReport) -> str:
    """One line: the number of failures and warnings, and the cost."""
    failures = sum(finding.status is Status.FAILURE for finding in report.findings)
    warnings = sum(finding.status is Status.WARNING for finding in report.findings)
    counts = ((failures, "failure"), (warnings, "warning"))
    parts = [counted(number, noun) for number, noun in counts if number]
    stop = f"; stopped at {titles().get(report.stopped_at, '')}" if report.stopped_at else ""
    return f"{', '.join(parts) or 'No problems found'}{stop}; {counted(report.transactions, 'API transaction')}"


def as_data(report: DoctorReport, target: str = "") -> dict[str, object]:
    """The report as data, every text a field."""
    return {
        "format": _FORMAT,
        "target": target,
        "healthy": report.healthy,
        "stopped_at": report.stopped_at or None,
        "transactions": report.transactions,
        "findings": [finding_data(finding) for finding in report.findings],
    }


def without_secrets(value: object, messages: Messages) -> object:
    """The data with every text masked."""
    if isinstance(value, str):
        return messages.masked(value)
    if isinstance(value, dict):
        return {name: without_secrets(one, messages) for name, one in value.items()}
    return [without_secrets(one, messages) for one in value] if isinstance(value, list) else value


def finding_data(finding: DoctorFinding) -> dict[str, object]:
    """One finding as data."""
    return {
        "step": finding.step,
        "title": finding.title,
        "status": finding.status.value,
        "id": finding.id,
        "seen": finding.seen,
        "means": finding.means,
        "fix": finding.fix,
        "menu": finding.menu,
        "who": finding.who,
        "tag": finding.tag,
        "source": finding.source,
        "causes": [
            {
                "id": cause.id,
                "cause": cause.cause,
                "fix": cause.fix,
                "menu": cause.menu,
                "who": cause.who,
                "tag": cause.tag,
            }
            for cause in finding.causes
        ],
        "objects": list(finding.objects),
        "support_id": finding.support_id,
    }
