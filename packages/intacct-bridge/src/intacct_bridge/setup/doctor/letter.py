"""The letter to the company's administrator: the set-up steps in order, and the smallest role for one job.

Most names of permissions are inferred from the screens, which the letter says.
"""

from collections.abc import Sequence
from textwrap import fill, indent

from intacct_bridge.connections.connection import Connection
from intacct_bridge.setup.doctor.examination import Job
from intacct_bridge.setup.doctor.findings import DoctorFinding
from intacct_bridge.setup.doctor.role import applications_for, created_otherwise, grants_for
from intacct_protocol.model.wording import listed


def letter(connection: Connection, job: Job, findings: Sequence[DoctorFinding]) -> str:
    """Plain text to paste into an e-mail: the findings, the steps in order, the smallest role."""
    return "\n".join(
        [
            f"Subject: Web Services access to {connection.company_id} for {connection.user_id}",
            "",
            "Hello,",
            "",
            _opening(connection, job),
            "",
            *_still_missing(findings),
            "It needs only these settings, in this order. Settings that exist already can",
            "stay as they are.",
            "",
            *_steps(connection, job),
            "",
            *_role(job),
            "",
            "The user needs no administrator privileges and cannot sign in to the screens.",
            "",
            "Thank you.",
        ]
    )


def _opening(connection: Connection, job: Job) -> str:
    who = f"the user {connection.user_id}, through the sender {connection.sender_id}"
    return fill(f"our integration connects to Sage Intacct as {who}. It {_purpose(job)}.", 78)


def _purpose(job: Job) -> str:
    reads = f"reads {listed(job.streams)}" if job.streams else "reads the ledger and its documents"
    return f"{reads} and writes {listed(job.writes)}" if job.writes else f"{reads} and writes nothing"


def _steps(connection: Connection, job: Job) -> list[str]:
    entity = (
        f"allow {connection.location_id} in User entities"
        if connection.location_id
        else "leave User entities empty, because it works at the top level"
    )
    modules = applications_for(job)
    return [
        "1. Company > Admin > Subscriptions: turn Web Services on.",
        *([indent(fill(f"The job also uses {listed(modules)}.", 75), "   ")] if modules else []),
        "2. Company > Setup > Company > Edit > Security > Web Services authorizations > Add:",
        f"   Sender ID {connection.sender_id} (with these capitals), status Active,",
        '   "Needs login for API" No.',
        "3. Company > Admin > Web Services users > Add:",
        f"   User ID {connection.user_id}, user type Business, admin privileges Off, status Active;",
        f"   {entity}.",
        "4. Company > Admin > Users > Preferences (on that user's row):",
        "   date format MM/DD/YYYY, 24-hour clock, time zone GMT.",
        "5. Company > Admin > Roles > Add: the role below. Then open the user and assign it",
        "   (Roles information). A role that is not assigned grants nothing.",
    ]


def _role(job: Job) -> list[str]:
    lines = ["The role (Roles > the role > Subscriptions > Permissions of each application):", ""]
    for one in grants_for(job):
        unsure = "" if one.certain else ", name inferred"
        lines.append(
            f"   {one.application} > {one.permission}: {', '.join(one.rights)}   (for {', '.join(one.objects)}{unsure})"
        )
    special = [f"{name} by {function}" for name, function in created_otherwise(job)]
    if special:
        lines += [
            "",
            f"   Created by other functions, which need permissions of the application: {', '.join(special)}.",
        ]
    lines += ["", '   "Name inferred" means that the name on the screen may differ slightly.']
    return lines


def _still_missing(findings: Sequence[DoctorFinding]) -> list[str]:
    wrong = [
        finding
        for finding in findings
        if finding.needs_action and (finding.menu or any(cause.menu for cause in finding.causes))
    ]
    if not wrong:
        return []
    lines = ["Our check today found:", ""]
    for finding in wrong:
        lines.append(f" - {finding.title}: {finding.seen}")
        if not finding.causes:
            lines.append(f"   {_path(finding.menu)}{finding.fix}")
        for place, cause in enumerate(finding.causes, 1):
            lines.append(f"   {place}. Possible cause: {cause.cause} {_path(cause.menu)}{cause.fix}")
    return [*lines, ""]


def _path(menu: str) -> str:
    return f"{menu.replace('▸', '>')}: " if menu else ""
