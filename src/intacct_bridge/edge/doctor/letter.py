"""The letter to the company's administrator: the set-up steps in order, and the smallest role for one job.

The permissions of objects are in `data/permissions.json`. Most of their names are inferred from the screens, which the
letter says.
"""

from collections.abc import Iterable, Sequence
from textwrap import fill, indent

from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.edge.doctor.examination import Job
from intacct_bridge.edge.doctor.findings import DoctorFinding, tag_of
from intacct_bridge.edge.doctor.write_rights import permission_of
from intacct_bridge.model.keys import creator
from intacct_bridge.model.wording import listed

_READ = ("List", "View")
_WRITE = ("Add", "Edit", "Delete")


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
    reads = f"reads {listed(job.streams)}" if job.streams else "reads the ledger and the documents behind it"
    return f"{reads} and writes {listed(job.writes)}" if job.writes else f"{reads} and writes nothing"


def _steps(connection: Connection, job: Job) -> list[str]:
    entity = (
        f"allow {connection.location_id} in User entities"
        if connection.location_id
        else "leave User entities empty, because it works at the top level"
    )
    found = (permission_of(name) for name, _ in role_for(job))
    modules = sorted({one.application for one in found if one is not None} - {"Company", "Platform Services"})
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
    granted: dict[tuple[str, str], tuple[list[str], list[str], bool]] = {}
    for name, rights in role_for(job):
        found = permission_of(name)
        place = (found.application, found.permission) if found else ("(the object's application)", name)
        sure = found is not None and tag_of(found.source) != "inferred"
        held, names, _ = granted.setdefault(place, ([], [], sure))
        held += [right for right in rights if right not in held]
        names += [] if name in names else [name]
    lines = ["The role (Roles > the role > Subscriptions > Permissions of each application):", ""]
    for (application, permission), (held, names, sure) in sorted(granted.items()):
        unsure = "" if sure else ", name inferred"
        lines.append(f"   {application} > {permission}: {', '.join(held)}   (for {', '.join(names)}{unsure})")
    special = [f"{name} by {creator(name)}" for name in job.writes if creator(name) not in ("", "create")]
    if special:
        lines += [
            "",
            f"   Created by other functions, which need permissions of the application: {', '.join(special)}.",
        ]
    lines += ["", '   "Name inferred" means that the name on the screen may differ slightly.']
    return lines


def role_for(job: Job) -> Iterable[tuple[str, tuple[str, ...]]]:
    """The objects of a job, each with the rights that it needs; an object can appear twice."""
    for name in job.examined_streams:
        yield name, _READ
    for name in job.writes:
        yield name, (*_READ, *_WRITE)
    yield "AUDITHISTORY", ("View",)


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
