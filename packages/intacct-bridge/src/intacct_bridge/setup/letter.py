"""The letter to the company's administrator: the steps to do in Intacct, with the values to enter.

No secret is in it. The set-up assistant and the doctor write the same letter; the doctor's one also says what it found.
"""

from collections.abc import Sequence
from textwrap import fill

from intacct_bridge.setup.checklist import SetUpChecklist, SetUpStep
from intacct_bridge.setup.findings import DoctorFinding
from intacct_bridge.setup.progress import DONE
from intacct_bridge.setup.role import RoleGrant

_WIDTH = 78
_USUAL = "reads the ledger and its documents"
"""The purpose of a connection without named streams."""


def letter(checklist: SetUpChecklist, findings: Sequence[DoctorFinding] = ()) -> str:
    """The letter as plain text, to paste into an e-mail."""
    parts = [f"Subject: {subject(checklist)}", "", "Hello,", "", fill(opening(checklist), _WIDTH), ""]
    parts += _problems(findings)
    for number, step in enumerate(administrators_steps(checklist), 1):
        parts += [fill(f"{number}. {step.title}{' (done)' if is_done(step) else ''}", _WIDTH, subsequent_indent="   ")]
        if step.menu:
            parts += [_indented(step.menu)]
        wide = max((len(field.label) for field in step.fields), default=0)
        parts += [f"   {field.label + ':':<{wide + 2}}{field.value}" for field in step.fields]
        parts += [
            fill(_plain(grant_text(grant)), _WIDTH, initial_indent="   ", subsequent_indent="      ")
            for grant in step.grants
        ]
        parts += [*(_indented(note) for note in step.notes), ""]
    return "\n".join([*parts, fill(closing(checklist), _WIDTH), "", "Thank you."])


def administrators_steps(checklist: SetUpChecklist) -> list[SetUpStep]:
    """The steps that the company's administrator does in a form of Intacct."""
    return [step for step in checklist.steps if step.for_administrator and step.form]


def is_done(step: SetUpStep) -> bool:
    """Whether a check saw that the step is done."""
    return step.state == DONE and not step.by_hand


def subject(checklist: SetUpChecklist) -> str:
    """What the letter is about."""
    return f"Access to Sage Intacct for {checklist.values.name}"


def opening(checklist: SetUpChecklist) -> str:
    """Who asks, and for what."""
    values = checklist.values
    purpose = values.purpose if values.job.streams else " and ".join(filter(None, (_USUAL, values.purpose)))
    return (
        f"Our integration {purpose} in Sage Intacct ({values.environment}). It needs only these settings,"
        " in this order. Settings that exist already can stay as they are."
    )


def closing(checklist: SetUpChecklist) -> str:
    """Where the password goes."""
    address = checklist.values.email or "the person who sets up the program"
    return f"Intacct mails the password of the new user to {address}. Please never send a password yourself."


def grant_text(grant: RoleGrant) -> str:
    """A permission of the role in a line."""
    unsure = "" if grant.certain else "; the name on the screen may differ"
    return f"{grant.name}: {', '.join(grant.rights)} (for {', '.join(grant.objects)}{unsure})"


def _problems(findings: Sequence[DoctorFinding]) -> list[str]:
    """What an examination found and the administrator can change, with every possible cause."""
    lines = []
    for finding in findings:
        if finding.needs_action and (finding.menu or any(cause.menu for cause in finding.causes)):
            lines.append(f" - {finding.title}: {finding.observed}")
            if not finding.causes:
                lines.append(f"   {_path(finding.menu)}{finding.fix}")
            for place, cause in enumerate(finding.causes, 1):
                lines.append(f"   {place}. Possible cause: {cause.cause} {_path(cause.menu)}{cause.fix}")
    return ["Our check today found:", "", *lines, ""] if lines else []


def _path(menu: str) -> str:
    return f"{_plain(menu)}: " if menu else ""


def _indented(text: str) -> str:
    return fill(_plain(text), _WIDTH, initial_indent="   ", subsequent_indent="   ")


def _plain(text: str) -> str:
    return text.replace("▸", ">")
