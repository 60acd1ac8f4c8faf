"""The message to the company's administrator: what to click, in order, for exactly one job."""

from collections.abc import Sequence

from intacct_bridge.client.connection import Connection
from intacct_bridge.edge.doctor import Job
from intacct_bridge.edge.findings import Finding, Level
from intacct_bridge.model.keys import creator

_AREAS = (
    ("AP", "Accounts Payable"),
    ("AR", "Accounts Receivable"),
    ("GL", "General Ledger"),
)
_AREA_OF = {
    "VENDOR": "Accounts Payable",
    "CUSTOMER": "Accounts Receivable",
    "ACCTGRP": "General Ledger",
    "JOURNAL": "General Ledger",
    "REPORTINGPERIOD": "General Ledger",
    "EMPLOYEE": "Company",
    "DEPARTMENT": "Company",
    "LOCATION": "Company",
    "LOCATIONENTITY": "Company",
    "CLASS": "Company",
    "CONTACT": "Company",
    "USERINFO": "Company",
    "PROJECT": "Projects",
    "TASK": "Projects",
    "TIMESHEET": "Time & Expenses",
    "EEXPENSES": "Time & Expenses",
    "ITEM": "Inventory Control",
    "WAREHOUSE": "Inventory Control",
    "SODOCUMENT": "Order Entry",
    "PODOCUMENT": "Purchasing",
    "AUDITHISTORY": "Platform Services",
}


def letter(connection: Connection, job: Job, findings: Sequence[Finding]) -> str:
    """Plain text to paste into a mail: what was found, the steps in order, the smallest role."""
    return "\n".join(
        [
            f"Subject: Web Services access to {connection.company_id} for {connection.user_id}",
            "",
            "Hello,",
            "",
            (
                f"our integration connects to Sage Intacct as the user {connection.user_id} through the sender"
                f" {connection.sender_id}. It {_purpose(job)}. To work it needs the following, in this order;"
                " what is there already can stay as it is."
            ),
            "",
            *_steps(connection),
            "",
            *_role(job),
            "",
            *_still_missing(findings),
            "Nothing here needs administrator privileges for the user, and the user cannot sign in to the screens.",
            "",
            "Thank you.",
        ]
    )


def _purpose(job: Job) -> str:
    reads = f"reads {_listed(job.streams)}" if job.streams else "reads the ledger and the documents behind it"
    return f"{reads} and writes {_listed(job.writes)}" if job.writes else f"{reads} and writes nothing"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _steps(connection: Connection) -> list[str]:
    entity = (
        f"allow it into the entity {connection.location_id}"
        if connection.location_id
        else "leave it unrestricted, since it works at the top level"
    )
    formats = "date format MM/DD/YYYY, 24-hour clock, time zone GMT"
    return [
        "1. Company > Admin > Subscriptions: turn Web Services on.",
        "2. Company > Setup > Company > Edit > Security > Web Services authorizations > Add:",
        f"   Sender ID {connection.sender_id} (exactly so, capitals included), status Active, and no",
        '   "Needs login for API".',
        "3. Company > Admin > Web Services users > Add:",
        f"   User ID {connection.user_id}, user type Business, admin privileges Off, status Active;",
        f"   {entity}.",
        f"4. Company > Admin > Users > Preferences (on that user's row): {formats}.",
        "5. Company > Admin > Roles > Add: the role below; then assign it to the user.",
    ]


def _role(job: Job) -> list[str]:
    lines = ["The smallest role for this job (Subscriptions > Permissions of the role):", ""]
    streams = job.tried_streams
    wide = max(len(name) for name in (*streams, *job.writes, "Custom reports"))
    rights = {name: ["List", "View"] for name in streams}
    for name in job.writes:
        rights.setdefault(name, ["List", "View"])
        rights[name] += ["Add", "Edit", "Delete"]
    for name, allowed in rights.items():
        lines.append(f"   {name:<{wide}}  {', '.join(allowed)}   ({_area(name)}{_function(name, allowed)})")
    lines.append(f"   {'Custom reports':<{wide}}  View   (Platform Services; it guards the audit history, from which")
    lines.append(f"   {'':<{wide}}         deleted records are known)")
    return lines


def _area(name: str) -> str:
    if name in _AREA_OF:
        return _AREA_OF[name]
    return next((area for prefix, area in _AREAS if name.startswith(prefix)), "the object's application")


def _function(name: str, allowed: Sequence[str]) -> str:
    made = creator(name)
    return f"; by {made}, which goes by the application's own rights" if made != "create" and "Add" in allowed else ""


def _still_missing(findings: Sequence[Finding]) -> list[str]:
    wrong = [finding for finding in findings if finding.level in (Level.PROBLEM, Level.WARNING) and finding.menu]
    if not wrong:
        return []
    lines = ["What our check found today:", ""]
    for finding in wrong:
        lines.append(f" - {finding.step}: {finding.seen}")
        lines += [f"     perhaps: {cause}" for cause in finding.causes]
        lines.append(f"     {finding.menu.replace('▸', '>')}: {finding.fix}")
    return [*lines, ""]
