"""A report as text, and as data for support tools."""

from collections.abc import Iterable

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.messages import Messages
from intacct_bridge.operations.setup import DoctorFinding, DoctorReport, Status, titles
from intacct_protocol.model.wording import counted

_SIGNS = {Status.OK: "✓", Status.WARNING: "!", Status.FAILURE: "✗", Status.SKIPPED: "-"}
_FORMAT = 1
"""The version of the JSON; raised when a field changes its meaning or is removed, not for new fields."""


def show(findings: Iterable[DoctorFinding], output: Output) -> None:
    """Print the findings as they are made."""
    for finding in findings:
        for line in lines(finding, output):
            output.result(output.masked(line))


def lines(finding: DoctorFinding, output: Output) -> Iterable[str]:
    """One finding: a line if the step passed, labelled lines otherwise."""
    if output.quiet and not finding.needs_action:
        return
    wide = max(len(title) for title in titles().values())
    yield output.wrapped(f"{_SIGNS[finding.status]} {finding.title:<{wide}}  ", finding.observed)
    if not finding.needs_action:
        if finding.means and output.verbose:
            yield from _labelled("", finding.means, output)
        return
    yield from _labelled("means", finding.means, output)
    for place, cause in enumerate(finding.causes, 1):
        aside = "; ".join(part for part in (cause.menu, _who(cause.who)) if part)
        text = f"{place}. {cause.cause} {cause.fix}{f' [{aside}]' if aside else ''}"
        yield from _labelled("maybe" if place == 1 else "", text, output)
    if not finding.causes:
        yield from _labelled("fix", finding.fix, output)
        yield from _labelled("where", finding.menu, output)
        yield from _labelled("who", finding.who if finding.who != "you" else "", output)
    if output.verbose:
        yield from _labelled("source", finding.source, output)
        yield from _labelled("quote", f"support ID {finding.support_id}" if finding.support_id else "", output)


def _who(who: str) -> str:
    return f"who: {who}" if who not in ("", "you") else ""


def _labelled(label: str, text: str, output: Output) -> Iterable[str]:
    if text:
        yield output.wrapped(f"    {label:>6}  ", output.spelled(text))


def render(report: DoctorReport, output: Output | None = None) -> str:
    """The whole report as text."""
    output = output or Output()
    texts = [line for finding in report.findings for line in lines(finding, output)]
    return output.masked("\n".join([*texts, verdict(report)]))


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
        "observed": finding.observed,
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
