"""Reconcile: compare a copy with the company, and the reports of earlier comparisons."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from intacct_bridge.apps.console.copies import check_known
from intacct_bridge.apps.views.reconcile_report import read_report, report_html, write_report
from intacct_bridge.apps.web.jobs import BackgroundJob
from intacct_bridge.apps.web.lists import Column, listed, merged
from intacct_bridge.apps.web.pages import Download, NotFoundError, Page, PageRequest, PageView, Redirect, address
from intacct_bridge.connections.demo_company import listed_connections
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.operations.reconcile import ReconcileRequest, reconcile
from intacct_bridge.operations.runs import RunFilter, has_history, list_runs
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.model.wording import amount_shown, counted

_KEPT = 50
_DIFFERENT = 1
_REPORTS = (Column("made", "Made"), Column("company", "Company"), Column("equal", "Result"))
_RECORDS = (
    Column("table", "Table"),
    Column("record", "Record"),
    Column("what", "What"),
    Column("facts", "Facts"),
    Column("changed", "Changed in the company"),
)
_BALANCES = (
    Column("period", "Period"),
    Column("account", "Account"),
    Column("location", "Location"),
    Column("book", "Book"),
    Column("currency", "Currency"),
    Column("side", "Side"),
    Column("ledger", "Ledger", is_number=True),
    Column("copy", "Copy", is_number=True),
    Column("difference", "Difference", is_number=True),
)
_TABLES = (
    Column("table", "Table"),
    Column("result", "Result"),
    Column("compared_by", "Compared by"),
    Column("records", "Copy", is_number=True),
    Column("company_records", "Company", is_number=True),
    Column("note", "Note"),
)


def show(request: PageRequest) -> PageView:
    """The form of a comparison, and the reports of this person."""
    names = [one.name for one in listed_connections()]
    data = {
        "names": names,
        "chosen": request.query.get("connection") or request.app.proposed_connection or (names[0] if names else ""),
        "copies": _copies(),
    }
    return PageView("reconcile.html", data | listed(request, "reports", _REPORTS, _reports(request.person), _line))


def _copies() -> list[str]:
    """The destinations of earlier extractions."""
    if not has_history():
        return []
    destinations = {run.destination: None for run in list_runs(RunFilter(command="extract", limit=0))}
    return [destination for destination in destinations if ":" in destination]


def run(request: PageRequest) -> Redirect:
    """Compare as a job."""
    name, copy = request.field("connection"), request.field("copy")
    if not copy:
        raise SettingsError("The copy is missing.", fix="Name the destination of an extraction: duckdb:///books.duckdb")
    check_known(request, copy)
    report_id = secrets.token_hex(8)
    path = _folder(request.person) / f"{report_id}.html"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    comparison = ReconcileRequest(copy, request.field("period"), request.checked("fields"), digests=True)
    strict = request.checked("strict")

    def work(job: BackgroundJob) -> None:
        with job.company(name, "reconcile") as run:
            run.messages.say(f"Comparing the copy with {run.connection.target} ...")
            reconciliation = reconcile(run.client, comparison, run=run.recorder)
            write_report(path, report_html(reconciliation, redacted(copy)))
            run.messages.say(counted(reconciliation.transactions, "API transaction"))
            run.status = 0 if reconciliation.equal and (reconciliation.ties or not strict) else _DIFFERENT
        job.result = address("reconcile", report_id)
        for old in _reports(job.person)[_KEPT:]:
            old.unlink(missing_ok=True)

    return request.start(f"Reconcile {name}", work)


def _folder(person: str) -> Path:
    """The folder of a person's reports; no two persons share one, however alike their names are."""
    return state_directory() / "console" / "reports" / sha256(person.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _reports(person: str) -> list[Path]:
    return sorted(_folder(person).glob("*.html"), key=lambda one: one.stat().st_mtime, reverse=True)


def _line(path: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    with suppress(IntacctError):
        facts = read_report(path)
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return {"id": path.stem, "made": written, "company": facts.get("company", ""), "equal": facts.get("equal")}


def _report(request: PageRequest) -> Path:
    name = request.params["id"]
    path = _folder(request.person) / f"{name}.html"
    if not name.isalnum() or not path.is_file():
        raise NotFoundError("There is no such report.", fix="Choose one of the list.")
    return path


def show_report(request: PageRequest) -> PageView:
    """What a comparison found."""
    path = _report(request)
    facts = read_report(path)
    data = {
        "report": _line(path),
        "facts": facts,
        "ledger_totals": [
            f"{one['book']} {one['currency']}: debits {amount_shown(one['debits'], one['currency'])},"
            f" credits {amount_shown(one['credits'], one['currency'])}"
            for one in (facts["ledger"] or {}).get("totals", [])
        ],
        "missing": [[one["table"], one["reason"], one["fix"]] for one in facts.get("missing_tables", [])],
        "controls": [_control(one) for one in facts["sub_ledgers"]["control_accounts"]],
    }
    balances = [row for one in (facts["ledger"] or {}).get("differences", []) for row in _balance(one)]
    lists = merged(
        listed(request, "records", _RECORDS, facts["records"], _record, prefix="records."),
        listed(request, "balances", _BALANCES, balances, dict, prefix="balances."),
        listed(request, "tables", _TABLES, facts["tables"], _table, prefix="tables."),
    )
    return PageView("reconciliation.html", data | lists, title="Reconciliation")


def _balance(balance: dict[str, Any]) -> list[dict[str, Any]]:
    place = {name: balance[name] or "" for name in ("period", "account", "location", "book", "currency")}
    return [
        {**place, "side": side["side"]}
        | {name: amount_shown(side[name], balance["currency"]) for name in ("ledger", "copy", "difference")}
        for side in balance["sides"]
    ]


def _record(difference: dict[str, Any]) -> dict[str, str]:
    facts = [f"{each['field']}: company {each['company']}, copy {each['copy']}" for each in difference["fields"]]
    facts += [f"{name} {value}" for name, value in (difference["row"] or {}).items()]
    return {
        "table": difference["table"],
        "record": f"{difference['record']} {difference['natural_key'] or ''}".strip(),
        "what": difference["kind"],
        "facts": "; ".join(facts),
        "changed": str(difference["changed_in_company"] or "")[:16].replace("T", " "),
    }


def _control(control: dict[str, Any]) -> list[str]:
    amounts = [
        amount_shown(control[name], control["currency"])
        for name in ("open_items", "ledger", "difference", "unexplained")
    ]
    return [control["sub_ledger"], control["entity"], ", ".join(control["accounts"]), control["currency"], *amounts]


def _table(table: dict[str, Any]) -> dict[str, Any]:
    result = "equal" if table["equal"] else f"{table['differing']:,} {'or more ' if table['more_differ'] else ''}differ"
    shown = {name: table[name] for name in ("table", "compared_by", "records", "company_records")}
    return {**shown, "result": result, "note": table["note"] or ""}


def download(request: PageRequest) -> Download:
    """The report as one file, to keep or to send."""
    path = _report(request)
    return Download(f"reconciliation-{path.stem}.html", path.read_bytes(), "text/html")


PAGES = (
    Page("/reconcile", "Reconcile", show, nav="Reconcile", actions={"run": run}),
    Page("/reconcile/{id}", "Reconciliation", show_report),
    Page("/reconcile/{id}/report.html", "Report", download, is_file=True),
)
