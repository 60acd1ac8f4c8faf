"""The checklist as text for a terminal, and as data."""

from collections.abc import Iterator

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.setup import DONE, MISSING, UNKNOWN, SetUpChecklist, SetUpStep
from intacct_protocol.model.wording import counted

_SIGNS = {DONE: "✓", MISSING: "✗", UNKNOWN: "?"}
STATES = {DONE: "done", MISSING: "missing", UNKNOWN: "not yet known"}
_FORMAT = 1
"""The version of the JSON; raised when a field changes its meaning or is removed, not for new fields."""


def show(checklist: SetUpChecklist, output: Output) -> None:
    """Print the checklist: a line for each step that is done, and the whole step otherwise."""
    for line in lines(checklist, output):
        output.result(output.masked(line))


def lines(checklist: SetUpChecklist, output: Output) -> Iterator[str]:
    """The checklist, line by line."""
    yield output.wrapped(
        "", f"Set-up of Sage Intacct for the connection {checklist.values.name}, which {checklist.values.purpose}"
    )
    for warning in checklist.warnings:
        yield output.wrapped("  ! ", warning)
    yield ""
    for step in checklist.steps:
        yield from _step_lines(step, output)
    if checklist.problem:
        yield ""
        yield output.wrapped("", checklist.problem)


def _step_lines(step: SetUpStep, output: Output) -> Iterator[str]:
    done = step.state == DONE
    observed = f"{step.observed} (inferred)" if step.inferred else step.observed
    who = "" if done or step.who == "you" else f" ({step.who})"
    yield output.wrapped(f"{_SIGNS[step.state]} {step.number:>2}. ", f"{step.title}{who}")
    if observed or not done:
        yield output.wrapped("      ", f"{STATES[step.state]}: {observed}" if observed else STATES[step.state])
    if done and not output.verbose:
        return
    yield from _labelled("where", step.menu, output)
    if step.fields:
        wide = max(len(one.label) for one in step.fields)
        for place, field in enumerate(step.fields):
            label = "enter" if place == 0 else ""
            yield output.wrapped(f"      {label:>5}  {field.label:<{wide}}  ", field.value)
    if step.grants:
        yield from _grants(step)
    for note in (*step.notes, *step.own_notes):
        yield from _labelled("note", note, output)
    yield from _labelled("why", step.why, output)
    if output.verbose:
        yield from _labelled("basis", step.source, output)


def _grants(step: SetUpStep) -> Iterator[str]:
    names = [one.name for one in step.grants]
    wide = max(len(one) for one in names)
    for place, (name, grant) in enumerate(zip(names, step.grants, strict=True)):
        label = "grant" if place == 0 else ""
        unsure = "" if grant.certain else " (name inferred)"
        yield f"      {label:>5}  {name:<{wide}}  {', '.join(grant.rights)}{unsure}"


def _labelled(label: str, text: str, output: Output) -> Iterator[str]:
    if text:
        yield output.wrapped(f"      {label:>5}  ", text)


def verdict(checklist: SetUpChecklist) -> str:
    """One line: how many steps are done, and what the check cost."""
    cost = (
        f"; {counted(checklist.transactions, 'API transaction')}" if checklist.checked and not checklist.problem else ""
    )
    return f"{checklist.summary}{cost}"


def as_data(checklist: SetUpChecklist) -> dict[str, object]:
    """The checklist as data."""
    values = checklist.values
    return {
        "format": _FORMAT,
        "connection": values.name,
        "reads": list(values.job.streams),
        "writes": list(values.job.writes),
        "ready": checklist.is_ready,
        "checked": checklist.checked or None,
        "transactions": checklist.transactions,
        "problem": checklist.problem,
        "warnings": list(checklist.warnings),
        "steps": [_data(step) for step in checklist.steps],
    }


def _data(step: SetUpStep) -> dict[str, object]:
    return {
        "number": step.number,
        "id": step.id,
        "title": step.title,
        "state": step.state,
        "observed": step.observed,
        "at": step.at or None,
        "inferred": step.inferred,
        "by_hand": step.by_hand,
        "who": step.who,
        "menu": step.menu,
        "why": step.why,
        "tag": step.tag,
        "source": step.source,
        "form": step.form,
        "fields": [{"label": one.label, "kind": one.kind, "value": one.value} for one in step.fields],
        "permissions": [
            {
                "application": one.application,
                "permission": one.permission,
                "rights": list(one.rights),
                "objects": list(one.objects),
                "certain": one.certain,
            }
            for one in step.grants
        ],
        "notes": [*step.notes, *step.own_notes],
    }
